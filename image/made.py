"""Pack a library of compiled modules, by the interpreter of the image.

    python3 made.py LIBRARY TARGET MODULE... <PATHS

imports the modules from the library, and writes what they compiled to TARGET/lunix_made.bin, and all modules of the
paths, those first that were imported, in that order, to TARGET/lunix_modules.bin: for lunix_made and lunix_packed in
image/lean.
"""

# Nothing of the library is imported from elsewhere.
import marshal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class _Order:
    """Keeps the order in which modules are looked for: `sys.modules` has that in which they are done."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, *_: object) -> None:
        self.names.append(name)


class _Told:
    """`_sre` for `re._compiler`: keeps what a pattern was made of."""

    def __init__(self, sre: object) -> None:
        self._sre = sre
        self.parts: tuple[object, ...] = ()

    def __getattr__(self, name: str) -> object:
        return getattr(self._sre, name)

    def compile(self, _pattern: str | bytes, flags: int, code: list[int], *parts: object) -> None:
        # They are of classes of their own.
        self.parts = int(flags), [int(one) for one in code], *parts


def main() -> None:
    """Import, and write."""
    library, target, *modules = sys.argv[1:]
    order = _Order()
    sys.meta_path.insert(0, order)
    sys.path[:] = [library]
    for name in modules:
        __import__(name)
    with open(f"{target}/lunix_made.bin", "wb") as file:
        file.write(_pack({at: (part,) for at, part in _compiled().items()}))
    with open(f"{target}/lunix_modules.bin", "wb") as file:
        file.write(_pack(_modules(library, sys.stdin.read().split(), order.names)))


def _compiled() -> dict[bytes, bytes]:
    made, compiler = sys.modules["lunix_made"], sys.modules["re._compiler"]
    told = _Told(vars(compiler)["_sre"])
    vars(compiler)["_sre"] = told
    store: dict[bytes, bytes] = {}
    for at, missed in sorted(made.missed.items()):
        if isinstance(missed, tuple):
            made.compile_pattern(*missed)
            store[at] = marshal.dumps(told.parts)
        else:
            store[at] = missed
    return store


def _modules(library: str, paths: list[str], order: list[str]) -> dict[str, tuple[bytes, str]]:
    """Each module's code without the head of its file, and the file's path."""
    files = {path.removesuffix(".pyc").removesuffix("/__init__").replace("/", "."): path for path in paths}
    place = {name: number for number, name in reversed(list(enumerate(order)))}
    found: dict[str, tuple[bytes, str]] = {}
    for name in sorted(files, key=lambda name: (place.get(name, len(place)), name)):
        with open(f"{library}/{files[name]}", "rb") as file:
            found[name] = file.read()[16:], files[name]
    return found


def _pack(parts: "Mapping[Any, tuple[Any, ...]]") -> bytes:
    """Where the index is and how long, each in eight bytes; the parts; the index, which keeps what they have beside."""
    content, index = bytearray(16), {}
    for name, (part, *beside) in parts.items():
        index[name] = (len(content), len(part), *beside)
        content += part
    tail = marshal.dumps(index)
    content[:16] = len(content).to_bytes(8, "little") + len(tail).to_bytes(8, "little")
    return bytes(content + tail)


if __name__ == "__main__":
    main()
