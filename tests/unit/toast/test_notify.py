"""What programs say by Notify, the pictures that they send along, and the numbers that they get."""

import random
import zlib
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.toast import MOST_IMAGE, ToastRequest
from lunix_toast.desktop.ids import Known, Numbers
from lunix_toast.desktop.image import SIDE, data_uri, image_data
from lunix_toast.desktop.notify import Notify, toast
from lunix_toast.paint.pixels import Pixels


def said(
    summary: str = "hello",
    body: str = "",
    hints: dict[str, object] | None = None,
    timeout_ms: int = -1,
    actions: list[str] | None = None,
    app: str = "App",
    icon: str = "",
) -> ToastRequest:
    return toast(Notify(app, 0, icon, summary, body, actions or [], hints or {}, timeout_ms), None)


def test_a_notification_is_a_toast_with_markup() -> None:
    made = said("hello", "<b>x</b>")
    assert (made.summary, made.body, made.markup, made.app, made.urgency) == (
        "hello",
        "<b>x</b>",
        True,
        "App",
        "normal",
    )
    assert toast(Notify("", 3, "", "x", "", [], {}, -1), "run-1").replaces == "run-1"


@pytest.mark.parametrize(
    ("timeout_ms", "expected"), [(-1, None), (-(2**31), None), (0, 0), (5, 5), (2**31 - 1, 2**31 - 1)]
)
def test_any_timeout_is_taken(timeout_ms: int, expected: int | None) -> None:
    assert said(timeout_ms=timeout_ms).timeout_ms == expected


@pytest.mark.parametrize(
    ("hint", "urgency"),
    [(0, "low"), (1, "normal"), (2, "critical"), (3, "normal"), (-1, "normal"), ("2", "normal"), (True, "normal")],
)
def test_an_urgency_that_is_none_is_normal(hint: object, urgency: str) -> None:
    assert said(hints={"urgency": hint}).urgency == urgency


@pytest.mark.parametrize(
    ("hint", "percent"), [(0, 0), (66, 66), (150, 100), (-5, 0), (2**31 - 1, 100), ("66", None), (6.5, None)]
)
def test_a_value_is_a_progress(hint: object, percent: int | None) -> None:
    assert said(hints={"value": hint}).progress_percent == percent


@pytest.mark.parametrize(("hint", "expected"), [(True, True), (1, True), (False, False), ("yes", False), (None, False)])
def test_transient_and_resident_are_heeded(hint: object, expected: bool) -> None:
    made = said(hints={"transient": hint, "resident": hint})
    assert (made.transient, made.resident) == (expected, expected)


@pytest.mark.parametrize("name", ["x-dunst-stack-tag", "x-canonical-private-synchronous", "synchronous"])
def test_a_tag_is_one_of_its_program(name: str) -> None:
    assert said(hints={name: "volume"}).tag == "App/volume"
    assert said(hints={name: 7}).tag is None
    assert said(hints={name: "x" * 200}).tag is None
    assert said().tag is None


def test_an_empty_summary_gets_one() -> None:
    assert said(" ").summary == "App"
    assert said("", app=" ").summary == "…"
    assert said("", app="").app is None


def test_long_texts_are_cut_and_a_long_body_without_its_tags() -> None:
    made = said("s" * 5000, "<b>" + "x" * 9000 + "</b>", app="a" * 999)
    assert (len(made.summary), len(made.app or "")) == (1024, 256)
    assert (made.body, made.markup) == ("x" * 8192, False)


def test_actions_are_pairs_with_keys_of_their_own() -> None:
    made = said(actions=["default", "", "a", "Do a", "a", "again", "", "no key", "b", " ", "odd"])
    assert [(action.key, action.label) for action in made.actions] == [("default", "Show"), ("a", "Do a"), ("b", "b")]
    assert len(said(actions=[str(number) for number in range(100)]).actions) == 16


@pytest.mark.parametrize(
    ("icon", "hints", "expected"),
    [
        ("name", {}, "name"),
        ("name", {"image-path": "/p.png"}, "/p.png"),
        ("", {"image_path": "file:///p.png"}, "file:///p.png"),
        ("", {"desktop-entry": "org.gnome.Files"}, "org.gnome.Files"),
        ("", {"image-path": 7}, None),
        ("x" * 5000, {}, None),
    ],
)
def test_an_icon_is_where_the_specification_looks_first(icon: str, hints: dict[str, object], expected: str) -> None:
    assert said(icon=icon, hints=hints).icon == expected


# --- pictures ---------------------------------------------------------------------------------------------------------


def pixels(width: int, height: int, alpha: bool = True, padding: int = 0) -> list[Any]:
    channels = 4 if alpha else 3
    row = bytes(range(10, 10 + channels)) * width + b"\xee" * padding
    data = row * height
    return [width, height, len(row), alpha, 8, channels, data[: len(data) - padding]]


def unpacked(uri: str) -> tuple[int, int, int, bytes]:
    """Width, height, channels and pixels of our own PNG."""
    raw = b64decode(uri.removeprefix("data:image/png;base64,"))
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, channels = int.from_bytes(raw[16:20]), int.from_bytes(raw[20:24]), {2: 3, 6: 4}[raw[25]]
    size = int.from_bytes(raw[33:37])
    rows = zlib.decompress(raw[41 : 41 + size])
    stride = 1 + width * channels
    assert len(rows) == stride * height
    return width, height, channels, b"".join(rows[begin + 1 : begin + stride] for begin in range(0, len(rows), stride))


@pytest.mark.parametrize("alpha", [True, False])
@pytest.mark.parametrize("padding", [0, 5])
def test_a_small_picture_stays_as_it_is(alpha: bool, padding: int) -> None:
    width, height, channels, data = unpacked(data_uri(pixels(3, 2, alpha, padding)))
    assert (width, height, channels) == (3, 2, 4 if alpha else 3)
    assert data == bytes(range(10, 10 + channels)) * 6


@given(st.integers(1, 700), st.integers(1, 700), st.booleans())
def test_a_large_picture_is_shrunk_and_keeps_its_colour(width: int, height: int, alpha: bool) -> None:
    wide, high, channels, data = unpacked(data_uri(pixels(width, height, alpha)))
    assert max(wide, high) <= SIDE
    assert data == bytes(range(10, 10 + channels)) * (wide * high)


def test_noise_fits_what_a_toast_may_carry() -> None:
    noise = random.Random(1).randbytes(SIDE * SIDE * 4)
    assert len(data_uri([SIDE, SIDE, SIDE * 4, True, 8, 4, noise])) <= MOST_IMAGE


WRONG = {
    "no list": "pixels",
    "too short": [1, 2],
    "a text for a number": ["1", 1, 4, True, 8, 4, b"1234"],
    "16 bits": [1, 1, 8, True, 16, 4, b"12345678"],
    "alpha that is not there": [1, 1, 3, True, 8, 3, b"123"],
    "no width": [0, 1, 4, True, 8, 4, b"1234"],
    "a negative height": [1, -1, 4, True, 8, 4, b"1234"],
    "100 000 wide": [100_000, 1, 400_000, True, 8, 4, bytes(400_000)],
    "rows that overlap": [10, 10, 4, True, 8, 4, bytes(400)],
    "fewer bytes than rows": [10, 10, 40, True, 8, 4, bytes(399)],
    "a stride beyond all bounds": [1, 2, 2**31 - 1, True, 8, 4, bytes(100)],
}


@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG)
def test_numbers_that_do_not_agree_make_no_picture(fields: object) -> None:
    with pytest.raises(ValueError, match="image"):
        data_uri(fields)
    assert said(hints={"image-data": fields}).image is None


def test_pixels_go_before_a_path_and_icon_data_comes_last() -> None:
    for name in ("image-data", "image_data", "icon_data"):
        assert said(hints={name: pixels(1, 1)}).image == data_uri(pixels(1, 1))
    assert said(hints={"icon_data": pixels(1, 1), "image-path": "/p.png"}).image is None
    assert said(hints={"image-data": [], "image_data": pixels(1, 1)}).image == data_uri(pixels(1, 1))


def test_our_pixels_become_those_of_a_hint() -> None:
    ours = Pixels(2, 1, bytes((10, 20, 30, 255, 50, 25, 0, 128)))
    assert image_data(ours) == [2, 1, 8, True, 8, 4, bytes((30, 20, 10, 255, 0, 49, 99, 128))]
    assert image_data(Pixels(1, 1, bytes(4)))[6] == bytes(4)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**32) | st.text(max_size=5) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=7),
    max_leaves=9,
)
names = st.sampled_from(["urgency", "value", "transient", "image-data", "image-path", "desktop-entry", "synchronous"])


@given(
    st.text(max_size=20),
    st.text(max_size=20),
    st.lists(st.text(max_size=3), max_size=9),
    st.dictionaries(names, anything),
    st.integers(-(2**31), 2**31 - 1),
)
def test_whatever_a_program_says_is_a_toast(
    summary: str, body: str, actions: list[str], hints: dict[str, object], timeout_ms: int
) -> None:
    assert said(summary, body, hints, timeout_ms, actions).summary


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_begin_with_one_and_are_kept() -> None:
    numbers = Numbers()
    assert [numbers.give("a", ":1.1"), numbers.give("b", ":1.1"), numbers.give("a", ":1.2")] == [1, 2, 1]
    assert numbers.known("a") == Known(1, ":1.2")
    assert numbers.toast(2) == "b"
    assert (numbers.toast(0), numbers.known("c")) == (None, None)


def test_a_number_that_is_wanted_is_given_and_not_given_again() -> None:
    numbers = Numbers()
    assert numbers.give("a", ":1.1", 2) == 2
    assert [numbers.give("b", ":1.1"), numbers.give("c", ":1.1")] == [1, 3]


def test_a_number_moves_to_the_toast_that_wants_it() -> None:
    numbers = Numbers()
    numbers.give("a", ":1.1")
    numbers.ended("a")
    assert numbers.give("b", ":1.1", 1) == 1
    assert numbers.known("a") is None
    numbers.ended("a")
    assert numbers.toast(1) == "b"


def test_toasts_that_are_gone_are_known_for_a_while() -> None:
    numbers = Numbers()
    for count in range(1001):
        numbers.give(f"t{count}", ":1.1")
        numbers.ended(f"t{count}")
    assert numbers.known("t0") is None
    assert numbers.known("t1") == Known(2, ":1.1")
    numbers.give("t1", ":1.1")  # it came back from the history
    for count in range(2000, 4000):
        numbers.give(f"t{count}", ":1.1")
        numbers.ended(f"t{count}")
    assert numbers.known("t1") == Known(2, ":1.1")
    assert numbers.known("t1000") is None


def test_numbers_begin_anew_after_the_last_one() -> None:
    numbers = Numbers()
    numbers._next = 2**32 - 1
    assert [numbers.give("a", ":1.1"), numbers.give("b", ":1.1")] == [2**32 - 1, 1]
