"""``lunix serve``: become the bus server, for a unit: keys and configuration first, then nats-server (or lunix-bus).

It tells its readiness by sd_notify. nats-server does not know that, but writes its ports into a file when it listens: a
process that waits for the file tells it, and ends.
"""

import json
import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from select import select
from typing import NoReturn

from lunix_cli import declared, own_history, place, server
from lunix_cli.fleet import joined
from lunix_cli.streams import Bounds
from lunix_common import notify
from lunix_common.access import serverconf
from lunix_init.os_watch import Watches

BARRIER_S = 5.0


def run(arguments: Namespace) -> NoReturn:
    """Replace this process; raise ``UsageError`` or ``OSError`` where that cannot be."""
    state = place.own_state(arguments.state)
    past = own_history.setting(state, embedded=arguments.server == "embedded") if arguments.history else {}
    if arguments.server == "embedded":
        _become_embedded(arguments, state)
    program = server.find()
    port = serverconf.ANY_PORT if arguments.port == 0 else arguments.port
    settings = serverconf.Settings(port, {**past, **joined.settings(state)})
    configuration = serverconf.write(state, declared.table(), settings)
    become(program, configuration, state, (lambda: _keep_history(state, arguments)) if past else lambda: None)


def _keep_history(state: Path, arguments: Namespace) -> None:
    most, oldest = arguments.history_max_bytes, arguments.history_max_age_s
    own_history.settle_now(state, Bounds(most or Bounds.max_bytes, oldest or Bounds.max_age_s))


def become(
    program: server.Program, configuration: Path, state: Path, first: Callable[[], None] = lambda: None
) -> NoReturn:
    """Replace this process by the server; ``bus.json`` in ``state`` tells where it listens, once it does.

    ``first`` is called when it listens, before it is told that it is ready.
    """
    folder = state / "ports"
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    _tell_later(folder / f"nats-server_{os.getpid()}.ports", state, program, first)
    words = (str(program.path), "-c", str(configuration), "--ports_file_dir", str(folder))
    os.execv(program.path, words)  # noqa: S606 - an installed nats-server


def _become_embedded(arguments: Namespace, state: Path) -> NoReturn:
    """lunix-bus does all of it by itself."""
    words = [
        *server.find(embedded=True).words,
        "--state",
        str(state),
        "--port",
        str(arguments.port or serverconf.ANY_PORT),
    ]
    if arguments.unix:
        words += ["--unix", str(arguments.unix.absolute())]
    os.execv(words[0], words)  # noqa: S606 - this very interpreter


def _tell_later(ports: Path, state: Path, program: server.Program, first: Callable[[], None]) -> None:
    """Leave a process behind that tells when the server listens; it is nobody's child."""
    pid = os.getpid()
    middle = os.fork()
    if middle:
        os.waitpid(middle, 0)
        return
    if not os.fork():
        _tell(ports, state, program, pid, first)
    os._exit(0)


def _tell(ports: Path, state: Path, program: server.Program, pid: int, first: Callable[[], None]) -> NoReturn:
    try:
        server.announce(state, listened(ports, pid), program.text, pid)
        first()
        notifier = notify.Notifier()
        notifier.ready()
        notifier.barrier(BARRIER_S)
    finally:
        os._exit(0)


def listened(ports: Path, pid: int) -> str:
    """The address of a server once it has written its ports; raise ``ProcessLookupError`` where it ended before."""
    pidfd = os.pidfd_open(pid)
    watches = Watches()
    try:
        while True:
            watches.watch("ports", str(ports.parent), contents=True)
            try:
                return str(json.loads(ports.read_bytes())["nats"][0])
            except (FileNotFoundError, ValueError):
                readable, _, _ = select([watches.fd, pidfd], [], [])
            if pidfd in readable:
                raise ProcessLookupError(pid)
            watches.read()
    finally:
        watches.close()
        os.close(pidfd)
