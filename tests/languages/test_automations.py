"""The same automations in each language, on a real bus: what they do when things happen."""

import asyncio
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_cli import script_header
from lunix_common.access import tokens
from lunix_common.access.accounts import covers
from lunix_common.access.roles import Client
from lunix_common.subjects import Role
from lunix_testing import builds, npm
from lunix_testing.chromium import PHONE, browser
from lunix_testing.client import Nats
from lunix_testing.command import SCRIPT
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import SECONDS, Inbox, deadline
from lunix_testing.programs import holding, sole
from lunix_testing.server import BusServer
from lunix_testing.tree import ROOT
from lunix_testing.websocket import Web

pytestmark = pytest.mark.timeout(900)

EXAMPLES = ROOT / "examples"
NATS_JS = "3.4.0"
STICK = b'{"id": "usb-1", "name": "1-2"}'


@pytest.fixture
def bus_server(tmp_path: Path) -> Iterator[BusServer]:
    """A bus with an identity for the script, which may start programs."""
    running = BusServer(tmp_path / "state")
    running.add(Client("script", Role.ADMIN, frozenset({"wm.exec"})))
    running.start()
    yield running
    running.stop()


@dataclass
class Stage:
    """Those who make things happen, and what comes of it."""

    user: Nats
    natsdev: Nats
    mqtt: Nats
    bluetooth: Nats
    toasts: Inbox[str]
    commands: Inbox[Msg]

    async def asked_of_ps(self) -> int:
        """How often anybody has asked for a program."""
        stats = json.loads((await self.user.request("$SRV.STATS.ps", timeout=30)).data)
        return sum(int(endpoint["num_requests"]) for endpoint in stats["endpoints"])

    async def until(self, act: Callable[[], Awaitable[None]], text: str) -> None:
        """Do it until there is such a toast: nobody is told when an example listens."""
        await self.toasts.provoke(act, lambda one: one == text)


@pytest.fixture
async def stage(bus_server: BusServer, daemon_process: DaemonStarter) -> AsyncIterator[Stage]:
    daemon_process("lunix_toast", config='[toast]\nrenderer = "none"')
    daemon_process("lunix_ps", config="[ps]\nevents = false")
    async with AsyncExitStack() as stack:

        async def connect(name: str) -> Nats:
            client = await bus_server.connect(name)
            stack.push_async_callback(client.close)
            return client

        toasts, commands = Inbox[str](), Inbox[Msg]()

        async def shown(message: Msg) -> None:
            toasts.put(str(json.loads(message.data)["summary"]))

        user, mount, wm = await connect("user"), await connect("mount"), await connect("wm")
        await user.subscribe("toast.shown", cb=shown)
        await mount.subscribe("mount.mount", cb=commands.put_async)
        await wm.subscribe("wm.exec", cb=commands.put_async)
        for client in (user, mount, wm):
            await client.flush()
        yield Stage(user, await connect("natsdev"), await connect("mqtt"), await connect("bluetooth"), toasts, commands)


@contextmanager
def running(server: BusServer, command: Sequence[str | Path], path: Path | None = None) -> Generator[None]:
    """An example, with all that its shell has started."""
    env = os.environ | server.env("script")
    if path is not None:
        env["PATH"] = f"{path}:{env['PATH']}"
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
        assert process.poll() is None, "the example has ended"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


async def two_automations(stage: Stage, folder: Path) -> None:
    """A stick makes a toast; cold makes one while calibre runs, and not without. What is no number makes none."""
    await stage.until(lambda: stage.natsdev.publish("hardware.usb.add", STICK), "a USB stick was plugged in!")
    with sole("calibre"):
        with holding(folder / "calibre"):
            await stage.until(lambda: stage.mqtt.publish("mqtt.temperature0", b"12.5"), "only 12.5 °C")
            for reading in (b"unavailable", b"21.5"):
                await stage.mqtt.publish("mqtt.temperature0", reading)
        asked = await stage.asked_of_ps()
        async with deadline("a question of the example", 60):
            await stage.mqtt.publish("mqtt.temperature0", b"11.5")
            while await stage.asked_of_ps() == asked:  # each look is an answer of ps, and no busy wait
                pass
    assert {toast for toast in stage.toasts.items if toast.startswith("only")} == {"only 12.5 °C"}


async def six_automations(stage: Stage, folder: Path) -> None:
    """All of them."""
    await two_automations(stage, folder)
    mounted = await stage.commands.until(lambda one: one.subject == "mount.mount")
    assert json.loads(mounted.data) == {"device": "usb-1", "where": "/myplace"}
    await stage.until(lambda: stage.natsdev.publish("hardware.usb.remove", STICK), "a USB stick was removed!")
    await stage.until(lambda: stage.mqtt.publish("mqtt.doorbell", b""), "somebody is at the door")
    for icon in ("audio-headset", "phone"):
        await stage.bluetooth.publish("bluetooth.connected", json.dumps({"name": "x", "icon": icon}).encode())
    started = await stage.commands.until(lambda one: one.subject == "wm.exec", SECONDS)
    assert started.data == b"x-terminal-emulator"


@pytest.mark.parametrize("program", ["python/automations.py", "scripts/automations.py"])
async def test_python(bus_server: BusServer, stage: Stage, tmp_path: Path, program: str) -> None:
    with running(bus_server, (sys.executable, EXAMPLES / program)):
        await six_automations(stage, tmp_path)


def test_the_header_of_the_script_names_what_it_does() -> None:
    text = (EXAMPLES / "scripts/automations.py").read_text()
    named = set(re.findall(r'(?:on|ask|send)\("([^"]+)"', text))
    assert {one for one in script_header.uses(text) if not any(covers(one, other) for other in named)} == set()
    assert all(any(covers(one, other) for one in script_header.uses(text)) for other in named)


@pytest.mark.requires("program:node")
async def test_node(bus_server: BusServer, stage: Stage, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    modules = npm.installed(pytestconfig.cache, "@nats-io/transport-node", NATS_JS)
    (tmp_path / "node_modules").symlink_to(modules)
    script = tmp_path / "automations.mjs"
    script.write_text((EXAMPLES / "node/automations.mjs").read_text())
    with running(bus_server, ("node", script)):
        await six_automations(stage, tmp_path)


def test_node_names_the_version_that_is_tested() -> None:
    package = json.loads((EXAMPLES / "node/package.json").read_text())
    assert package["dependencies"]["@nats-io/transport-node"] == f"^{NATS_JS}"


@pytest.mark.parametrize(
    "build",
    [builds.go, builds.rust, builds.c],
    ids=["go/automations.go", "rust/src/main.rs", "c/automations.c"],
)
async def test_compiled(
    bus_server: BusServer,
    stage: Stage,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    build: Callable[[pytest.Cache], Path],
) -> None:
    assert pytestconfig.cache is not None
    program = await asyncio.to_thread(build, pytestconfig.cache)
    with running(bus_server, (program,)):
        await two_automations(stage, tmp_path)


async def test_shell(bus_server: BusServer, stage: Stage, tmp_path: Path) -> None:
    with running(bus_server, (EXAMPLES / "shell/automations.sh",), SCRIPT.parent):
        await two_automations(stage, tmp_path)


class _Silent(http.server.SimpleHTTPRequestHandler):
    """What ``python3 -m http.server`` answers with."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named so by the library
        pass


@contextmanager
def served(folder: Path) -> Generator[str]:
    """Files by HTTP; the origin of their pages."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=folder)) as files:
        thread = threading.Thread(target=files.serve_forever, name="files")
        thread.start()
        yield f"http://127.0.0.1:{files.server_port}"
        files.shutdown()
        thread.join()


@pytest.mark.requires("browser")
async def test_browser(bus_server: BusServer, daemon_process: DaemonStarter, stage: Stage, tmp_path: Path) -> None:
    with served(EXAMPLES / "browser") as origin:
        config = f'[websocket]\nport = 0\norigins = ["{origin}"]\n'
        web = Web(bus_server, daemon_process("lunix_websocket", config=config))
        bus = web.origin.replace("http", "ws", 1)
        async with browser(tmp_path / "profile") as page:
            await page.look(PHONE)
            await page.open(f"{origin}/automations.html#bus={bus}&token={web.secret(tokens.FIRST)}")
            await page.until("document.querySelector('#state').textContent === 'connected'")
            await two_automations(stage, tmp_path)
            assert "a USB stick was plugged in!" in await page.run("document.querySelector('#done').textContent")
            assert [one for one in page.complaints if "favicon" not in one and "404" not in one] == []


def test_the_example_for_browsers_is_tried_as_one_file_that_needs_no_other() -> None:
    text = (EXAMPLES / "browser/automations.html").read_text(encoding="utf-8")
    assert "src=" not in text
    assert "import " not in text


def test_what_is_built_with_the_compiled_examples_is_pinned() -> None:
    for name in ("go/go.mod", "go/go.sum", "rust/Cargo.toml"):
        assert (EXAMPLES / name).exists()
