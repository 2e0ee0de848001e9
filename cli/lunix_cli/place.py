"""Where a running lunix keeps its things, and with whose key a command speaks."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlparse

from lunix_common.bus.options import BusOptions, announced, find, state_directory
from lunix_common.errors import UsageError
from lunix_common.os_group import group_of
from lunix_common.role import RANKED

MACHINE = state_directory({}, uid=0)
"""Where the machine's own bus tells its address, and has the keys of those who are in the group of a role."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def own_state(state: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The state directory that was named, else one's own."""
    return (state or state_directory(environ)).absolute()


def state_of_bus(state: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The state directory of the bus that is meant: one that was named, one's own, else that of the machine."""
    own = own_state(state, environ)
    named = state is not None or environ.get("LUNIX_STATE")
    return MACHINE if not named and not announced(own / "bus.json") and announced(MACHINE / "bus.json") else own


def runtime_directory(state: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The directory of sockets and of what runs: ``run`` below a state directory that was named, else the machine's."""
    if state is not None or environ.get("LUNIX_STATE"):
        return own_state(state, environ) / "run"
    if os.geteuid() == 0:
        return Path("/run/lunix")
    base = environ.get("XDG_RUNTIME_DIR")
    return Path(base) / "lunix" if base else state_directory(environ) / "run"


def fresh(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what ``lunix env`` put there, which may be from an earlier run of the bus."""
    return {name: value for name, value in environ.items() if name not in ("LUNIX_BUS", "NATS_URL", "NATS_NKEY")}


def moved(bus: str | None, state: Path | None, environ: Mapping[str, str] = os.environ) -> str:
    """What to say where a shell's environment names this machine's bus at a place that it has left; else nothing."""
    named = next((name for name in ("LUNIX_BUS", "NATS_URL") if environ.get(name)), None)
    if bus or state or named is None or urlparse(environ[named]).hostname not in LOOPBACK:
        return ""
    there = announced(state_of_bus(None, environ) / "bus.json")
    if there is None or there == environ[named]:
        return ""
    return f'{named} of this shell names that, and the bus is at {there}: eval "$(lunix env)" tells the shell'


def options(
    role: str | None, url: str | None, state: Path | None, environ: Mapping[str, str] = os.environ
) -> tuple[str, BusOptions]:
    """Who we are, for people, and how to connect; raise ``UsageError`` for a role whose key we may not read.

    A state directory that is named counts more than what the environment says of a bus.
    """
    environ = fresh(environ) if state else environ
    state = state_of_bus(state, environ)
    if role is None and environ.get("NATS_NKEY"):
        return Path(environ["NATS_NKEY"]).stem, _found("user", url, state, environ)
    keys = state / "keys"
    plain = {name: value for name, value in environ.items() if name != "NATS_NKEY"}
    if role is not None:
        if not _by_socket(role, url, state, plain):
            _check(role, keys)
        return role, _found(role, url, state, plain)
    known = next((one for one in reversed(RANKED) if os.access(keys / f"{one}.nk", os.R_OK)), None)
    if known is None and _by_socket("nobody", url, state, plain):
        known = next((one for one in reversed(RANKED) if _vouched(one)), None)
    return known or "nobody", _found(known or "nobody", url, state, plain)


def _by_socket(identity: str, url: str | None, state: Path, environ: Mapping[str, str]) -> bool:
    """Whether the bus is at a unix socket, where no key is looked for."""
    try:
        return _found(identity, url, state, environ).address.scheme == "unix"
    except PermissionError:  # of the folder of keys
        return False


def _vouched(role: str) -> bool:
    """Whether lunix-bus takes us for this role on its unix socket, where keys do not count."""
    return os.geteuid() == 0 or group_of(role) in os.getgroups()


def _found(identity: str, url: str | None, state: Path, environ: Mapping[str, str]) -> BusOptions:
    try:
        return find(identity, url=url, state=state, environ=environ)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _check(role: str, keys: Path) -> None:
    path = keys / f"{role}.nk"
    if os.access(path, os.R_OK):
        return
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        known = sorted(found.stem for found in keys.glob("*.nk") if os.access(found, os.R_OK))
        hint = f"there are {', '.join(known)}" if known else "`lunix up` makes the keys when it first starts"
        raise UsageError(f"there is no key for {role!r} in {keys}: {hint}") from None
    except PermissionError:  # of the folder of keys: it says that of every name
        pass
    raise UsageError(f"you may not read {path}: ask an administrator to add you to the group lunix-{role}")
