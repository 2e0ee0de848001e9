"""``lunix_common.script``: scripts of a few lines, run as programs on a real bus."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from lunix_testing.deadline import deadline
from lunix_testing.peers import Peers
from lunix_testing.server import BusServer

HEAD = "from lunix_common.script import Event, ask, on, run, send\n"

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def script(bus_server: BusServer, tmp_path: Path) -> AsyncIterator[Start]:
    """Start a script with the key of the role user; what it prints is in its stdout, its log in its stderr."""
    started: list[Process] = []

    async def start(text: str, **env: str) -> Process:
        path = tmp_path / "a lamp.py"
        path.write_text(HEAD + text)
        words = (sys.executable, "-u", str(path))
        started.append(
            await asyncio.create_subprocess_exec(*words, env=bus_server.env("user") | env, stdout=PIPE, stderr=PIPE)
        )
        return started[-1]

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process, wanted: str, *, log: bool = False) -> str:
    """The next line with this text."""
    stream = process.stderr if log else process.stdout
    assert stream
    async with deadline(f"a line with {wanted!r}", 30):
        async for raw in stream:
            if wanted in (found := raw.decode()):
                return found
    raise AssertionError(f"the script ended without {wanted!r}")


async def ended(process: Process) -> int:
    process.terminate()
    async with deadline("the end of the script", 30):
        return await process.wait()


async def test_an_event_becomes_a_toast(script: Start, peers: Peers) -> None:
    natsdev, toast = await peers("natsdev"), await peers("toast")
    seen = await toast.answer("toast.in")
    process = await script(
        """
@on("hardware.usb.add")
def plugged(event: Event) -> None:
    send("toast.in", f"{event['product']} on {event.subject}")
    print("sent")
run()
"""
    )
    await line(process, "on the bus", log=True)
    await natsdev.send("hardware.usb.add", b'{"product": "a stick"}')
    await line(process, "sent")
    assert await ended(process) == 0
    await toast.settle()
    assert [message.data for message in seen] == [b"a stick on hardware.usb.add"]


async def test_a_handler_asks_and_what_is_no_object_is_text(script: Start, peers: Peers) -> None:
    mqtt, ps, other = await peers("mqtt"), await peers("ps"), await peers("admin")
    await ps.answer("ps.>", b'{"running": true}')
    heard = await other.listen("user.>")
    process = await script(
        """
@on("mqtt.temperature0", "mqtt.temperature1")
async def cold(event: Event) -> None:
    if float(event.text) < 18 and not event and (await ask("ps.calibre"))["running"]:
        send("user.cold", {"celsius": float(event.text), "kind": event.headers.get("Kind")})
        print("said")
run()
"""
    )
    await line(process, "on the bus", log=True)
    await mqtt.send("mqtt.temperature1", b"17.5", headers={"Kind": "air"})
    await line(process, "said")
    assert (await heard.next()).data == b'{"celsius": 17.5, "kind": "air"}'
    assert await ended(process) == 0


async def test_a_defect_is_told_and_ends_nothing(script: Start, peers: Peers) -> None:
    natsdev = await peers("natsdev")
    process = await script(
        """
@on("hardware.usb.add")
def plugged(event: Event) -> None:
    print(event["product"])
run()
"""
    )
    await line(process, "on the bus", log=True)
    await natsdev.send("hardware.usb.add", b"{}")
    await line(process, "a subscriber met a defect", log=True)
    await natsdev.send("hardware.usb.add", b'{"product": "stick"}')
    assert await line(process, "stick") == "stick\n"
    assert await ended(process) == 0


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("send('toast.in', 'x')", "toast.in"),
        ("send('init.poweroff')", "init.poweroff"),
        ("send('a subject', b'x')", "a subject"),
    ],
)
async def test_what_was_not_sent_is_told(statement: str, said: str, script: Start, peers: Peers) -> None:
    natsdev = await peers("natsdev")
    process = await script(f"@on('hardware.usb.add')\ndef plugged(event): {statement}\nrun()\n")
    await line(process, "on the bus", log=True)
    await natsdev.send("hardware.usb.add", b"{}")
    assert f'"subject": "{said}"' in await line(process, "was not sent", log=True)
    assert await ended(process) == 0


async def test_a_mistake_in_the_declarations_ends_it_with_100(script: Start, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("domain = 1")
    process = await script("run()\n", LUNIX_SUBJECTS_DIR=str(tmp_path))
    await line(process, "bad.toml", log=True)
    assert await process.wait() == 100


async def test_a_script_outlives_the_server(script: Start, bus_server: BusServer, peers: Peers) -> None:
    process = await script("@on('hardware.usb.add')\ndef plugged(event): print('plugged')\nrun()\n")
    await line(process, "on the bus", log=True)
    bus_server.kill()
    await line(process, "the bus is away", log=True)
    bus_server.start()
    await line(process, "on the bus", log=True)
    await (await peers("natsdev")).send("hardware.usb.add", b"{}")
    await line(process, "plugged")
    assert await ended(process) == 0
