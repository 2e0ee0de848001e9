"""The zygote: a process that has imported what the Python daemons share, and forks them.

Eight interpreters that each import the same libraries hold eight copies of them; eight children of
one that has, share it. PID 1 forks the zygote before anything heavy is imported; it imports, warms
up, freezes its objects (so that the collector dirties no shared page), and waits for requests. It
holds no connection, no key and no thread.

A request is one message on a socket pair: JSON, with the descriptors that the child needs. The
child is made by two forks, so that it is PID 1's own to reap; its pid comes back on a pipe before it can
possibly be reaped. PID 1 waits for none of it: the zygote may still be importing. From there on it
becomes what an exec'd daemon would be (`os_spawn.become`) with its own name and arguments, and runs
the module's `main`.
"""

import array
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from lunix_init import os_libc, os_spawn
from lunix_init.log import Log
from lunix_init.os_spawn import Recipe
from lunix_init.os_title import rename

PRELOAD = (
    *("asyncio", "concurrent.futures.thread", "encodings.idna", "uvloop", "pydantic", "nkeys"),
    *("lunix_common.daemon", "lunix_common.bus", "lunix_common.bus.session"),
)
MAX_MESSAGE = 1 << 17


class Zygote:
    """PID 1's side: made when the first `python` unit starts, and anew when it has died."""

    def __init__(self, log: Log, more: Callable[[], Iterable[str]] = tuple, preload: Sequence[str] = PRELOAD) -> None:
        """`more` tells which modules will be run: what they are made of is shared by a restart and the run before."""
        self._log, self._more, self._preload = log, more, preload
        self._sock: socket.socket | None = None
        self._settled = False
        self.pid = 0

    def fork(self, recipe: Recipe) -> tuple[int, int]:
        """Ask for a process; returns its report pipe, and the pipe on which its pid will come.

        Raises `OSError` when there can be none.
        """
        if self._sock:
            try:
                return self._ask(self._sock, recipe)
            except (BrokenPipeError, ConnectionResetError):
                # Somebody killed it; the daemons that it made live on.
                self._log.warning("the zygote has died", pid=self.pid)
                self.stop()
        self._sock = self._start()
        return self._ask(self._sock, recipe)

    def stop(self) -> None:
        """End it: the next fork makes another one, which imports what is installed then."""
        if self._sock:
            self._sock.close()
            self._sock = None

    def _start(self) -> socket.socket:
        if not self._settled:
            settled()  # what PID 1 itself has imported: once, for nothing of it is freed any more
            self._settled = True
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os_spawn.changed_signals()  # while they are those of PID 1
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.pid = os.fork()
            if not self.pid:
                serve(theirs, (*self._preload, *(f"{name}.__main__" for name in self._more())))
        finally:
            theirs.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        ours.setblocking(False)
        return ours

    def _ask(self, sock: socket.socket, recipe: Recipe) -> tuple[int, int]:
        report, report_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        birth, birth_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        fds = [report_write, birth_write, recipe.output, *(fd for _, fd in recipe.keep)]
        told = recipe._asdict() | {"env": dict(recipe.env), "own": dict(recipe.own)}
        try:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
            sock.sendmsg([json.dumps(told).encode()], rights)
        except OSError:
            os.close(report)
            os.close(birth)
            raise
        finally:
            os.close(report_write)
            os.close(birth_write)
        return report, birth


def serve(sock: socket.socket, preload: Sequence[str]) -> NoReturn:
    """Be the zygote: import, warm up, and fork on request until PID 1 closes its end."""
    try:
        os_spawn.reset_signals()
        os_libc.close_all_but({sock.fileno()})
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()
        rename("lunix-zygote", ("lunix-zygote",))
        warm_up(preload)
        while True:
            data, rights, _, _ = sock.recvmsg(MAX_MESSAGE, socket.CMSG_SPACE(4 * 8))
            if not data:
                os._exit(0)
            fds = array.array("i")
            for _, _, value in rights:
                fds.frombytes(value[: len(value) - len(value) % fds.itemsize])
            _fork_twice(json.loads(data), list(fds))
    except BaseException as error:  # noqa: BLE001 (nothing may return into PID 1's own loop)
        Log().error("the zygote ends", error=repr(error))
    finally:
        os._exit(1)


def warm_up(preload: Sequence[str]) -> None:
    """Import what the daemons share, as far as it is installed."""
    gc.disable()  # all of it stays: the collector would look through it dozens of times, an eighth of the imports' time
    for name in preload:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001, S112 (it is told by the daemon that cannot be imported)
            continue
    with contextlib.suppress(Exception):  # on the image (image/lean/lunix_warm_up.py): what it leaves is shared
        importlib.import_module("lunix_warm_up").warm_up()
    if not settled():
        gc.collect()
        gc.freeze()
    gc.enable()


def settled() -> bool:
    """Have children share what lives now without counting its uses, which would copy it; whether this Python can.

    That of the image for small boards can (image/settle.c).
    """
    try:
        settle = importlib.import_module("lunix_settle").settle
    except ImportError:
        return False
    gc.collect()
    gc.freeze()
    settle()
    return True


def _fork_twice(told: dict[str, Any], fds: list[int]) -> None:
    for fd in fds:
        os.set_inheritable(fd, False)
    middle = os.fork()
    if middle:
        for fd in fds:
            os.close(fd)
        os.waitpid(middle, 0)
        return
    # A signal for the child must find it in one piece: it is heard when it has become itself.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    read, write = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child:
        os.write(fds[1], str(child).encode())
        os._exit(0)
    os.close(write)
    os.read(read, 1)  # until the middle one is gone: from then on this is PID 1's own child
    os.close(read)
    _be(told, fds)


def _be(told: dict[str, Any], fds: list[int]) -> NoReturn:
    report = fds[0]
    try:
        numbers = [number for number, _ in told["keep"]]
        told["keep"] = tuple(zip(numbers, fds[3:], strict=True))
        told["output"] = fds[2]
        recipe = Recipe(**told)
        report = os_spawn.above(report)
        rename(recipe.argv[0], recipe.argv)
        os_spawn.become(recipe)
        os_libc.close_all_but({report, *numbers})
        os.environ.clear()
        os.environ.update(os_spawn.environment(recipe))
        os_libc.prctl(os_libc.PR_SET_DUMPABLE, 1)
        sys.argv = list(recipe.argv)
        # What Python itself sets up for a program that is exec'd.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        main = importlib.import_module(f"{recipe.argv[0]}.__main__").main
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
    except BaseException as error:  # noqa: BLE001 (it is told, and this process ends)
        os_spawn.tell(report, error)
        os._exit(127)
    os.close(report)  # what an exec'd program tells by its exec
    os._exit(_run(main))


def _run(main: Callable[[], object]) -> int:
    """Run a program as the interpreter would, to its exit code: nothing may unwind into PID 1's."""
    code: object = 1
    try:
        code = main()
    except SystemExit as leaving:
        code = leaving.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
    except BaseException as error:  # noqa: BLE001
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        os_spawn.run_exit_functions()  # os._exit leaves them out
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1
