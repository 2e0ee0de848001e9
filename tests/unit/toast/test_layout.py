"""How toasts look: whole, within the width, and harmless."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.toast import Action, Toast
from lunix_toast.layout import MOST_BODY_LINES, MOST_COLUMNS, card, cells, clean, line, wrap

SGR = re.compile(r"\x1b\[[0-9;]*m")
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HOSTILE = "<script>alert(1)</script> \x1b]52;c;aGk=\x07 \x9b31m ../../etc \u202etxt.exe\u2066 a\r\nb\x00 \u2028z\u061c"


def toast(summary: str = "a USB stick was plugged in!", **more: Any) -> Toast:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    return Toast(summary=summary, id="9f3a-1", created_at=moment, shown=True, **more)


def lines(*arguments: Any, **more: Any) -> list[str]:
    return card(toast(**more), *arguments, colour=False).splitlines()


def controls(text: str) -> list[str]:
    return [one for one in text if one < " " or "\x7f" <= one <= "\x9f" or one in BIDI or one in "\u2028\u2029"]


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("日本", 4), ("e\u0301", 1), ("👍", 2), ("\u2764\ufe0f", 2), ("ﾊﾝ", 2), ("a\u200db", 2), ("", 0)],
)
def test_the_width_of_a_text_is_what_a_terminal_takes(text: str, columns: int) -> None:
    assert cells(text) == columns


def test_words_are_kept_whole_where_they_fit() -> None:
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("one two", 7) == ["one two"]


def test_a_word_that_fits_on_no_line_is_broken() -> None:
    assert wrap("ab abcdefgh", 3) == ["ab", "abc", "def", "gh"]
    assert wrap("日本語", 3) == ["日", "本", "語"]


def test_nothing_is_one_empty_line() -> None:
    assert wrap("", 5) == [""]


WORDS = st.text(st.sampled_from("ab日👍e\u0301 "), max_size=60)


@given(WORDS, st.integers(2, 20))
def test_no_line_is_wider_than_allowed_and_no_character_is_lost(text: str, columns: int) -> None:
    text = " ".join(text.split())
    wrapped = wrap(text, columns)
    assert all(cells(piece) <= columns for piece in wrapped)
    assert "".join(wrapped).replace(" ", "") == text.replace(" ", "")


def test_a_card_has_summary_time_and_id_then_body_then_actions() -> None:
    first, second, third = lines(80, body="29.8 GiB", actions=[Action(key="open", label="Open it")])
    assert re.fullmatch(r"▌ a USB stick was plugged in! +\d\d:\d\d 9f3a-1", first)
    assert cells(first) == 80
    assert second == "▌ 29.8 GiB"
    assert third == "▌ Open it (open)"


def test_a_card_is_no_wider_than_people_like_to_read() -> None:
    assert max(cells(one) for one in lines(300, body="word " * 100)) <= MOST_COLUMNS


@pytest.mark.parametrize("columns", [20, 24, 40, 41, 42, 43, 44, 60, 80])
def test_a_card_fits_the_terminal(columns: int) -> None:
    shown = lines(columns, summary="ディスクの空き容量 " * 5, body="x" * 100, urgency="critical")
    assert max(cells(one) for one in shown) <= columns


def test_a_narrow_terminal_shows_no_time() -> None:
    assert lines(24, summary="hello") == ["▌ hello"]


def test_a_critical_toast_says_so_in_words_once() -> None:
    shown = card(toast("CRITICAL CRITICAL " * 10, urgency="critical"), 60, colour=True)
    assert shown.count("\x1b[97;41;1m") == 1
    assert lines(60, summary="fire", urgency="critical")[0].startswith("▌ CRITICAL fire")


def test_each_urgency_has_a_colour_of_its_own_and_every_colour_ends_on_its_line() -> None:
    starts = set[str]()
    for urgency in ("low", "normal", "critical"):
        shown = card(toast(urgency=urgency, body="b", actions=[Action(key="k", label="l")]), 80, colour=True)
        starts.add(shown[: shown.index("▌")])
        for one in shown.splitlines():
            assert one.count("\x1b[0m") * 2 == one.count("\x1b[")
    assert len(starts) == 3


def test_a_line_end_in_the_body_is_one_on_the_screen() -> None:
    assert lines(80, body="a\r\nb\rc\nd\n\n")[1:] == ["▌ a", "▌ b", "▌ c", "▌ d"]


def test_a_long_body_is_cut_and_says_so() -> None:
    shown = lines(80, body="x\n" * 4000)
    assert len(shown) == 1 + MOST_BODY_LINES
    assert shown[-1] == f"▌ … {4000 - MOST_BODY_LINES + 1} more lines"


def test_hostile_text_is_shown_and_obeyed_by_no_terminal() -> None:
    evil = toast(HOSTILE, body=HOSTILE, actions=[Action(key=HOSTILE, label=HOSTILE)])
    shown = card(evil, 80, colour=True)
    assert controls(SGR.sub("", shown).replace("\n", "")) == []
    assert "<script>alert(1)</script>" in shown
    assert r"\x1b]52;c;aGk=\x07" in shown
    plain = line(evil)
    assert plain.count("\n") == 1
    assert plain.endswith("\n")
    assert controls(plain[:-1]) == []


@given(st.text(min_size=1).filter(str.strip), st.text(), st.integers(1, 200))
def test_no_text_whatever_reaches_the_terminal_as_a_control(summary: str, body: str, columns: int) -> None:
    shown = card(toast(summary.strip(), body=body), columns, colour=False)
    assert controls(shown.replace("\n", "")) == []
    assert all(one.startswith("▌ ") for one in shown.splitlines())


def test_marks_do_not_pile_up_over_other_lines() -> None:
    assert clean("a" + "\u0300" * 100 + "b") == "a" + "\u0300" * 4 + "b"


def test_the_plain_form_is_one_line_with_all_that_matters() -> None:
    text = line(toast("fire", body="in\nthe kitchen", urgency="critical", actions=[Action(key="off", label="Off")]))
    assert re.fullmatch(r"\d\d:\d\d critical toast 9f3a-1: fire: in the kitchen \[Off \(off\)\]\n", text)
    assert re.fullmatch(r"\d\d:\d\d toast 9f3a-1: fire\n", line(toast("fire")))
