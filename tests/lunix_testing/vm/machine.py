"""A QEMU process as an asynchronous context: boot, talk, plug, power off."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from lunix_testing.vm import cpio
from lunix_testing.vm.channel import PATIENCE_S, Channel, CommandError, Completed, MachineEndedError, Process
from lunix_testing.vm.console import Console
from lunix_testing.vm.image import Image
from lunix_testing.vm.qmp import Qmp

AGENT_INIT = "/sbin/agent-init"
_QEMU = "qemu-system-x86_64"
# Quiet below warnings, since a serial line is slow; a panic ends QEMU, which wakes everybody who waits.
_KERNEL_WORDS = "console=ttyS0 loglevel=4 panic=-1 mitigations=off random.trust_cpu=on"


_running: set["Machine"] = set()


def voices() -> list[tuple[str, str]]:
    """Each program that runs in a machine now and what it said last: of fixtures, whose contexts no failure passes."""
    return [(f"said by {process}", process.said) for vm in _running for process in vm.programs]


@dataclass(frozen=True)
class GuestFile:
    """A file that the guest has from the start."""

    content: bytes | str
    mode: int = 0o644


class Machine:
    """One virtual machine; entering boots it until its agent speaks, leaving ends it.

    - ``init``: the guest's PID 1; any other than ``AGENT_INIT`` finds a bare root, with no mounts but the root itself.
    - ``append``: more words for the kernel's command line; ``memory``: MiB, 96 at
      least.
    - ``dev``: what ``AGENT_INIT`` mounts on /dev: the kernel's devtmpfs, or a tmpfs with the few standard nodes.
    - ``root``: "rw" puts a tmpfs over the image (what is written is lost at the end), "ro" leaves it read-only.
    - ``files``: absolute paths and what they hold, there before init starts.
    - ``devices``: more arguments for QEMU, such as ``("-device", "i6300esb", "-action", "watchdog=poweroff")``.
    - ``folder``: where console.log is written (else a temporary one, removed at the end).
    - ``boot_timeout``: seconds until the agent must have spoken.
    """

    console: Console
    qmp: Qmp

    def __init__(
        self,
        image: Image,
        *,
        init: str = AGENT_INIT,
        append: str = "",
        memory: int = 256,
        dev: Literal["devtmpfs", "tmpfs"] = "devtmpfs",
        root: Literal["rw", "ro"] = "rw",
        files: Mapping[str, GuestFile | bytes | str] | None = None,
        devices: Sequence[str] = (),
        folder: Path | None = None,
        boot_timeout: float = PATIENCE_S,
    ) -> None:
        agent = "init" if init == AGENT_INIT else "early"
        self._image = image
        self._words = (
            f"{_KERNEL_WORDS} init={init} lunix_vm.agent={agent} lunix_vm.dev={dev} lunix_vm.root={root} {append}"
        ).strip()
        self._memory = memory
        self._files = {
            path: file if isinstance(file, GuestFile) else GuestFile(file) for path, file in (files or {}).items()
        }
        self._devices = tuple(devices)
        self._folder = folder
        self._boot_timeout = boot_timeout
        self._stack = AsyncExitStack()
        self._sticks: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="lunix-vm-"))
            folder = self._folder or Path(temporary)
            initramfs = self._initramfs(Path(temporary))
            ends = {name: socket.socketpair() for name in ("console", "qmp", "agent")}
            theirs = {name: end for name, (_, end) in ends.items()}
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command(initramfs, folder / "console.log", theirs),
                    pass_fds=[end.fileno() for end in theirs.values()],
                    stdin=asyncio.subprocess.DEVNULL,
                )
            finally:
                for end in theirs.values():
                    end.close()
            stack.push_async_callback(self._end_process)
            self.console = await Console.open(ends["console"][0], folder / "console.log")
            stack.push_async_callback(self.console.close)
            self._channel = await Channel.open(ends["agent"][0])
            stack.push_async_callback(self._channel.close)
            self.qmp = await Qmp.connect(ends["qmp"][0])
            stack.push_async_callback(self.qmp.close)
            try:
                await self._channel.connected(self._boot_timeout)
            except Exception as error:
                self._explain(error)
                raise
            _running.add(self)
            stack.callback(_running.discard, self)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._explain(error)
        await self._stack.aclose()

    @property
    def pid(self) -> int:
        """QEMU's process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has powered off, panicked or lost its agent, and can be asked nothing more."""
        return self._process.returncode is not None or self._channel.ended

    @property
    def programs(self) -> list[Process]:
        """What was started in the guest and is not done with."""
        return self._channel.running

    @asynccontextmanager
    async def start(
        self,
        *argv: str,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: tuple[int, int] | None = None,
    ) -> AsyncGenerator[Process]:
        """Start a program in the guest, as root or as (uid, gid); its process group is killed at the end."""
        async with self._channel.start(argv, env=env, cwd=cwd, user=user) as process:
            yield process

    async def run(
        self,
        *argv: str,
        input: bytes = b"",  # noqa: A002
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: tuple[int, int] | None = None,
        check: bool = True,
        within: float = PATIENCE_S,
    ) -> Completed:
        """Run a program in the guest to its end; CommandError when it fails, unless ``check`` is false."""
        async with self.start(*argv, env=env, cwd=cwd, user=user) as process:
            await process.write(input)
            await process.close_input()
            completed = await process.wait(within=within)
        if check and completed.rc != 0:
            raise CommandError(completed)
        return completed

    async def shell(self, script: str, *, check: bool = True, within: float = PATIENCE_S) -> str:
        """Run a script of busybox's shell and return its standard output.

        That shell prefers its own applets to programs of the same name, such as kmod's modprobe: ``run`` does not.
        """
        return (await self.run("sh", "-euc", script, check=check, within=within)).stdout

    async def python(self, source: str, *argv: str, within: float = PATIENCE_S) -> str:
        """Run Python code in the project's environment and return its standard output."""
        return (await self.run("python3", "-c", source, *argv, within=within)).stdout

    @asynccontextmanager
    async def uevents(self) -> AsyncGenerator[Process]:
        """Watch the kernel's uevents: each line is a JSON object of one event's properties."""
        async with self.start("/usr/bin/python3", "-I", "-S", "/usr/lib/lunix-vm/uevents.py") as watch:
            await watch.line(lambda line: line == "ready")
            yield watch

    async def plug_stick(self, disk: Path, *, name: str = "stick", **properties: Any) -> None:
        """Plug a USB stick that holds a raw disk image; ``properties`` are usb-storage's, such as ``serial``."""
        await self.qmp.execute(
            "blockdev-add",
            {
                "driver": "raw",
                "node-name": f"{name}-disk",
                "file": {"driver": "file", "filename": str(disk)},
            },
        )
        await self.plug("usb-storage", name=name, drive=f"{name}-disk", bus="usb.0", **properties)
        self._sticks[name] = f"{name}-disk"

    async def plug(self, driver: str, *, name: str, **properties: Any) -> None:
        """Plug any device that QEMU has (``qemu-system-x86_64 -device help``).

        The buses for it are ``usb.0`` (four ports) and ``pci`` (one slot).
        """
        await self.qmp.execute("device_add", {"driver": driver, "id": name, **properties})

    async def unplug(self, name: str = "stick", *, within: float = PATIENCE_S) -> None:
        """Pull a device out without asking the guest, and wait until QEMU has let it go."""
        await self.qmp.execute("device_del", {"id": name})
        await self.qmp.event("DEVICE_DELETED", lambda data: data.get("device") == name, within=within)
        if node := self._sticks.pop(name, None):
            await self.qmp.execute("blockdev-del", {"node-name": node})

    async def poweroff(self, *argv: str, within: float = PATIENCE_S) -> int:
        """Have the guest power off, by this program or AGENT_INIT's own, and return QEMU's exit code."""
        # The machine may be gone before the agent could say that the program runs.
        with suppress(MachineEndedError):
            async with self.start(*(argv or ("poweroff",))):
                await self.wait_end(within=within)
        return await self.wait_end(within=within)

    async def wait_end(self, *, within: float = PATIENCE_S) -> int:
        """Wait until the machine has ended by itself (power off, reboot, panic) and return QEMU's exit code."""
        async with asyncio.timeout(within):
            return await self._process.wait()

    def _command(self, initramfs: Path, log: Path, ends: Mapping[str, socket.socket]) -> tuple[str, ...]:
        disks = [
            word
            for path in (self._image.base, self._image.project)
            for word in ("-drive", f"file={path},format=raw,if=virtio,readonly=on,snapshot=off")
        ]
        return (
            # No machine outlives the test run, not even a killed one.
            *("setpriv", "--pdeathsig", "KILL", "--", _QEMU),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", str(self._memory)),
            *("-kernel", str(self._image.kernel), "-initrd", str(initramfs)),
            *("-append", self._words),
            *disks,
            *("-chardev", f"socket,id=console,fd={ends['console'].fileno()},logfile={log}"),
            *("-serial", "chardev:console"),
            *("-chardev", f"socket,id=qmp,fd={ends['qmp'].fileno()}"),
            *("-mon", "chardev=qmp,mode=control"),
            *("-chardev", f"socket,id=agent,fd={ends['agent'].fileno()}"),
            *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=agent"),
            *("-device", "qemu-xhci,id=usb"),
            *("-device", "pcie-root-port,id=pci"),
            *self._devices,
        )

    def _initramfs(self, folder: Path) -> Path:
        """The image's initramfs, or a copy with this machine's files behind it: the kernel unpacks both."""
        if not self._files:
            return self._image.initramfs
        path = folder / "initramfs"
        own = cpio.archive(_file_entries(self._files))
        path.write_bytes(self._image.initramfs.read_bytes() + own)
        return path

    async def _end_process(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    def _explain(self, error: BaseException) -> None:
        error.add_note(f"--- the guest's console ends with ---\n{self.console.tail()}")


def _file_entries(files: Mapping[str, GuestFile]) -> list[cpio.Entry]:
    entries = {"files": cpio.folder("files")}
    for path, file in files.items():
        if not path.startswith("/"):
            raise ValueError(f"{path} is not absolute")
        parts = ("files", *Path(path).parts[1:])
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            entries.setdefault(folder, cpio.folder(folder))
        name = "/".join(parts)
        content = file.content.encode() if isinstance(file.content, str) else file.content
        entries[name] = cpio.file(name, content, file.mode)
    return list(entries.values())


Boot = Callable[..., Machine]
"""Makes a machine of some image; takes the keyword arguments of ``Machine``."""
