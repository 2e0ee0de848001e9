"""The seam to D-Bus: descriptors that come along with messages."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from dbus_fast import Message
from dbus_fast.aio import MessageBus

from lunix_dbus import Dbus, DbusError
from lunix_testing.dbus import DbusDaemon
from lunix_testing.dbus_notes import NAME, NOTES, PATH, Server
from lunix_testing.deadline import deadline

pytestmark = pytest.mark.requires("program:dbus-daemon")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_descriptors_that_strangers_send_along_are_closed(notes: Server, dbus_daemon: DbusDaemon) -> None:
    """Two hundred of them, by a program that sends them with a call that nobody here has."""
    program = f"""
import asyncio
from dbus_fast import Message
from dbus_fast.aio import MessageBus

async def main():
    bus = await MessageBus({dbus_daemon.address!r}, negotiate_unix_fd=True).connect()
    for _ in range(200):
        await bus.call(Message({NAME!r}, {PATH!r}, {NOTES!r}, "Take", signature="h", body=[0], unix_fds=[0]))

asyncio.run(main())
"""
    before = descriptors()
    await asyncio.to_thread(subprocess.run, (sys.executable, "-c", program), check=True, timeout=30)
    assert descriptors() <= before + 1


@asynccontextmanager
async def giver(address: str, when: asyncio.Event) -> AsyncGenerator[int]:
    """Somebody who answers every call with the writing end of a pipe, as logind does; yields the reading end."""
    reading, writing = os.pipe()
    bus = await MessageBus(address, negotiate_unix_fd=True).connect()
    tasks: set[asyncio.Task[None]] = set()

    async def give(message: Message) -> None:
        await when.wait()
        await bus.send(Message.new_method_return(message, "h", [0], [writing]))

    def asked(message: Message) -> bool:
        if message.member != "Take":
            return False
        tasks.add(asyncio.create_task(give(message)))
        return True

    bus.add_message_handler(asked)
    await bus.request_name(NAME)
    try:
        yield reading
    finally:
        bus.disconnect()
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        os.close(reading)
        os.close(writing)


@pytest.fixture
async def taker(dbus_daemon: DbusDaemon) -> AsyncIterator[Dbus]:
    async with Dbus(dbus_daemon.address, descriptors=True) as dbus:
        async with deadline("a connection to D-Bus"):
            await dbus.tried()
        yield dbus


async def test_an_answer_may_bring_a_descriptor(dbus_daemon: DbusDaemon, taker: Dbus) -> None:
    when = asyncio.Event()
    when.set()
    async with giver(dbus_daemon.address, when) as reading:
        [descriptor] = await taker.call(NAME, PATH, NOTES, "Take")
        os.write(descriptor, b"x")
        os.close(descriptor)
        assert os.read(reading, 1) == b"x"


async def test_a_descriptor_that_comes_too_late_is_closed(dbus_daemon: DbusDaemon, taker: Dbus) -> None:
    when = asyncio.Event()
    async with giver(dbus_daemon.address, when):
        with pytest.raises(DbusError, match="did not answer Take"):
            await taker.call(NAME, PATH, NOTES, "Take", timeout=0.05)
        before = descriptors()
        when.set()
        # What is answered after it: the late answer has been taken in.
        [kept] = await taker.call(NAME, PATH, NOTES, "Take")
        assert descriptors() == before + 1
        os.close(kept)
