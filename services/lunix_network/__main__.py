"""``lunix-network``: arguments, checks, run."""

from collections.abc import Iterable
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_network.os_rtnl import Rtnl
from lunix_network.os_wifi import WifiSocket
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
    yield _wireless(settings)


def _wireless(settings: Settings) -> str:
    try:
        opened = WifiSocket(settings.receive_buffer_bytes)
    except OSError as error:
        return f"nothing wireless: {error.strerror}"
    try:
        found = opened.connections()
    finally:
        opened.close()
    if opened.family is None:
        return "nothing wireless: the kernel has no nl80211 at this moment"
    return f"{len(found)} wireless links, {sum(each is not None for each in found.values())} connected"


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
