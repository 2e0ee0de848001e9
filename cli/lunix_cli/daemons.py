"""The daemons of this installation, and what each needs of this machine."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lunix_cli import os_probe
from lunix_cli.shipping.needs import ROWS
from lunix_cli.supervise import Unit
from lunix_common import config
from lunix_common.subjects import TABLE

FOR_LUNIX_BUS = {"uplink": "is for lunix-bus: nats-server joins fleets by itself"}
"""Daemons that have nothing to do beside nats-server, and why."""

_BLUETOOTHD = tuple(
    Path(folder, "bluetooth/bluetoothd") for folder in ("/usr/libexec", "/usr/lib", "/usr/local/libexec")
)
"""Where distributions have BlueZ's daemon."""


@dataclass(frozen=True)
class Obstacle:
    """Why a daemon cannot run here, and what a person may do about it."""

    why: str
    fix: str


def names() -> tuple[str, ...]:
    """Every daemon that lunix declares and that ``lunix up`` may start, in the order of the table."""
    return tuple(TABLE.daemons)


def module(name: str) -> str:
    """The Python module that is the daemon, or would be."""
    return ROWS[name].module if name in ROWS else f"lunix_{name}"


def unit(name: str, env: Mapping[str, str], needs: Sequence[str], run: Path, *, trust_bus: bool = False) -> Unit:
    """The daemon as a unit; ``run`` is the run directory of the lunix-init that keeps it."""
    more = ["--trust-bus"] if trust_bus else []
    if name == "init":
        more += ["--run", str(run)]
    if ROWS[name].exec_only:
        return Unit(name, (sys.executable, "-P", "-m", module(name), *more), env, tuple(needs))
    return Unit(name, tuple(more), env, tuple(needs), module=module(name))


def obstacle(name: str) -> Obstacle | None:
    """What keeps a daemon from running here, ``None`` where nothing does. Cheap: no daemon is started."""
    if find_spec(module(name)) is None or find_spec(f"{module(name)}.__main__") is None:
        return Obstacle("is not part of this installation", "install a newer lunix: pip install --upgrade lunix")
    check = _NEEDS.get(name)
    return check() if check else None


def uevents(probe: Callable[[], None] = os_probe.uevents) -> Obstacle | None:
    """Whether the kernel lets us hear its uevents."""
    try:
        probe()
    except OSError as error:
        return Obstacle(
            f"the kernel's uevents are closed here ({error.strerror})",
            "run it outside of the container, or let the container have the host's network namespace",
        )
    return None


def mqtt_broker() -> Obstacle | None:
    """Whether a broker is configured, and what speaks to it is installed."""
    from lunix_mqtt.settings import Settings

    if config.load("mqtt", Settings).address is None:
        return Obstacle("has no broker", 'write broker = "mqtt://HOST" into [mqtt] of lunix.toml')
    if find_spec("paho") is None:
        return Obstacle("needs paho-mqtt", "pip install 'lunix[mqtt]'")
    return None


def bluez(places: Sequence[Path] = _BLUETOOTHD) -> Obstacle | None:
    """Whether BlueZ is installed, and what speaks to it."""
    if not any(place.exists() for place in places):
        return Obstacle("needs BlueZ", "install it: apt install bluez")
    if find_spec("dbus_fast") is None:
        return Obstacle("needs dbus-fast", "pip install 'lunix[dbus]'")
    return None


def display() -> Obstacle | None:
    """Whether this is a session with a display."""
    if any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "SWAYSOCK")):
        return None
    return Obstacle(
        "has no session: there is no display (DISPLAY or WAYLAND_DISPLAY)", "run `lunix up` in a desktop session"
    )


_NEEDS: Mapping[str, Callable[[], Obstacle | None]] = {
    "bluetooth": bluez,
    "mqtt": mqtt_broker,
    "natsdev": uevents,
    "wm": display,
}
