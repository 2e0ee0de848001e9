"""The protocol of i3 and sway: messages, commands that hold nothing but what they should, and trees."""

import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.wm import MoveRequest, Window
from lunix_wm import ipc, tree
from lunix_wm.ipc import Malformed

WINDOW = Window(id="i3:94021", x=1, y=2, width=30, height=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["id", "type", "name", "nodes", "floating_nodes", "rect", "x", "width", "pid", "window", "deco_rect", "height",
         "window_properties", "class", "app_id", "focused", "urgent", "fullscreen_mode", "window_type"]
    ), inner, max_size=8),
    max_leaves=30,
)  # fmt: skip


def a_message(kind: int, payload: bytes) -> bytes:
    return b"i3-ipc" + struct.pack("=II", len(payload), kind) + payload


def test_messages_are_cut_one_by_one() -> None:
    buffer = bytearray(a_message(4, b"{}") + a_message(0x80000003, b"[]") + a_message(0, b"abc")[:-1])
    assert ipc.take(buffer) == (4, False, b"{}")
    assert ipc.take(buffer) == (3, True, b"[]")
    assert ipc.take(buffer) is None
    buffer += b"c"
    assert ipc.take(buffer) == (0, False, b"abc")
    assert ipc.take(buffer) is None
    assert ipc.message(2, ipc.EVENTS) == a_message(2, ipc.EVENTS)


@pytest.mark.parametrize("wrong", [b"i3-ipx" + bytes(8), b"i3-ipc" + struct.pack("=II", 2**31, 4)])
def test_what_speaks_another_protocol_is_refused(wrong: bytes) -> None:
    with pytest.raises(Malformed):
        ipc.take(bytearray(wrong))


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(Malformed):
        ipc.take(bytearray(raw))
    with suppress(Malformed):
        ipc.refusal(raw)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ([{"success": True}, {"success": True}], None),
        ([{"success": True}, {"success": False, "error": "No such con"}], "No such con"),
        ([{"success": False}], "no reason given"),
        ([3], "no reason given"),
        ({"success": True}, None),
        ("x", "no reason given"),
    ],
)
def test_why_a_command_was_not_done_is_read(answer: object, why: str | None) -> None:
    assert ipc.refusal(json.dumps(answer).encode()) == why


def test_json_without_end_is_refused() -> None:
    with pytest.raises(Malformed):
        ipc.decoded(b"[" * 100_000)


@pytest.mark.parametrize(
    ("to", "command"),
    [
        ({"workspace": "2"}, "[con_id=94021] move container to workspace number 2"),
        ({"workspace": "web: mail"}, '[con_id=94021] move container to workspace "web: mail"'),
        ({"x": 5}, "[con_id=94021] move absolute position 5 px 2 px"),
        ({"y": -5, "height": 7}, "[con_id=94021] resize set 30 px 7 px, move absolute position 1 px -5 px"),
        ({"width": 9, "workspace": "ä"}, '[con_id=94021] move container to workspace "ä", resize set 9 px 40 px'),
    ],
)
def test_a_move_is_one_command(to: dict[str, Any], command: str) -> None:
    assert ipc.move(WINDOW, MoveRequest(id=WINDOW.id, **to)) == command


def test_the_other_commands_name_the_window() -> None:
    assert ipc.focus(WINDOW) == "[con_id=94021] focus"
    assert ipc.close(WINDOW) == "[con_id=94021] kill"


@given(st.text(min_size=1, max_size=60))
def test_no_name_of_a_workspace_begins_another_command(name: str) -> None:
    try:
        command = ipc.move(WINDOW, MoveRequest(id=WINDOW.id, workspace=name))
    except ValueError:
        return
    inside = command.removeprefix("[con_id=94021] move container to workspace ").removeprefix("number ").strip('"')
    assert inside == name
    assert not set(inside) & set("\"'\\;,[]$`\n\r\0%(){}<>|&")


# --- trees ------------------------------------------------------------------------------------------------------------

RECT = {"x": 10, "y": 20, "width": 300, "height": 200}


def a_tree(*nodes: dict[str, Any], floating: list[dict[str, Any]] | None = None, name: str = "1") -> dict[str, Any]:
    workspace = {"id": 4, "type": "workspace", "name": name, "nodes": list(nodes), "floating_nodes": floating or []}
    return {"id": 1, "type": "root", "nodes": [{"id": 3, "type": "output", "nodes": [workspace]}]}


def test_a_window_of_i3_is_read() -> None:
    node: dict[str, Any] = {
        "id": 94, "type": "con", "name": "title", "window": 77, "window_type": "dialog", "rect": RECT,
        "deco_rect": {"x": 0, "y": 0, "width": 300, "height": 15}, "window_properties": {"class": "XTerm"},
        "focused": True, "urgent": True, "fullscreen_mode": 1, "nodes": [], "floating_nodes": [],
    }  # fmt: skip
    found = tree.windows(a_tree(node), "i3")
    assert found.floating == frozenset()
    assert found.windows["i3:94"].model_dump() == {
        "id": "i3:94", "title": "title", "app": "XTerm", "pid": None, "type": "dialog", "workspace": "1",
        "x": 10, "y": 5, "width": 300, "height": 215,
        "focused": True, "minimized": False, "maximized": False, "fullscreen": True, "urgent": True,
    }  # fmt: skip


def test_a_floating_window_of_i3_is_where_its_frame_is() -> None:
    inner = {"id": 95, "type": "con", "window": 77, "rect": {"x": 11, "y": 36, "width": 298, "height": 183}}
    frame = {"id": 90, "type": "floating_con", "rect": RECT, "nodes": [inner]}
    found = tree.windows(a_tree(floating=[frame]), "i3")
    window = found.windows["i3:95"]
    assert (window.x, window.y, window.width, window.height) == (10, 20, 300, 200)
    assert found.floating == {"i3:95"}


def test_a_floating_window_of_sway_is_its_own_frame() -> None:
    node = {"id": 5, "type": "floating_con", "pid": 47, "app_id": "foot", "rect": RECT, "deco_rect": {"height": 27}}
    found = tree.windows(a_tree(floating=[node]), "sway")
    window = found.windows["sway:5"]
    assert (window.app, window.pid, window.type) == ("foot", 47, "normal")
    assert (window.y, window.height) == (-7, 227)
    assert found.floating == {"sway:5"}


def test_what_is_in_the_scratchpad_is_minimized() -> None:
    found = tree.windows(a_tree({"id": 5, "window": 1, "rect": RECT}, name="__i3_scratch"), "i3").windows["i3:5"]
    assert (found.minimized, found.workspace) == (True, None)


def test_containers_are_no_windows_and_unknown_types_are_others() -> None:
    nodes = ({"id": 5, "type": "con"}, {"id": 0, "pid": 5}, {"id": 6, "pid": 5, "window_type": "tooltip", "rect": RECT})
    found = tree.windows(a_tree(*nodes), "sway").windows
    assert [window.type for window in found.values()] == ["other"]


def test_there_is_a_bound_to_how_many_are_read() -> None:
    nodes = [{"id": number, "pid": 1} for number in range(1, 5000)]
    assert len(tree.windows(a_tree(*nodes), "sway").windows) == tree.MOST_WINDOWS


@given(JSON)
def test_any_json_is_a_tree(found: object) -> None:
    for window in tree.windows(found, "sway").windows.values():
        window.to_json()
