"""What passes for whom, and where answers go."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.access.accounts import DISCOVERY, covers, overlap
from lunix_common.access.roles import Client, role_of
from lunix_common.subjects import TABLE, Kind, Role
from lunix_uplink import mapping
from lunix_uplink.chosen import chosen
from lunix_uplink.mapping import MOST_REQUESTS, Ways

ALL = (">",)
ROLES = (Role.OBSERVER, Role.USER, Role.ADMIN)
tokens = st.sampled_from(["a", "b", "%2E", "*"])
literals = st.lists(st.sampled_from(["a", "b", "%2E"]), min_size=1, max_size=4).map(".".join)


def pattern(first: list[str], rest: list[str]) -> str:
    return ".".join([*first, *rest])


NOTHING: list[str] = []
patterns = st.builds(pattern, st.lists(tokens, min_size=1, max_size=3), st.sampled_from([NOTHING, [">"]]))


def client(role: Role, *grants: str) -> Client:
    return Client(f"fleet-{role}", role, frozenset(grants), bridge=True)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_passes_what_it_may(role: Role) -> None:
    passes = chosen(TABLE, client(role), ALL, ALL)
    for row in TABLE:
        events = row.kind is Kind.EVENT and role.includes(row.role)
        # An event that takes in a request of its own daemon: that goes another way on the bus, and is never heard.
        heard = [one for one in passes.events if covers(one, row.wildcard)]
        assert bool(heard) == events or heard == ["mqtt.>"], row.pattern
        alone = row.kind is Kind.COMMAND and row.domain in ("init", "mount")
        asked = row.kind is not Kind.EVENT and role.includes(row.role) and not alone
        assert any(covers(one, row.wildcard) for one in passes.requests) == asked, row.pattern
    assert ("user.>" in passes.events) == role.includes(Role.USER)
    assert set(DISCOVERY) <= set(passes.requests)


def test_what_was_granted_passes() -> None:
    assert "init.restart" in chosen(TABLE, client(Role.ADMIN, "init.restart"), ALL, ALL).requests


@pytest.mark.parametrize("role", ROLES)
def test_no_subject_passes_both_ways(role: Role) -> None:
    passes = chosen(TABLE, client(role), ALL, ALL)
    both = [(one, other) for one in passes.events for other in passes.requests if overlap(one, other)]
    # A request that an event takes in: neither server sends to us what we said ourselves.
    assert all(covers(one, other) and one == "mqtt.>" for one, other in both), both


@pytest.mark.parametrize(
    ("events", "requests", "passes"),
    [
        (["network.link.up", "hardware.usb.*"], ["ps.>"], ({"network.link.up", "hardware.usb.*"}, {"ps.>"})),
        (NOTHING, ["$SRV.>"], (set(NOTHING), set(DISCOVERY))),
        (["nothing.here"], NOTHING, (set(NOTHING), set(NOTHING))),
    ],
)
def test_settings_choose(events: Sequence[str], requests: Sequence[str], passes: tuple[set[str], set[str]]) -> None:
    found = chosen(TABLE, client(Role.USER), events, requests)
    assert (set(found.events), set(found.requests)) == passes


@given(patterns, literals)
def test_a_literal_is_taken_in_as_the_server_does(pattern: str, literal: str) -> None:
    assert mapping.takes_in(pattern, literal.encode()) == covers(pattern, literal)


@given(patterns, st.binary(max_size=20))
def test_what_is_no_literal_is_never_taken_in(pattern: str, subject: bytes) -> None:
    for hostile in (subject + b".*", subject + b".>", subject + b".", b"." + subject, b"a..b", b""):
        assert not mapping.takes_in(pattern, hostile)
        assert not mapping.takes_in(">", hostile)


def test_a_role_that_somebody_wrote_does_not_pass() -> None:
    head = b'NATS/1.0\r\nA: 1\r\nnats-request-INFO : {"acc":"ADMIN"}\r\nLunix-Seq: 7\r\n\r\n'
    assert mapping.without_role(head) == b"NATS/1.0\r\nA: 1\r\nLunix-Seq: 7\r\n\r\n"
    for same in (b"", b"NATS/1.0\r\nA: \xff\r\n\r\n", b"NATS/1.0\r\nA: see Nats-Request-Info: below\r\n\r\n"):
        assert mapping.without_role(same) == same
    assert mapping.without_role(b"NATS/1.0\r\nNats-Request-Info: {}\r\n\r\n") == b""
    assert role_of({"Nats-Request-Info": '{"acc":"ADMIN"}'}) is Role.ADMIN  # what would have been believed


def test_a_refusal_is_an_error_as_every_daemon_answers() -> None:
    head, data = mapping.refusal(413, "too big")
    assert head == b"NATS/1.0\r\nNats-Service-Error-Code: 413\r\nNats-Service-Error: too big\r\n\r\n"
    assert data == b'{"error":{"code":413,"message":"too big"}}'


def test_an_answer_finds_its_way_once_and_those_of_all_daemons_each_time() -> None:
    ways = Ways("_INBOX.x")
    one, several = ways.out(b"ps.calibre", b"_R_.1"), ways.out(b"$SRV.PING", b"_R_.2")
    assert one.startswith(b"_INBOX.x.")
    assert [ways.back(one), ways.back(one)] == [b"_R_.1", None]
    assert [ways.back(several), ways.back(several)] == [b"_R_.2", b"_R_.2"]
    assert ways.back(b"_INBOX.x.99") is None
    ways.clear()
    assert ways.back(several) is None


def test_so_many_wait_and_no_more() -> None:
    ways = Ways("i")
    made = [ways.out(b"a", b"%d" % number) for number in range(MOST_REQUESTS + 1)]
    assert len(ways) == MOST_REQUESTS
    assert [ways.back(made[0]), ways.back(made[1])] == [None, b"1"]
