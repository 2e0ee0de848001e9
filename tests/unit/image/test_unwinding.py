"""What image/unwinding.py leaves out of a library, and that nothing else of it changes."""

import sys
from pathlib import Path

from image import unwinding

_PROGRAM = Path(sys.executable)


def test_the_tables_are_zeros_and_all_else_is_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "lean"
    unwinding.leave_out(_PROGRAM, target)
    before, after = _PROGRAM.read_bytes(), target.read_bytes()
    places = {name: slice(at, at + size) for name, at, size in unwinding.sections(before)}
    expected = bytearray(before)
    for name in (b".eh_frame", b".eh_frame_hdr", b".gcc_except_table"):
        if name in places:
            expected[places[name]] = bytes(places[name].stop - places[name].start)
    assert any(before[places[b".eh_frame"]])
    assert after == expected


def test_sections_have_the_names_and_places_of_the_file() -> None:
    content = _PROGRAM.read_bytes()
    places = {name: content[at : at + size] for name, at, size in unwinding.sections(content)}
    assert b"\0.eh_frame\0" in places[b".shstrtab"]
    assert places[b".interp"].startswith(b"/lib")
