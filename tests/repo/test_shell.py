"""Shell scripts, wherever they lie, have none of the mistakes that shellcheck warns of."""

import subprocess
from pathlib import Path

import pytest

from lunix_testing import tree


def _is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline()
    return path.suffix == ".sh" or (first.startswith(b"#!") and b"sh" in first.rpartition(b"/")[2])


SCRIPTS = [path for path in tree.files() if _is_shell(path)]


@pytest.mark.requires("program:shellcheck")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(tree.ROOT)))
def test_a_script_is_clean(path: Path) -> None:
    found = subprocess.run(
        ("shellcheck", "--severity=warning", str(path)), capture_output=True, text=True, timeout=60, check=False
    )
    assert not found.stdout, found.stdout
