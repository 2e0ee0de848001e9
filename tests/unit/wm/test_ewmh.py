"""What properties of windows mean, and the messages to a window manager."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.wm import MoveRequest
from lunix_wm import ewmh
from lunix_wm.ewmh import Seen
from lunix_x11 import wire

ATOMS = {name: number for number, name in enumerate(ewmh.NAMES, 100)}


def a_text(raw: bytes) -> bytes:
    return struct.pack("<BBHIIII12x", 1, 8, 1, 0, 31, 0, len(raw)) + wire.padded(raw)


def some_numbers(*numbers: int) -> bytes:
    return struct.pack(f"<BBHIIII12x{len(numbers)}I", 1, 32, 1, 0, 6, 0, len(numbers), *numbers)


def seen(**replies: bytes) -> Seen:
    found = Seen(corner=(10, -20), size=(300, 200))
    for name, reply in replies.items():
        found.take(name, reply)
    return found


def test_all_that_a_window_says_of_itself_is_told() -> None:
    states = [ATOMS[name] for name in ewmh.STATES]
    found = seen(
        _NET_WM_NAME=a_text("Käse".encode()),
        WM_NAME=a_text(b"old"),
        WM_CLASS=a_text(b"xterm\0XTerm\0"),
        _NET_WM_PID=some_numbers(4711),
        _NET_WM_DESKTOP=some_numbers(1),
        _NET_WM_STATE=some_numbers(*states, 7),
        _NET_WM_WINDOW_TYPE=some_numbers(9, ATOMS["_NET_WM_WINDOW_TYPE_DIALOG"]),
    )
    window = ewmh.window(0x1400003, found, ATOMS, ["one", "two"], focused=True)
    assert window is not None
    assert window.model_dump() == {
        "id": "x11:1400003", "title": "Käse", "app": "XTerm", "pid": 4711, "type": "dialog", "workspace": "two",
        "x": 10, "y": -20, "width": 300, "height": 200,
        "focused": True, "minimized": True, "maximized": True, "fullscreen": True, "urgent": True,
    }  # fmt: skip
    assert ewmh.number_of(window.id) == 0x1400003


def test_what_a_window_does_not_say_is_left_out() -> None:
    found = seen(WM_NAME=a_text(b"K\xe4se"), WM_CLASS=a_text(b"xterm"), _NET_WM_DESKTOP=some_numbers(0xFFFFFFFF))
    window = ewmh.window(1, found, ATOMS, [], focused=False)
    assert window is not None
    assert (window.title, window.app, window.pid, window.workspace, window.type) == (
        "Käse",
        "xterm",
        None,
        None,
        "normal",
    )
    assert not any((window.minimized, window.maximized, window.fullscreen, window.urgent))
    only_tall = seen(_NET_WM_STATE=some_numbers(ATOMS["_NET_WM_STATE_MAXIMIZED_VERT"]))
    tall = ewmh.window(1, only_tall, ATOMS, [], focused=False)
    assert tall is not None
    assert not tall.maximized


def test_a_type_that_nobody_knows_is_another_one() -> None:
    window = ewmh.window(1, seen(_NET_WM_WINDOW_TYPE=some_numbers(9)), ATOMS, [], focused=False)
    assert window is not None
    assert window.type == "other"


@pytest.mark.parametrize("number", [0, 2**22, 0xFFFFFFFF])
def test_a_number_that_no_process_has_is_none(number: int) -> None:
    assert seen(_NET_WM_PID=some_numbers(number)).pid is None


@pytest.mark.parametrize("found", [Seen(), Seen(corner=(0, 0)), Seen(size=(1, 1))])
def test_a_window_without_a_place_is_not_told_yet(found: Seen) -> None:
    assert ewmh.window(1, found, ATOMS, [], focused=False) is None


@pytest.mark.parametrize(
    ("wanted", "index"),
    [("web", 1), ("1", 0), ("2", 2), ("3", 2), ("0", None), ("", None), ("-1", None), ("10000", None), ("9999", 9998),
     ("99999999999999999999", None), ("²", None), ("mail", None)],
)  # fmt: skip
def test_a_workspace_is_found_by_its_name_and_then_by_its_number(wanted: str, index: int | None) -> None:
    assert ewmh.desktop_of(wanted, ["main", "web", "2"]) == index


def test_a_workspace_without_a_name_is_its_number() -> None:
    names = ewmh.desktop_names(b"main\0\0web\0")
    assert [ewmh.workspace(index, names) for index in range(5)] == ["main", "2", "web", "4", "5"]


def the_message(request: bytes) -> tuple[int, int, tuple[int, ...]]:
    """The window, the kind and the numbers of a message to the root window."""
    assert (request[0], struct.unpack_from("<H", request, 2)[0] * 4) == (25, len(request))
    destination, mask = struct.unpack_from("<II", request, 4)
    assert (destination, mask) == (1, 0x180000)
    assert request[12:14] == bytes([33, 32])
    window, kind, *numbers = struct.unpack_from("<IIiiiii", request, 16)
    return window, kind, tuple(numbers)


def test_the_window_manager_is_asked_in_the_words_of_the_specification() -> None:
    assert the_message(ewmh.activate(1, 5, ATOMS)) == (5, ATOMS["_NET_ACTIVE_WINDOW"], (2, 0, 0, 0, 0))
    assert the_message(ewmh.close(1, 5, ATOMS)) == (5, ATOMS["_NET_CLOSE_WINDOW"], (0, 2, 0, 0, 0))
    assert the_message(ewmh.to_desktop(1, 5, ATOMS, 3)) == (5, ATOMS["_NET_WM_DESKTOP"], (3, 2, 0, 0, 0))


@pytest.mark.parametrize(
    ("to", "numbers"),
    [
        ({"x": -5, "y": 0, "width": 7, "height": 8}, (0x2F0A, -5, 0, 7, 8)),
        ({"y": 6}, (0x220A, 0, 6, 0, 0)),
        ({"width": 7}, (0x240A, 0, 0, 7, 0)),
    ],
)
def test_only_what_is_to_change_is_asked_for(to: dict[str, int], numbers: Sequence[int]) -> None:
    request = ewmh.place(1, 5, ATOMS, MoveRequest.model_validate({"id": "x11:5", **to}))
    assert the_message(request) == (5, ATOMS["_NET_MOVERESIZE_WINDOW"], numbers)


@given(
    st.sampled_from(ewmh.OF_A_WINDOW),
    st.sampled_from([0, 8, 16, 32]),
    st.binary(max_size=300),
    st.integers(0, 2**32 - 1),
)
def test_any_property_can_be_read(name: str, form: int, raw: bytes, length: int) -> None:
    found = Seen(corner=(0, 0), size=(1, 1))
    found.take(name, struct.pack("<BBHIIII12x", 1, form, 1, 0, 31, 0, length) + wire.padded(raw))
    window = ewmh.window(1, found, ATOMS, [], focused=False)
    assert window is not None
    window.to_json()
