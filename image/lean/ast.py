"""In the place of the standard library's, which makes a class of each kind of syntax, half a megabyte of them.

`inspect` and `traceback` would parse sources, of which the image has none.
"""

from typing import NoReturn


class AST:
    """No syntax."""


class NodeVisitor:
    """Visits nothing."""


class NodeTransformer(NodeVisitor):
    """Changes nothing."""


def parse(*_arguments: object, **_more: object) -> NoReturn:
    """Say that there is nothing to parse."""
    raise SyntaxError("no source is parsed on this machine")
