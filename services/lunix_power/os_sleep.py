"""``/sys/power/state``: having the machine sleep. ``Documentation/admin-guide/pm/sleep-states.rst`` of the kernel."""

from collections.abc import Mapping
from pathlib import Path

from lunix_common.schemas.power import Mode

# `mem` is what /sys/power/mem_sleep says, and `freeze` what every machine can.
_STATES: Mapping[Mode, tuple[bytes, ...]] = {"suspend": (b"mem", b"freeze", b"standby"), "hibernate": (b"disk",)}


def state_of(path: Path, mode: Mode) -> bytes | None:
    """The word for it on this machine; ``None`` where it cannot."""
    try:
        with path.open("rb") as file:
            known = file.read(4096).split()
    except OSError:
        return None
    return next((word for word in _STATES[mode] if word in known), None)


def sleep(path: Path, word: bytes) -> None:
    """Write it, and return when the machine is awake again; raise ``OSError``."""
    with path.open("wb", buffering=0) as file:
        file.write(word)
