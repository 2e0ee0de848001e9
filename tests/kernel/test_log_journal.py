"""lunix-log beside a real systemd-journald, in a room where that is the only one."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import deadline
from lunix_testing.log_desk import LogDesk, log_desk
from lunix_testing.quiet import quiet
from lunix_testing.rooms import daemon_of_systemd, room
from lunix_testing.server import BusServer

JOURNALD = "/lib/systemd/systemd-journald"
RUN = Path("/run/systemd/journal")
LOG = Path("/dev/log")
MANY = 2000

pytestmark = [pytest.mark.root, pytest.mark.requires("netns", "cgroup2", f"path:{JOURNALD}", "program:journalctl")]


@pytest.fixture
def own_room(tmp_path: Path) -> Iterator[None]:
    with room(tmp_path):
        # The room has a sysfs of its own, and journald looks for the control groups of those who write.
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
        RUN.mkdir(parents=True)
        LOG.unlink(missing_ok=True)
        LOG.symlink_to(RUN / "dev-log")
        yield


@pytest.fixture
def journald(own_room: None, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running journald that has said that it is ready, with a journal of its own in /run."""
    Path("/run/systemd/journald.conf.d").mkdir(parents=True)
    conf = Path("/run/systemd/journald.conf.d/lunix.conf")
    conf.write_text("[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n", encoding="utf-8")
    with daemon_of_systemd(tmp_path, (JOURNALD,), os.environ["PATH"]) as process:
        yield process


@pytest.fixture
async def beside(
    journald: object, bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> AsyncIterator[LogDesk]:
    async with log_desk(bus_server, daemon_process, tmp_path, "burst = 0", path=LOG) as desk:
        yield desk


def child(desk: LogDesk) -> int:
    """The reader of the journal."""
    (number,) = Path(f"/proc/{desk.daemon.pid}/task/{desk.daemon.pid}/children").read_text(encoding="ascii").split()
    return int(number)


async def logger(*arguments: str, said: bytes | None = None) -> None:
    process = await asyncio.create_subprocess_exec("logger", *arguments, stdin=asyncio.subprocess.PIPE)
    await process.communicate(said)
    assert process.returncode == 0


def target() -> Path:
    return LOG.readlink()


async def test_beside_journald_its_journal_is_followed(beside: LogDesk) -> None:
    assert target() == RUN / "dev-log"
    await logger("-p", "auth.warning", "-t", "door", "somebody is here")
    heard = await beside.saying("somebody is here")
    assert heard.subject == "log.auth.warning"
    about = heard.payload
    assert (about["source"], about["app"], about["uid"], about["format"]) == ("journal", "door", 0, "journal")
    assert about["happened_at"] <= about["received_at"]
    info = json.dumps(json.loads((await beside.admin.request("$SRV.INFO.log", timeout=30)).data))
    assert "the journal is followed instead: /dev/log belongs to another program" in info


async def test_fields_and_odd_bytes_are_kept(beside: LogDesk) -> None:
    entry = b"MESSAGE=structured\nMESSAGE_ID=be02cf6855d2428ba40df7e9d022f03d\nCOLOUR=red\nCOLOUR=blue\nPRIORITY=2\n"
    await logger("--journald", said=entry)
    heard = await beside.saying("structured")
    assert heard.subject == "log.daemon.crit"
    assert heard.payload["structured"]["journal"]["COLOUR"] == ["red", "blue"]
    assert heard.payload["message_id"] == "be02cf6855d2428ba40df7e9d022f03d"
    await logger("-t", "odd", said=b"odd \xff \x1b[2J\n")
    assert "\\x1b[2J" in (await beside.saying("odd")).payload["text"]
    await logger("-t", "long", "--size", "20000", "long" + "x" * 10_000)
    assert len((await beside.saying("longx")).payload["text"]) > 10_000


async def test_a_restart_loses_nothing_and_tells_nothing_twice(
    journald: object, bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    await logger("long before")
    async with log_desk(bus_server, daemon_process, tmp_path, "burst = 0", path=LOG) as desk:
        await logger("first")
        await desk.saying("first")
        assert await asyncio.to_thread(desk.daemon.stop) == 0
        assert "long before" not in desk.texts
    await logger(said=b"".join(b"meanwhile %d\n" % number for number in range(MANY)))
    async with log_desk(bus_server, daemon_process, tmp_path, "burst = 0", path=LOG) as desk:
        await logger("last")
        await desk.saying("last", 30)
        told = [text for text in desk.texts if text.split()[0] in ("first", "meanwhile", "last")]
        assert told == [*(f"meanwhile {number}" for number in range(MANY)), "last"]


async def test_while_the_bus_is_away_the_journal_waits(
    beside: LogDesk, bus_server: BusServer, daemon_process: DaemonStarter
) -> None:
    await logger("before")
    await beside.saying("before")
    await beside.admin.close()
    await asyncio.to_thread(bus_server.kill)
    await asyncio.to_thread(beside.daemon.wait_for_log, "the bus is away")
    await logger(said=b"".join(b"away %d\n" % number for number in range(20_000)))
    since = len(beside.daemon.log)
    await asyncio.to_thread(bus_server.start)
    await asyncio.to_thread(beside.daemon.wait_for_log, "on the bus", since)
    beside.admin = await bus_server.connect("admin")
    await logger("the end")
    async with deadline("the end", 60):
        while not await beside.tail(contains="the end"):
            pass
    answer = await beside.ask({"contains": "the end"})
    # Nothing was dropped on the way: each is numbered, and what was under way to the server is told again or announced.
    assert answer["items"][0]["id"] >= 20_001
    assert answer["dropped"] == 0
    assert "the queue was full" not in "\n".join(beside.daemon.log)


async def test_a_reader_that_is_killed_is_started_again_where_it_was(beside: LogDesk) -> None:
    for number in range(3):
        await logger(f"round {number}")
        await beside.saying(f"round {number}")
        os.kill(child(beside), signal.SIGKILL)
        await logger(f"after {number}")
        await beside.saying(f"after {number}", 30)
    told = [text for text in beside.texts if text.startswith(("round", "after"))]
    assert told == [f"{word} {number}" for number in range(3) for word in ("round", "after")]


async def test_a_place_that_is_none_is_forgotten_and_told(
    journald: object, bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    state = tmp_path / "log.json"
    await asyncio.to_thread(state.write_text, '{"boot_id": "", "cursor": "no such place"}', "ascii")
    async with log_desk(bus_server, daemon_process, tmp_path, path=LOG) as desk:
        dropped = (await desk.event("log.dropped", 30)).payload
        assert (dropped["source"], dropped["reason"]) == ("journal", "not told")
        # Now there is a place again.
        async with deadline("a message after that", 30):
            while not any(text == "here again" for text in desk.texts):
                await logger("here again")
                await desk.ask()


async def test_an_end_takes_the_reader_along(beside: LogDesk) -> None:
    reader = os.pidfd_open(child(beside))
    beside.daemon.may_fail = True
    beside.daemon.signal(signal.SIGKILL)
    async with deadline("the end of journalctl"):
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(reader, ended.set)
        await ended.wait()
        asyncio.get_running_loop().remove_reader(reader)
    os.close(reader)


async def test_in_quiet_neither_it_nor_the_reader_is_woken(beside: LogDesk) -> None:
    await logger("the last one")
    await beside.saying("the last one")
    await quiet(beside.daemon.pid, child(beside))
