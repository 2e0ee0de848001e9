"""What a hub's server is told: no account reaches further than its members' roles."""

from typing import Any

import pytest

from lunix_cli.fleet import certificate, hubconf, verbs
from lunix_cli.fleet.hubconf import Listening
from lunix_cli.fleet.members import Fleet
from lunix_common.access.accounts import covers
from lunix_common.errors import UsageError
from lunix_common.subjects import TABLE, Kind
from lunix_testing.members import FLEET


def accounts(fleet: Fleet = FLEET) -> dict[str, Any]:
    return hubconf.accounts(fleet, TABLE, "USYS")


def subjects(entries: list[Any], kind: str) -> list[str]:
    return [one[kind] if isinstance(one[kind], str) else one[kind]["subject"] for one in entries if kind in one]


def test_each_machine_has_an_account_a_role_and_each_operator_one() -> None:
    machines = {"HOST-observer-a%2Eb", "HOST-user-a%2Eb", "HOST-admin-a%2Eb", "HOST-observer-box"}
    assert set(accounts()) == {"SYS", *machines, "OPERATOR-anna", "OPERATOR-eve"}


def test_what_an_operator_imports_is_behind_the_machines_prefix() -> None:
    for entry in accounts()["OPERATOR-anna"]["imports"]:
        if "service" in entry:
            account, subject = entry["service"]["account"], entry["service"]["subject"]
            name = account.rpartition("-")[2]
            assert entry["to"] == f"host.{name}.{subject}"
        elif entry["stream"]["account"] == "SYS":
            assert entry["to"].startswith("fleet.")
        else:
            assert entry["prefix"] == f"host.{entry['stream']['account'].rpartition('-')[2]}"


def test_what_an_operator_imports_is_exported_to_it_and_to_nobody_who_may_not() -> None:
    found = accounts()
    for operator in FLEET.operators.values():
        for entry in found[operator.account]["imports"]:
            kind = "service" if "service" in entry else "stream"
            source = entry[kind]
            offered = [
                one
                for one in found[source["account"]]["exports"]
                if kind in one and covers(one[kind], source["subject"]) and operator.account in one["accounts"]
            ]
            assert offered, entry


def test_an_operator_reaches_no_account_but_those_of_its_role() -> None:
    assert sources("anna") == {"HOST-user-a%2Eb", "HOST-observer-box", "SYS"}
    assert sources("eve") == {"HOST-observer-box", "SYS"}


def sources(operator: str) -> set[str]:
    imports = accounts()[f"OPERATOR-{operator}"]["imports"]
    return {(entry.get("service") or entry["stream"])["account"] for entry in imports}


def test_no_event_can_be_sent_by_an_operator_and_no_request_by_a_machine() -> None:
    found = accounts()
    events = [row.wildcard for row in TABLE if row.kind is Kind.EVENT]
    for name in ("anna", "eve"):
        (user,) = found[f"OPERATOR-{name}"]["users"]
        assert user["allowed_connection_types"] == ["STANDARD"]
        sends = [one.split(".", 2)[2] for one in user["permissions"]["publish"]["allow"]]
        assert not set(sends) & {*events, "user.>"}
    for name, account in found.items():
        if name.startswith("HOST-"):
            (user,) = account["users"]
            assert user["allowed_connection_types"] == ["LEAFNODE", "STANDARD"]
            assert set(user["permissions"]["publish"]["allow"]) <= {*events, "_R_.>", "user.>"}


def test_an_operator_of_some_machines_can_name_no_other() -> None:
    (user,) = accounts()["OPERATOR-eve"]["users"]
    assert all(one.startswith("host.box.") for one in user["permissions"]["publish"]["allow"])


@pytest.mark.parametrize("fleet", [Fleet(), FLEET.without_operator("anna").without_operator("eve")])
def test_without_operators_nothing_is_exported(fleet: Fleet) -> None:
    assert not [one for account in accounts(fleet).values() for one in account.get("exports", ())]


def test_it_listens_with_tls_alone() -> None:
    found = hubconf.configuration(FLEET, TABLE, "USYS", Listening("::", 1, 2, "c", "k", 20))
    assert (found["host"], found["port"], found["leafnodes"]["port"]) == ("::", 1, 2)
    assert found["tls"]["cert_file"] == found["leafnodes"]["tls"]["cert_file"] == "c"


def test_a_leaf_has_a_connection_an_account() -> None:
    found = hubconf.leaf("tls://hub:7422", "ca", {"OBSERVER-fleet-observer": "SU1", "USER-fleet-user": "SU2"})
    assert [(one["account"], one["nkey"]) for one in found["remotes"]] == [
        ("OBSERVER-fleet-observer", "SU1"),
        ("USER-fleet-user", "SU2"),
    ]
    assert {one["url"] for one in found["remotes"]} == {"tls://hub:7422"}


def test_a_certificate_names_hosts_and_addresses() -> None:
    names = ("localhost", "::1", "hub.example", "192.0.2.1", "hub.example", "HUB-2.")
    assert certificate.alternatives(names) == "DNS:localhost,IP:::1,DNS:hub.example,IP:192.0.2.1,DNS:HUB-2."


@pytest.mark.parametrize("name", ["", "a b", "a,IP:0.0.0.0", "a..b", "x" * 254, "é.example", "*.example", "a/b"])
def test_what_is_no_name_is_in_no_certificate(name: str) -> None:
    with pytest.raises(UsageError, match="no host name"):
        certificate.alternatives([name])


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("tls://hub.example", "tls://hub.example:7422"),
        ("tls://hub.example/", "tls://hub.example:7422"),
        ("tls://192.0.2.1:1", "tls://192.0.2.1:1"),
        ("tls://[fd00::1]", "tls://[fd00::1]:7422"),
    ],
)
def test_the_address_of_a_hub_has_a_port(url: str, address: str) -> None:
    assert verbs.address(url, 7422) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hub",
        "nats://hub",
        "tls://",
        "tls://hub:x",
        "tls://hub:70000",
        "tls://a@hub",
        "tls://hub/x",
        "tls://h b",
        "tls://[::1",
    ],
)
def test_what_is_no_address_of_a_hub_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="no address of a hub"):
        verbs.address(url, 7422)
