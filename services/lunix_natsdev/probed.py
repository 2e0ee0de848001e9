"""What a probe found on a device, as the child wrote it down. Pure."""

from dataclasses import dataclass
from typing import Literal

Usage = Literal["filesystem", "crypto", "raid", "other"]
_USAGES: dict[bytes, Usage] = {b"filesystem": "filesystem", b"crypto": "crypto", b"raid": "raid", b"other": "other"}


@dataclass(frozen=True)
class Probed:
    r"""What is on a device, in blkid's words; ``None`` where it has none. Labels may hold any character.

    ``label`` and ``part_label`` are text in which bytes that are not UTF-8 stand as ``\xNN``; the names of links are
    made from ``raw_label`` and ``raw_part_label``, as udev does.
    """

    type: str | None = None
    usage: Usage | None = None
    version: str | None = None
    uuid: str | None = None
    uuid_sub: str | None = None
    raw_label: bytes = b""
    table: str | None = None
    """``gpt`` or ``dos``: the partition table that is on it."""
    table_uuid: str | None = None
    part_uuid: str | None = None
    """Of a partition: what the table of its disk says about it."""
    raw_part_label: bytes = b""
    ambivalent: bool = False
    """There are signatures of two file systems, so ``type`` is unknown: mounting either would be a guess."""

    @property
    def label(self) -> str | None:
        """The label as text."""
        return self.raw_label.decode("utf-8", "backslashreplace") or None

    @property
    def part_label(self) -> str | None:
        """The partition's name as text."""
        return self.raw_part_label.decode("utf-8", "backslashreplace") or None


def decode(output: bytes) -> Probed:
    """Read the child's ``key NUL value NUL`` pairs."""
    parts = output.split(b"\0")
    raw = dict(zip(parts[::2], parts[1::2], strict=False))
    text = {key: value.decode("utf-8", "backslashreplace") for key, value in raw.items()}
    return Probed(
        type=text.get(b"type"),
        usage=_USAGES.get(raw.get(b"usage", b"")),
        version=text.get(b"version"),
        uuid=text.get(b"uuid"),
        uuid_sub=text.get(b"uuid_sub"),
        raw_label=raw.get(b"label", b""),
        table=text.get(b"table"),
        table_uuid=text.get(b"table_uuid"),
        part_uuid=text.get(b"part_uuid"),
        raw_part_label=raw.get(b"part_label", b""),
        ambivalent=b"ambivalent" in raw,
    )
