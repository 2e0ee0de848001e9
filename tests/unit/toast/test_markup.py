"""The markup of strangers: what is shown as markup, what as text, and what not at all."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_toast.paint.markup import MOST_DEPTH, Run, escape, pango, plain, runs, tidy


def shown(body: str, most: int = 10_000) -> str:
    return pango(body, markup=True, most=most)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("<b>bold</b> and <i>slanted</i>", "<b>bold</b> and <i>slanted</i>"),
        ("<b>a<i>b</i></b>", "<b>a</b><i><b>b</b></i>"),
        ('<a href="http://x/">there</a>', "<u>there</u>"),
        ("<u>a</u>", "<u>a</u>"),
        ('<img src="/x.png" alt="a cat"/>!', "a cat!"),
        ("<img src='/x.png' alt='a &amp; b' />", "a &amp; b"),
        ('<img src="/x.png"/>', ""),
        ("<b/>x", "x"),
        ("a &amp; b &lt;c&gt; &#65;&#x42;", "a &amp; b &lt;c&gt; AB"),
        ("AT&T &nbsp;", "AT&amp;T &amp;nbsp;"),
        ("a\nb", "a\nb"),
    ],
)
def test_the_tags_of_the_specification_are_shown(body: str, expected: str) -> None:
    assert shown(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "<b>open",
        "close</b>",
        "<b><i>crossed</b></i>",
        "<script>alert(1)</script>",
        "<span font='900'>big</span>",
        "a < b > c",
        "<b onclick=x>y",
        "<b>" * (MOST_DEPTH + 1) + "</b>" * (MOST_DEPTH + 1),
    ],
)
def test_what_is_no_such_markup_is_shown_as_the_text_that_it_is(body: str) -> None:
    assert shown(body) == escape(body)
    assert plain(body) == body


def test_text_without_markup_is_escaped() -> None:
    assert pango("<b>&</b>", markup=False, most=100) == "&lt;b&gt;&amp;&lt;/b&gt;"


def test_a_long_body_is_cut_and_its_tags_are_closed() -> None:
    assert shown("<b>abcdef</b>g", most=3) == "<b>abc</b>…"
    assert shown("abc", most=3) == "abc"


def test_runs_know_their_tags() -> None:
    assert runs("a<b>c</b>") == [Run("a"), Run("c", frozenset({"b"}))]


def test_controls_and_overrides_are_left_out() -> None:
    assert tidy("a\x1b]52;c;x\x07b\u202ec\u2066d\x00\x9be\ud800") == "a]52;c;xbcde"
    assert tidy("a\tb\r\nc\rd\ne") == "a b\nc\nd\ne"


def test_marks_for_right_to_left_stay() -> None:
    assert tidy("שלום\u200f!") == "שלום\u200f!"


def test_a_tower_of_accents_is_cut() -> None:
    assert tidy("e" + "\u0301" * 50 + "x") == "e" + "\u0301" * 4 + "x"


class _Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("b", "i", "u")
        assert not attrs
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


pieces = st.sampled_from(
    [
        "<b>",
        "</b>",
        "<i>",
        "</i>",
        "<a href='x'>",
        "</a>",
        '<img alt="y"/>',
        "<",
        ">",
        "&",
        "&amp;",
        "text",
        "\x1b",
        " ",
    ]
)


@given(st.one_of(st.text(), st.lists(pieces).map("".join)), st.integers(0, 50))
def test_whatever_comes_pango_gets_balanced_tags_of_three_kinds(body: str, most: int) -> None:
    parser = _Balanced()
    parser.feed(shown(body, most))
    parser.close()
    assert not parser.open
    assert "\x1b" not in shown(body, most)
