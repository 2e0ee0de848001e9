"""A machine's side of a fleet, on files and without a bus that runs."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunix_cli import doctor
from lunix_cli.doctor import Verdict
from lunix_cli.fleet import joined
from lunix_cli.fleet.joined import Joined
from lunix_cli.fleet.members import Credential
from lunix_common.access import identities, serverconf
from lunix_common.access.roles import Client
from lunix_common.errors import UsageError
from lunix_common.role import up_to
from lunix_common.subjects import TABLE, Role


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Of a bus that has run once, with an identity of its own."""
    serverconf.save_clients(tmp_path, [Client("kitchen", Role.USER)])
    serverconf.write(tmp_path, TABLE, serverconf.Settings())
    return tmp_path


def fleet(role: Role = Role.USER, url: str = "tls://127.0.0.1:7422") -> Joined:
    seeds = {one: identities.make()[0] for one in up_to(role)}
    return Joined(url, Credential("machine", "box 1", role, seeds, "PEM"))


def remotes(state: Path) -> list[str]:
    found = json.loads((state / "server.conf").read_bytes())
    return [one["account"] for one in found.get("leafnodes", {}).get("remotes", ())]


def names(state: Path) -> list[str]:
    """Of the identities, but for those that every bus has."""
    return [one.name for one in serverconf.load_clients(state) if one.name.startswith(("kitchen", "fleet"))]


def test_what_was_joined_is_kept_from_others_and_told_to_the_server(state: Path) -> None:
    one = fleet()
    joined.join(state, one, frozenset({"init.restart"}))
    assert joined.load(state) == one
    assert one.prefix == "host.box%201"
    for name in ("fleet.json", "server.conf"):
        assert stat.S_IMODE((state / name).stat().st_mode) == 0o600
    assert remotes(state) == ["OBSERVER-fleet-observer", "USER-fleet-user"]
    assert names(state) == ["kitchen", "fleet-observer", "fleet-user"]
    assert all(client.bridge for client in serverconf.load_clients(state) if client.name.startswith("fleet"))
    assert joined.settings(state)["leafnodes"]["remotes"][0]["nkey"] == one.credential.seeds[Role.OBSERVER]


def test_another_fleet_takes_the_place_of_the_first(state: Path) -> None:
    joined.join(state, fleet(Role.ADMIN), frozenset())
    joined.join(state, fleet(Role.OBSERVER, "tls://other:1"), frozenset())
    assert remotes(state) == ["OBSERVER-fleet-observer"]
    assert names(state) == ["kitchen", "fleet-observer"]
    assert not identities.path_of(state / "keys", "fleet-admin").exists()


def test_who_leaves_is_as_before(state: Path) -> None:
    before = json.loads((state / "server.conf").read_bytes())
    joined.join(state, fleet(), frozenset())
    assert joined.leave(state)
    assert json.loads((state / "server.conf").read_bytes()) == before
    assert (joined.load(state), joined.settings(state), joined.missing(state)) == (None, {}, [])
    assert not joined.leave(state)


def test_a_grant_that_is_none_changes_nothing(state: Path) -> None:
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="nothing that is granted"):
        joined.join(state, fleet(), frozenset({"no.such"}))
    assert {path: path.read_bytes() for path in state.rglob("*") if path.is_file()} == before


def test_what_the_server_refuses_changes_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joined.join(state, fleet(), frozenset())
    kept = [state / name for name in ("fleet.json", "fleet-ca.pem", "clients.json", "server.conf")]
    before = [path.read_bytes() for path in kept]

    def refuse(_state: Path) -> None:
        raise OSError("the bus server refuses")

    monkeypatch.setattr(joined, "reload", refuse)
    for role in (Role.ADMIN, Role.OBSERVER):
        with pytest.raises(OSError, match="the bus server refuses"):
            joined.join(state, fleet(role), frozenset())
        assert [path.read_bytes() for path in kept] == before


def test_an_identity_that_was_taken_away_has_no_connection(state: Path) -> None:
    joined.join(state, fleet(), frozenset())
    serverconf.save_clients(state, [one for one in serverconf.load_clients(state) if one.name != "fleet-user"])
    assert joined.missing(state) == ["fleet-user"]
    assert [one["account"] for one in joined.settings(state)["leafnodes"]["remotes"]] == ["OBSERVER-fleet-observer"]
    assert next(one.verdict for one in doctor.fleet(state)) is Verdict.BAD


def test_beside_lunix_bus_the_uplink_has_the_connections(state: Path) -> None:
    joined.join(state, fleet(), frozenset())
    assert joined.settings(state)["leafnodes"]
    assert joined.settings(state, embedded=True) == {}


def test_each_sort_of_machine_has_its_port_at_the_hub(state: Path) -> None:
    bare, named = fleet(url="tls://hub"), fleet(url="tls://hub:1")
    assert [bare.reached(embedded=one) for one in (False, True)] == ["tls://hub:7422", "tls://hub:4223"]
    assert {named.reached(embedded=one) for one in (False, True)} == {"tls://hub:1"}
    assert not joined.embedded(state)
    for version, embedded in (("2.15.1", False), ("2.15.1-lunix-bus.1.0", True), ("lunix-bus 1.0", True)):
        (state / "bus.json").write_text(json.dumps({"url": "x", "server": {"version": version}}))
        assert joined.embedded(state) is embedded


@pytest.mark.parametrize("text", ["", "[]", '{"url": "x", "credential": {}}'])
def test_a_file_that_describes_no_fleet_is_told(state: Path, text: str) -> None:
    (state / "fleet.json").write_text(text)
    with pytest.raises(UsageError, match="describes no fleet"):
        joined.load(state)
    (found,) = doctor.fleet(state)
    assert (found.verdict, "leave" in found.fix) == (Verdict.BAD, True)
    assert joined.leave(state)


@pytest.fixture
def hub() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"tls://127.0.0.1:{listener.getsockname()[1]}"


def test_the_doctor_tells_whether_the_hub_can_be_reached(state: Path, hub: str) -> None:
    assert list(doctor.fleet(state)) == []
    joined.join(state, fleet(url=hub), frozenset())
    (found,) = doctor.fleet(state)
    assert (found.verdict, found.found) == (Verdict.OK, f"host.box%201: the hub at {hub} can be reached")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    joined.join(state, fleet(url=f"tls://127.0.0.1:{port}"), frozenset())
    (found,) = doctor.fleet(state)
    assert (found.verdict, "Connection refused" in found.found) == (Verdict.NOTE, True)
