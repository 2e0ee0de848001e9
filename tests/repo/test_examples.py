"""Every example is run by a test: one that nothing runs is wrong before long."""

import ast
from pathlib import Path

from lunix_testing import tree

EXAMPLES = tree.ROOT / "examples"
NOT_RUN = {".md", ".txt", ".json", ".lock"}


def _tested() -> set[str]:
    """Every text constant in the tests."""
    return {
        node.value
        for path in tree.files()
        if path.suffix == ".py" and path.is_relative_to(tree.ROOT / "tests")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_example_is_named_by_a_test() -> None:
    tested = _tested()
    forgotten = [
        str(path.relative_to(tree.ROOT))
        for path in tree.files()
        if path.is_relative_to(EXAMPLES) and path.suffix not in NOT_RUN and not _named(path, tested)
    ]
    assert not forgotten, "\n".join(forgotten)


def _named(path: Path, tested: set[str]) -> bool:
    """Whether a test names the file by its path from the checkout or from ``examples``."""
    return bool(tested & {str(path.relative_to(tree.ROOT)), str(path.relative_to(EXAMPLES))})
