"""Fixtures for tests of lunix-mount on this machine's kernel: ``mounting`` starts it beside natsdev.

Others mount on the same machine meanwhile, so tests look at those mounts alone that are theirs.
"""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lunix_mount import mountinfo
from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.events import Event, hear
from lunix_testing.server import BusServer

MIB = 1 << 20


@dataclass
class Answer:
    """The answer to a request; ``code`` is 0 where it is no error."""

    body: dict[str, Any]

    @property
    def code(self) -> int:
        return int(self.body["error"]["code"]) if "error" in self.body else 0

    @property
    def why(self) -> str:
        return str(self.body["error"]["message"])

    def __getitem__(self, name: str) -> Any:
        return self.body[name]


@dataclass
class Mounting:
    """A running lunix-mount, and an admin who hears it."""

    daemon: Daemon
    admin: Nats
    user: Nats
    folder: Path
    starter: DaemonStarter
    config: str
    heard: Inbox[Event] = field(default_factory=Inbox[Event])
    natsdev: Daemon | None = None

    @property
    def media(self) -> Path:
        return self.folder / "media"

    async def ask(self, subject: str, payload: object = None, *, who: Nats | None = None) -> Answer:
        """Ask as an admin, or as somebody else."""
        plain = payload.encode() if isinstance(payload, str) else payload
        return Answer(await (who or self.admin).ask(subject, plain))

    async def mount(self, device: str, **more: object) -> Answer:
        return await self.ask("mount.mount", {"device": device, **more})

    async def unmount(self, where: str | Path, **more: object) -> Answer:
        return await self.ask("mount.unmount", {"where": str(where), **more})

    async def listed(self, **filters: object) -> list[dict[str, Any]]:
        return list((await self.ask("mount.list", filters))["items"])

    async def event(self, kind: str, **wanted: object) -> Event:
        """The first event of this kind with these fields."""
        return await self.heard.until(lambda event: event.kind == kind and wanted.items() <= event.payload.items())

    async def restart(self) -> None:
        """Start it again, when it has ended."""
        self.daemon = await asyncio.to_thread(self.starter, "lunix_mount", config=self.config)


StartMounting = Callable[..., Any]


@pytest.fixture
async def start_mounting(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> AsyncIterator[StartMounting]:
    """Start it: ``await start_mounting(natsdev=False, config="noexec = true")``."""
    clients: list[Nats] = []

    async def start(
        *arguments: str, natsdev: bool = True, config: str = "", program: str | Path = "lunix_mount"
    ) -> Mounting:
        device = await asyncio.to_thread(daemon_process, "lunix_natsdev", "--source", "kernel") if natsdev else None
        text = f'[mount]\nmedia = "{tmp_path}/media"\nrun = "{tmp_path}/run"\n{config}\n'
        daemon = await asyncio.to_thread(daemon_process, program, *arguments, config=text)
        clients.extend([await bus_server.connect("admin"), await bus_server.connect("user")])
        found = Mounting(daemon, clients[-2], clients[-1], tmp_path, daemon_process, text, natsdev=device)
        await hear(found.admin, "mount", found.heard.put)
        if natsdev:
            await asyncio.to_thread(daemon.wait_for_log, "the devices are known")
        return found

    with unmounted(tmp_path):
        yield start
        for client in clients:
            await client.close()


@pytest.fixture
async def mounting(start_mounting: StartMounting) -> Mounting:
    """lunix-mount beside natsdev; loop devices are removable for it."""
    found: Mounting = await start_mounting(config='removable = ["loop*"]')
    return found


def mounted(below: Path) -> list[str]:
    """What is mounted there, the innermost first."""
    records, _ = mountinfo.parse(Path("/proc/self/mountinfo").read_bytes())
    return [mountinfo.text(one.where) for one in records if one.where.startswith(os.fsencode(below) + b"/")][::-1]


@contextlib.contextmanager
def unmounted(below: Path) -> Generator[None]:
    """At the end nothing is mounted there."""
    try:
        yield
    finally:
        for where in mounted(below):
            subprocess.run(("umount", "--lazy", where), check=False, capture_output=True)


def run(*command: str | Path) -> str:
    """A command; fails with what it says."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def exists(*path: str | Path) -> bool:
    """Whether something is there."""
    return Path(*path).exists()


def read(*path: str | Path) -> bytes:
    """What a file holds."""
    return Path(*path).read_bytes()


def write(folder: str | Path, name: str, content: bytes = b"") -> None:
    """Make a file."""
    Path(folder, name).write_bytes(content)


def make_folder(path: Path, owner: int = 0) -> Path:
    """Make a folder and those above it; return it."""
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, owner, owner)
    return path


def link(path: Path, target: str | Path) -> None:
    """Make a symbolic link."""
    path.symlink_to(target)


MAKE: dict[str, tuple[int, tuple[str, ...], str]] = {
    "ext4": (8, ("mkfs.ext4", "-q"), "-L"),
    "ext2": (8, ("mkfs.ext2", "-q"), "-L"),
    "xfs": (300, ("mkfs.xfs", "-q"), "-L"),
    "btrfs": (128, ("mkfs.btrfs", "-q"), "-L"),
    "ntfs": (8, ("mkfs.ntfs", "-q", "-F"), "-L"),
}


def file_system(image: Path, fs_type: str, label: str = "", *more: str) -> Path:
    """An image of a file system."""
    size, command, flag = MAKE[fs_type]
    with image.open("wb") as file:
        file.truncate(size * MIB)
    run(*command, *((flag, label) if label else ()), *more, image)
    return image


def damage(image: Path) -> Path:
    """Write over the table of block groups of an ext4, which its check sum then contradicts."""
    with image.open("r+b") as file:
        file.seek(2048)
        file.write(b"\xa5" * 4096)
    return image


@pytest.fixture
def loops(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Attach images to loop devices, which are detached at the end: ``loops(image)``."""
    nodes: list[str] = []

    def attach(image: Path, *options: str) -> str:
        node = run("losetup", "--find", "--show", *options, image).strip()
        nodes.append(node)
        return node

    yield attach
    for where in mounted(tmp_path):
        subprocess.run(("umount", "--lazy", where), check=False, capture_output=True)
    for node in nodes:
        subprocess.run(("losetup", "--detach", node), check=False, capture_output=True)
