"""``lunix-power``: arguments, checks, run."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_common.schemas.power import Mode
from lunix_power import os_sleep, os_sysfs
from lunix_power.service import serve
from lunix_power.settings import Settings

_MODES: tuple[Mode, ...] = ("suspend", "hibernate")


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    for supply in os_sysfs.read(settings.supplies):
        told = [str(supply.status), f"{supply.percent} %"] if supply.kind == "battery" else [f"online: {supply.online}"]
        yield f"{supply.kind} {supply.name}: {', '.join(told)}"
    if settings.logind and find_spec("dbus_fast") is None:
        yield "systemd-logind cannot be asked: pip install 'lunix[dbus]'"
    can = [mode for mode in _MODES if os_sleep.state_of(settings.sleep_state, mode)]
    yield f"without systemd-logind this machine can {' and '.join(can) or 'not sleep'}"


SPEC = Spec(
    name="power",
    doc="What the machine runs on, its lid and buttons, and its sleep (power.>).",
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
