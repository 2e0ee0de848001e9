"""``lunix-network``: arguments, checks, run."""

from collections.abc import Iterable
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_network.os_rtnl import Rtnl
from lunix_network.service import serve
from lunix_network.settings import Settings


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    rtnl = Rtnl(settings.receive_buffer_bytes)
    try:
        whole = rtnl.whole()
    finally:
        rtnl.close()
    yield f"{len(whole.links)} links, {len(whole.addresses)} addresses, {len(whole.routes)} routes"


SPEC = Spec(
    name="network",
    doc="Links, addresses, routes and wireless networks of this machine (network.>).",
    settings=Settings,
    serve=serve,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
