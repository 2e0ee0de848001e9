"""The image holds what its daemons import, also where they do so in the text of a program that they start."""

import ast
from collections.abc import Iterator
from pathlib import Path

from image.modules import closure, imports
from image.place import HERE, TREE
from image.root import WANTED

ROOTS = (HERE / "lean", TREE, *(TREE / name for name in ("services", "init", "cli")))


def _cut() -> frozenset[str]:
    return frozenset(line for line in (HERE / "cut.txt").read_text().split("\n") if line and not line.startswith("#"))


def _programs(path: Path) -> Iterator[str]:
    """Texts that are programs with imports."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value:
            try:
                ast.parse(node.value)
            except SyntaxError:
                continue
            yield node.value


def test_what_programs_in_texts_import_is_in_the_image(tmp_path: Path) -> None:
    held = closure(WANTED, _cut(), ROOTS)
    programs = {text for path, _ in held.values() for text in _programs(path)}
    assert programs, "natsdev starts one for each device that it looks at"
    for number, text in enumerate(sorted(programs)):
        program = tmp_path / f"{number}.py"
        program.write_text(text)
        missing = {name for name in imports("program", program) if name in closure([name], _cut(), ROOTS)} - held.keys()
        assert not missing, text


def test_what_a_module_imports_is_found(tmp_path: Path) -> None:
    for name, text in {
        "a": "from b import c",
        "b/__init__": "",
        "b/c": "def f():\n    import d",
        "d": "",
        "e": "",
    }.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert closure(["a"], frozenset(), [tmp_path]).keys() == {"a", "b", "b.c", "d"}
    assert closure(["a"], frozenset({"b.c"}), [tmp_path]).keys() == {"a", "b"}
