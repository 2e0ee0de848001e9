"""The examples, each run as its first lines say: with the environment of ``lunix env``, on a real bus."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_testing import npm
from lunix_testing.client import Nats
from lunix_testing.command import LunixUp, environ
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.command import shared_up as shared_up
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.programs import sole
from lunix_testing.tree import ROOT

EXAMPLES = ROOT / "examples"
NATS_JS = "2.29.3"


def as_user(up: LunixUp, role: str = "user") -> dict[str, str]:
    said = up("env", "--role", role).out.replace("'", "")
    return environ(dict(line.removeprefix("export ").split("=", 1) for line in said.splitlines()))


@contextmanager
def example(
    up: LunixUp, command: Sequence[str | Path], folder: Path, role: str = "user"
) -> Generator[subprocess.Popen[bytes]]:
    """An example that goes on until it is ended, with all that its shell has started."""
    process = subprocess.Popen(
        command, env=as_user(up, role), cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


async def toasts_of(up: LunixUp, process: subprocess.Popen[bytes]) -> str:
    """Plug until the example, which tells nobody when it listens, has made a toast of it; return that."""
    inbox = Inbox[Msg]()
    client = await up.connect("user")
    plug = "ip link add lxe0 type veth peer name lxe1 && ip link del lxe0"
    try:
        await client.subscribe("toast.shown", cb=inbox.put_async)
        await client.flush()

        async def plugged() -> None:
            assert process.poll() is None, "the example has ended"
            plugging = await asyncio.create_subprocess_shell(plug)
            assert await plugging.wait() == 0

        summary: str = json.loads((await inbox.provoke(plugged)).data)["summary"]
        return summary
    finally:
        await client.close()


@pytest.mark.requires("veth")
async def test_python(shared_up: LunixUp, tmp_path: Path) -> None:
    command = (sys.executable, EXAMPLES / "python/toast_on_plug.py")
    with example(shared_up, command, tmp_path) as process:
        assert (await toasts_of(shared_up, process)).startswith("here is lxe")


@pytest.mark.requires("veth")
async def test_shell(shared_up: LunixUp, tmp_path: Path) -> None:
    with example(shared_up, [EXAMPLES / "shell/toast-on-plug.sh"], tmp_path) as process:
        assert (await toasts_of(shared_up, process)).startswith("here is lxe")


async def asked_of_ps(client: Nats) -> int:
    stats = json.loads((await client.request("$SRV.STATS.ps", timeout=30)).data)
    return sum(int(endpoint["num_requests"]) for endpoint in stats["endpoints"])


async def test_python_asks_whether_a_program_runs(shared_up: LunixUp, tmp_path: Path) -> None:
    inbox = Inbox[str]()
    client = await shared_up.connect("user")
    broker = await shared_up.connect("mqtt")

    async def take(message: Msg) -> None:
        inbox.put(str(json.loads(message.data)["summary"]))

    await client.subscribe("toast.shown", cb=take)
    await client.flush()
    calibre = tmp_path / "calibre"
    shutil.copy("/bin/sleep", calibre)
    program = (sys.executable, EXAMPLES / "python/temperature_calibre.py")
    with sole("calibre"), example(shared_up, program, tmp_path) as process:

        async def cold() -> None:
            assert process.poll() is None, "the example has ended"
            await broker.publish("mqtt.temperature0", b"12.5")

        with example(shared_up, (calibre, "600"), tmp_path):
            assert await inbox.provoke(cold) == "only 12.5 °C"
            await broker.publish("mqtt.temperature0", b"21.5")
            await broker.publish("mqtt.temperature0", b"-3")
            await inbox.until(lambda text: text == "only -3 °C")
        asked = await asked_of_ps(client)
        await broker.publish("mqtt.temperature0", b"11.5")
        async with deadline("a question of the example", 60):
            while await asked_of_ps(client) == asked:
                assert process.poll() is None, "the example has ended"
        with example(shared_up, (calibre, "600"), tmp_path):
            async with deadline("calibre in what ps knows", 60):
                while not json.loads((await client.request("ps.calibre", timeout=30)).data)["running"]:
                    assert process.poll() is None, "the example has ended"
            await broker.publish("mqtt.temperature0", b"10.5")
            await inbox.until(lambda text: text == "only 10.5 °C")
    assert set(inbox.items) == {"only 12.5 °C", "only -3 °C", "only 10.5 °C"}
    await broker.close()
    await client.close()


async def test_python_makes_a_toast_of_a_serious_message(lunix_up: Callable[..., LunixUp], tmp_path: Path) -> None:
    path = tmp_path / "log.socket"
    env = {"LUNIX_LOG_SOCKET": str(path), "LUNIX_LOG_KERNEL": "false"}
    up = lunix_up("--port", "0", "--only", "toast,log", env=env)
    inbox = Inbox[Msg]()
    client = await up.connect("user")
    await client.subscribe("toast.shown", cb=inbox.put_async)
    await client.flush()
    with (
        example(up, (sys.executable, EXAMPLES / "python/log_alarm.py"), tmp_path, "admin") as process,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as program,
    ):
        program.connect(str(path))

        async def alarm() -> None:
            assert process.poll() is None, "the example has ended"
            program.send(b"<10>Nov 21 10:00:00 raidd[7]: a disk has failed")

        toast = json.loads((await inbox.provoke(alarm)).data)
    assert (toast["summary"], toast["body"], toast["urgency"]) == ("raidd", "a disk has failed", "critical")
    await client.close()


def test_shell_lists_devices(shared_up: LunixUp) -> None:
    command = [EXAMPLES / "shell/devices.sh"]
    done = subprocess.run(command, env=as_user(shared_up), capture_output=True, text=True, check=True, timeout=60)
    assert "lo" in done.stdout.split()


@pytest.mark.requires("veth", "program:node")
async def test_node(shared_up: LunixUp, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    (tmp_path / "node_modules").symlink_to(npm.installed(pytestconfig.cache, "nats", NATS_JS))
    script = tmp_path / "toast-on-plug.mjs"
    script.write_text((EXAMPLES / "node/toast-on-plug.mjs").read_text())
    with example(shared_up, ("node", script), tmp_path) as process:
        assert (await toasts_of(shared_up, process)).startswith("here is lxe")


def test_node_names_the_version_that_is_tested() -> None:
    package = json.loads((EXAMPLES / "node/package.json").read_text())
    assert package["dependencies"]["nats"] == f"^{NATS_JS}"


@pytest.mark.requires("program:shellcheck")
@pytest.mark.parametrize("script", ["shell/toast-on-plug.sh", "shell/devices.sh", "shell/automations.sh"])
def test_shell_examples_are_sound(script: str) -> None:
    subprocess.run(("shellcheck", EXAMPLES / script), check=True)
