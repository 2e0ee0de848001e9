"""``lunix-ps``: arguments, checks, run."""

from collections.abc import Iterable
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_ps.os_connector import Connector, Deaf
from lunix_ps.service import serve
from lunix_ps.settings import Settings


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    if not settings.events:
        return ["process.exec and process.exit are not published: ps.events is off"]
    try:
        Connector(settings.receive_buffer_bytes).close()
    except Deaf as error:
        return [f"process.exec and process.exit cannot be published here: {error}"]
    return ["process.exec and process.exit are published, from the kernel's process connector"]


SPEC = Spec(
    name="ps",
    doc="What runs, begins and ends on this machine (ps.>, process.>).",
    settings=Settings,
    serve=serve,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
