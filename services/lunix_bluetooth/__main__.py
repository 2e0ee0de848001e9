"""``lunix-bluetooth``: arguments, checks, run."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import NoReturn

from lunix_bluetooth.settings import Settings
from lunix_common.daemon import Context, Spec, run
from lunix_common.errors import UsageError


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    _needs_dbus()
    from lunix_dbus import resolve

    yield f"BlueZ is followed on D-Bus at {resolve('system')}"
    which = {"default": "all", "own": "those that bluetooth.pair begins", "off": "none"}
    yield f"pairings that are asked about on the bus: {which[settings.agent]}"


def _needs_dbus() -> None:
    if find_spec("dbus_fast") is None:
        raise UsageError("BlueZ is on D-Bus, and dbus-fast is not installed: pip install 'lunix[dbus]'")


async def serve(context: Context[Settings]) -> None:
    """The daemon's story, which loads D-Bus."""
    _needs_dbus()
    from lunix_bluetooth import service

    await service.serve(context)


SPEC = Spec(
    name="bluetooth",
    doc="Bluetooth adapters and devices, and who confirms a pairing (bluetooth.>).",
    settings=Settings,
    serve=serve,
    acts=True,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
