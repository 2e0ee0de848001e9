"""The program that looks at one device: started anew for each probe, killed when the device does not answer.

It is run as ``python -I -S -c …`` with only this package's folder on the path, writes ``key NUL value NUL`` pairs to
its standard output, and is kept from importing what it does not need: 8 ms from exec to exit.
"""

import os
import stat
import sys

from lunix_natsdev.os_blkdev import Device, reread, whole_disk
from lunix_natsdev.superblock.detect import Facts, identify


def examine(path: str, sysfs: str = "/sys") -> Facts:
    """What is on the device or image at ``path``; raise ``OSError`` where it cannot be opened."""
    device = Device(path)
    facts = identify(device)
    device.close()
    place = whole_disk(device.status, sysfs) if stat.S_ISBLK(device.status.st_mode) else None
    if place is not None:
        _place(facts, path, *place)
    return facts


def _place(facts: Facts, path: str, name: str, number: int) -> None:
    # The node of the disk is beside the partition's; in sysfs a name such as cciss/c0d0 is cciss!c0d0.
    try:
        disk = Device(os.path.join(os.path.dirname(path), name.rpartition("!")[2]))  # noqa: PTH118, PTH120
    except OSError:
        return
    facts.place(disk, number)
    disk.close()


def encode(facts: Facts) -> bytes:
    """The pairs that ``probe`` reads."""
    pairs = [
        ("ambivalent", b"1" if facts.ambivalent else b""),
        ("table", facts.table.encode()),
        ("table_uuid", facts.table_uuid.encode()),
        ("part_uuid", facts.part_uuid.encode()),
        ("part_label", facts.part_label),
    ]
    block = facts.superblock
    if block is not None:
        pairs += [(key, getattr(block, key).encode()) for key in ("type", "usage", "version", "uuid", "uuid_sub")]
        pairs.append(("label", block.label))
    return b"".join(key.encode() + b"\0" + value + b"\0" for key, value in pairs if value)


def main(verb: str, path: str) -> int:
    """``look`` writes what is on ``path``, ``reread`` reads its partitions again; exit with ``errno`` on failure."""
    try:
        if verb == "reread":
            reread(path)
        else:
            os.write(1, encode(examine(path)))
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}\n")
        return error.errno or 1
    return 0
