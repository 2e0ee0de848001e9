"""The listening socket and its certificate."""

import errno
import socket
import ssl
from pathlib import Path

from lunix_websocket.settings import STANDARD_PORT, Settings

BACKLOG = 1024


def listen(settings: Settings) -> socket.socket:
    """A socket that listens where the settings say; raise ``OSError``."""
    if settings.port is not None:
        return _bound(settings.address, settings.port)
    try:
        return _bound(settings.address, STANDARD_PORT)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return _bound(settings.address, 0)


def _bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address, port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise OSError(error.errno, f"cannot listen on {address} port {port}: {error.strerror}") from error
    found.setblocking(False)
    return found


def certificate(chain: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The TLS of a server with this certificate; raise ``OSError`` where the files are none."""
    if chain is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(chain, key)
    except (OSError, ValueError) as error:
        raise OSError(f"{chain}: {error}") from error
    return context
