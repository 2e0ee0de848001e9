"""What every daemon does in its first second, done once before any is forked: they then share what it leaves.

    arguments → settings → a loop → a bus of its own → an endpoint asked, an event told → the end of all of it

Without it each daemon would fill the same caches, and give the same shapes to objects of the same classes. No
connection, task or key remains.
"""

import asyncio
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


def warm_up() -> None:
    """Do it; raises `OSError` where there is no place for a socket."""
    path = f"/run/lunix/warm-up-{os.getpid()}.sock"
    spec = Spec(name="ps", doc="", settings=Own, serve=serve)
    try:
        run(spec, ["--bus", f"unix://{path}", "--trust-bus", "--log-level", "error"])
    except SystemExit as end:
        if end.code:
            raise OSError(f"it ended with {end.code}") from None
    finally:
        Path(path).unlink(missing_ok=True)
