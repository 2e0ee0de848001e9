"""What /proc tells, of this very process and of real sockets."""

import os
import socket
import subprocess
import sys

from lunix_cli import proc


def test_a_process_is_told_by_when_it_began() -> None:
    assert proc.started(os.getpid()) == proc.started(os.getpid())
    assert proc.started(1) != proc.started(os.getpid())


def test_a_process_that_has_ended_has_no_beginning_though_nobody_waited_for_it() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert proc.started(child.pid) is None
    child.wait()
    assert proc.started(child.pid) is None
    assert proc.uptime_s(child.pid) is None
    assert proc.memory_bytes(child.pid) is None


def test_uptime_and_memory_are_plausible() -> None:
    up, memory = proc.uptime_s(os.getpid()), proc.memory_bytes(os.getpid())
    assert up is not None
    assert 0 <= up < 86_400
    assert memory is not None
    assert 5_000_000 < memory < 2_000_000_000


def test_a_listener_is_told_by_name_and_pid() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert str(proc.listener(port)).endswith(f"(pid {os.getpid()})")
    assert proc.listener(port) is None


def test_a_listener_on_ipv6_is_seen_too() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        assert str(proc.listener(listener.getsockname()[1])).endswith(f"(pid {os.getpid()})")
