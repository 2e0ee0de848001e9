"""fork(2), execve(2) and pidfd_open(2): a program that is told to run, or why it does not.

    start → the program                                           without systemd: Python's own fork and exec
    start → systemd-run --scope → exec_child → the program        with it: each becomes the next, and keeps the number

The last two share a pipe with us that the exec of the program closes: how it ends says what became of that.
"""

import errno
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lunix_wm import command
from lunix_wm.command import Program

SCOPE_S = 10.0
"""systemd's user manager answers in milliseconds, or hangs."""
_CHILD = Path(__file__).with_name("exec_child.py")
_NULL = subprocess.DEVNULL


class NoScope(OSError):
    """systemd's user manager did not take the program; nothing was started."""


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    exit_code: int | None
    signal: str | None
    core_dumped: bool
    runtime_s: float


class Child:
    """A program that runs. Its number is ours until its end is taken."""

    def __init__(self, process: "subprocess.Popen[bytes]", program: Program, scope: str | None) -> None:
        self.pid = process.pid
        self.name = program.name
        self.scope = scope
        self._process = process
        self._began_s = time.monotonic()
        self._pidfd = os.pidfd_open(process.pid)

    def fileno(self) -> int:
        """Readable when it has ended. pidfd_open(2)."""
        return self._pidfd

    def take_end(self) -> Ended:
        """How it ended, once it has. waitid(2)."""
        told = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        assert told is not None, "it waits"
        runtime_s = round(time.monotonic() - self._began_s, 6)
        self._process.returncode = told.si_status
        if told.si_code == os.CLD_EXITED:
            return Ended(told.si_status, None, core_dumped=False, runtime_s=runtime_s)
        return Ended(None, _signal_name(told.si_status), told.si_code == os.CLD_DUMPED, runtime_s)

    def close(self) -> None:
        """Let it go on without us; idempotent."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
            if self._process.returncode is None:
                self._process.returncode = 0  # nobody is to wait for it


def user_manager(environ: Mapping[str, str] = os.environ) -> str | None:
    """The path of systemd-run, where systemd's user manager runs."""
    folder = environ.get("XDG_RUNTIME_DIR")
    if not folder or not (Path(folder) / "systemd" / "private").exists():
        return None
    return shutil.which("systemd-run")


def start(program: Program) -> Child:
    """Start it in a session of its own; raise ``OSError`` with the errno and the path that it is about.

    Blocks until it is the program that runs, which on a file system of the network can take a while.
    """
    process = subprocess.Popen(  # noqa: S603 - that is what a grant is for
        program.argv, env=program.env, cwd=program.cwd, start_new_session=True, stdin=_NULL, stdout=_NULL, stderr=_NULL
    )
    return Child(process, program, None)


def start_scoped(program: Program, systemd_run: str) -> Child:
    """The same in a scope of systemd's user manager; raise ``NoScope`` where that does not take it."""
    unit = command.unit(program.name, secrets.token_hex(4))
    told, tell = os.pipe()
    inner = [sys.executable, "-I", "-S", str(_CHILD), str(tell), str(int("LC_CTYPE" in program.env)), *program.argv]
    argv = command.scoped(inner, systemd_run, unit, program.name)
    try:
        if not os.access(program.cwd, os.X_OK):
            # Else it would be told of systemd-run.
            Path(program.cwd).stat()
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), program.cwd)
        process = subprocess.Popen(  # noqa: S603
            argv,
            env=program.env,
            cwd=program.cwd,
            start_new_session=True,
            stdin=_NULL,
            stdout=_NULL,
            stderr=subprocess.PIPE,
            pass_fds=(tell,),
        )
    except BaseException:
        os.close(told)
        raise
    finally:
        os.close(tell)
    assert process.stderr is not None
    with os.fdopen(told, "rb", 0) as pipe, process.stderr:
        said = _until_end(pipe.fileno())
        if said == b"+":
            return Child(process, program, unit)
        if said is None:
            process.kill()
        complaint = b"" if said is None else process.stderr.read(4096)
        process.wait()
    if said:
        number = int(said[1:])
        raise OSError(number, os.strerror(number), program.argv[0])
    why = complaint.decode("utf-8", "replace").strip() if said is not None else "it does not answer"
    raise NoScope(f"systemd-run: {why or f'it ended with {process.returncode}'}")


def _until_end(descriptor: int) -> bytes | None:
    """What comes until the other end is closed; ``None`` where that takes too long."""
    said, end_s = b"", time.monotonic() + SCOPE_S
    while select.select([descriptor], [], [], max(end_s - time.monotonic(), 0))[0]:
        data = os.read(descriptor, 64)
        if not data:
            return said
        said += data
    return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
