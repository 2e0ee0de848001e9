r"""Symbolic links to device nodes: how names are encoded, and which of several devices that want one name has it.

The rule for duplicates: the device of the highest link priority has the name; among equals the one whose disk is
older (lower ``diskseq``), then the one that asked first. So a second stick with the same label takes nothing away.
When the owner goes, the next one gets the link, by an atomic rename. Pure: paths in, changes out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MAX_NAME_BYTES = 255
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789#+-.:=@_")


def encode(name: bytes | str) -> str:
    r"""A label or identifier as one path component, as udev's ``ID_FS_LABEL_ENC``: ``a b`` becomes ``a\x20b``.

    Every ASCII character outside ``[A-Za-z0-9#+.:=@_-]`` and every byte that is not UTF-8 becomes ``\xNN``, so no name
    leaves its directory. ``.`` and ``..``, which udev leaves alone, become ``\x2e`` and ``\x2e\x2e``.
    """
    raw = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    if raw in {b".", b".."}:
        return "\\x2e" * len(raw)
    text = raw.decode("utf-8", "surrogateescape")
    return "".join(map(_encode_char, text))


def _encode_char(char: str) -> str:
    code = ord(char)
    if code in _PLAIN:
        return char
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    noncharacter = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFF == 0xFFFF
    if code < 0x80 or noncharacter:
        return "".join(f"\\x{byte:02x}" for byte in char.encode())
    return char


def squeeze(raw: bytes | str) -> str:
    """A vendor, model or serial number as part of a name, as udev's ``ID_SERIAL``: what is unsafe as ``_``."""
    data = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
    text = " ".join(data.split(b"\0", 1)[0].decode("utf-8", "replace").split()).replace(" ", "_")
    return "".join(char if ord(char) in _PLAIN or (ord(char) >= 0xA0 and char != "\ufffd") else "_" for char in text)


def is_safe(name: str) -> bool:
    """Whether ``disk/by-label/x`` is a path that stays below ``/dev``."""
    parts = name.split("/")
    return all(part not in {"", ".", ".."} and "\0" not in part and _fits(part) for part in parts)


def _fits(part: str) -> bool:
    return len(part.encode("utf-8", "surrogateescape")) <= MAX_NAME_BYTES


@dataclass(frozen=True, order=True)
class _Rank:
    """Sorts the owner of a name first."""

    priority: int
    diskseq: int
    arrival: int


@dataclass(frozen=True)
class Change:
    """One link to make or, without a target, to remove. Both paths are relative to ``/dev``."""

    name: str
    target: str | None
    device: str | None
    """Whose it is now."""


@dataclass
class _Claimant:
    node: str
    rank: _Rank
    names: frozenset[str]


@dataclass
class Links:
    """Who wants which name, and who has it."""

    _devices: dict[str, _Claimant] = field(default_factory=dict[str, _Claimant])
    _wanted: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _owner: dict[str, str] = field(default_factory=dict[str, str])
    _arrivals: int = 0

    def claim(
        self, device: str, node: str, names: Iterable[str], *, priority: int = 0, diskseq: int | None = None
    ) -> list[Change]:
        """Say that ``device`` (any key of its own) wants exactly these names for its ``node``; unsafe ones drop out.

        Called again for the same device it takes back what is no longer wanted, and keeps its turn.
        """
        before = self._devices.get(device)
        if before is None:
            self._arrivals += 1
        arrival = before.rank.arrival if before else self._arrivals
        wanted = frozenset(filter(is_safe, names))
        self._devices[device] = _Claimant(node, _Rank(-priority, diskseq or 0, arrival), wanted)
        for name in wanted:
            self._wanted.setdefault(name, set()).add(device)
        dropped = before.names - wanted if before else frozenset[str]()
        for name in dropped:
            self._wanted[name].discard(device)
        moved = before is not None and before.node != node
        return [change for name in sorted(wanted | dropped) for change in self._settle(name, device if moved else None)]

    def release(self, device: str) -> list[Change]:
        """Say that ``device`` is gone; the next claimant of each of its names gets it."""
        claimant = self._devices.pop(device, None)
        if claimant is None:
            return []
        for name in claimant.names:
            self._wanted[name].discard(device)
        return [change for name in sorted(claimant.names) for change in self._settle(name, None)]

    def _settle(self, name: str, moved: str | None) -> list[Change]:
        claimants = self._wanted[name]
        if not claimants:
            del self._wanted[name]
            return [Change(name, None, None)] if self._owner.pop(name, None) is not None else []
        owner = min(claimants, key=lambda device: self._devices[device].rank)
        if self._owner.get(name) == owner and owner != moved:
            return []
        self._owner[name] = owner
        return [Change(name, self._devices[owner].node, owner)]

    def of(self, device: str) -> tuple[str, ...]:
        """The names that this device has now, sorted."""
        claimant = self._devices.get(device)
        return tuple(sorted(name for name in claimant.names if self._owner[name] == device)) if claimant else ()

    @property
    def owners(self) -> Mapping[str, str]:
        """Each name and the device that has it."""
        return self._owner
