"""The modules of the image, which lie in one file, in the order in which they are imported first (image/made.py).

Found one by one, each would cost a dozen system calls, and blocks of the squashfs would be unpacked again and again.
Imported by `encodings`, and so by every interpreter as it starts (image/compile.py).
"""

import marshal
import sys
from _frozen_importlib import ModuleSpec
from posix import O_CLOEXEC, O_RDONLY, close, open, pread

TYPE_CHECKING = False
if TYPE_CHECKING:  # nothing may be imported here that lies in the file
    from types import CodeType, ModuleType
    from typing import Any

LIBRARY = __file__.rpartition("/")[0]


class Pack:
    """A file of many parts; `index` tells where each begins, how long it is, and whatever else."""

    def __init__(self, path: str) -> None:
        self._path = path
        head = self._read(0, 16)
        self.index: dict[Any, tuple[Any, ...]] = marshal.loads(
            self._read(int.from_bytes(head[:8], "little"), int.from_bytes(head[8:], "little"))
        )

    def part(self, name: object) -> bytes:
        """One of them."""
        return self._read(*self.index[name][:2])

    def _read(self, at: int, size: int) -> bytes:
        fd = open(self._path, O_RDONLY | O_CLOEXEC)
        try:
            return pread(fd, size, at)
        finally:
            close(fd)


class Packed:
    """Finds a module and loads it."""

    pack = Pack(f"{LIBRARY}/lunix_modules.bin")

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Where a module comes from, if it is one of these."""
        found = cls.pack.index.get(name)
        if found is None:
            return None
        place = f"{LIBRARY}/{found[2]}"
        spec = ModuleSpec(name, cls, origin=place)
        spec.has_location = True
        if place.endswith("/__init__.pyc"):
            spec.submodule_search_locations = [place.rpartition("/")[0]]
        return spec

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """Leave it to Python."""

    @classmethod
    def exec_module(cls, module: "ModuleType") -> None:
        """Run it."""
        exec(cls.get_code(module.__name__), module.__dict__)

    @classmethod
    def get_code(cls, name: str) -> "CodeType":
        """Its code."""
        code: CodeType = marshal.loads(cls.pack.part(name))
        return code


sys.meta_path.insert(len(sys.meta_path) - 1, Packed)
