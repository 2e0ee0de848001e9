"""What every daemon does in its first second, done once before any is forked: they then share what it leaves.

    arguments → settings → a loop → a bus of its own → an endpoint asked, an event told → the end of all of it

Without it each daemon would fill the same caches, and give the same shapes to objects of the same classes. No
connection, task or key remains.
"""

import asyncio
import ctypes
import os
from pathlib import Path

from lunix_bus.config import Names, Settings
from lunix_bus.server import Server
from lunix_common.bus import Request
from lunix_common.daemon import Context, Spec, run
from lunix_common.schemas.process import Executed
from lunix_common.schemas.ps import Presence, PresenceRequest
from lunix_natsdev import probe_child as probe_child  # natsdev forks what looks at a disk
from lunix_ps.settings import Settings as Own

MOST_S = 20


async def answer(request: Request[PresenceRequest]) -> Presence:
    """Answer that nothing runs."""
    return Presence(name=request.parameters["name"], running=False, pids=[])


async def serve(context: Context[Own]) -> None:
    """Be a daemon and its bus for a moment; what cannot be within that is left out."""
    async with asyncio.timeout(MOST_S):
        await _serve(context)


async def _serve(context: Context[Own]) -> None:
    who = {"users": [{"nkey": context.options.identity}]}
    server = Server(lambda: (Settings(authorization=who), Names({}, {})), "0")
    server.log = lambda *_words: None  # type: ignore[method-assign]
    context.stack.push_async_callback(server.close)
    await server.listen_unix(Path(context.options.address.path))
    context.bus.serve("ps.<name...>", answer)
    await context.ready()
    await context.bus.request("ps.nothing")
    context.bus.emit("process.exec.<name>", Executed(pid=1, name="nothing"), name="nothing")
    await context.bus.flush()


def forget_files() -> None:
    """Have the kernel forget the files from which all has been imported: nothing asks for most of it again.

    Where memory becomes short in the next seconds it would take pages of programs as well, and unpack a block for each.
    """
    import lunix_packed  # it needs the files as it is imported, and they are made with this module imported

    for name in ("lunix_modules.bin", "lunix_made.bin"):
        fd = os.open(f"{lunix_packed.LIBRARY}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def keep_library() -> None:
    """Keep the C library in memory, of which some page is asked for by every system call.

    Each page of it that the kernel gives away when memory is short is had back by unpacking a block of 512 KiB.
    """
    lock = ctypes.CDLL(None).mlock
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "/ld-musl-" in line and "w" not in line.split()[1]:
            start, end = (int(address, 16) for address in line.split()[0].split("-"))
            lock(ctypes.c_void_p(start), ctypes.c_size_t(end - start))


def warm_up() -> None:
    """Do it; raises `OSError` where there is no place for a socket."""
    forget_files()
    keep_library()
    path = f"/run/lunix/warm-up-{os.getpid()}.sock"
    spec = Spec(name="ps", doc="", settings=Own, serve=serve)
    try:
        run(spec, ["--bus", f"unix://{path}", "--trust-bus", "--log-level", "error"])
    except SystemExit as end:
        if end.code:
            raise OSError(f"it ended with {end.code}") from None
    finally:
        Path(path).unlink(missing_ok=True)
