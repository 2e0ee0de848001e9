"""The board of `make boot`, under test: its image in QEMU with 64 MB or more, its console a shell that answers.

async with Board(tmp_path) as board:
    assert "eth0" in await board.shell("ip link")
    await board.heard("mount.mounted", within=60)
"""

import asyncio
import re
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from image import boot
from lunix_testing.vm.console import Console
from lunix_testing.vm.qmp import Qmp

SERVICES = ("bus", "init", "log", "mount", "mqtt", "natsdev", "network", "ps", "toast")
"""Those that say when they are ready."""
_PROMPT = r"lunix:[^\n]*# "


class Memory(NamedTuple):
    """What is used, in kB; by process, as "name pid"."""

    available_kb: int
    """MemAvailable."""
    pss_kb: Mapping[str, int]
    """The proportional set size."""
    swapped_kb: Mapping[str, int]
    """Its part in swap, as it was before it was compressed."""
    zram_kb: int
    """What zram takes to hold all that."""
    anonymous_kb: int
    """What was written and lies in memory or in swap, each page once, whoever shares it."""

    @property
    def used_kb(self) -> int:
        """What all processes take, and zram for them."""
        return sum(self.pss_kb.values()) + self.zram_kb

    @property
    def in_all_kb(self) -> int:
        """What all processes have, in memory or in swap.

        Of what several share in swap, a page that one of them has read back counts twice: there it is, and for the
        others in swap still.
        """
        return sum(self.pss_kb.values()) + sum(self.swapped_kb.values())


class Board:
    """A machine that boots the image; it is killed at the end of the block."""

    console: Console
    qmp: Qmp
    ready_after_s: float
    """What `up` has returned."""

    def __init__(self, folder: Path, memory_mb: int = 64) -> None:
        self._folder = folder
        self.stick = folder / "stick.img"
        self._memory_mb = memory_mb
        self._stack = AsyncExitStack()
        self._runs = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            drive = boot.flash(self._folder / "flash.img")
            ends = {name: socket.socketpair() for name in ("console", "qmp")}
            words = boot.command(
                drive,
                *("-chardev", f"socket,id=console,fd={ends['console'][1].fileno()},logfile={self._folder}/console.log"),
                *("-serial", "chardev:console"),
                *("-chardev", f"socket,id=qmp,fd={ends['qmp'][1].fileno()}", "-mon", "chardev=qmp,mode=control"),
                *boot.stick(self.stick),
                memory_mb=self._memory_mb,
            )
            self.started_at = asyncio.get_running_loop().time()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *("setpriv", "--pdeathsig", "KILL", "--", *words),
                    pass_fds=[end.fileno() for _, end in ends.values()],
                    stdin=asyncio.subprocess.DEVNULL,
                )
            finally:
                for _, end in ends.values():
                    end.close()
            stack.push_async_callback(self._kill)
            self.console = await Console.open(ends["console"][0], self._folder / "console.log")
            stack.push_async_callback(self.console.close)
            self.qmp = await Qmp.connect(ends["qmp"][0])
            stack.push_async_callback(self.qmp.close)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"--- the console ends with ---\n{self.console.tail(60)}")
        await self._stack.aclose()

    async def up(self, *, within: float = 300) -> float:
        """Wait until every service is ready; returns how many seconds that was after power on."""
        await self.heard(*(f'ready service="{name}" ' for name in SERVICES), within=within)
        ready_after_s = asyncio.get_running_loop().time() - self.started_at
        await self.shell("true", within=within)
        return ready_after_s

    async def heard(self, *patterns: str, since: int = 0, within: float = 60) -> list[re.Match[str]]:
        """Wait until each pattern is in what the console has said since, in any order."""

        def found() -> list[re.Match[str] | None]:
            text = self.console.text
            return [re.compile(pattern).search(text, since) for pattern in patterns]

        try:
            async with asyncio.timeout(within), self.console.news:
                await self.console.news.wait_for(lambda: all(found()) or self.console.ended)
        except TimeoutError:
            pass
        matches = [match for match in found() if match]
        missing = [pattern for pattern, match in zip(patterns, found(), strict=True) if not match]
        assert not missing, f"not on the console: {missing}"
        return matches

    async def type(self, line: str) -> int:
        """Type a line; returns where in the console's text what follows it begins."""
        since = len(self.console.text)
        await self.console.write(f"{line}\n")
        return since

    async def shell(self, command: str, *, within: float = 120) -> str:
        """Type a command and return what is said until it has ended; fails where the command does."""
        self._runs += 1
        number = self._runs
        since = await self.type(f'{command}; echo "[{number}:"$?]')
        (end,) = await self.heard(rf"\[{number}:(\d+)\]", since=since, within=within)
        said = self.console.text[since : end.start()]
        assert end[1] == "0", f"{command!r} ended with {end[1]}:\n{said}"
        return said.partition("\n")[2]

    async def interrupt(self, *, within: float = 60) -> None:
        """Press Ctrl-C, and wait for the prompt."""
        since = len(self.console.text)
        await self.console.write("\x03")
        await self.heard(_PROMPT, since=since, within=within)

    async def plug(self) -> None:
        """Plug the stick: 16 MiB of vfat with the label STICK."""
        await self.qmp.execute(
            "device_add", {"driver": "usb-storage", "id": "plugged", "drive": "stick", "bus": "usb.0"}
        )

    async def pull(self) -> None:
        """Pull the stick without asking."""
        await self.qmp.execute("device_del", {"id": "plugged"})
        await self.qmp.event("DEVICE_DELETED", lambda data: data.get("device") == "plugged", within=60)

    async def plug_and_wait(self, *, within: float = 60) -> None:
        """Plug the stick, until it is mounted and that somebody did so is on the console."""
        since = len(self.console.text)
        await self.plug()
        await self.heard("▌.*was plugged in", since=since, within=within)
        await self.shell("until grep -q /media/STICK /proc/mounts; do sleep 1; done", within=within)

    async def pull_and_wait(self, *, within: float = 60) -> None:
        """Pull it, until nothing is mounted and its folder has gone."""
        await self.pull()
        await self.shell("while [ -e /media/STICK ]; do sleep 1; done", within=within)

    async def memory(self) -> Memory:
        """What is available, and what each process has by its full smaps."""
        free = {name: int(kb) for name, kb in re.findall(r"(\w+): +(\d+) kB", await self.shell("cat /proc/meminfo"))}
        pss, swapped = (f"$(($(sed -n 's/^{name}: *\\([0-9]*\\).*/\\1+/p' $p/smaps)0))" for name in ("Pss", "SwapPss"))
        each = f'for p in /proc/[0-9]*; do echo "=$(cat $p/comm) ${{p#/proc/}} {pss} {swapped}"; done'
        rows = re.findall(r"^=(\S.*) (\d+) (\d+)$", await self.shell(each, within=300), re.MULTILINE)
        pss_kb, swapped_kb = ({name: int(row[place]) for name, *row in rows if int(row[place])} for place in (0, 1))
        store = re.search(r"^ *\d+ +\d+ +(\d+) ", await self.shell("cat /sys/block/zram0/mm_stat"), re.MULTILINE)
        assert store, "the third number is how many bytes it takes"
        anonymous_kb = free["AnonPages"] + free["SwapTotal"] - free["SwapFree"] - free["SwapCached"]
        return Memory(free["MemAvailable"], pss_kb, swapped_kb, int(store[1]) // 1024, anonymous_kb)

    async def poweroff(self, *, within: float = 120) -> int:
        """Type poweroff, and return QEMU's exit code."""
        await self.type("poweroff")
        async with asyncio.timeout(within):
            return await self._process.wait()

    async def _kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
