"""Modules of image/lean that stand in for ones of the standard library, beside these."""

import dis
import importlib.util
import unicodedata
import zlib
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image.place import HERE


def _lean(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"lean_{name}", HERE / "lean" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_characters_have_the_width_of_the_standard_library() -> None:
    lean = _lean("unicodedata")
    of_14 = unicodedata.ucd_3_2_0  # what was assigned then has not changed its category since
    for number in range(0x110000):
        character = chr(number)
        if of_14.category(character) in ("Cn", "Cs"):
            continue
        hidden = unicodedata.category(character) in ("Mn", "Me", "Cf")
        wide = unicodedata.east_asian_width(character) in "WF"
        assert (lean.category(character) == "Mn") == hidden, hex(number)
        assert (lean.east_asian_width(character) == "W") == wide, hex(number)


@given(st.binary())
def test_checksums_are_those_of_zlib(data: bytes) -> None:
    assert _lean("zlib").crc32(data) == zlib.crc32(data)


def test_the_flags_of_code_are_those_of_the_standard_library() -> None:
    assert _lean("dis").COMPILER_FLAG_NAMES.items() <= dis.COMPILER_FLAG_NAMES.items()


def test_messages_are_their_own_translation() -> None:
    lean = _lean("gettext")
    assert [lean.gettext("a"), lean.ngettext("one", "many", 1), lean.ngettext("one", "many", 2)] == ["a", "one", "many"]


def test_what_the_board_has_not_says_so() -> None:
    with pytest.raises(SyntaxError):
        _lean("ast").parse("1 + 1")
    with pytest.raises(NotImplementedError):
        _lean("fractions").Fraction(1)
    with pytest.raises(NotImplementedError):
        _lean("decimal").Decimal(1)
