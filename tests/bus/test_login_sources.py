"""lunix-login on a real bus: utmp and btmp as programs write them, and systemd-logind's interface on a real D-Bus."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from lunix_login.utmp import LOGIN_PROCESS
from lunix_testing.daemon import DaemonStarter
from lunix_testing.dbus import DbusDaemon, needs_mock
from lunix_testing.examples import Recorder
from lunix_testing.login import Desk, Files, desk
from lunix_testing.server import BusServer

pytestmark = pytest.mark.requires("program:dbus-daemon")

DEAD = 8
LOGIND, MANAGER = "/org/freedesktop/login1", "org.freedesktop.login1.Manager"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    folder = tmp_path / "login"
    folder.mkdir()
    return Files(folder)


@pytest.fixture
async def alone(bus_server: BusServer, daemon_process: DaemonStarter, files: Files) -> AsyncIterator[Desk]:
    """Where there is no D-Bus."""
    async with desk(bus_server, daemon_process, files) as found:
        yield found


People = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def people() -> Iterator[People]:
    """A process that leads a session, for as long as the test lasts."""
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        processes.append(subprocess.Popen(("cat",), stdin=subprocess.PIPE))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


async def test_utmp_tells_who_comes_and_goes(alone: Desk, files: Files, people: People) -> None:
    ada = people()
    files.log_in("tty1", ada.pid)
    opened = (await alone.next("login.opened")).payload
    assert (opened["id"], opened["user"], opened["tty"]) == (f"utmp:tty1:{ada.pid}", "ada", "tty1")
    assert (opened["source"], opened["resync"]) == ("utmp", False)
    assert await alone.listed() == await alone.listed({"user": "ada"}) == [opened["id"]]
    assert not await alone.listed("eve")
    eve = people()
    files.log_in("pts/0", eve.pid, "eve", "example.org")
    assert (await alone.next("login.opened")).payload["remote_host"] == "example.org"
    files.log_in("tty1", ada.pid, "", kind=DEAD)
    closed = (await alone.next("login.closed")).payload
    assert closed["id"] == opened["id"]
    assert closed["closed_at"] > closed["opened_at"]
    assert len(await alone.listed()) == 1


async def test_a_session_ends_with_its_process_though_nobody_writes_that(
    alone: Desk, files: Files, people: People
) -> None:
    ada = people()
    files.log_in("tty1", ada.pid)
    await alone.next("login.opened")
    ada.kill()
    ada.wait()
    assert (await alone.next("login.closed")).payload["leader_pid"] == ada.pid


async def test_records_of_the_dead_and_of_gettys_are_no_sessions(alone: Desk, files: Files, people: People) -> None:
    files.log_in("tty1", 2**22 - 1, "ghost")
    files.log_in("tty2", people().pid, "LOGIN", kind=LOGIN_PROCESS)
    files.log_in("tty3", people().pid, "ada")
    assert (await alone.next("login.opened")).payload["tty"] == "tty3"


async def test_another_file_in_its_place_is_read(alone: Desk, files: Files, people: People) -> None:
    """As tools write it anew and rename it; and then it is written to again."""
    other = Files(files.folder)
    other.utmp = files.folder / "utmp.new"
    other.log_in("tty1", people().pid, "ada")
    other.utmp.rename(files.utmp)
    await alone.next("login.opened")
    files.log_in("tty2", people().pid, "eve")
    assert (await alone.next("login.opened")).payload["user"] == "eve"


async def test_who_was_there_before_is_listed_and_not_told(
    bus_server: BusServer,
    daemon_process: DaemonStarter,
    files: Files,
    people: People,
    record_example: Recorder,
) -> None:
    ada = people()
    files.log_in("pts/3", ada.pid, "ada", "192.0.2.7")
    async with desk(bus_server, daemon_process, files) as found:
        listing = await found.listing()
        assert [one["user"] for one in listing["items"]] == ["ada"]
        assert listing["seq"] == 1, "it has told that it is ready, and nothing else"
        record_example("login.list", {}, reply=listing)
        ada.kill()
        ada.wait()
        closed = await found.next("login.closed")
        record_example(closed.subject, closed.payload, headers=closed.headers)


async def test_a_refused_name_is_for_admins_alone(alone: Desk, files: Files, record_example: Recorder) -> None:
    files.refuse("ssh:notty", "hunter2", "203.0.113.9")
    failed = await alone.next("login.failed")
    assert failed.payload["remote_host"] == "203.0.113.9"
    assert "hunter2" not in json.dumps(failed.payload)
    named = await alone.heard_by_admin.next()
    assert (named.subject, named.payload["user"]) == ("login.failed.name", "hunter2")
    assert (await alone.heard_by_admin.next()).subject == "login.failed"
    assert [event.subject for event in alone.heard.items] == ["login.failed"]
    record_example(failed.subject, failed.payload, headers=failed.headers)
    record_example(named.subject, named.payload, headers=named.headers)


async def test_btmp_may_be_rotated(alone: Desk, files: Files) -> None:
    files.refuse("tty1", "one")
    await alone.next("login.failed")
    files.btmp.rename(files.folder / "btmp.1")
    files.refuse("tty2", "two")
    assert (await alone.next("login.failed")).payload["tty"] == "tty2"
    files.btmp.write_bytes(b"")
    files.refuse("tty3", "three")
    assert (await alone.next("login.failed")).payload["tty"] == "tty3"


def test_check_says_what_is_heard(daemon_process: DaemonStarter, files: Files) -> None:
    daemon = daemon_process("lunix_login", "--check", config=files.config, wait=False)
    assert daemon.wait() == 0
    said = daemon.output()
    assert "systemd-logind is followed where it runs" in said
    assert f"{files.btmp} is not readable here: it tells no refused logins" in said


def test_check_says_what_is_off(daemon_process: DaemonStarter, files: Files) -> None:
    daemon = daemon_process("lunix_login", "--check", config=files.config + "logind = false\n", wait=False)
    assert daemon.wait() == 0
    assert "systemd-logind is not asked: login.logind is off" in daemon.output()


# --- systemd-logind ---------------------------------------------------------------------------------------------------


class Logind:
    """python-dbusmock's logind, and what it is told to do."""

    def __init__(self, daemon: DbusDaemon) -> None:
        self._mock = daemon.mock("logind")

    def add(self, key: str, user: str = "ada") -> None:
        """Open a session; nothing is told of it."""
        self._mock.call(LOGIND, "org.freedesktop.DBus.Mock.AddSession", key, "seat0", "1000", user, "true")

    def tell(self, signal: str, key: str) -> None:
        self._mock.emit(LOGIND, MANAGER, signal, "so", f"[<'{key}'>, <objectpath '{LOGIND}/session/{key}'>]")

    def remove(self, key: str) -> None:
        self._mock.call(LOGIND, "org.freedesktop.DBus.Mock.RemoveObject", f"{LOGIND}/session/{key}")


@pytest.fixture
def logind(dbus_daemon: DbusDaemon) -> Logind:
    return Logind(dbus_daemon)


@needs_mock
async def test_logind_tells_who_comes_and_goes(
    bus_server: BusServer,
    daemon_process: DaemonStarter,
    files: Files,
    dbus_daemon: DbusDaemon,
    logind: Logind,
    record_example: Recorder,
) -> None:
    logind.add("1", "early")
    async with desk(bus_server, daemon_process, files, dbus_daemon.environ) as found:
        assert await found.listed() == ["logind:1"]
        logind.add("c2")
        logind.tell("SessionNew", "c2")
        opened = await found.next("login.opened")
        expected = {"id": "logind:c2", "user": "ada", "uid": 1000, "service": "dbusmock", "seat": "seat0"}
        assert opened.payload.items() >= {**expected, "kind": "user", "source": "logind", "resync": False}.items()
        record_example(opened.subject, {**opened.payload, "service": "gdm-password", "type": "wayland"},
                       headers=opened.headers)  # fmt: skip
        logind.remove("c2")
        logind.tell("SessionRemoved", "c2")
        assert (await found.next("login.closed")).payload["id"] == "logind:c2"
        logind.tell("SessionNew", "c99")
        logind.tell("SessionRemoved", "c99")
        assert (await found.next("login.opened")).payload["user"] == ""
        assert (await found.next("login.closed")).payload["id"] == "logind:c99"
        assert await found.listed() == ["logind:1"]


@needs_mock
async def test_outages_are_survived_and_what_was_missed_is_told(
    bus_server: BusServer,
    daemon_process: DaemonStarter,
    files: Files,
    dbus_daemon: DbusDaemon,
    people: People,
) -> None:
    first = Logind(dbus_daemon)
    first.add("1")
    first.add("2", "eve")
    async with desk(bus_server, daemon_process, files, dbus_daemon.environ) as found:
        assert await found.listed() == ["logind:1", "logind:2"]
        # Without logind utmp is read; what only that knew is over when logind is back.
        await asyncio.to_thread(dbus_daemon.kill)
        files.log_in("tty5", people().pid, "tim")
        opened = await found.next("login.opened")
        assert opened.payload["source"] == "utmp"
        await asyncio.to_thread(dbus_daemon.start)
        second = await asyncio.to_thread(Logind, dbus_daemon)
        ended = [(await found.next("login.closed")).payload for _ in range(3)]
        assert {one["id"] for one in ended} == {"logind:1", "logind:2", opened.payload["id"]}
        assert all(one["resync"] for one in ended)
        second.add("7")
        second.tell("SessionNew", "7")
        assert (await found.next("login.opened")).payload["id"] == "logind:7"


async def test_dbus_may_come_later(
    bus_server: BusServer, daemon_process: DaemonStarter, files: Files, tmp_path: Path
) -> None:
    folder = tmp_path / "later"
    folder.mkdir()
    dbus = DbusDaemon(folder)
    async with desk(bus_server, daemon_process, files, dbus.environ) as found:
        try:
            await asyncio.to_thread(dbus.start)
            await asyncio.to_thread(found.daemon.wait_for_log, "on D-Bus")
        finally:
            dbus.close()
