"""Compile modules for the image, by its own interpreter: without what only people and tools read, and without sources.

python3 compile.py TARGET <LINES     each line "FILE RELATIVE-PATH"

Left out are docstrings, also those that dataclasses write, assertions, annotations of functions, overloads, what is
for type checkers alone, the classes of the dictionaries that pydantic_core takes (it checks them itself), and the lines
of modules that are not lunix's own.
"""

import ast
import marshal
import sys
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path
from types import CodeType

_ASKED = ("lunix_common/schemas/", "lunix_common/config", "lunix_common/script")
"""Modules whose functions' annotations are asked for as they run."""

_UNDOCUMENTED = "not getattr(cls, '__doc__')"
"""Where dataclasses writes the signature of a class into its docstring: a twentieth of the time of all imports."""

_ADDED = {
    "collections/__init__.py": "from lunix_made import eval",
    "dataclasses.py": "from lunix_made import exec",
    "encodings/__init__.py": "import lunix_packed",
    "re/_compiler.py": "from lunix_made import patterns\ncompile = patterns(compile)",
    "typing.py": "from lunix_made import compile",
}
"""What is added to modules: see lunix_made and lunix_packed in image/lean."""


def _named(node: ast.expr, name: str) -> bool:
    return (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)


class Without(ast.NodeTransformer):
    """The tree of a module without what nothing asks for at run time."""

    def __init__(self, place: str) -> None:
        self._asked = place.startswith(_ASKED) or place.endswith("/settings.py")
        self._shapes = place == "pydantic_core/core_schema.py"
        self._dicts = set[str]()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        """Leave out an overload, and annotations."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST | None:
        """The same."""
        return self._function(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Leave out what is under ``if TYPE_CHECKING``, and how a dataclass documents itself."""
        self.generic_visit(node)
        if _named(node.test, "TYPE_CHECKING") or ast.unparse(node.test) == _UNDOCUMENTED:
            return node.orelse or ast.copy_location(ast.Pass(), node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Leave out the class of a dictionary that is never made by its name."""
        if self._shapes and any(_named(base, name) for base in node.bases for name in ("TypedDict", *self._dicts)):
            self._dicts.add(node.name)
            target = ast.Name(node.name, ast.Store())
            return ast.copy_location(ast.Assign([target], ast.Name("dict", ast.Load())), node)
        return self.generic_visit(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST | None:
        if any(_named(one, "overload") for one in node.decorator_list):
            return None
        self.generic_visit(node)
        # singledispatch reads the annotation of what is registered.
        if not self._asked and not any(_named(one, "register") for one in node.decorator_list):
            node.returns = None
            words = node.args
            for word in (*words.posonlyargs, *words.args, words.vararg, *words.kwonlyargs, words.kwarg):
                if word:
                    word.annotation = None
        node.body = node.body or [ast.Pass()]
        return node


def without_lines(code: CodeType) -> CodeType:
    """The same without the tables of lines, an eighth of a packed module, and without the classes in names."""
    inner = tuple(without_lines(one) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_linetable=b"", co_qualname=code.co_name, co_consts=inner)


def compiled(text: bytes, place: str) -> CodeType:
    """The code of a module at a place."""
    tree = ast.parse(text + f"\n{_ADDED.get(place, '')}\n".encode())
    lean = ast.fix_missing_locations(Without(place).visit(tree))
    code = compile(lean, place, "exec", dont_inherit=True, optimize=2)
    return code if place.startswith("lunix_") else without_lines(code)


def main() -> None:
    """Compile what is named on standard input."""
    target = Path(sys.argv[1])
    for line in sys.stdin:
        source, place = line.split()
        path = target / f"{place}c"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = Path(source).read_bytes()
        # A pyc of PEP 552, with a hash that is not checked: it is found by its name alone, no source is looked for.
        head = MAGIC_NUMBER + (1).to_bytes(4, "little") + source_hash(text)
        path.write_bytes(head + marshal.dumps(compiled(text, place)))


if __name__ == "__main__":
    main()
