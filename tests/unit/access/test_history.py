"""The account that keeps a machine's events: what it hears, and who reads which stream."""

from typing import Any

import pytest

from lunix_common.access import history
from lunix_common.access.accounts import DAEMONS, accounts
from lunix_common.access.roles import ROLES, Client
from lunix_common.subjects import TABLE, Kind, Role

CLIENTS = (
    *ROLES,
    Client("kitchen", Role.OBSERVER),
    Client("hall", Role.ADMIN, bridge=True),
    Client("script-lamp", Role.ADMIN, only=("toast.in",)),
)
PUBLIC = {name: f"U{name}" for name in (*TABLE.daemons, *(client.name for client in CLIENTS))}


@pytest.fixture
def found() -> dict[str, Any]:
    return history.add(accounts(TABLE, PUBLIC, CLIENTS[len(ROLES) :]), TABLE, CLIENTS, "UKEEPER")


def test_every_event_but_those_that_need_a_grant_is_kept_with_its_least_role(found: dict[str, Any]) -> None:
    kept = {one["stream"]["subject"]: one["prefix"] for one in found["HISTORY"]["imports"]}
    assert kept == {row.wildcard: row.role for row in TABLE if row.kind is Kind.EVENT and row.role is not Role.GRANT}
    exported = {one["stream"] for one in found[DAEMONS]["exports"] if "stream" in one and "HISTORY" in one["accounts"]}
    assert exported == set(kept)


def reads(found: dict[str, Any], account: str) -> dict[str, str]:
    imports = [one for one in found[account]["imports"] if one.get("service", {}).get("account") == "HISTORY"]
    return {one["to"]: one["service"]["subject"] for one in imports}


def test_a_role_reads_what_it_may_hear(found: dict[str, Any]) -> None:
    get = "$JS.API.DIRECT.GET"
    assert reads(found, "USER") == {
        "history.machines": f"{get}.index.index.user",
        "history.of.observer": f"{get}.observer",
        "history.of.user": f"{get}.user",
    }
    assert reads(found, "OBSERVER-kitchen") == reads(found, "OBSERVER")
    assert [one.account for one in CLIENTS if "history.of.admin" in reads(found, one.account)] == ["ADMIN"]


def test_who_reads_may_ask_and_is_let_in(found: dict[str, Any]) -> None:
    exports = {one["service"]: one["accounts"] for one in found["HISTORY"]["exports"]}
    for client in CLIENTS:
        own = reads(found, client.account)
        allowed = found[client.account]["users"][0]["permissions"]["publish"]["allow"]
        assert set(own) == {one for one in allowed if one.startswith("history.")}
        assert {subject for subject, names in exports.items() if client.account in names} == set(own.values())


def test_bridges_and_who_may_use_some_subjects_alone_read_nothing(found: dict[str, Any]) -> None:
    assert reads(found, "ADMIN-hall") == reads(found, "ADMIN-script-lamp") == {}
