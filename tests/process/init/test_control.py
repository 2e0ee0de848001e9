"""The control socket against people who do it wrong, and streams that lose nothing silently."""

import json
import os
import random
import select
import signal
import socket
import tempfile
from pathlib import Path

import pytest

from lunix_init.control import Control, Refused
from lunix_init.server import MAX_CONNECTIONS, MAX_STRANGERS
from lunix_testing.init import InitProgram, alive


def raw(program: InitProgram) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(20)
    sock.connect(str(program.run / "control.sock"))
    return sock


def blocking(program: InitProgram) -> socket.socket:
    """One that waits where so many ask at once that none of them is heard yet."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(str(program.run / "control.sock"))
    return sock


def test_a_message_of_a_megabyte_is_refused_politely_and_the_connection_stays(
    init: InitProgram,
) -> None:
    init.start()
    with raw(init) as sock, sock.makefile("rb") as file:
        sock.sendall(b'{"do":"' + b"x" * (1 << 20) + b'"}\n')
        assert json.loads(file.readline())["error"]["code"] == 413
        sock.sendall(b'{"id":1,"do":"status"}\n')
        assert json.loads(file.readline())["ok"] is True


def test_an_unknown_verb_and_an_unknown_unit_are_refused_with_a_sentence(
    init: InitProgram,
) -> None:
    init.start()
    with pytest.raises(Refused, match="there is no verb 'dance'; there are exit"):
        init.do("dance")
    with pytest.raises(Refused, match="there is no unit 'nobody'"):
        init.do("start", name="nobody")
    with pytest.raises(Refused, match="'name' is the name of a unit"):
        init.do("start", name=3)


def test_noise_on_the_control_socket_harms_nobody(init: InitProgram) -> None:
    init.unit("a", 'exec = ["sleep", "1000"]\n')
    init.start()
    pid = init.until_state("a", "up")["pid"]
    dice = random.Random(7)
    words: list[object] = [None, True, -1, 1e300, "a", "", [], {}, "x" * 100, 2**70]
    verbs = ["list", "get", "start", "logs", "usage", "signal", "events", "pin", "unpin", "reload"]
    for _ in range(60):
        with raw(init) as sock:
            data = b""
            for _ in range(dice.randrange(1, 8)):
                if dice.random() < 0.4:
                    data += dice.randbytes(dice.randrange(80)) + b"\n"
                    continue
                request = {"do": dice.choice(verbs), "id": dice.choice(words)}
                for key in ("name", "since", "most", "wait", "follow", "signal", "boot"):
                    if dice.random() < 0.4:
                        request[key] = dice.choice(words)
                data += json.dumps(request).encode() + b"\n"
            sock.sendall(data)
            if dice.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    told = init.do("status")
    assert told["faults"] == 0
    assert init.get("a")["pid"] == pid


@pytest.mark.root
def test_another_user_is_refused(init: InitProgram) -> None:
    init.start()
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.setuid(65534)
        with raw(init) as sock:
            sock.sendall(b'{"do":"list"}\n')
            os.write(write, sock.recv(4096))
        os._exit(0)
    os.waitpid(pid, 0)
    assert json.loads(os.read(read, 4096))["error"]["code"] == 403
    os.close(read)
    os.close(write)


@pytest.mark.root
def test_another_user_who_holds_as_many_connections_as_there_are_keeps_nobody_out(init: InitProgram) -> None:
    init.start()
    (told, tell), (until, end) = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(end)
            os.setuid(65534)
            held = [blocking(init) for _ in range(MAX_CONNECTIONS + MAX_STRANGERS)]
            os.write(tell, b".")
            os.read(until, 1)
            os._exit(len(held) and 0)
        finally:
            os._exit(1)
    os.close(tell)
    assert os.read(told, 1)
    assert init.do("status")["faults"] == 0
    for descriptor in (told, until, end):
        os.close(descriptor)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_reader_that_sleeps_costs_a_bounded_memory_and_is_told_what_it_lost(
    init: InitProgram,
) -> None:
    init.unit("a", 'exec = ["sleep", "1000"]\n')
    init.start()
    init.until_state("a", "up")
    with raw(init) as sock, sock.makefile("rb") as file:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b'{"do":"events"}\n')
        with Control.connect(init.run) as control:
            for _ in range(2000):
                control.do("pin", name="a")
                control.do("unpin", name="a")
            last = control.do("status")["seq"]
        assert last > 4000
        json.loads(file.readline())
        seen, lost, seq = 0, 0, None
        while seq is None or seq < last:
            message = json.loads(file.readline())
            if "lost" in message:
                first, to = message["lost"]["from_seq"], message["lost"]["to_seq"]
                lost += to - first + 1
                assert seq is None or first == seq + 1
                seq = to
            else:
                assert seq is None or message["event"]["seq"] == seq + 1
                seq = message["event"]["seq"]
                seen += 1
    assert seen > 100
    assert lost > 100


def test_a_listener_that_was_away_catches_up(init: InitProgram) -> None:
    init.unit("a", 'exec = ["sleep", "1000"]\n')
    init.start()
    init.until_state("a", "up")
    with Control.connect(init.run) as control:
        listed = control.do("list")
    init.do("restart", name="a", wait=True)
    with Control.connect(init.run) as control:
        stream = control.events(since=listed["seq"], boot=listed["boot"])
        kinds = [next(stream)["event"]["kind"] for _ in range(5)]
    assert kinds == [f"service.{x}" for x in ("stopping", "exited", "starting", "started", "ready")]


def test_a_quiet_init_does_not_wake_up(init: InitProgram) -> None:
    for name in "abc":
        init.unit(name, 'exec = ["sleep", "1000"]\nready = "none"\n')
    init.start()
    for name in "abc":
        init.until_state(name, "up")
    with Control.connect(init.run) as control, raw(init) as listening:
        listening.sendall(b'{"do":"events"}\n')
        assert json.loads(listening.recv(4096))["ok"]
        before = control.do("status")["wakeups"]
        for _ in range(20):
            # What others do in the folders on the way to the units concerns nobody.
            noise = Path(tempfile.mkdtemp())
            noise.chmod(0o700)
            noise.rmdir()
        # The time that is measured: nothing is to be heard in it.
        assert not select.select([listening], [], [], 1.5)[0]
        assert control.do("status")["wakeups"] == before + 1


def test_what_runs_has_a_pid_and_what_has_ended_is_not_told_as_running(init: InitProgram) -> None:
    """A question that comes together with a death: finit has told services that ran as pid 0."""
    init.unit("a", 'exec = ["sleep", "1000"]\n[backoff]\nfirst = "60s"\n')
    init.start()
    pid = init.until_state("a", "up")["pid"]
    assert init.process
    with raw(init) as sock, sock.makefile("rb") as file:
        sock.sendall(b'{"do":"status"}\n')
        assert json.loads(file.readline())["ok"]  # the connection is taken, so that both come at once
        init.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, init.process.pid, os.WSTOPPED)
        os.kill(pid, signal.SIGKILL)
        init.until(lambda: not alive(pid), "it is dead")
        sock.sendall(b'{"do":"list"}\n')
        init.process.send_signal(signal.SIGCONT)
        (told,) = json.loads(file.readline())["result"]["items"]
    assert (told["state"], told["pid"]) == ("backoff", None)
