"""Arguments, checks, run. The arguments are those of nats-server that lunix and the tests of its clients use."""

import argparse
import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lunix_common import __version__
from lunix_common.errors import OK, SYSTEM, USAGE

if TYPE_CHECKING:
    from lunix_bus.config import Names, Settings
    from lunix_bus.server import Server


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Serve until a signal."""
    arguments = _parser().parse_args(argv)
    code = OK
    try:
        if arguments.state is not None:
            arguments.config = _write(arguments)
        settings, _ = _load(arguments)
        if arguments.check:
            sys.stdout.write(_told(settings, arguments))
            sys.exit(OK)
        if settings.tls is None:
            # asyncio loads OpenSSL, 4 MB, if it can; nothing here needs it without certificates.
            sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]
        import asyncio

        asyncio.run(_serve(arguments))
    except (KeyError, TypeError, ValueError) as error:
        sys.stderr.write(f"lunix-bus: {arguments.config or 'the arguments'}: {error}\n")
        code = USAGE
    except OSError as error:
        sys.stderr.write(f"lunix-bus: {error}\n")
        code = SYSTEM
    sys.exit(code)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        sys.stderr.write(f"lunix-bus: {message}\n")
        sys.exit(USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="lunix-bus", description=sys.modules["lunix_bus"].__doc__)
    parser.add_argument("--version", "-v", action="version", version=f"lunix-bus {__version__}")
    parser.add_argument("--config", "-c", type=Path, metavar="FILE", help="nats-server's settings, as JSON")
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="make keys and configuration there as `lunix up` does"
    )
    parser.add_argument("--unix", type=Path, metavar="PATH", help="listen on a unix socket, where the kernel tells who")
    parser.add_argument("--no-tcp", action="store_true", help="listen on no port")
    parser.add_argument("--port", "-p", type=int, metavar="N", help="-1 is any free one")
    parser.add_argument("--addr", "-a", "--net", metavar="HOST", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--user", default="", metavar="NAME", help="of the only user")
    parser.add_argument("--pass", dest="password", default="", metavar="WORD", help="his password")
    parser.add_argument("--auth", default="", metavar="TOKEN", help="what everybody has to show")
    parser.add_argument("--ports_file_dir", type=Path, metavar="DIR", help="write the addresses into a file there")
    parser.add_argument("--ready-fd", type=int, metavar="N", help="write a newline there when it listens")
    parser.add_argument("--check", action="store_true", help="say what would be used, and exit")
    return parser


def _write(arguments: argparse.Namespace) -> Path:
    """Make the missing identities and the configuration from lunix's table."""
    from lunix_common import declarations
    from lunix_common.access import serverconf

    port = 4222 if arguments.port is None else arguments.port
    table = declarations.load(declarations.directory())
    return serverconf.write(arguments.state.absolute(), table, serverconf.Settings(port))


def _load(arguments: argparse.Namespace) -> "tuple[Settings, Names]":
    from lunix_bus import config

    settings = config.Settings() if arguments.config is None else config.load(arguments.config)
    given: dict[str, Any] = {"host": arguments.addr, "port": arguments.port}
    settings = replace(settings, **{name: one for name, one in given.items() if one is not None})
    if arguments.user or arguments.auth:
        shown = {"user": arguments.user, "password": arguments.password, "token": arguments.auth}
        settings = replace(settings, authorization={**settings.authorization, **shown})
    state = arguments.config.parent if arguments.config else Path()
    owners = {name: one["owner"] for name, one in _json(state / "clients.json").items() if one.get("owner") is not None}
    return settings, config.Names(_json(state / "keys" / "public.json"), owners)


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return found


def _told(settings: "Settings", arguments: argparse.Namespace) -> str:
    where = [] if arguments.no_tcp else [f"nats://{settings.host}:{settings.port}"]
    where += [f"unix://{arguments.unix}"] if arguments.unix else []
    lines = [f"address = {one}" for one in where] + [f"account = {name}" for name in settings.accounts]
    return "\n".join((*lines, f"limits = {settings.limits}", ""))


async def _serve(arguments: argparse.Namespace) -> None:
    import asyncio

    from lunix_bus.server import Server
    from lunix_common.notify import Notifier

    server = Server(lambda: _load(arguments), __version__)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        server.loop.add_signal_handler(number, stopped.set)
    server.log("INF", "Starting lunix-bus")
    notifier = Notifier(arguments.ready_fd)
    try:
        if arguments.unix:
            await server.listen_unix(arguments.unix.absolute())
        if not arguments.no_tcp:
            await server.listen(server.settings.host, server.settings.port)
        server.loop.add_signal_handler(signal.SIGHUP, server.reload)
        server.loop.add_signal_handler(signal.SIGUSR2, server.lame_duck)
        _announce(server, arguments)
        server.log("INF", "Server is ready")
        # What is there now stays for good, and need not be looked through again and again in search of garbage.
        gc.freeze()
        notifier.ready()
        await stopped.wait()
    finally:
        notifier.stopping()
        await server.close()


def _announce(server: "Server", arguments: argparse.Namespace) -> None:
    """Tell where it listens those who look for a file."""
    if arguments.ports_file_dir:
        draft = arguments.ports_file_dir / f".{os.getpid()}"
        draft.write_text(json.dumps({"nats": server.addresses}), encoding="utf-8")
        draft.rename(arguments.ports_file_dir / f"nats-server_{os.getpid()}.ports")
    if arguments.state:
        from lunix_common.access import identities

        found = {"url": server.addresses[0], "server": {"version": f"lunix-bus {__version__}", "pid": os.getpid()}}
        identities.replace(arguments.state / "bus.json", json.dumps(found, indent=1).encode() + b"\n", 0o644)


if __name__ == "__main__":
    main()
