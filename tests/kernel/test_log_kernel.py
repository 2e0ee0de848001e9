"""lunix-log and this machine's kernel: what it says is told once, and told again to nobody."""

import asyncio
import json
import os
from pathlib import Path
from uuid import uuid4

import pytest

from lunix_testing.daemon import DaemonStarter
from lunix_testing.log_desk import log_desk
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.root, pytest.mark.requires("path:/dev/kmsg")]


def say(text: str) -> None:
    """As the kernel's log takes it from programs; each opening has a rate limit of its own."""
    descriptor = os.open("/dev/kmsg", os.O_WRONLY)
    try:
        # Without the line end the kernel waits for the rest of it, and shows nobody.
        os.write(descriptor, f"{text}\n".encode())
    finally:
        os.close(descriptor)


def kept(folder: Path) -> int:
    """The number up to which it was told."""
    return int(json.loads((folder / "log.json").read_bytes())["kernel"])


async def test_what_is_in_the_log_of_the_kernel_is_told_once(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    name = f"lunix-{uuid4()}"
    say(f"<12>{name} before ä \x1b[2J")
    async with log_desk(bus_server, daemon_process, tmp_path, "kernel = true") as desk:
        say(f"<30>{name} live")
        heard = await desk.saying(f"{name} live")
        assert heard.subject == "log.daemon.info"
        # What was said before anybody listened is no news, and is there for those who ask.
        assert f"{name} before" not in "".join(desk.texts)
        (before,) = (await desk.ask({"contains": f"{name} before"}))["items"]
        assert before["text"] == f"{name} before ä \\x1b[2J"
        assert (before["facility"], before["severity"]) == ("user", "warning")
        assert (before["source"], before["format"]) == ("kernel", "kmsg")
        assert before["happened_at"] < before["received_at"]
        assert "kernel" in {item.get("app") for item in (await desk.ask({"facility": "kern"}))["items"]}
        assert await asyncio.to_thread(desk.daemon.stop) == 0
        number = kept(tmp_path)
    say(f"<30>{name} meanwhile")
    async with log_desk(bus_server, daemon_process, tmp_path, "kernel = true") as desk:
        await desk.saying(f"{name} meanwhile")
        say(f"<30>{name} at last")
        await desk.saying(f"{name} at last")
        ours = [text for text in desk.texts if name in text]
        assert ours == [f"{name} meanwhile", f"{name} at last"]
        assert await asyncio.to_thread(desk.daemon.stop) == 0
        assert kept(tmp_path) >= number + 2


async def test_while_the_bus_is_away_the_kernel_is_heard_on(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    name = f"lunix-{uuid4()}"
    async with log_desk(bus_server, daemon_process, tmp_path, "kernel = true") as desk:
        # Once a place is written down, everything after it is news.
        say(f"<30>{name} here")
        await desk.saying(f"{name} here")
        assert await asyncio.to_thread(desk.daemon.stop) == 0
    async with log_desk(bus_server, daemon_process, tmp_path, "kernel = true") as desk:
        await desk.admin.close()
        await asyncio.to_thread(bus_server.kill)
        await asyncio.to_thread(desk.daemon.wait_for_log, "the bus is away")
        say(f"<30>{name} away")
        # Nobody on the bus has it: so the next start has to begin before it.
        desk.daemon.signal(9)
        await asyncio.to_thread(desk.daemon.wait)
        desk.daemon.may_fail = True
        await asyncio.to_thread(bus_server.start)
        desk.admin = await bus_server.connect("admin")
    async with log_desk(bus_server, daemon_process, tmp_path, "kernel = true") as desk:
        await desk.saying(f"{name} away")


WITHOUT_SYSLOG = """
import ctypes, runpy
libc = ctypes.CDLL(None)
header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert libc.capset(header, nothing) == 0
runpy.run_module("lunix_log", run_name="__main__", alter_sys=True)
"""
"""The daemon as root without a capability: so the kernel's log is closed to it, where it is to users."""


async def test_where_the_kernels_log_is_closed_the_rest_works(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    script = tmp_path / "without.py"
    await asyncio.to_thread(script.write_text, WITHOUT_SYSLOG, "ascii")
    restrict = Path("/proc/sys/kernel/dmesg_restrict")
    restricted = (await asyncio.to_thread(restrict.read_text, "ascii")).strip() == "1"
    config = f'[log]\nsocket = "{tmp_path}/log"\nstate_file = "{tmp_path}/log.json"'
    await asyncio.to_thread(daemon_process, script, config=config)
    client = await bus_server.connect("admin")
    info = json.dumps(json.loads((await client.request("$SRV.INFO.log", timeout=30)).data))
    assert ("what the kernel says is not told: /dev/kmsg: Operation not permitted" in info) == restricted
    await client.close()
