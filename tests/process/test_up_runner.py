"""lunix-init behind ``lunix up``, with real processes."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lunix_cli import init_units, server
from lunix_cli.init_runner import InitRunner
from lunix_cli.kept_server import NAME, KeptServer
from lunix_cli.supervise import Phase, Status, Unit
from lunix_common.access import serverconf
from lunix_common.access.serverconf import ANY_PORT
from lunix_common.subjects import TABLE
from lunix_testing.command import gone, wait_until
from lunix_testing.deadline import deadline

TELL = """
import os, signal, socket, subprocess, sys, time
def tell(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
"""


class Watched:
    """A runner, what its units logged, and a way to wait for a status."""

    def __init__(self, directory: Path, start_s: float = 30) -> None:
        self.log: list[tuple[str, str]] = []
        self.seen: list[tuple[str, Phase]] = []
        self._last: dict[str, Phase] = {}
        self._news = asyncio.Event()
        self.runner = InitRunner(directory, self.heard, self._changed, start_s=start_s)

    def heard(self, name: str, line: str) -> None:
        self.log.append((name, line))

    def _changed(self) -> None:
        for name, one in self.runner.status().items():
            if self._last.get(name) is not one.phase:
                self._last[name] = one.phase
                self.seen.append((name, one.phase))
        self._news.set()

    async def wait_ready(self, name: str) -> Status:
        """Return when the unit is ready, or when it never will be."""
        async with deadline(f"the readiness of {name}"):
            while not (status := self.runner.status()[name]).settled:
                self._news.clear()
                await self._news.wait()
            return status

    async def until(self, name: str, phase: Phase, restarts: int = 0) -> Status:
        async with deadline(f"the phase {phase} of {name}, among {self.seen},"):
            while True:
                status = self.runner.status().get(name)
                if status is not None and status.phase is phase and status.restarts >= restarts:
                    return status
                self._news.clear()
                await self._news.wait()


def unit(name: str, code: str, *needs: str) -> Unit:
    return Unit(name, (sys.executable, "-c", TELL + code), dict(os.environ), needs)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path / "run")
    async with watched.runner:
        yield watched


async def test_a_unit_is_ready_when_it_says_so(watched: Watched) -> None:
    await watched.runner.start([unit("one", "tell('STATUS=warming up'); tell('READY=1'); time.sleep(60)")])
    status = await watched.wait_ready("one")
    assert status.phase is Phase.READY
    assert status.detail == "warming up"
    assert status.pid is not None
    assert os.getsid(status.pid) == status.pid


async def test_a_unit_starts_when_what_it_needs_is_ready(watched: Watched, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    first = unit("first", f"open({str(mark)!r}, 'w').close(); tell('READY=1'); time.sleep(60)")
    second = unit("second", f"assert os.path.exists({str(mark)!r}); tell('READY=1'); time.sleep(60)", "first")
    await watched.runner.start([second, first])
    assert (await watched.wait_ready("second")).restarts == 0


async def test_what_others_need_stops_last(watched: Watched) -> None:
    code = "tell('READY=1'); time.sleep(60)"
    await watched.runner.start([unit("first", code), unit("second", code, "first")])
    await watched.wait_ready("second")
    await watched.runner.stop()
    ends = [name for name, phase in watched.seen if phase is Phase.STOPPED]
    assert ends == ["second", "first"]


async def test_exit_100_is_not_started_again(watched: Watched) -> None:
    await watched.runner.start([unit("wrong", "sys.stderr.write('no such option\\n'); sys.exit(100)")])
    status = await watched.wait_ready("wrong")
    assert (status.phase, status.detail, status.restarts) == (Phase.FAILED, "no such option", 0)


async def test_any_other_end_is_followed_by_a_start_after_longer_and_longer_pauses(watched: Watched) -> None:
    await watched.runner.start([unit("ill", "sys.stderr.write('ouch'); sys.exit(111)")])
    await watched.until("ill", Phase.PAUSING, restarts=2)
    said = [line for _, line in watched.log]
    assert said[:4] == [
        "ouch",
        "ended with exit code 111; starting it again in 0.2 s",
        "ouch",
        "ended with exit code 111; starting it again in 0.4 s",
    ]
    assert watched.runner.status()["ill"].detail == "ouch"


async def test_a_program_that_is_not_there_is_looked_for_again(watched: Watched) -> None:
    await watched.runner.start([Unit("absent", ("/nonexistent/program",), {})])
    status = await watched.until("absent", Phase.PAUSING)
    assert "cannot be started" in status.detail


async def test_a_start_that_takes_too_long_is_ended_and_tried_again(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run", start_s=0.3)
    async with watched.runner:
        await watched.runner.start([unit("slow", "time.sleep(60)")])
        status = await watched.until("slow", Phase.PAUSING)
        assert status.detail == "was not ready within 0.3 s"


async def test_a_start_may_ask_for_more_time(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run", start_s=0.5)
    code = "tell('EXTEND_TIMEOUT_USEC=20000000'); time.sleep(0.8); tell('READY=1'); time.sleep(60)"
    async with watched.runner:
        await watched.runner.start([unit("patient", code)])
        assert (await watched.wait_ready("patient")).phase is Phase.READY


async def test_what_ignores_sigterm_is_killed_with_its_children(watched: Watched) -> None:
    code = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "60"])
tell(f"STATUS={child.pid}")
tell("READY=1")
time.sleep(60)
"""
    await watched.runner.start([unit("deaf", code)])
    status = await watched.wait_ready("deaf")
    assert status.pid is not None
    begin = time.monotonic()
    await watched.runner.stop()
    assert time.monotonic() - begin > 2.9
    await asyncio.to_thread(wait_until, lambda: gone([int(status.detail)]), "the end of the child")


async def test_children_go_with_a_unit_that_dies(watched: Watched) -> None:
    code = 'child = subprocess.Popen(["sleep", "60"]); tell(f"STATUS={child.pid}\\nREADY=1"); time.sleep(60)'
    await watched.runner.start([unit("parent", code)])
    status = await watched.wait_ready("parent")
    assert status.pid is not None
    os.kill(status.pid, signal.SIGKILL)
    await watched.until("parent", Phase.PAUSING)
    await asyncio.to_thread(wait_until, lambda: gone([int(status.detail)]), "the end of the child")


async def test_a_unit_whose_file_is_taken_away_is_stopped_and_the_others_go_on(watched: Watched) -> None:
    code = "tell('READY=1'); time.sleep(60)"
    await watched.runner.start([unit("first", code), unit("second", code)])
    for name in ("first", "second"):
        await watched.wait_ready(name)
    (watched.runner.run / "units" / "first.toml").unlink()
    await watched.until("first", Phase.STOPPED)
    pid = watched.runner.status()["second"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await watched.until("second", Phase.READY, restarts=1)


async def test_stopping_asks_nobody_when_it_has_to_be_at_once(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who asks first would wait so long for the deaf.
    monkeypatch.setattr(init_units, "GRACE_S", 600)
    code = "signal.signal(signal.SIGTERM, signal.SIG_IGN); tell('READY=1'); time.sleep(60)"
    await watched.runner.start([unit("deaf", code)])
    status = await watched.wait_ready("deaf")
    assert status.pid is not None
    async with deadline("the end of the deaf"):
        await watched.runner.stop(at_once=True)
    assert gone([status.pid])


async def test_stopping_ends_a_pause(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init_units, "MOST_PAUSE_S", 600)
    await watched.runner.start([replace(unit("ill", "sys.exit(1)"), pause_s=600)])
    restarts = (await watched.until("ill", Phase.PAUSING)).restarts
    async with deadline("the end of the pause"):
        await watched.runner.stop()
    status = watched.runner.status()["ill"]
    assert (status.phase, status.restarts) == (Phase.STOPPED, restarts)


async def test_lines_of_a_log_come_one_by_one_whatever_their_length(watched: Watched) -> None:
    code = "sys.stderr.write('a' * 200_000 + '\\nb\\n'); sys.stderr.buffer.write(b'\\xff'); sys.exit(100)"
    await watched.runner.start([unit("wordy", code)])
    await watched.wait_ready("wordy")
    lines = [line for _, line in watched.log]
    assert "".join(lines[:-2]) == "a" * 200_000
    assert lines[-2:] == ["b", "\ufffd"]


@pytest.mark.parametrize(
    ("last", "text"),
    [
        ({"cause": "exited", "code": 0, "signal": None, "message": ""}, "ended with exit code 0"),
        ({"cause": "killed", "code": None, "signal": "SIGTERM", "message": ""}, "was ended by SIGTERM"),
        ({"cause": "lost", "code": None, "signal": None, "message": ""}, "ended: lost"),
        (
            {"cause": "oom", "code": None, "signal": "SIGKILL", "message": ""},
            "was ended by the kernel: there was no memory left",
        ),
        (
            {"cause": "exec-failed", "code": 127, "signal": None, "message": "exec x: No such file or directory"},
            "cannot be started: exec x: No such file or directory",
        ),
    ],
)
def test_how_a_process_ended_is_told_in_words(last: dict[str, object], text: str) -> None:
    assert init_units.ended(last) == text


class Bus(Watched):
    """A runner that keeps a server."""

    def __init__(self, directory: Path, port: int, *, embedded: bool = False) -> None:
        directory.mkdir()
        self.said: list[str] = []
        program = server.find(embedded=embedded)
        self.server = KeptServer(program, directory, TABLE, serverconf.Settings(port), self.said.append)
        super().__init__(directory / "run")

    def heard(self, name: str, line: str) -> None:
        super().heard(name, line)
        if name == NAME and not line.startswith("ended"):
            self.server.heard(line)

    def _changed(self) -> None:
        super()._changed()
        if (bus := self.runner.status().get(NAME)) and bus.phase is Phase.PAUSING:
            self.server.ended(bus.detail)


async def take_the_port_of(bus: Bus, port: int) -> socket.socket:
    """Listen in the place of the server, which is killed; again where it was back before."""
    while True:
        if (pid := bus.runner.status()[NAME].pid) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await bus.until(NAME, Phase.PAUSING)
        with suppress(OSError):
            return socket.create_server(("127.0.0.1", port))


async def test_a_port_that_somebody_took_meanwhile_is_waited_for(tmp_path: Path) -> None:
    bus = Bus(tmp_path / "state", ANY_PORT)
    async with bus.runner:
        await bus.runner.start([bus.server.unit()])
        await bus.server.wait_ready()
        url, before = bus.server.url, bus.server.pid
        port = int(url.rpartition(":")[2])
        assert before is not None
        with await take_the_port_of(bus, port):
            served = sum("Server is ready" in line for line in bus.said)
            restarts = bus.runner.status()[NAME].restarts
            await bus.until(NAME, Phase.PAUSING, restarts + 1)
        await asyncio.to_thread(
            wait_until, lambda: sum("Server is ready" in line for line in bus.said) > served, "the server's return"
        )
        assert bus.server.url == url
        assert bus.server.pid != before


@pytest.mark.parametrize(("embedded", "name"), [(False, "nats-server"), (True, "lunix-bus")])
async def test_a_server_that_never_starts_is_an_error(tmp_path: Path, embedded: bool, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bus = Bus(tmp_path / "state", taken.getsockname()[1], embedded=embedded)
        async with bus.runner:
            await bus.runner.start([bus.server.unit()])
            with pytest.raises(OSError, match=f"{name} did not start: .*address already in use"):
                await bus.server.wait_ready()
