"""Have a bus server that runs read its configuration again, whoever keeps it: ``lunix up``, lunix-init or systemd.

    a lunix-init that keeps it          → SIGHUP by its control socket; the server's log tells what came of it
    nats-server, else                   → a request of the account ``$SYS``, which is answered when it is done
    lunix-bus, else                     → SIGHUP; it has read the file before it greets whoever comes next

Requests: https://docs.nats.io/running-a-nats-service/configuration/sys_accounts.
"""

import asyncio
import os
import re
import signal
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from lunix_cli import kept_server, server, server_requests
from lunix_cli.client import visit
from lunix_cli.init import run_directory
from lunix_common.access import serverconf
from lunix_common.bus.errors import BusAway, BusRefused, RequestError
from lunix_init.control import Control, Refused

_RELOADED = re.compile(r"Reloaded server configuration")
_NOT_RELOADED = re.compile(r"Failed to reload server configuration: (.*)")
_NO_UNIT = 404


def reload(state: Path) -> None:
    """Return when the server of this state directory has read it, or where none runs, which reads it at its start.

    Raises ``OSError`` where it cannot be told, or goes on with what it had.
    """
    try:
        control = Control.connect(run_directory(None, state), server.START_SECONDS)
    except OSError:
        _without_init(state)
        return
    with control:
        try:
            now = control.do("logs", name=kept_server.NAME, most=1)["next"]
            control.do("logs", name=kept_server.NAME, since=now, follow=True)
            for _ in range(server.RELOADS):
                control.send("signal", name=kept_server.NAME, signal="HUP")
                _await_reloaded(control)
            return
        except Refused as refused:
            if refused.code != _NO_UNIT:
                raise OSError(f"the bus server could not be told: {refused}") from refused
    _without_init(state)  # that lunix-init keeps other things


def _await_reloaded(control: Control) -> None:
    for message in control.messages():
        if "error" in message:
            raise Refused(message["error"]["code"], message["error"]["message"])
        line = message.get("log")
        if line is None:
            continue
        if failed := _NOT_RELOADED.search(line["text"]):
            raise OSError(f"{server.UNCHANGED}: {failed[1]}")
        if _RELOADED.search(line["text"]):
            return
    raise ConnectionResetError("lunix-init ended")


# --- a server that no lunix-init keeps ------------------------------------------------------------------------------


def _without_init(state: Path) -> None:
    found = server.announcement(state)
    if found is None:
        return
    if found.embedded and found.pid is not None:
        _signal(found.pid)
    with suppress(BusAway):  # it does not run
        asyncio.run(_ask(state, found))


def _signal(pid: int) -> None:
    """Tell lunix-bus, and nobody who has its number since it ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        try:
            if b"lunix_bus" in Path(f"/proc/{pid}/cmdline").read_bytes():
                signal.pidfd_send_signal(pidfd, signal.SIGHUP)
        finally:
            os.close(pidfd)


async def _ask(state: Path, running: server.Announced) -> None:
    role = "admin" if running.embedded else serverconf.SYSTEM
    try:
        async with visit(Namespace(role=role, bus=running.url, state=state), "reload") as visiting:
            if running.embedded:
                return
            about = await server_requests.ask(visiting.session, "$SYS.REQ.SERVER.PING.IDZ", {})
            await server_requests.reload(visiting.session, about["id"])
    except (BusRefused, RequestError, TimeoutError) as error:
        # It was started by an older lunix, or it is somebody else's.
        raise OSError(
            f"the bus server at {running.url} cannot be told ({error}): have it started anew, "
            "as by `systemctl restart lunix-bus`"
        ) from error
