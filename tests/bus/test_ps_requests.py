"""lunix-ps on a real bus: whether a program runs, and which processes there are, for whom."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lunix_common.subjects import token
from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.examples import Recorder
from lunix_testing.programs import holding, sole
from lunix_testing.quiet import quiet
from lunix_testing.server import BusServer

HOSTILE = [
    b"../../etc",
    b"\x1b]52;c;eA==", b"a b.c*>", b"", b"fifteen-letters", b"\xff\xfe\x80", b"a\nb\\n", b"a\rb", b") R 1 (",
]  # fmt: skip
WAITS = "import sys; print(flush=True); sys.stdin.read()"
CALLED = f"import sys; open('/proc/self/comm', 'wb').write(bytes.fromhex(sys.argv[1]) or bytes(1)); {WAITS}"
"""A process of any name, which says when it has it."""


@dataclass
class Desk:
    """A running lunix-ps, and those who ask."""

    daemon: Daemon
    user: Nats
    admin: Nats

    async def ask(self, subject: str, payload: object = None, who: Nats | None = None) -> dict[str, Any]:
        return await (who or self.user).ask(subject, payload)

    async def items(self, payload: object, who: Nats | None = None) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.ask("process.list", payload, who))["items"]
        return items


@pytest.fixture
async def desk(bus_server: BusServer, daemon_process: DaemonStarter) -> AsyncIterator[Desk]:
    daemon = daemon_process("lunix_ps", config="[ps]\nevents = false")
    desk = Desk(daemon, await bus_server.connect("user"), await bus_server.connect("admin"))
    yield desk
    for client in (desk.user, desk.admin):
        await client.close()


Start = Callable[..., int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program that goes on until its input ends; returns its number once it has said a line."""
    with ExitStack() as stack:

        def run(*command: str | bytes | Path) -> int:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            stack.callback(process.communicate)
            assert process.stdout is not None
            process.stdout.readline()
            return process.pid

        yield run


def script(path: Path, interpreter: str) -> Path:
    path.write_text(f"#!{interpreter}\n{WAITS}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def make_a_zombie(process: subprocess.Popen[bytes]) -> None:
    """End it, and do not ask how it ended."""
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def about(pid: int, file: str) -> str:
    return Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8")


async def test_a_program_is_found_by_the_name_that_one_types(desk: Desk, tmp_path: Path) -> None:
    absent: dict[str, Any] = {"name": "lunix.calibre3.11", "running": False, "pids": []}
    assert await desk.ask("ps.lunix.calibre3.11") == absent
    program = tmp_path / "lunix.calibre3.11"
    with holding(program) as process:
        found = await desk.ask("ps.lunix.calibre3.11")
        assert found == {"name": "lunix.calibre3.11", "running": True, "pids": [process.pid]}
        assert (await desk.ask("ps.lunix.calibre3.11", {"any": "thing"}))["running"]
        make_a_zombie(process)
        assert await desk.ask("ps.lunix.calibre3.11") == absent


@pytest.mark.parametrize("interpreter", [sys.executable, f"/usr/bin/env {Path(sys.executable).name}"])
async def test_a_script_is_found_by_its_own_name(
    desk: Desk, start: Start, tmp_path: Path, interpreter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    pid = start(script(tmp_path / "a-script-of-some-length", interpreter))
    assert (await desk.ask("ps.a-script-of-some-length"))["pids"] == [pid]


async def test_any_name_can_be_asked_for_and_listed(desk: Desk, start: Start) -> None:
    for name in HOSTILE:
        pid = start(sys.executable, "-c", CALLED, name.hex())
        found = await desk.ask(f"ps.{token(name)}")
        shown = name.decode("utf-8", "backslashreplace")
        assert (found["running"], found["name"]) == (True, shown)
        assert pid in found["pids"]
        assert [(one["pid"], one["name"]) for one in await desk.items({"pid": pid})] == [(pid, shown)]


async def test_a_process_is_described_as_the_kernel_has_it(desk: Desk, start: Start) -> None:
    before = (await desk.items({"pid": os.getpid()}))[0]["started_at"]
    pid = start(sys.executable, "-c", WAITS)
    (one,) = await desk.items({"pid": pid})
    assert (one["ppid"], one["uid"]) == (os.getpid(), os.geteuid())
    assert one["state"] in ("running", "sleeping")
    assert one["name"] == about(pid, "comm").strip()
    assert one["memory_bytes"] > 1_000_000
    assert 0 <= one["cpu_s"] < 10
    assert one["started_at"] > before
    assert f":{one['cgroup']}\n" in about(pid, "cgroup")


async def test_a_command_line_is_for_admin_alone(desk: Desk, start: Start) -> None:
    secret = "--password=" + "x" * 100_000
    pid = start(sys.executable, "-c", WAITS, secret)
    (seen,) = await desk.items({"pid": pid}, desk.admin)
    assert seen["command"][:2] == [sys.executable, "-c"]
    assert seen["command"][-1].startswith("--password=xxx")
    assert len(str(seen["command"])) < 5000
    (unseen,) = await desk.items({"pid": pid})
    assert "command" not in unseen


async def test_observers_may_not_ask(desk: Desk, bus_server: BusServer) -> None:
    refused: asyncio.Queue[Exception] = asyncio.Queue()
    observer = await bus_server.connect("observer", error_cb=refused.put)
    for subject in ("ps.init", "process.list"):
        await observer.publish(subject)
        assert subject in str(await asyncio.wait_for(refused.get(), 30))
    await observer.close()


async def test_filters_narrow_a_listing_together(desk: Desk, start: Start, tmp_path: Path) -> None:
    pid = start(script(tmp_path / "lunix-listed", sys.executable))
    (listed,) = await desk.items({"name": "lunix-listed"})
    assert listed["pid"] == pid
    user, uid = listed["user"], listed["uid"]
    for wanted in ({"user": user}, {"user": uid}, {"user": str(uid)}, {"cgroup": listed["cgroup"]}, {"cgroup": "/"}):
        assert pid in [one["pid"] for one in await desk.items(wanted)], wanted
        assert len(await desk.items({**wanted, "name": "lunix-listed"})) == 1
    for other in ({"user": "nobody-at-all"}, {"user": uid + 1}, {"cgroup": "/no/such"}, {"pid": os.getpid()}):
        assert not await desk.items({**other, "name": "lunix-listed"}), other
    assert [one["pid"] for one in await desk.items("lunix-listed")] == [pid]
    assert not await desk.items({"pid": 2**31})


async def test_a_user_without_a_name_has_a_number(desk: Desk, start: Start) -> None:
    if os.geteuid() == 0:
        pid = start("setpriv", "--reuid", "54321", "--clear-groups", "sh", "-c", "echo; read x")
        (one,) = await desk.items({"pid": pid})
        assert one["uid"] == 54321
        assert "user" not in one
        assert [each["pid"] for each in await desk.items({"user": 54321})] == [pid]


async def test_pages_are_of_one_snapshot(desk: Desk, start: Start) -> None:
    page = await desk.ask("process.list", {"limit": 1}, desk.admin)
    seen = page["items"]
    later = start(sys.executable, "-c", WAITS)
    while "cursor" in page:
        page = await desk.ask("process.list", {"cursor": page["cursor"]}, desk.admin)
        seen += page["items"]
    numbers = [one["pid"] for one in seen]
    assert os.getpid() in numbers
    assert later not in numbers
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("payload", [{"pid": 0}, {"pid": "x"}, {"limit": 0}, {"name": 7}, {"user": []}])
async def test_a_wrong_filter_is_refused(desk: Desk, payload: object) -> None:
    assert (await desk.ask("process.list", payload))["error"]["code"] == 400


async def test_a_quiet_daemon_is_not_woken(desk: Desk) -> None:
    await desk.ask("ps.calibre")
    await quiet(desk.daemon.pid)


@pytest.fixture
def only_one() -> Iterator[None]:
    with sole("calibre"):
        yield


@pytest.mark.usefixtures("only_one")
async def test_every_answer_is_as_the_table_declares_it(
    desk: Desk, start: Start, tmp_path: Path, record_example: Recorder
) -> None:
    pid = start(script(tmp_path / "calibre", sys.executable))
    record_example("ps.calibre", {}, reply=await desk.ask("ps.calibre"))
    answer = await desk.ask("process.list", {"name": "calibre", "pid": pid}, desk.admin)
    (process,) = answer["items"]
    assert process["command"] == [sys.executable, str(tmp_path / "calibre")]
    process["command"] = ["/usr/bin/python3", "/usr/bin/calibre"]
    record_example("process.list", {"name": "calibre"}, reply=answer)
