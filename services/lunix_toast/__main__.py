"""``lunix-toast``: arguments, checks, run."""

from collections.abc import Iterable
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_toast.choose import open_renderer
from lunix_toast.screen import why_no_session
from lunix_toast.service import serve
from lunix_toast.settings import Settings


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    renderer = open_renderer(settings)
    renderer.stop()
    off = why_no_session(settings)
    notifications = f"not taken: {off}" if off else "taken where nobody else takes them, and else shown by that one"
    return [f"shown on {renderer.name}", f"notifications of the desktop are {notifications}"]


SPEC = Spec(
    name="toast",
    doc="Short messages for the person in front of the machine (toast.>).",
    settings=Settings,
    serve=serve,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
