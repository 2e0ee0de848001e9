"""Finds the shared libraries that programs and Python extensions of the host need in the guest."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

_ELF_MAGIC = b"\x7fELF"
_RESOLVED = re.compile(r"^\s*(\S+) => (/\S+) \(0x", re.MULTILINE)
_LOADER = re.compile(r"^\s*(/\S*/ld-linux\S*) \(0x", re.MULTILINE)


def is_elf(path: Path) -> bool:
    """Whether a file is an ELF object."""
    with path.open("rb") as file:
        return file.read(4) == _ELF_MAGIC


def needed(objects: Iterable[Path]) -> dict[str, Path]:
    """Each needed library by its soname, with the file that the host's loader takes for it (ldd(1)).

    Statically linked objects need none. The loader itself is under its absolute path.
    """
    listed = subprocess.run(["ldd", *map(str, objects)], capture_output=True, text=True, check=False).stdout
    found = {soname: Path(path) for soname, path in _RESOLVED.findall(listed)}
    return found | {path: Path(path) for path in _LOADER.findall(listed)}
