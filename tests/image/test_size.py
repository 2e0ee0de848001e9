"""What fits into the flash."""

import json
from collections.abc import Callable
from pathlib import Path

from image.place import TABLE
from image.root import MOST_BYTES

Seen = Callable[..., None]


def test_kernel_and_root_are_in_one_file_of_at_most_six_mebibytes(image: Path, seen: Seen) -> None:
    size = image.stat().st_size
    seen(image_bytes=size)
    assert size <= MOST_BYTES
    rows = json.loads(TABLE.read_text())
    assert {row["part"]: row["packed_bytes"] for row in rows}["kernel and root in one file"] == size
