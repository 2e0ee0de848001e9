"""PID 1 imports the standard library alone."""

import ast
import subprocess
import sys
from pathlib import Path

import lunix_init

FOLDER = Path(lunix_init.__file__).parent


def imports(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            found.add((node.module or "").split(".")[0])
    return found


def test_no_module_of_pid_1_imports_more_than_the_standard_library() -> None:
    modules = [path for path in FOLDER.glob("*.py") if not path.stem.startswith("bus")]
    assert len(modules) > 10
    for path in modules:
        foreign = imports(path.read_text()) - sys.stdlib_module_names - {"lunix_init"}
        assert not foreign, f"{path.name} imports {foreign}"


def test_pid_1_starts_where_nothing_else_is_installed() -> None:
    code = f"import sys; sys.path.insert(0, {str(FOLDER.parent)!r}); import lunix_init.__main__"
    subprocess.run([sys.executable, "-S", "-I", "-W", "error", "-c", code], check=True, timeout=30)
