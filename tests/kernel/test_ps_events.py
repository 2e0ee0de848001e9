"""lunix-ps and this machine's kernel: what begins and ends is told, with its name; what is lost is told too."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lunix_common.os_netlink import Overflow, Untrusted
from lunix_common.subjects import token
from lunix_ps import os_connector, proc_event
from lunix_ps.os_connector import NETLINK_CONNECTOR, Connector
from lunix_ps.proc_event import Acknowledged, Began, Ended
from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.events import Event, hear
from lunix_testing.examples import Recorder
from lunix_testing.programs import named, running, sole
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.root, pytest.mark.requires("process-events")]

STORM = 10_000
HOSTILE = [
    b"a b.c*>",
    b"\x1b]52;c;eA==", b"\xff\xfe", b"lunix-a-name-that-is-cut", "naïve→".encode(), b"%41", b"l\nm", b"b\\n",
]  # fmt: skip


def verb(event: Event) -> str:
    """What happened: the last word of the subject may be a name."""
    return event.subject.split(".")[1]


@dataclass
class Desk:
    """A running lunix-ps and somebody who hears it."""

    daemon: Daemon
    client: Nats
    heard: Inbox[Event] = field(default_factory=Inbox[Event])

    async def of(self, pid: int, kind: str) -> Event:
        """The first event of this kind that tells of a process."""
        return await self.heard.until(lambda event: verb(event) == kind and event.payload.get("pid") == pid)


async def listening(daemon: Daemon, server: BusServer) -> Desk:
    desk = Desk(daemon, await server.connect("user"))
    await hear(desk.client, "process", desk.heard.put)
    return desk


@pytest.fixture
async def desk(bus_server: BusServer, daemon_process: DaemonStarter) -> AsyncIterator[Desk]:
    desk = await listening(await asyncio.to_thread(daemon_process, "lunix_ps"), bus_server)
    yield desk
    await desk.client.close()


@pytest.fixture
async def small(bus_server: BusServer, daemon_process: DaemonStarter) -> AsyncIterator[Desk]:
    """One with a socket that holds some events only, and a memory of few names."""
    config = "[ps]\nreceive_buffer_bytes = 65536\nremembered = 16"
    desk = await listening(await asyncio.to_thread(daemon_process, "lunix_ps", config=config), bus_server)
    yield desk
    await desk.client.close()


def program(folder: Path, name: bytes) -> str:
    """One of this name, that goes on until its input ends."""
    return named(folder / os.fsdecode(name))


def run(*command: str, program: str | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, executable=program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def run_through(*command: str) -> int:
    """Run it to its end; returns its number."""
    process = run(*command)
    process.communicate()
    return process.pid


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


async def test_a_program_is_told_when_it_begins_and_how_it_ended(
    desk: Desk, tmp_path: Path, record_example: Recorder
) -> None:
    with sole("calibre"):
        process = run(program(tmp_path, b"calibre"))
        began = await desk.of(process.pid, "exec")
        process.communicate()
    assert began.subject == "process.exec.calibre"
    assert began.payload == {"pid": process.pid, "name": "calibre", "ppid": os.getpid(), "uid": os.geteuid()}
    ended = await desk.of(process.pid, "exit")
    assert ended.subject == "process.exit.calibre"
    runtime_s = ended.payload.pop("runtime_s")
    assert 0 < runtime_s < 60
    assert ended.payload == {**began.payload, "exit_code": 0, "core_dumped": False}
    record_example(began.subject, began.payload, headers=began.headers)
    record_example(ended.subject, {**ended.payload, "runtime_s": runtime_s}, headers=ended.headers)


async def test_a_hostile_name_is_one_token(desk: Desk, tmp_path: Path) -> None:
    for name in HOSTILE:
        process = run(program(tmp_path, name))
        began = await desk.of(process.pid, "exec")
        process.communicate()
        ended = await desk.of(process.pid, "exit")
        assert (began.subject, ended.subject) == (f"process.exec.{token(name)}", f"process.exit.{token(name)}")
        assert began.payload["name"] == ended.payload["name"] == name.decode("utf-8", "backslashreplace")


async def test_no_argument_makes_a_name_that_the_bus_does_not_take(desk: Desk, tmp_path: Path) -> None:
    # The kernel's own name of it is cut, and so its first argument is looked at, which may be anything.
    process = run("a-name-that-is-" + "!" * 2000, program=program(tmp_path, b"a-name-that-is-cut"))
    began = await desk.of(process.pid, "exec")
    process.communicate()
    ended = await desk.of(process.pid, "exit")
    assert began.payload["name"] == ended.payload["name"] == "a-name-that-is-"


async def test_an_exit_tells_the_code_or_the_signal(desk: Desk, tmp_path: Path) -> None:
    process = run(program(tmp_path, b"killed"))
    await desk.of(process.pid, "exec")
    process.kill()
    process.communicate()
    killed = (await desk.of(process.pid, "exit")).payload
    assert (killed["signal"], killed["core_dumped"]) == ("SIGKILL", False)
    assert "exit_code" not in killed
    told = (await desk.of(run_through("sh", "-c", "exit 3"), "exit")).payload
    assert told["exit_code"] == 3
    assert "signal" not in told


async def test_what_began_before_the_daemon_has_its_name_when_it_ends(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    path = program(tmp_path, b"older")
    process = await asyncio.to_thread(running, path)
    desk = await listening(await asyncio.to_thread(daemon_process, "lunix_ps"), bus_server)
    process.communicate()
    ended = await desk.of(process.pid, "exit")
    assert ended.subject == "process.exit.older"
    assert 0 < ended.payload["runtime_s"] < 60
    await desk.client.close()


async def test_a_fork_is_no_beginning_and_its_end_is_told(desk: Desk) -> None:
    # The shell does not ask how its child ended before a line comes: so long the child's name can be read.
    command = ("sh", "-c", "(exit 7) & echo $!; read line; wait")
    pipe = asyncio.subprocess.PIPE
    shell = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert shell.stdout is not None
    child = int(await shell.stdout.readline())
    ended = await desk.of(child, "exit")
    await shell.communicate(b"\n")
    assert ended.payload["name"] == "sh"
    assert (ended.payload["exit_code"], ended.payload["ppid"]) == (7, shell.pid)
    assert "runtime_s" not in ended.payload
    assert not [event for event in desk.heard.items if event.payload["pid"] == child and verb(event) == "exec"]


async def test_the_ends_of_threads_are_not_told(desk: Desk) -> None:
    code = "import threading as t; x = [t.Thread(target=print) for _ in range(20)]; [y.start() for y in x]"
    pid = run_through(sys.executable, "-c", code)
    await desk.of(pid, "exit")
    await desk.of(run_through("true"), "exit")
    assert sum(event.payload.get("pid") == pid for event in desk.heard.items if verb(event) == "exit") == 1
    assert not [event for event in desk.heard.items if event.payload.get("ppid") == pid]


@pytest.mark.timeout(300)
async def test_a_storm_loses_nothing(desk: Desk) -> None:
    loop = f"i=0; while [ $i -lt {STORM} ]; do /bin/true & echo $!; wait; i=$((i+1)); done"
    shell = await asyncio.create_subprocess_exec("sh", "-c", loop, stdout=asyncio.subprocess.PIPE)
    said, _ = await shell.communicate()
    run_pids = {int(line) for line in said.split()}
    assert len(run_pids) == STORM
    left = set(run_pids)

    def is_the_last(event: Event) -> bool:
        if verb(event) == "exit":
            left.discard(int(event.payload["pid"]))
        return not left

    await desk.heard.until(is_the_last, 120)
    heard = desk.heard.items

    def told(kind: str) -> list[Event]:
        return [event for event in heard if verb(event) == kind and event.payload.get("pid") in run_pids]

    assert not [event for event in heard if verb(event) == "lost"]
    for kind in ("exec", "exit"):
        assert {event.payload["pid"] for event in told(kind)} == run_pids
    assert {event.subject for event in told("exec")} <= {"process.exec.true", "process.exec.%"}
    assert any(event.subject == "process.exec.true" for event in told("exec"))
    numbers = [int(event.headers["Lunix-Seq"]) for event in heard]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_what_the_kernel_had_no_room_for_is_announced_and_it_goes_on(
    small: Desk, tmp_path: Path, record_example: Recorder
) -> None:
    lasting = run(program(tmp_path, b"lasting"))
    await small.of(lasting.pid, "exec")
    small.daemon.signal(signal.SIGSTOP)
    missed = run(program(tmp_path, b"missed"))
    # Far more than there is room for, in which what others do on a busy machine is heard as before.
    run_through("sh", "-c", "for i in $(seq 400); do /bin/true; done")
    small.daemon.signal(signal.SIGCONT)
    lost = await small.heard.until(lambda event: verb(event) == "lost")
    assert lost.payload["reason"] == "kernel overflow"
    assert lost.payload["boot"] == lost.headers["Lunix-Boot"]
    dropped = await asyncio.to_thread(small.daemon.wait_for_log, "the kernel had no room for events")
    assert json.loads(dropped)["dropped"] > 10
    after = run(program(tmp_path, b"after"))
    assert (await small.of(after.pid, "exec")).subject == "process.exec.after"
    for process, name in ((lasting, "lasting"), (missed, "missed"), (after, "after")):
        process.communicate()
        ended = await small.of(process.pid, "exit")
        # Of few names that are remembered some may be those of others; never a wrong one.
        assert ended.subject in (f"process.exit.{name}", "process.exit.%")
    record_example(lost.subject, lost.payload, headers=lost.headers)


async def test_in_a_pid_namespace_it_says_what_is_off_and_answers(bus_server: BusServer, tmp_path: Path) -> None:
    inner = [sys.executable, "-m", "lunix_ps", "--state", str(bus_server.state), "--config", os.devnull]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LUNIX_", "NATS_"))}
    daemon = Daemon(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *inner], environ)
    try:
        await asyncio.to_thread(daemon.wait_ready)
        assert "namespace" in daemon.wait_for_log("process.exec and process.exit are off")
        client = await bus_server.connect("user")
        answer = json.loads((await client.request(f"ps.{Path(sys.executable).name}", timeout=30)).data)
        listed = json.loads((await client.request("process.list", timeout=30)).data)["items"]
        stats = json.loads((await client.request("$SRV.STATS.ps", timeout=30)).data)
        await client.close()
        assert answer["pids"] == [1]
        assert [one["pid"] for one in listed] == [1]
        assert "namespace" in stats["metadata"]["off.events"]
        os.kill(children(daemon.pid)[0], signal.SIGTERM)
        assert await asyncio.to_thread(daemon.wait) == 0
    finally:
        daemon.close()


@pytest.mark.parametrize(
    ("config", "said"),
    [("", "are published, from the kernel's process connector"), ("[ps]\nevents = false", "ps.events is off")],
)
def test_check_says_whether_events_are_published(daemon_process: DaemonStarter, config: str, said: str) -> None:
    daemon = daemon_process("lunix_ps", "--check", config=config, wait=False)
    assert daemon.wait() == 0
    assert said in daemon.output()


@pytest.mark.parametrize(
    ("namespace", "said"), [("--pid", "first PID and user namespace"), ("--net", "first network namespace")]
)
def test_check_says_why_none_are(bus_server: BusServer, namespace: str, said: str) -> None:
    command = ["unshare", namespace, "--fork", sys.executable, "-m", "lunix_ps", "--check"]
    command += ["--state", str(bus_server.state), "--config", os.devnull]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert said in done.stdout


def test_a_message_of_somebody_else_counts_for_nothing() -> None:
    connector = Connector(1 << 20)
    other = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_CONNECTOR)
    try:
        # As the kernel would tell the beginning of process 1, which the filter lets through.
        forged = bytearray(proc_event.request(proc_event.LISTEN, 0, 0)[:36] + bytes(40))
        forged[36] = 2
        with suppress(BlockingIOError):
            while connector.receive() is not None:
                pass
        try:
            other.sendto(bytes(forged), (connector.port, 0))
        except (ConnectionRefusedError, PermissionError):
            pytest.fail("this kernel lets nobody send: the test has nothing to try")
        received = connector.receive()
        while received is not None and not isinstance(received, Untrusted):
            received = connector.receive()
        assert isinstance(received, Untrusted)
        assert received.port != 0
    finally:
        other.close()
        connector.close()


def test_the_kernel_sends_what_is_read_and_nothing_else() -> None:
    connector = Connector(1 << 22)
    process = subprocess.Popen(["sh", "-c", "/bin/true & wait"])
    process.wait()
    facts: list[object] = []
    while (received := connector.receive()) is not None:
        assert isinstance(received, bytes)
        facts.append(proc_event.parse(received))
    connector.close()
    connector.close()
    # Of /bin/true as of the shell: what they forked, and that they changed their names, is not sent.
    assert sum(isinstance(fact, Ended) and process.pid in (fact.pid, fact.ppid) for fact in facts) == 2
    assert sum(isinstance(fact, Began) and fact.pid == process.pid for fact in facts) == 1
    assert all(isinstance(fact, Began | Ended | Acknowledged) for fact in facts)


def test_an_answer_that_is_there_counts_however_late_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os_connector, "ANSWER_S", -1.0)
    Connector(4096).close()


async def test_it_begins_to_hear_in_the_midst_of_a_storm() -> None:
    shell = await asyncio.create_subprocess_exec("sh", "-c", "while :; do /bin/true; done")
    try:
        for _ in range(100):
            connector = await asyncio.to_thread(Connector, 4096)
            connector.close()
    finally:
        shell.kill()
        await shell.wait()


def test_an_overflow_is_told_once_and_counted() -> None:
    connector = Connector(4096)
    before = connector.dropped
    for _ in range(40):
        subprocess.run(["/bin/true"], check=True)
    received: list[object] = []
    while (one := connector.receive()) is not None:
        received.append(one)
    assert received.count(Overflow.OVERFLOW) == 1
    assert connector.dropped - before > 20
    connector.close()
