"""What image/compile.py leaves out of a module, and what it leaves in."""

import ast
import dataclasses
import inspect
import sys
import textwrap
from dataclasses import fields
from typing import Any

from image.compile import compiled

_MODULE = '''
"""Documented."""
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, overload
if TYPE_CHECKING:
    import nowhere

@overload
def twice(one: int) -> int: ...
@overload
def twice(one: str) -> str: ...
def twice(one: "int | str", *more: int, last: int = 1, **rest: int) -> "int | str":
    """Documented."""
    assert one
    def inner(x: int) -> int:
        return x
    return one * 2

@dataclass
class Pair:
    left: int
    right: str = "r"
    def swap(self) -> "nowhere.Pair":
        pass

@singledispatch
def kind(thing):
    return "other"
@kind.register
def _(thing: int):
    return "int"
'''


def _run(place: str = "other/module.py") -> dict[str, Any]:
    found: dict[str, Any] = {"__name__": "made"}
    sys.modules["made"] = inspect.getmodule(ast) or ast  # dataclass looks its module up
    try:
        exec(compiled(_MODULE.encode(), place), found)
    finally:
        del sys.modules["made"]
    return found


def test_functions_have_no_annotations_and_no_documentation() -> None:
    found = _run()
    assert found["twice"].__annotations__ == {}
    assert found["twice"].__doc__ is None
    assert found["twice"]("a", last=2) == "aa"
    assert found["Pair"].swap.__annotations__ == {}


def test_overloads_and_what_is_for_type_checkers_are_left_out() -> None:
    names = {name for one in ast.walk(ast.parse(_MODULE)) if isinstance(one, ast.Name) for name in [one.id]}
    assert "TYPE_CHECKING" in names
    code = compiled(_MODULE.encode(), "other/module.py")
    assert "nowhere" not in code.co_names
    assert [one.co_name for one in code.co_consts if inspect.iscode(one)].count("twice") == 1


def test_fields_and_what_singledispatch_reads_stay() -> None:
    found = _run()
    assert [one.name for one in fields(found["Pair"])] == ["left", "right"]
    assert found["kind"](1) == "int"
    assert found["kind"]("x") == "other"


def test_dataclasses_do_not_write_what_nobody_reads() -> None:
    text = inspect.getsource(dataclasses)
    code = compiled(text.encode(), "dataclasses.py")
    (process,) = (one for one in code.co_consts if inspect.iscode(one) and one.co_name == "_process_class")
    assert "signature" in text
    assert "signature" not in process.co_names
    assert "_set_new_attribute" in process.co_names  # the rest of it stays


def test_modules_whose_annotations_are_asked_for_keep_them() -> None:
    assert _run("lunix_common/schemas/made.py")["twice"].__annotations__.keys() >= {"one", "return"}
    assert _run("lunix_ps/settings.py")["twice"].__annotations__.keys() >= {"one", "return"}


def test_only_modules_of_lunix_keep_their_lines() -> None:
    def lines(place: str) -> set[int | None]:
        code = compiled(_MODULE.encode(), place)
        (twice,) = (one for one in code.co_consts if inspect.iscode(one) and one.co_name == "twice")
        return {line for _, _, line in twice.co_lines()}

    assert len(lines("lunix_ps/made.py") - {None}) > 1
    assert len(lines("other/made.py") - {None}) <= 1


def test_the_dictionaries_of_pydantic_core_have_no_classes() -> None:
    text = textwrap.dedent(
        """
        from typing import TypedDict
        class Shape(TypedDict, total=False):
            type: str
        class Wider(Shape, total=False):
            more: int
        def made(): return {"type": "x"}
        """
    )
    for place, kept in (("pydantic_core/core_schema.py", False), ("other/module.py", True)):
        found: dict[str, Any] = {"__name__": "typing"}
        exec(compiled(text.encode(), place), found)
        assert (found["Shape"] is not dict) is kept
        assert (found["Wider"] is not dict) is kept
        assert found["made"]() == {"type": "x"}
