"""What has grown too large to be read at one sitting."""

import ast
import json
import subprocess
import sys

from lunix_testing import tree

MODULE_LINES = 400
FUNCTION_LINES = 50
COMMON_LINES, LOADED_LINES, BUS_LINES = 2750, 1800, 1500
"""Of code: empty lines, comments and docstrings make no library thick, and nor do the declared rows.
What only some daemons load is held by the first figure alone."""

PYTHON = tuple(
    tree.Module(str(path), path) for path in tree.files() if path.suffix == ".py" and "docs" not in path.parts
)


def test_modules_are_short() -> None:
    long = [f"{module.shown}: {module.lines} lines" for module in PYTHON if module.lines >= MODULE_LINES]
    assert not long, "\n".join(long)


def test_functions_are_short() -> None:
    long = [
        f"{module.shown}:{node.lineno} {node.name}: {length} lines"
        for module in PYTHON
        for node in tree.statements(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) >= FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_the_common_library_stays_thin() -> None:
    sizes = common_sizes()
    assert sum(sizes.values()) <= COMMON_LINES, sizes


def test_what_every_daemon_loads_stays_thin() -> None:
    program = "import json, sys, lunix_common.daemon; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)
    sizes = {name: size for name, size in common_sizes().items() if name in loaded}
    assert len(sizes) > 10
    assert sum(sizes.values()) <= LOADED_LINES, sizes


def test_the_bus_server_stays_small() -> None:
    sizes = {module.name: module.code_lines for module in tree.package_modules("lunix_bus")}
    assert sum(sizes.values()) <= BUS_LINES, sizes


def common_sizes() -> dict[str, int]:
    """Lines of code a module; the schemas and the declared rows are data that grow with each domain."""
    data = ("lunix_common.schemas", "lunix_common.domains")
    return {
        module.name: module.code_lines
        for module in tree.package_modules("lunix_common")
        if not module.name.startswith(data)
    }
