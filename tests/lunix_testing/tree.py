"""The project's own source tree, as the repo tests look at it. It finds the packages by itself."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeGuard

ROOT = Path(__file__).resolve().parents[2]

_FOLDERS = (".", "services", "init", "cli")
_NAMES = re.compile(r"`+([a-z_0-9.]+)`+")


@dataclass(frozen=True)
class Import:
    """One imported module; of ``from a import b``, where it cannot be told whether b is one, ``a.b``."""

    name: str
    line: int
    relative: bool

    @property
    def top(self) -> str:
        """The distribution's side of the name."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Module:
    """One Python file of a package, or of the tests."""

    name: str
    path: Path

    @property
    def package(self) -> str:
        """The import package that it is shipped in."""
        return self.name.partition(".")[0]

    @property
    def shown(self) -> str:
        """Its path in the checkout."""
        return str(self.path.relative_to(ROOT))

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree, made anew each time: those of all modules are millions of objects that hold up the rest."""
        return ast.parse(self.path.read_text(encoding="utf-8"), filename=str(self.path))

    @cached_property
    def lines(self) -> int:
        """How many lines it has, all counted."""
        return len(self.path.read_text(encoding="utf-8").splitlines())

    @cached_property
    def code_lines(self) -> int:
        """How many lines it has without the empty ones, comments and docstrings."""
        texts = [node for node in statements(self.tree) if _is_text(node)]
        prose = {line for node in texts for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return sum(
            bool(line.strip()) and not line.lstrip().startswith("#") and number not in prose
            for number, line in enumerate(lines, 1)
        )

    @cached_property
    def docstring(self) -> str:
        """Its docstring, empty where there is none."""
        return ast.get_docstring(self.tree) or ""

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Each import, wherever in the module it stands."""
        found: list[Import] = []
        for node in statements(self.tree):
            if isinstance(node, ast.Import):
                found += [Import(alias.name, node.lineno, relative=False) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module or ''}.{alias.name}" for alias in node.names]
                found += [Import(name, node.lineno, relative=node.level > 0) for name in names]
        return tuple(found)

    def listed(self, title: str) -> frozenset[str]:
        r"""The names in backquotes that follow ``title …:`` in the docstring, as modules of this package.

        "The pure core (no system calls): `unit`, `graph`." lists two under the title "pure core".
        """
        found = re.search(
            rf"\b{title}\b[^:.`]*:\s*((?:`+[a-z_0-9.]+`+(?:,\s*|\s+and\s+)?)+)", self.docstring, re.IGNORECASE
        )
        return frozenset(f"{self.name}.{name}" for name in _NAMES.findall(found[1])) if found else frozenset()


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Those below a node, however deep: a tenth of what ``ast.walk`` visits. Handlers and cases are among them."""
    for part in ("body", "handlers", "orelse", "finalbody", "cases"):
        for child in getattr(node, part, ()):
            yield child
            yield from statements(child)


def _is_text(node: ast.AST) -> TypeGuard[ast.Expr]:
    """Whether the node is a text that stands by itself: a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def packages() -> dict[str, Path]:
    """Every import package that is shipped: its name and its folder."""
    found = {
        path.parent.name: path.parent
        for folder in _FOLDERS
        for path in sorted((ROOT / folder).glob("lunix_*/__init__.py"))
    }
    assert "lunix_common" in found, "the tree is not where it was"
    return found


@cache
def modules() -> tuple[Module, ...]:
    """Every module of every package."""
    return tuple(module for folder in packages().values() for module in _modules_below(folder))


def _modules_below(folder: Path) -> Iterator[Module]:
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        yield Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts), path)


@cache
def package_modules(package: str) -> tuple[Module, ...]:
    """Every module of one package, its ``__init__`` first."""
    return tuple(module for module in modules() if module.package == package)


@cache
def pure_cores() -> frozenset[str]:
    """The modules that their package's docstring lists as "pure core"."""
    return frozenset(module for name in packages() for module in package_modules(name)[0].listed("pure core"))


@cache
def run_by_machines() -> frozenset[str]:
    """The modules that their package's docstring lists as run in QEMU or as PID 1, where coverage is not measured."""
    listed = (package_modules(name)[0].listed("run by machines, where coverage is not measured") for name in packages())
    return frozenset(module for modules in listed for module in modules)


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project that git has or would take, and that is there."""
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in sorted(set(listed.split("\0"))) if name and (path := ROOT / name).is_file())


@cache
def project() -> dict[str, Any]:
    """What ``pyproject.toml`` says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
