"""posix_spawn(3), fork(2) and pidfd_open(2) for short helpers: bounded in number, time and output.

None is waited for in vain. One that reads from dying media hangs in the kernel, where even SIGKILL does not reach it.
Such a child is abandoned: its slot is free again, and its pidfd stays in the loop's epoll, without cost, until it can
be reaped. One that is only slow, as a disk that starts to spin, may go on after its time, without a slot.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

_OUTPUT_BYTES = 65_536
_KILL_GRACE_S = 1.0
Work = Sequence[str] | Callable[[], int]
_DEFAULTS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD]


@dataclass(frozen=True)
class Exit:
    """How a helper ended."""

    code: int | None
    """Its exit status, the negative number of the signal that ended it, or ``None`` when it timed out."""
    output: bytes
    abandoned: bool = False
    """It could not even be killed."""


@dataclass(frozen=True)
class Later:
    """What becomes of a helper that is not done in time: it goes on."""

    within_s: float
    """So long; then it is killed."""
    ended: Callable[[Exit], None]
    """Called when it ended by itself."""


class Helpers:
    """Runs helpers, at most ``limit`` at once; the others wait for their turn."""

    def __init__(self, limit: int) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._late: dict[str, _Helper] = {}
        self.abandoned: dict[str, _Helper] = {}
        """Helpers that were killed and are not gone; none is started again for the same key before."""

    async def run(self, work: Work, *, timeout_s: float, key: str = "", later: Later | None = None) -> Exit:
        """Run ``work`` to its end and return its standard output, 64 KiB at most; its errors go nowhere.

        It is a program's words, ``work[0]`` an absolute path, or a function that returns an exit status, which a child
        without any of our descriptors calls. After ``timeout_s`` it is killed, or goes on as ``later`` says, which
        needs a ``key``. With a ``key`` that hangs already it is not started, one that goes on is given up before.
        Raise ``OSError`` when it cannot be started.
        """
        async with self._slots:
            self.give_up(key)
            before = self.abandoned.get(key)
            if before is not None and not await before.ended_within(_KILL_GRACE_S):
                return Exit(None, b"", abandoned=True)
            return await self._run(work, timeout_s, key, later)

    def give_up(self, key: str) -> None:
        """Kill the helper of this key that goes on after its time, if there is one; nobody is told of its end."""
        helper = self._late.pop(key, None)
        if helper is not None:
            self._abandon(helper, key)

    def close(self) -> None:
        """Kill those that go on after their time."""
        for key in list(self._late):
            self.give_up(key)

    async def _run(self, work: Work, timeout_s: float, key: str, later: Later | None) -> Exit:
        helper = _Helper(work)
        try:
            if await helper.ended_within(timeout_s):
                return helper.exit
            if later is not None:
                self._go_on(helper, key, later)
                return Exit(None, b"")
            helper.kill()
            return Exit(None, helper.output, abandoned=not await helper.ended_within(_KILL_GRACE_S))
        finally:
            if self._late.get(key) is not helper:
                self._abandon(helper, key)

    def _go_on(self, helper: "_Helper", key: str, later: Later) -> None:
        self._late[key] = helper
        timer = asyncio.get_running_loop().call_later(later.within_s, self.give_up, key)

        def ended() -> None:
            timer.cancel()
            del self._late[key]
            helper.close_pipe()
            later.ended(helper.exit)

        helper.after = ended
        helper.stop_waiting = timer.cancel

    def _abandon(self, helper: "_Helper", key: str) -> None:
        """Read no more of it, and kill it where it still runs."""
        helper.stop_waiting()
        if not helper.ended.is_set():
            helper.kill()
            if key:
                self.abandoned[key] = helper
                helper.after = partial(self.abandoned.pop, key, None)
        helper.close_pipe()


class _Helper:
    """One running process: its pidfd and the read end of its output."""

    def __init__(self, work: Work) -> None:
        self.output = b""
        self.code: int | None = None
        self.ended = asyncio.Event()
        self.after: Callable[[], object] = lambda: None
        self.stop_waiting: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._pipe, write = os.pipe2(os.O_CLOEXEC)
        try:
            os.set_blocking(self._pipe, False)
            self._pidfd = os.pidfd_open(_fork(work, write) if callable(work) else _spawn(work, write))
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(write)
        self._loop.add_reader(self._pipe, self._read)
        self._loop.add_reader(self._pidfd, self._reap)

    @property
    def exit(self) -> Exit:
        """How it ended."""
        return Exit(self.code, self.output)

    async def ended_within(self, timeout_s: float) -> bool:
        """Wait for its end, at most so long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.ended.wait()
        except TimeoutError:
            return self.ended.is_set()
        return True

    def kill(self) -> None:
        """SIGKILL, which cannot reach another process: the pidfd is this one's."""
        if self._pidfd >= 0:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close_pipe(self) -> None:
        """Read no more of its output."""
        if self._pipe >= 0:
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    def _read(self) -> None:
        try:
            data = os.read(self._pipe, _OUTPUT_BYTES)
        except BlockingIOError:
            return
        if data and len(self.output) + len(data) <= _OUTPUT_BYTES:
            self.output += data
        else:
            self.close_pipe()

    def _reap(self) -> None:
        if self._pipe >= 0:
            self._read()
        result = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        if result is not None:
            self.code = result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
        self.ended.set()
        self.after()


def _spawn(argv: Sequence[str], stdout: int) -> int:
    devnull = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        return os.posix_spawn(
            argv[0],
            list(argv),
            {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, devnull, 0),
                (os.POSIX_SPAWN_DUP2, stdout, 1),
                (os.POSIX_SPAWN_DUP2, devnull, 2),
            ],
            setpgroup=0,
            setsigmask=[],
            setsigdef=_DEFAULTS,
        )
    finally:
        os.close(devnull)


def _fork(work: Callable[[], int], stdout: int) -> int:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        child = os.fork()
        if not child:
            _be(work, stdout)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return child


def _be(work: Callable[[], int], stdout: int) -> NoReturn:
    """Become what `_spawn` makes, but for its memory, and do the work; nothing may return into the loop."""
    code = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)  # it is the parent's
        for number in _DEFAULTS:
            signal.signal(number, signal.SIG_DFL)
        devnull = os.open("/dev/null", os.O_RDWR)
        for source, target in ((devnull, 0), (stdout, 1), (devnull, 2)):
            os.dup2(source, target)
        for fd in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
            if fd > 2:
                with suppress(OSError):  # that of the listing
                    os.close(fd)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        code = work()
    finally:
        os._exit(code & 0xFF)
