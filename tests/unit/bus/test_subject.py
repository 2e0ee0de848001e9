"""Patterns of subjects, against all subjects of a small world."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_bus import subject
from lunix_common.access import accounts
from lunix_testing.hub import unhurried

WORLD = [b".".join(words) for length in (1, 2, 3, 4) for words in product((b"a", b"b"), repeat=length)]
tokens = st.sampled_from([b"a", b"b", b"*"])
patterns = st.tuples(st.lists(tokens, min_size=1, max_size=3), st.booleans()).map(
    lambda found: b".".join([*found[0], *([b">"] if found[1] else [])])
)


def taken(pattern: bytes) -> set[bytes]:
    return {one for one in WORLD if subject.covers(pattern, one)}


@unhurried
@given(patterns, patterns)
def test_covering_is_what_lunix_computes_accounts_by(one: bytes, other: bytes) -> None:
    assert subject.covers(one, other) == accounts.covers(one.decode(), other.decode())


@unhurried
@given(patterns, patterns)
def test_what_covers_takes_in_all_of_the_other(one: bytes, other: bytes) -> None:
    if subject.covers(one, other):
        assert taken(one) >= taken(other)


@unhurried
@given(patterns, patterns)
def test_two_patterns_meet_in_the_subjects_of_both(one: bytes, other: bytes) -> None:
    common = subject.meet(one, other)
    assert (taken(common) if common else set()) == taken(one) & taken(other)
    assert (common is not None) == accounts.overlap(one.decode(), other.decode())


@unhurried
@given(patterns, st.sampled_from(WORLD))
def test_a_subject_can_be_named_otherwise_and_back(pattern: bytes, one: bytes) -> None:
    other = b"x." + pattern
    if subject.covers(pattern, one):
        named = subject.transform(pattern, other, one)
        assert subject.covers(other, named)
        assert subject.transform(other, pattern, named) == one


def test_wildcards_keep_their_order() -> None:
    assert subject.transform(b"a.*.b.>", b"*.x.>", b"a.1.b.2.3") == b"1.x.2.3"
    assert subject.transform(b"a.*", b"b.*", b"a.*") == b"b.*"
    assert subject.wildcards(b"a.*.b.>") == [b"*", b">"]


@pytest.mark.parametrize("good", [b"a", b"a.b", b"*", b">", b"a.*.b", b"a.>", b"a*.b>"])
def test_a_pattern_may_be_subscribed_to(good: bytes) -> None:
    assert subject.is_pattern(good)


@pytest.mark.parametrize("bad", [b"", b".", b"a.", b".a", b"a..b", b">.a", b"a.>.b"])
def test_what_is_no_pattern(bad: bytes) -> None:
    assert not subject.is_pattern(bad)
    assert not subject.is_literal(bad)


@pytest.mark.parametrize(("one", "literal"), [(b"a.b", True), (b"a*", True), (b"a.*", False), (b"a.>", False)])
def test_a_literal_stands_for_itself(one: bytes, literal: bool) -> None:
    assert subject.is_literal(one) is literal


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"a.b", '"a.b"'),
        (b'"\\', '"\\"\\\\"'),
        (b"\a\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'),
        (b"\0\x7f\xff", '"\\x00\\x7f\\xff"'),
        ("ä€".encode(), '"ä€"'),
        ("\u200b\U000e0001".encode(), '"\\u200b\\U000e0001"'),
    ],
)
def test_a_text_is_quoted_as_go_does_it(text: bytes, written: str) -> None:
    assert subject.quoted(text) == written
