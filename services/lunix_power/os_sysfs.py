"""``/sys/class/power_supply``: the supplies of this moment. One may be gone at any step."""

from collections.abc import Iterator
from pathlib import Path

from lunix_power import supply
from lunix_power.supply import Supply

_MOST_BYTES = 4096


def read(folder: Path) -> Iterator[Supply]:
    """All that are in their place; nothing where the kernel knows no supplies."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return
    for name in names:
        found = supply.decode(
            name, {attribute: _attribute(folder / name / attribute) for attribute in supply.ATTRIBUTES}
        )
        if found is not None:
            yield found


def _attribute(path: Path) -> bytes:
    # A driver that has nothing to say answers with ENODATA, one that sleeps with EAGAIN or ETIMEDOUT.
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError:
        return b""
