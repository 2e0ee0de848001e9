"""How far the kernel's messages and the journal were told, as it is kept for the next start."""

import json
from dataclasses import dataclass
from typing import Any, cast


@dataclass
class State:
    """A place in each; ``None`` where nothing was told yet."""

    boot_id: str
    """The run of the kernel in which its numbers count."""
    kernel: int | None = None
    """The number of the last record."""
    cursor: str | None = None
    """The journal's name for the last entry."""

    def to_json(self) -> bytes:
        """As it is written down."""
        return json.dumps(vars(self)).encode()


def parse(raw: bytes, boot_id: str) -> State:
    """Read what was written down; what cannot be read, and numbers of another run of the kernel, count for nothing."""
    try:
        decoded: object = json.loads(raw)
    except (ValueError, RecursionError):
        decoded = None
    known = cast("dict[str, Any]", decoded) if isinstance(decoded, dict) else {}
    kernel, cursor = known.get("kernel"), known.get("cursor")
    same = known.get("boot_id") == boot_id and isinstance(kernel, int) and not isinstance(kernel, bool)
    return State(boot_id, kernel if same else None, cursor if isinstance(cursor, str) and cursor else None)
