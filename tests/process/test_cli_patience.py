"""``lunix request`` where the answer may take a while: a person at a terminal is told what is waited for."""

import asyncio
import json
import os
import pty
import subprocess

from nats.aio.msg import Msg

from lunix_testing.command import DEADLINE, SCRIPT, environ
from lunix_testing.peers import Peers
from lunix_testing.peers import peers as peers
from lunix_testing.server import BusServer


async def test_at_a_terminal_a_long_wait_is_told(bus_server: BusServer, peers: Peers) -> None:
    mount, is_told = await peers("mount"), asyncio.Event()

    async def answer(message: Msg) -> None:
        await is_told.wait()
        await message.respond(b'{"id":"1"}')

    await mount.client.subscribe("mount.mount", cb=answer)  # pyright: ignore[reportUnknownMemberType]
    await mount.settle()
    person, program = pty.openpty()
    words = (str(SCRIPT), "request", "mount.mount", '{"label": "LATE", "timeout_ms": 40000}')
    env = environ(bus_server.env("admin"))
    asking = await asyncio.create_subprocess_exec(*words, env=env, stdout=subprocess.PIPE, stderr=program)
    os.close(program)
    told = await asyncio.to_thread(os.read, person, 4096)
    is_told.set()
    async with asyncio.timeout(DEADLINE):
        out, _ = await asking.communicate()
    os.close(person)
    assert told.startswith(b"lunix: waiting for mount.mount, 45 s at most: ")
    assert (asking.returncode, json.loads(out)) == (0, {"id": "1"})
