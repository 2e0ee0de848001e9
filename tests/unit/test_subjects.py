"""The declared table, and the one function that brings names of the world into subjects."""

import re
from itertools import combinations
from typing import Annotated, Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.access.accounts import overlap
from lunix_common.schemas import model
from lunix_common.schemas.common import Page, PageRequest
from lunix_common.subjects import MAX_SUBJECT_BYTES, TABLE, Domain, Kind, Role, Subject, Table, token, untoken

GRAMMAR = re.compile(r"(?:[A-Za-z0-9_-]|%[0-9A-F]{2})+|%")

# What os.fsdecode can return: any text, with surrogates for the bytes that are not UTF-8 and no others.
NAMES = st.text(st.characters(exclude_categories=["Cs"])) | st.binary().map(
    lambda raw: raw.decode("utf-8", "surrogateescape")
)

ROW = Subject("hardware.<subsystem>.<action>", Kind.EVENT, "natsdev", "hardware.DeviceEvent", "Something happened.")
TAIL = Subject("ps.<name...>", Kind.QUERY, "ps", "common.Anything", "Whether it runs.", reply="common.Anything")


def ids(row: Subject) -> str:
    return row.pattern


# --- tokens


@given(st.binary())
def test_a_name_of_bytes_comes_back_whole(name: bytes) -> None:
    assert untoken(token(name)) == name


@given(NAMES)
def test_a_name_of_text_comes_back_as_the_bytes_it_stands_for(name: str) -> None:
    assert untoken(token(name)).decode("utf-8", "surrogateescape") == name


@given(NAMES | st.binary())
def test_no_name_leaves_the_grammar_of_a_token(name: str | bytes) -> None:
    assert GRAMMAR.fullmatch(token(name))


@given(st.binary(), st.binary())
def test_two_names_never_share_a_token(one: bytes, other: bytes) -> None:
    assert (token(one) == token(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("eth0", "eth0"),
        ("eth0.100", "eth0%2E100"),
        ("", "%"),
        ("%", "%25"),
        ("a*", "a%2A"),
        (">", "%3E"),
        ("a b\r\nPUB x", "a%20b%0D%0APUB%20x"),
        ("é", "%C3%A9"),
        (b"\xff\x00", "%FF%00"),
        ("usb_host-1", "usb_host-1"),
    ],
)
def test_a_name_is_escaped_byte_by_byte(name: str | bytes, escaped: str) -> None:
    assert token(name) == escaped


@given(st.text())
def test_what_no_name_gives_is_refused(text: str) -> None:
    try:
        name = untoken(text)
    except ValueError as error:
        assert repr(text) in str(error)  # noqa: PT017  # either outcome is right, each with its own proof
    else:
        assert token(name) == text


@pytest.mark.parametrize("text", ["", "a.b", "%2e", "%41", "%4", "a%", "*", "a b", "é", "\udc80"])
def test_untoken_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not an escaped token"):
        untoken(text)


# --- one row


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_literal_subject_matches_its_own_pattern_and_gives_its_names_back(subsystem: bytes, action: bytes) -> None:
    found = ROW.match(ROW.literal(subsystem=subsystem, action=action))
    assert found is not None
    assert {name: untoken(value) for name, value in found.items()} == {"subsystem": subsystem, "action": action}


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_literal_subject_always_has_as_many_tokens_as_its_pattern(subsystem: bytes, action: bytes) -> None:
    assert ROW.literal(subsystem=subsystem, action=action).count(".") == 2


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, "hardware.*.*"),
        ({"subsystem": "net"}, "hardware.net.*"),
        ({"action": "a.b"}, "hardware.*.a%2Eb"),
        ({"subsystem": "*", "action": ">"}, "hardware.%2A.%3E"),
        ({"bus": "usb"}, "hardware.*.*"),
    ],
)
def test_a_filter_fixes_the_parameters_that_are_known(known: dict[str, str], expected: str) -> None:
    assert ROW.filter(known) == expected


def test_the_last_parameter_may_take_the_rest_of_the_subject() -> None:
    assert TAIL.wildcard == "ps.>"
    assert TAIL.match("ps.python3.11") == {"name": "python3.11"}
    assert TAIL.literal(name="python3.11") == "ps.python3%2E11"
    assert TAIL.parameters == ("name",)


@pytest.mark.parametrize(
    "subject", ["hardware.usb", "hardware.usb.add.more", "hardwarexusb.add", "toast.usb.add", "hardware..add"]
)
def test_a_subject_of_another_shape_does_not_match(subject: str) -> None:
    assert ROW.match(subject) is None


@pytest.mark.parametrize("parameters", [{}, {"subsystem": "usb"}, {"subsystem": "usb", "action": "add", "name": "x"}])
def test_a_literal_needs_exactly_the_parameters_of_its_pattern(parameters: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="are missing or unknown"):
        ROW.literal(**parameters)


def test_a_subject_that_would_close_the_connection_is_refused() -> None:
    fixed = len("hardware..add")
    assert len(ROW.literal(subsystem="x" * (MAX_SUBJECT_BYTES - fixed), action="add")) == MAX_SUBJECT_BYTES
    with pytest.raises(ValueError, match="is longer than 1024"):
        ROW.literal(subsystem="x" * (MAX_SUBJECT_BYTES - fixed + 1), action="add")


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "*",
        "a.*",
        "a.>",
        "a..b",
        ".a",
        "a.",
        "A.b",
        "a b",
        "a.<rest...>.b",
        "a.x<b>",
        "_inbox.<a>",
        "$srv.ping",
        "a.<B>",
        "é",
    ],
)
def test_what_is_no_pattern_cannot_be_declared(pattern: str) -> None:
    with pytest.raises(ValueError, match="is no pattern"):
        Subject(pattern, Kind.EVENT, "x", "common.Anything", "")


def test_a_parameter_is_named_once() -> None:
    with pytest.raises(ValueError, match="names a parameter twice"):
        Subject("a.<b>.<b>", Kind.EVENT, "x", "common.Anything", "")


# --- roles


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.OBSERVER, {Role.OBSERVER}),
        (Role.USER, {Role.OBSERVER, Role.USER}),
        (Role.ADMIN, {Role.OBSERVER, Role.USER, Role.ADMIN}),
    ],
)
def test_a_role_may_do_all_that_the_roles_before_it_may_and_no_grant_follows(role: Role, may: set[Role]) -> None:
    assert {least for least in Role if role.includes(least)} == may


# --- the table


def test_no_pattern_is_declared_twice() -> None:
    wildcards = [row.wildcard for row in TABLE]
    assert len(wildcards) == len(set(wildcards))


def test_no_two_subjects_take_in_the_same_literal() -> None:
    pairs = [
        (one.pattern, other.pattern)
        for one, other in combinations(TABLE, 2)
        # An event with senders takes in the requests and events of its own daemon, and none of another.
        if overlap(one.wildcard, other.wildcard) and not (one.senders and one.daemon == other.daemon)
    ]
    assert not pairs


@pytest.mark.parametrize("row", TABLE.subjects, ids=ids)
def test_a_row_is_complete(row: Subject) -> None:
    assert issubclass(model(row.payload), object)
    assert (row.reply is None) == (row.kind is Kind.EVENT)
    assert row.reply is None or model(row.reply)
    assert row.doc.endswith(".")
    assert row.doc[0].isupper()
    assert TABLE.domain(row.domain).daemon == row.daemon


@pytest.mark.parametrize("row", [row for row in TABLE if row.bare], ids=ids)
def test_bare_text_fills_a_field_that_is_enough_by_itself(row: Subject) -> None:
    fields = model(row.payload).model_fields
    assert row.bare in fields
    assert {name for name, field in fields.items() if field.is_required()} <= {row.bare}


@pytest.mark.parametrize("row", [row for row in TABLE if row.waits], ids=ids)
def test_how_long_a_request_waits_is_its_models_default(row: Subject) -> None:
    assert model(row.payload).model_fields[str(row.waits)].default == row.takes_s * 1000


def test_who_asks_is_more_patient_than_the_daemon() -> None:
    for data, patience_s in (
        (b"", 35.0), (b"/dev/sda1", 35.0), (b'{"timeout_ms": 90000}', 95.0), (b'{"timeout_ms": 0}', 5.0),
        (b'{"timeout_ms": -1}', 35.0), (b'{"timeout_ms": 1e400}', 35.0), (b'{"timeout_ms": NaN}', 35.0), (b"[]", 35.0),
        (b"[" * 100_000, 35.0), (b"\xff", 35.0), (b'{"timeout_ms": 1' + b"0" * 400 + b"}", 35.0),
    ):  # fmt: skip
        assert TABLE.patience_s("mount.mount", data) == patience_s
    assert TABLE.patience_s("bluetooth.pair", b'{"timeout_ms": 1}') == 95.0
    assert TABLE.patience_s("toast.list") == TABLE.patience_s("user.nobody") == 5.0


@pytest.mark.parametrize("row", [row for row in TABLE if row.kind is Kind.COMMAND], ids=ids)
def test_an_observer_may_give_no_command(row: Subject) -> None:
    assert not Role.OBSERVER.includes(row.role)


@pytest.mark.parametrize("domain", TABLE.domains, ids=lambda domain: domain.name)
def test_a_domain_that_publishes_announces_its_losses(domain: Domain) -> None:
    events = [row for row in TABLE if row.domain == domain.name and row.kind is Kind.EVENT]
    losses = [row for row in events if row.pattern == f"{domain.name}.lost"]
    assert len(losses) == bool(events)
    assert all((row.daemon, row.payload) == (domain.daemon, "common.Lost") for row in losses)


@pytest.mark.parametrize("domain", TABLE.domains, ids=lambda domain: domain.name)
def test_a_domain_with_a_state_says_that_it_can_be_listed(domain: Domain) -> None:
    found = [(row.daemon, row.payload) for row in TABLE if row.pattern == f"{domain.name}.ready"]
    assert found == ([(domain.daemon, "common.Ready")] if domain.item else [])


def kinds(listed: Any) -> list[type]:
    """The models of ``list[Model]``, or of a list of several kinds."""
    (inside,) = get_args(listed)
    union = get_args(inside)[0] if get_origin(inside) is Annotated else inside
    return list(get_args(union)) or [union]


@pytest.mark.parametrize("domain", [domain for domain in TABLE.domains if domain.item], ids=lambda domain: domain.name)
def test_a_domain_with_a_state_lists_it_in_pages(domain: Domain) -> None:
    assert domain.item is not None
    row = TABLE[f"{domain.name}.list"]
    assert row.kind is Kind.QUERY
    assert row.reply is not None
    answer = model(row.reply)
    assert issubclass(model(row.payload), PageRequest)
    assert issubclass(answer, Page)
    for item in kinds(answer.model_fields["items"].annotation):
        assert issubclass(item, model(domain.item))
    assert "id" in model(domain.item).model_fields


@pytest.mark.parametrize("domain", [domain for domain in TABLE.domains if domain.item], ids=lambda domain: domain.name)
def test_the_events_that_end_an_item_or_pass_it_by_are_declared(domain: Domain) -> None:
    last = {row.pattern.rsplit(".", 1)[1] for row in TABLE.of(domain.daemon, Kind.EVENT) if row.domain == domain.name}
    open_ended = any(name.startswith("<") for name in last)
    assert open_ended or domain.gone | domain.passing <= last
    assert not domain.gone & domain.passing


def test_a_subject_is_found_by_its_pattern() -> None:
    assert TABLE["toast.in"].bare == "summary"
    with pytest.raises(KeyError):
        TABLE["toast.out"]


def test_a_row_is_found_by_a_literal_subject() -> None:
    assert TABLE.find("hardware.usb.add") is TABLE["hardware.<subsystem>.<action>"]
    assert TABLE.find("hardware.list") is TABLE["hardware.list"]
    assert TABLE.find("nobody.knows") is None


def test_the_row_with_the_fewest_parameters_is_the_one() -> None:
    general = Subject("a.<b>.<c>", Kind.EVENT, "x", "common.Anything", "One.")
    special = Subject("a.<b>.x", Kind.EVENT, "x", "common.Anything", "Two.")
    assert Table((general, special), ()).find("a.b.x") is special


def test_the_domains_and_daemons_of_the_table_are_told() -> None:
    assert TABLE.daemons[:2] == ("natsdev", "toast")
    assert {domain.daemon for domain in TABLE.domains} == set(TABLE.daemons)
    with pytest.raises(KeyError):
        TABLE.domain("nowhere")


def test_a_daemons_rows_are_told_by_kind() -> None:
    assert [row.pattern for row in TABLE.of("natsdev", Kind.COMMAND)] == ["hardware.trigger"]
    assert set(TABLE.of("toast")) == {row for row in TABLE if row.domain == "toast"}


def test_what_a_daemon_uses_is_declared_and_not_its_own() -> None:
    for daemon, patterns in TABLE.uses.items():
        assert daemon in TABLE.daemons
        assert all(TABLE[pattern].daemon != daemon for pattern in patterns)


def test_the_subjects_that_a_user_types_are_there_word_for_word() -> None:
    for literal in ("hardware.usb.add", "hardware.usb.remove", "toast.in", "ps.calibre", "ps.python3.11"):
        assert TABLE.find(literal) is not None


@pytest.mark.parametrize("name", ["user", "hardware"])
def test_a_domain_that_is_taken_cannot_be_joined(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: declared already"):
        TABLE.joined((), (Domain(name, "x", "Mine."),))


def test_a_subject_that_is_taken_cannot_be_joined() -> None:
    again = Subject("hardware.<any>.<thing>", Kind.EVENT, "x", "common.Anything", "Mine.")
    with pytest.raises(ValueError, match=r"hardware\.\*\.\*: declared already"):
        TABLE.joined((again,), ())


def test_requests_below_an_event_with_senders_have_two_ways_in() -> None:
    assert TABLE.ways_in(TABLE["mqtt.list"]) == ("mqtt.list", "_T_.mqtt.list")
    assert TABLE.ways_in(TABLE["toast.in"]) == ("toast.in",)


def test_a_request_has_no_senders() -> None:
    with pytest.raises(ValueError, match="senders are of events"):
        Subject("a.b", Kind.QUERY, "d", "common.Anything", "", senders=Role.USER)
