"""The accounts that are computed from a table: what they say of any table, and that the real server reads them."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lunix_cli import server
from lunix_common.access import identities, serverconf
from lunix_common.access.accounts import accounts, covers, may, overlap
from lunix_common.access.roles import ROLES, Client
from lunix_common.subjects import TABLE, Kind, Role, Subject, Table

NAMES = st.sampled_from(["alpha", "beta", "gamma-2", "d_1"])
TOKENS = st.sampled_from(["<name>", "list", "on", "off", "<other>", "x"])


def row(pattern: str, kind: Kind = Kind.EVENT, role: Role = Role.OBSERVER, daemon: str = "d") -> Subject:
    return Subject(pattern, kind, daemon, "common.Anything", "", role=role)


def keys(table: Table, clients: Sequence[Client] = ()) -> dict[str, str]:
    return {name: f"U-{name}" for name in [*table.daemons, *(client.name for client in (*ROLES, *clients))]}


def compute(table: Table, *clients: Client) -> dict[str, Any]:
    return accounts(table, keys(table, clients), clients)


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    domain = draw(NAMES)
    tail = draw(st.lists(TOKENS, min_size=1, max_size=3))
    if draw(st.booleans()):
        tail.append("<rest...>")
    assume(tail.count("<name>") < 2 and tail.count("<other>") < 2)
    kind, role = draw(st.sampled_from(Kind)), draw(st.sampled_from(Role))
    return row(".".join([domain, *tail]), kind, role, daemon=domain)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Any table that can be kept apart by role."""
    rows: list[Subject] = []
    for subject in draw(st.lists(subjects(), min_size=1, max_size=8)):
        try:
            compute(Table((*rows, subject), ()))
        except ValueError:
            continue
        rows.append(subject)
    assume(rows)
    patterns = st.sampled_from([one.pattern for one in rows])
    uses = draw(st.dictionaries(NAMES, st.lists(patterns, max_size=3).map(tuple), max_size=2))
    return Table(tuple(rows), (), uses)


@st.composite
def some_clients(draw: st.DrawFn) -> list[Client]:
    names = draw(st.lists(st.sampled_from(["web", "mqtt", "s_1", "X-2"]), unique=True, max_size=3))
    return [Client(name, draw(st.sampled_from(ROLES)).role) for name in names]


@pytest.fixture(scope="module")
def public() -> dict[str, str]:
    """Real keys for all names that the strategies draw."""
    names = ["alpha", "beta", "gamma-2", "d_1", "web", "mqtt", "s_1", "X-2", *(client.name for client in ROLES)]
    with tempfile.TemporaryDirectory() as folder:
        return identities.ensure(Path(folder), [*names, serverconf.SYSTEM])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(table=tables(), clients=some_clients())
def test_the_real_server_accepts_what_is_computed_of_any_table(
    public: dict[str, str], table: Table, clients: list[Client]
) -> None:
    configuration = serverconf.compute(table, public, clients, serverconf.Settings())
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        json.dump(configuration, file)
        file.flush()
        checked = subprocess.run(
            [server.find().path, "-t", "-c", file.name], capture_output=True, text=True, check=False
        )
    assert checked.returncode == 0, checked.stderr


@given(table=tables(), clients=some_clients())
def test_an_account_imports_what_its_role_may_and_its_user_may_send_no_more(
    table: Table, clients: list[Client]
) -> None:
    result = compute(table, *clients)
    requests = {one.wildcard for one in table if one.kind is not Kind.EVENT}
    for client in (*ROLES, *clients):
        account = result[client.account]
        imported = [one[way]["subject"] for one in account["imports"] for way in one if way != "to" and way != "share"]
        sent = account["users"][0]["permissions"]["publish"]["allow"]
        for one in table:
            assert any(covers(subject, one.wildcard) for subject in imported) == may(client, one)
            if one.kind is Kind.EVENT:
                assert {subject for subject in sent if overlap(subject, one.wildcard)} <= requests
            else:
                assert (one.wildcard in sent) == may(client, one)


@given(table=tables(), clients=some_clients())
def test_nobody_may_answer_on_any_subject_and_every_service_shares_who_calls(
    table: Table, clients: list[Client]
) -> None:
    result = compute(table, *clients)
    assert "allow_responses" not in json.dumps(result)
    services = [one for account in result.values() for one in account.get("imports", ()) if "service" in one]
    assert all(one["share"] is True for one in services)


@given(table=tables(), clients=some_clients())
def test_no_export_of_a_declared_subject_is_open_to_every_account(table: Table, clients: list[Client]) -> None:
    exports = compute(table, *clients)["LUNIX"]["exports"]
    declared = {one.wildcard for one in table}
    assert all(one["accounts"] for one in exports if one.get("stream", one.get("service")) in declared)


@given(table=tables())
def test_a_daemon_publishes_its_own_events_and_what_it_uses_and_no_other(table: Table) -> None:
    result = compute(table)["LUNIX"]["users"]
    for name, user in zip(table.daemons, result, strict=True):
        allowed = user["permissions"]["publish"]["allow"]
        for one in table:
            own = one.daemon == name and one.kind is Kind.EVENT
            used = one.pattern in table.uses.get(name, ()) and one.kind is not Kind.EVENT
            assert (one.wildcard in allowed) == (own or used)


@given(st.lists(TOKENS, min_size=1, max_size=4), st.lists(TOKENS, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_covering_and_overlapping_agree_with_the_literals(
    one: list[str], other: list[str], one_open: bool, other_open: bool
) -> None:
    def wildcard(tokens: list[str], is_open: bool) -> str:
        return ".".join(["*" if "<" in token else token for token in tokens] + [">"] * is_open)

    def literals(tokens: list[str], is_open: bool) -> set[str]:
        found = {""}
        for token in tokens:
            found = {
                f"{head}.{choice}"
                for head in found
                for choice in (("list", "on", "off", "x", "new") if "<" in token else (token,))
            }
        tails = ["on", "new", "on.new", "x.x.x", "new.new.new.new"] if is_open else []
        return {f"{head}.{tail}" for head in found for tail in tails} if is_open else found

    assume(len(one) < 4 and len(other) < 4)
    wide, narrow = wildcard(one, one_open), wildcard(other, other_open)
    if covers(wide, narrow):
        assert overlap(wide, narrow)
        assert overlap(narrow, wide)
        if not other_open:
            assert not literals(other, other_open) - {
                literal for literal in literals(other, other_open) if covers(wide, literal[1:])
            }
    common = literals(one, one_open) & literals(other, other_open)
    if common:
        assert overlap(wide, narrow)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("a.*", "a.b"),
        ("a.>", "a.b"),
        ("a.>", "a.b.c"),
        ("a.>", "a.*"),
        ("a.>", "a.>"),
        ("a.*.>", "a.b.>"),
        ("a.b", "a.b"),
    ],
)
def test_what_contains(wide: str, narrow: str) -> None:
    assert covers(wide, narrow)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [("a.b", "a.*"), ("a.*", "a.>"), ("a.*", "a.b.c"), ("a.>", "a"), ("a.*.b", "a.c.*"), ("a.b", "a"), ("a", "b")],
)
def test_what_does_not_contain(wide: str, narrow: str) -> None:
    assert not covers(wide, narrow)


READ, WRITE = Kind.QUERY, Kind.COMMAND


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (row("a.<x>.off"), row("a.on.<y>"), "overlap, and neither contains"),
        (row("a.<x>"), row("a.<y>", READ), "are the same subjects"),
        (row("a.<x...>"), row("a.secret", role=Role.ADMIN), "needs a higher role"),
        (row("a.<x...>", READ), row("a.kill", WRITE, Role.ADMIN), "needs a higher role"),
        (row("a.<x...>", READ), row("a.lost"), "could forge"),
        (row("a.<x>", daemon="one"), row("a.b", daemon="other"), "another daemon's"),
        (row("a.b", READ, Role.GRANT), row("a.<x>", READ, Role.ADMIN), "needs a higher role"),
    ],
)
def test_rows_that_would_open_each_other_are_refused(one: Subject, other: Subject, why: str) -> None:
    for rows in ((one, other), (other, one)):
        with pytest.raises(ValueError, match=why):
            compute(Table(rows, ()))


def test_an_event_that_another_contains_is_imported_once() -> None:
    result = compute(Table((row("mqtt.<topic...>", role=Role.USER), row("mqtt.lost")), ()))
    streams = {
        name: [one["stream"]["subject"] for one in account["imports"] if "stream" in one and "to" not in one]
        for name, account in result.items()
        if name != "LUNIX"
    }
    assert streams == {"OBSERVER": ["mqtt.lost"], "USER": ["mqtt.>"], "ADMIN": ["mqtt.>"]}


def test_a_missing_key_is_named() -> None:
    public = keys(TABLE)
    del public["natsdev"]
    with pytest.raises(ValueError, match="'natsdev' has no key"):
        accounts(TABLE, public)


@pytest.mark.parametrize("name", ["natsdev", "bridge"])
def test_no_name_is_given_twice(name: str) -> None:
    clients = (Client(name, Role.USER), Client("bridge", Role.ADMIN))
    with pytest.raises(ValueError, match=f"'{name}' is the name of two"):
        compute(TABLE, *clients)


def test_a_daemon_named_as_a_role_is_refused() -> None:
    with pytest.raises(ValueError, match="'admin' is the name of two"):
        compute(Table((row("a.b", daemon="admin"),), ()))


def test_a_grant_is_exported_to_those_that_have_it_and_to_nobody_where_none_has() -> None:
    table = Table((row("wm.exec", WRITE, Role.GRANT),), ())
    granted = compute(table, Client("launcher", Role.USER, frozenset({"wm.exec"})))["LUNIX"]["exports"]
    assert [one for one in granted if one.get("service") == "wm.exec"] == [
        {"service": "wm.exec", "accounts": ["USER-launcher"]}
    ]
    assert not [one for one in compute(table)["LUNIX"]["exports"] if one.get("service") == "wm.exec"]


def test_a_daemon_takes_no_subject_of_another_by_a_row_that_is_not_its_own() -> None:
    rows = (row("a.b", daemon="one"), replace(row("c.d", READ), daemon="other"))
    one, other = compute(Table(rows, ()))["LUNIX"]["users"]
    assert "a.b" in one["permissions"]["publish"]["allow"]
    assert "a.b" not in other["permissions"]["publish"]["allow"]
    assert "c.d" in other["permissions"]["subscribe"]["allow"]
