"""``lunix-websocket``: arguments, checks, run."""

from collections.abc import Iterable
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_websocket import os_listen
from lunix_websocket.service import serve
from lunix_websocket.settings import Settings


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    os_listen.certificate(settings.certificate, settings.certificate_key)
    with os_listen.listen(settings) as listener:
        address, port = listener.getsockname()[:2]
    return [f"it would listen on {address} port {port}"]


SPEC = Spec(
    name="websocket",
    doc="The bus for browsers, scripts and Node-RED, and its page.",
    settings=Settings,
    serve=serve,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
