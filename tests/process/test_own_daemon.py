"""The example of a daemon of one's own, on a bus whose accounts know its declarations."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_common import declarations
from lunix_testing.client import Nats
from lunix_testing.command import LunixUp, lunix
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.server import BusServer
from lunix_testing.tree import ROOT

EXAMPLE = ROOT / "examples/python/own_daemon.py"
DECLARED = ROOT / "examples/python/own_daemon.toml"
HOWTO = ROOT / "docs/howto/own-daemon.md"
NAMED = ("python/own_daemon.py", "python/own_daemon.toml")


@pytest.fixture
def subjects(tmp_path: Path) -> Path:
    """Stands for ``/etc/lunix/subjects.d``."""
    folder = tmp_path / "subjects.d"
    folder.mkdir()
    shutil.copy(DECLARED, folder)
    return folder


@pytest.fixture
def server(tmp_path: Path, subjects: Path) -> Iterator[BusServer]:
    """A bus whose accounts are computed from the joined table, as ``lunix up`` does it."""
    running = BusServer(tmp_path / "state", table=declarations.load(subjects))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def start(server: BusServer, tmp_path: Path) -> Iterator[DaemonStarter]:
    starter = DaemonStarter(tmp_path, server.state)
    yield starter
    starter.close()


@pytest.fixture
def tea(start: DaemonStarter, subjects: Path) -> Daemon:
    return start(EXAMPLE, config="[tea]\nminutes = 0.002", env={"LUNIX_SUBJECTS_DIR": str(subjects)})


@pytest.fixture
async def user(server: BusServer) -> AsyncIterator[Nats]:
    client = await server.connect("user")
    yield client
    await client.close()


async def test_it_answers_publishes_and_says_what_it_is(tea: Daemon, server: BusServer, user: Nats) -> None:
    heard: Inbox[Msg] = Inbox()
    observer = await server.connect("observer")
    await observer.subscribe("tea.*.ready", cb=heard.put_async)  # pyright: ignore[reportUnknownMemberType]
    await observer.flush()
    answer = await user.request("tea.brew", b"Earl Grey", timeout=30)
    assert json.loads(answer.data) == {"sort": "Earl Grey", "minutes": 0.002}
    ready = await heard.next()
    assert ready.subject == "tea.Earl%20Grey.ready"
    assert ready.headers is not None
    assert (ready.headers["Lunix-Source"], ready.headers["Lunix-Seq"]) == ("tea", "1")
    about = json.loads((await observer.request("$SRV.INFO.tea", b"", timeout=30)).data)
    assert about["endpoints"][0]["subject"] == "tea.brew"
    await observer.close()
    assert await asyncio.to_thread(tea.stop) == 0


async def test_what_is_no_tea_is_refused_and_it_lives_on(tea: Daemon, user: Nats) -> None:
    for payload in (b"", b"{", b'{"sort": ""}', b'{"sort": "x", "minutes": 61}'):
        answer = await user.request("tea.brew", payload, timeout=30)
        assert json.loads(answer.data)["error"]["code"] == 400, payload
    assert (await user.request("tea.brew", b"x", timeout=30)).data == b'{"sort":"x","minutes":0.002}'
    assert tea.running


async def test_an_observer_may_not_brew(tea: Daemon, server: BusServer) -> None:
    refused: Inbox[Exception] = Inbox()
    observer = await server.connect("observer", error_cb=refused.put_async)
    await observer.publish("tea.brew", b"x")
    assert 'publish to "tea.brew"' in str(await refused.next()).lower()
    await observer.close()
    assert tea.running


def test_it_runs_beside_lunix_up_as_the_documentation_says(
    lunix_up: Callable[..., LunixUp], tmp_path: Path, subjects: Path
) -> None:
    env = {"LUNIX_SUBJECTS_DIR": str(subjects)}
    up = lunix_up("--port", "0", "--only", "toast", env=env)
    place = {**env, "LUNIX_STATE": str(up.state)}
    with closing(DaemonStarter(tmp_path, up.state)) as own:
        own(EXAMPLE, env=env)
        assert "tea.brew" in lunix("subjects", env=place).out
        brewing = lunix("request", "tea.brew", "Earl Grey", env=place)
        assert (brewing.err, brewing.json()) == ("", {"sort": "Earl Grey", "minutes": 3.0})


def test_a_daemon_that_no_file_declares_is_told_so(start: DaemonStarter, tmp_path: Path) -> None:
    env = {"LUNIX_SUBJECTS_DIR": str(tmp_path / "none")}
    daemon = start(EXAMPLE, env=env, wait=False, may_fail=True)
    assert daemon.wait() == 100
    assert "declares the daemon tea" in daemon.log[-1]


def test_a_mistake_in_a_declaration_is_told_with_its_file(start: DaemonStarter, subjects: Path) -> None:
    (subjects / "wrong.toml").write_text("domian = 'x'", encoding="utf-8")
    daemon = start(EXAMPLE, env={"LUNIX_SUBJECTS_DIR": str(subjects)}, wait=False, may_fail=True)
    assert daemon.wait() == 100
    assert "wrong.toml: unknown key 'domian': did you mean domain?" in daemon.log[-1]
    assert not daemon.tracebacks()


def test_a_mistake_of_others_does_not_stop_lunixs_own(start: DaemonStarter, subjects: Path) -> None:
    (subjects / "wrong.toml").write_text("domian = 'x'", encoding="utf-8")
    assert start("lunix_toast", env={"LUNIX_SUBJECTS_DIR": str(subjects)}).stop() == 0


def test_the_documentation_shows_the_example_whole() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 40
    page = HOWTO.read_text(encoding="utf-8")
    for name in NAMED:
        assert f"{{literalinclude}} ../../examples/{name}" in page
