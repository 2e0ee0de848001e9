"""Pictures as cairo has them: 32 bits a pixel, blue first, the colours multiplied by their opacity."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pixels:
    """A picture; rows follow each other without a gap."""

    width: int
    height: int
    data: bytes
    tint: bool = False
    """Its opacity alone counts: a symbol, which takes the colour of the text."""
