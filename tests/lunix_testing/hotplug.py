"""Fixtures for tests of natsdev on this machine's kernel: ``hotplug``, a running natsdev and somebody who hears it.

Others make devices on the same kernel meanwhile, so tests look at those alone that they made themselves.
"""

import asyncio
import contextlib
import fcntl
import itertools
import os
import subprocess
import time
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.events import Event, hear
from lunix_testing.server import BusServer

_numbers = itertools.count()


@dataclass
class Hotplug:
    """A running natsdev, an admin's client, and all events that it heard."""

    daemon: Daemon
    client: Nats
    heard: Inbox[Event] = field(default_factory=Inbox[Event])

    async def ask(self, subject: str, payload: object = None) -> dict[str, Any]:
        """Send a request and return the answer, whatever it says."""
        return await self.client.ask(subject, payload)

    async def settle(self) -> None:
        """Return when all that the kernel has told so far was heard here."""
        settled = await self.ask("hardware.settle")
        assert "seq" in settled, settled
        # The answer can overtake events that natsdev has published before it, by another way through the server. The
        # first one, that it is ready, was there before anybody listened.
        if settled["seq"] > 1:
            await self.heard.until(lambda heard: int(heard.headers["Lunix-Seq"]) >= settled["seq"])

    async def of(self, *names: str) -> list[Event]:
        """The events of devices with one of these names, after all is settled."""
        await self.settle()
        return [heard for heard in self.heard.items if {heard.name, heard.payload.get("old_name")} & set(names)]

    async def told(self, *names: str) -> list[tuple[str, str]]:
        """What happened to these: action and name."""
        return [(heard.kind, heard.name) for heard in await self.of(*names)]

    async def device(self, wanted: str) -> dict[str, Any]:
        """What ``hardware.get`` says."""
        return await self.ask("hardware.get", wanted.encode())


@pytest.fixture
async def hotplug(bus_server: BusServer, daemon_process: DaemonStarter) -> AsyncIterator[Hotplug]:
    """natsdev with the kernel's events."""
    daemon = await asyncio.to_thread(daemon_process, "lunix_natsdev", "--source", "kernel")
    client = await bus_server.connect("admin")
    running = Hotplug(daemon, client)
    await hear(client, "hardware", running.heard.put)
    yield running
    await client.close()


def ip(*arguments: str | bytes) -> None:
    """ip(8); fails with what it says."""
    done = subprocess.run(("ip", *arguments), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (arguments, done.stderr)


def new_name() -> str:
    """A name for an interface that no other test has; 10 characters at most."""
    return f"lx{os.getpid() % 100_000}{next(_numbers) % 1000:03d}"


@contextlib.contextmanager
def veth(name: str | None = None) -> Generator[tuple[str, str]]:
    """A pair of interfaces, by their names; what is left of it is removed at the end, by the second's name."""
    one, two = name or new_name(), new_name()
    ip("link", "add", one, "type", "veth", "peer", "name", two)
    try:
        yield one, two
    finally:
        # Tests rename the first one, to what not every tool can print.
        subprocess.run(("ip", "link", "del", two), capture_output=True, check=False)


@contextlib.contextmanager
def loop_device(image: Path) -> Generator[str]:
    """A loop device on the image; it is detached at the end."""
    found = subprocess.run(("losetup", "--find", "--show", str(image)), capture_output=True, text=True, check=True)
    node = found.stdout.strip()
    try:
        yield node
    finally:
        subprocess.run(("losetup", "--detach", node), capture_output=True, check=False)


LOOP_CTL_ADD, LOOP_CTL_REMOVE = 0x4C80, 0x4C81


@contextlib.contextmanager
def own_loop_device() -> Generator[str]:
    """The node of an empty loop device that is made for the caller, and removed at the end."""
    number = 1000 + os.getpid() % 100_000
    with open("/dev/loop-control", "rb") as control:  # noqa: PTH123 - ioctl(2) wants the file
        fcntl.ioctl(control, LOOP_CTL_ADD, number)
        try:
            yield f"/dev/loop{number}"
        finally:
            _remove(control.fileno(), number)


def _remove(control: int, number: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            fcntl.ioctl(control, LOOP_CTL_REMOVE, number)
        except OSError:
            # Another test's natsdev may look at it at this moment, and nobody tells when it is done.
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def losetup(*arguments: str | Path) -> None:
    """losetup(8)."""
    subprocess.run(("losetup", *arguments), check=True, capture_output=True)


def ask_kernel(name: str, text: str) -> None:
    """Write to the ``uevent`` file of an interface: ``ACTION [UUID [KEY=VALUE …]]``."""
    Path(f"/sys/class/net/{name}/uevent").write_text(text, encoding="ascii")


def ext4(image: Path, label: str, uuid: str) -> None:
    """A file system of 8 MiB in a file."""
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(("mkfs.ext4", "-q", "-L", label, "-U", uuid, str(image)), check=True)
