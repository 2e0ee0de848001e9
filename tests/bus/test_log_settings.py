"""What lunix-log would hear by its settings, and what it refuses."""

import socket
from pathlib import Path

import pytest

from lunix_testing.daemon import DaemonStarter


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('socket = "FOLDER/log"', "programs are heard by"),
        ('local = "none"', "log.local is none"),
        ("udp_port = 0\ntcp_port = 601", "by udp, on 127.0.0.1 port any free one"),
        ('local = "socket"\nsocket = "/dev/null"', "programs cannot be heard: /dev/null is no socket"),
        ('local = "socket"\nsocket = "/proc/none/log"', "programs cannot be heard"),
    ],
)
def test_check_says_what_would_be_heard(daemon_process: DaemonStarter, tmp_path: Path, config: str, said: str) -> None:
    text = config.replace("FOLDER", str(tmp_path))
    daemon = daemon_process("lunix_log", "--check", config=f"[log]\n{text}", wait=False)
    assert daemon.wait() == 0
    assert said in daemon.output()


@pytest.mark.parametrize(
    "config", ['listen = "box"', 'timezone = "Mars/Olympus"', 'socket = "log"', "udp_port = 70000", "burst = -1"]
)
def test_a_wrong_setting_is_refused(daemon_process: DaemonStarter, config: str) -> None:
    daemon = daemon_process("lunix_log", config=f"[log]\n{config}", wait=False, may_fail=True)
    assert daemon.wait() == 100


def test_a_port_that_is_taken_is_refused_by_the_system(daemon_process: DaemonStarter, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        config = f'[log]\nsocket = "{tmp_path}/log"\nkernel = false\ntcp_port = {other.getsockname()[1]}'
        daemon = daemon_process("lunix_log", config=config, wait=False, may_fail=True)
        assert daemon.wait() == 111
        assert "127.0.0.1 port" in daemon.log[-1]
