"""Which modules the image holds: all that ours import, and what these import, as their texts say. No module is run.

Run by the interpreter of the image, whose syntax it reads:

    python3 modules.py CUT ROOT... -- MODULE...

prints a line "FILE RELATIVE-PATH" for each module found below one of the roots, the first that has it; CUT is a file
of the names that are left out. So are those that are inside of the interpreter, which looks there first: but for `os`,
by whose file it knows its library.
"""

import _imp
import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path


def find(name: str, roots: Sequence[Path]) -> tuple[Path, Path] | None:
    """The file of a module and its root; none where it is in no root: built in, or not there."""
    for root in roots:
        place = root.joinpath(*name.split("."))
        for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if path.exists():
                return path, root
    return None


def imports(name: str, path: Path) -> Iterator[str]:
    """The names that a module imports, wherever in its text; what it takes from a package may be a module too."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - (node.level - 1)] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def closure(wanted: Sequence[str], cut: frozenset[str], roots: Sequence[Path]) -> dict[str, tuple[Path, Path]]:
    """Every module that the wanted ones need, without those that are cut, and what is in these."""
    found: dict[str, tuple[Path, Path]] = {}
    left, seen = list(wanted), set[str]()
    while left:
        name = left.pop()
        parts = name.split(".")
        prefixes = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
        if name in seen or prefixes & cut:
            continue
        seen.add(name)
        left += prefixes
        if place := find(name, roots):
            found[name] = place
            left += imports(name, place[0])
    return found


def main() -> None:
    """Print what is found."""
    words = sys.argv[1:]
    border = words.index("--")
    cut = frozenset(line for line in Path(words[0]).read_text().split("\n") if line and not line.startswith("#"))
    found = closure(words[border + 1 :], cut, [Path(word) for word in words[1:border]])
    for path, root in sorted(place for name, place in found.items() if name == "os" or not _imp.is_frozen(name)):
        print(path, path.relative_to(root))


if __name__ == "__main__":
    main()
