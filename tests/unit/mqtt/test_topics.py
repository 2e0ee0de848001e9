"""Topics and subjects: one to one, and nothing gets into a subject that is none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.subjects import MAX_SUBJECT_BYTES, TABLE, token
from lunix_mqtt import topics
from lunix_mqtt.topics import Unmappable

LEVELS = st.text(st.characters(exclude_characters="+#/\0", exclude_categories=["Cs"]), max_size=12)
TOPICS = st.lists(LEVELS, min_size=1, max_size=6).map("/".join).filter(lambda topic: topic and topic[0] != "$")
FILTERS = st.lists(st.sampled_from(["a", "b", "+", ""]), min_size=1, max_size=4).flatmap(
    lambda levels: st.sampled_from(["/".join(levels), "/".join([*levels, "#"]), "#"])
)
NAMED = st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=5).map("/".join).filter(bool)
SUBJECTS = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4)

KNOWN = {
    "temperature0": "mqtt.temperature0",
    "a/b": "mqtt.a.b",
    "/a/": "mqtt.%.a.%",
    "a..b": "mqtt.a%2E%2Eb",
    "a b*>": "mqtt.a%20b%2A%3E",
    "ä": "mqtt.%C3%A4",
    "list": "mqtt.%6Cist",
    "lost": "mqtt.%6Cost",
    "list/a": "mqtt.list.a",
    "a/lost": "mqtt.a.lost",
}


@pytest.mark.parametrize(("topic", "subject"), KNOWN.items())
def test_known_topics(topic: str, subject: str) -> None:
    assert topics.subject_of(topic) == subject
    assert topics.topic_of(subject) == topic


@given(TOPICS)
def test_every_topic_has_a_subject_of_its_own_that_leads_back(topic: str) -> None:
    subject = topics.subject_of(topic)
    assert re.fullmatch(r"mqtt(\.[A-Za-z0-9_%-]+)+", subject)
    assert topics.topic_of(subject) == topic
    row = TABLE.find(subject)
    assert row is not None
    assert row.pattern == "mqtt.<topic...>"


@given(SUBJECTS)
def test_a_subject_has_a_topic_only_where_that_leads_back(tokens: list[str]) -> None:
    subject = ".".join(["mqtt", *tokens])
    try:
        topic = topics.topic_of(subject)
    except Unmappable:
        return
    assert topics.subject_of(topic) == subject


@pytest.mark.parametrize("topic", ["", "$SYS/broker", "a/+", "#", "a\0b", "x" * MAX_SUBJECT_BYTES, "/" * 65_535])
def test_what_is_no_topic_of_ours_has_no_subject(topic: str) -> None:
    with pytest.raises(Unmappable):
        topics.subject_of(topic)


@pytest.mark.parametrize(
    "subject", ["mqtt.list", "mqtt.lost", "mqtt.a..b", "mqtt.*", "mqtt.a%2Fb", "mqtt.%2B", "mqtt.%FF", "mqtt.%24SYS.x"]
)
def test_what_no_topic_leads_to_is_none(subject: str) -> None:
    with pytest.raises(Unmappable):
        topics.topic_of(subject)


@pytest.mark.parametrize("wanted", ["", "a/#/b", "a#", "+a/b", "$share/g/a", "$SYS/#", "a\0"])
def test_wrong_filters_are_refused(wanted: str) -> None:
    with pytest.raises(Unmappable):
        topics.check_filter(wanted)


@pytest.mark.parametrize("wanted", ["#", "+", "a/#", "+/+", "/", "a b/+/c"])
def test_filters(wanted: str) -> None:
    topics.check_filter(wanted)


@pytest.mark.parametrize(
    ("wanted", "topic", "taken"),
    [
        ("#", "a/b", True), ("#", "$SYS", False), ("+", "$SYS", False), ("a/#", "a", True), ("a/#", "a/b/c", True),
        ("a/#", "b", False), ("+/b", "a/b", True), ("+/b", "a/b/c", False), ("a", "a/b", False), ("a/b", "a", False),
        ("+", "", True), ("+/+", "/", True),
    ],
)  # fmt: skip
def test_filters_take_in_what_the_specification_says(wanted: str, topic: str, taken: bool) -> None:
    assert topics.matches(wanted, topic) is taken


@given(FILTERS, FILTERS, NAMED)
def test_a_filter_that_covers_another_takes_in_all_that_it_does(wide: str, narrow: str, topic: str) -> None:
    if topics.matches(wide, narrow) and topics.matches(narrow, topic):
        assert topics.matches(wide, topic)


@given(st.lists(FILTERS, max_size=4), NAMED)
def test_the_fewest_filters_take_in_what_all_do(filters: list[str], topic: str) -> None:
    fewest = topics.fewest(filters)
    assert any(topics.matches(one, topic) for one in fewest) == any(topics.matches(one, topic) for one in filters)
    assert not any(one != other and topics.matches(one, other) for one in fewest for other in fewest)


@pytest.mark.parametrize(
    ("wildcard", "subject", "taken"),
    [
        ("a.*", "a.b", True), ("a.>", "a.b.c", True), ("a.>", "a", False), ("a.*", "a.b.c", False), ("a", "a", True),
        ("a.b.c", "a.b", False), ("b.>", "a.b", False), ("a.b", "a.c", False),
    ],
)  # fmt: skip
def test_wildcards_of_the_bus(wildcard: str, subject: str, taken: bool) -> None:
    assert topics.takes_in(wildcard, subject) is taken


@pytest.mark.parametrize(
    ("subject", "topic"),
    [
        ("hardware.usb.add", "lunix/hardware/usb/add"),
        ("network.link.eth0%2E100.up", "lunix/network/link/eth0.100/up"),
        ("process.exec.a%2Fb", "lunix/process/exec/a%2Fb"),
        ("process.exec.%", "lunix/process/exec/%"),
        ("process.exec.100%25", "lunix/process/exec/100%25"),
        ("process.exec.%FF", "lunix/process/exec/%FF"),
    ],
)
def test_subjects_of_lunix_are_topics(subject: str, topic: str) -> None:
    assert topics.relayed("lunix", subject) == topic
    assert topics.asked("lunix", topic) == subject


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=4), st.lists(st.binary(max_size=6), min_size=1, max_size=4))
def test_no_two_subjects_are_the_same_topic(one: list[bytes], other: list[bytes]) -> None:
    subjects = [".".join(token(name) for name in names) for names in (one, other)]
    found = [topics.relayed("x", subject) for subject in subjects]
    assert (found[0] == found[1]) == (subjects[0] == subjects[1])
    assert topics.asked("x", found[0]) == subjects[0]


def test_a_topic_elsewhere_is_no_subject_of_lunix() -> None:
    assert topics.asked("lunix", "lunixx/toast/in") is None
    assert topics.asked("lunix", "lunix") is None
