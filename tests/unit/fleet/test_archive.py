"""What a hub keeps, and who may read it: nobody more than what he would hear."""

import json
from typing import Any

import pytest

from lunix_cli.fleet import archive, hubconf
from lunix_cli.fleet.hubconf import History, Listening
from lunix_cli.fleet.members import Fleet
from lunix_cli.streams import Bounds
from lunix_common.access import history
from lunix_common.access.accounts import covers, overlap
from lunix_common.subjects import TABLE, Kind, Role
from lunix_testing.members import FLEET, machine

HISTORY = History("/h", "UHISTORY")
BOUNDS = Bounds(4000, 60)


def accounts(fleet: Fleet = FLEET) -> dict[str, Any]:
    return hubconf.accounts(fleet, TABLE, "USYS", HISTORY)


def test_without_it_nothing_of_it_is_configured() -> None:
    found = hubconf.configuration(FLEET, TABLE, "USYS", Listening("::", 1, 2, "c", "k", 20))
    assert "jetstream" not in found
    assert "DIRECT.GET" not in json.dumps(found["accounts"])
    assert history.ACCOUNT not in found["accounts"]


def test_an_operator_reads_the_stream_of_the_account_that_it_listens_to() -> None:
    assert sources("anna") == {
        "history.machines": "$JS.API.DIRECT.GET.index.index.anna",
        "history.of.a%2Eb": "$JS.API.DIRECT.GET.user-a%2Eb",
        "history.of.box": "$JS.API.DIRECT.GET.observer-box",
    }
    assert sources("eve") == {
        "history.machines": "$JS.API.DIRECT.GET.index.index.eve",
        "history.of.box": "$JS.API.DIRECT.GET.observer-box",
    }


def sources(operator: str) -> dict[str, str]:
    found = accounts()
    (user,) = found[f"OPERATOR-{operator}"]["users"]
    imports = [one for one in found[f"OPERATOR-{operator}"]["imports"] if "service" in one]
    kept = {one["to"]: one["service"]["subject"] for one in imports if one["service"]["account"] == history.ACCOUNT}
    assert {one for one in user["permissions"]["publish"]["allow"] if one.startswith("history.")} == set(kept)
    for subject in kept.values():
        offers = [one["accounts"] for one in found[history.ACCOUNT]["exports"] if one["service"] == subject]
        assert len(offers) == 1
        assert f"OPERATOR-{operator}" in offers[0]
    return kept


def test_what_is_exported_is_never_open_to_every_account() -> None:
    for fleet in (FLEET, Fleet().with_machine(machine("box", Role.ADMIN)), Fleet()):
        for account in accounts(fleet).values():
            assert all(one.get("accounts") for one in account.get("exports", ()) if "SRV" not in str(one))


def test_it_keeps_what_each_account_hears_and_no_more() -> None:
    found = accounts()
    for entry in found[history.ACCOUNT]["imports"]:
        source = entry["stream"]
        offered = [
            one["stream"]
            for one in found[source["account"]]["exports"]
            if "stream" in one and history.ACCOUNT in one["accounts"]
        ]
        assert any(covers(one, source["subject"]) for one in offered)
        if source["account"] == "SYS":
            continue
        _host, role, _name = source["account"].split("-", 2)
        assert entry["prefix"].startswith(f"{role}.host.")
        rows = [row for row in TABLE if row.kind is Kind.EVENT and covers(row.wildcard, source["subject"])]
        assert all(row.role is not Role.GRANT and Role(role).includes(row.role) for row in rows)


def test_no_two_streams_would_take_the_same_message() -> None:
    streams = archive.streams(FLEET, BOUNDS)
    assert set(streams) == {"index", "observer-a%2Eb", "user-a%2Eb", "admin-a%2Eb", "observer-box"}
    subjects = [subject for one in streams.values() for subject in one["subjects"]]
    for index, one in enumerate(subjects):
        assert not [other for other in subjects[index + 1 :] if overlap(one, other)]


def test_the_streams_of_machines_share_the_bound() -> None:
    streams = archive.streams(FLEET, BOUNDS)
    kept = [one for name, one in streams.items() if name != history.INDEX]
    assert [one["max_bytes"] for one in kept] == [1000] * 4
    assert {one["max_age"] for one in kept} == {60 * 10**9}
    assert all(one["max_bytes"] == 1 for one in archive.streams(FLEET, Bounds(1, 60)).values() if "max_bytes" in one)
    assert set(archive.streams(Fleet(), BOUNDS)) == {history.INDEX}


def test_each_operator_is_told_of_its_own_machines() -> None:
    told = {subject: message["machines"] for subject, message in archive.index(FLEET).items()}
    assert told == {"index.anna": ["a.b", "box"], "index.eve": ["box"]}


def test_only_the_hub_itself_makes_and_removes_streams() -> None:
    found = accounts()
    (user,) = found[history.ACCOUNT]["users"]
    assert user["nkey"] == "UHISTORY"
    for name, account in found.items():
        for one in account["users"]:
            sends = one.get("permissions", {}).get("publish", {}).get("allow", ())
            assert name in (history.ACCOUNT, "SYS") or not [subject for subject in sends if subject.startswith("$JS")]


@pytest.mark.parametrize("role", [Role.OBSERVER, Role.USER, Role.ADMIN])
def test_what_needs_a_grant_is_kept_of_no_account(role: Role) -> None:
    assert not [row for row in TABLE if row.role is Role.GRANT and archive.keeps(row, role)]
