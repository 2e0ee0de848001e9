"""Tokens: who may come in by a websocket, each with an account that the server holds to its role."""

import os
import stat
from pathlib import Path

import pytest

from lunix_common.access import serverconf, tokens
from lunix_common.access.accounts import accounts, may
from lunix_common.access.roles import ROLES, Client
from lunix_common.subjects import TABLE, Kind, Role, Table

ADA = Client("websocket-ada", Role.ADMIN, frozenset({"init.restart"}), bridge=True)


def test_the_first_token_is_a_user_without_grants(tmp_path: Path) -> None:
    tokens.ensure(tmp_path)
    tokens.ensure(tmp_path)
    (token,) = tokens.load(tmp_path).values()
    assert (token.name, token.client.role, token.client.grants) == ("page", Role.USER, frozenset())
    assert token.digest == tokens.digest(tokens.secret_of(tmp_path, "page"))


def test_a_secret_is_long_and_closed_to_others(tmp_path: Path) -> None:
    tokens.add(tmp_path, "ada", Role.ADMIN)
    path = tokens.path_of(tmp_path, "ada")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(tokens.secret_of(tmp_path, "ada")) >= 43


def test_a_folder_of_keys_that_begins_with_a_token_is_passed_through_as_any_other(tmp_path: Path) -> None:
    before = os.umask(0o077)  # as the unit of the bus has it
    try:
        tokens.ensure(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)


def test_another_role_keeps_the_secret(tmp_path: Path) -> None:
    tokens.add(tmp_path, "ada", Role.USER)
    secret = tokens.secret_of(tmp_path, "ada")
    tokens.add(tmp_path, "ada", Role.ADMIN, ["init.restart"])
    (token,) = tokens.load(tmp_path).values()
    assert token.client == ADA
    assert tokens.secret_of(tmp_path, "ada") == secret


def test_with_another_token_there_is_no_first_one(tmp_path: Path) -> None:
    tokens.add(tmp_path, "ada", Role.USER)
    tokens.ensure(tmp_path)
    assert [token.name for token in tokens.load(tmp_path).values()] == ["ada"]


def test_a_removed_one_is_gone_with_its_secret_and_others_stay(tmp_path: Path) -> None:
    serverconf.save_clients(tmp_path, [Client("mqtt", Role.USER)])
    tokens.add(tmp_path, "ada", Role.USER)
    assert tokens.remove(tmp_path, "ada")
    assert not tokens.remove(tmp_path, "ada")
    assert not tokens.path_of(tmp_path, "ada").exists()
    assert [client.name for client in serverconf.load_clients(tmp_path)] == ["mqtt"]
    assert tokens.load(tmp_path) == {}


def test_a_client_without_a_secret_is_no_token(tmp_path: Path) -> None:
    tokens.add(tmp_path, "ada", Role.USER)
    for content in (b"\xff", b"", b" \n"):
        tokens.path_of(tmp_path, "ada").write_bytes(content)
        assert tokens.load(tmp_path) == {}
    tokens.path_of(tmp_path, "ada").unlink()
    assert tokens.load(tmp_path) == {}


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name"):
        tokens.add(tmp_path, "../ada", Role.USER)


def test_the_server_has_the_first_token_where_there_is_a_websocket(tmp_path: Path) -> None:
    serverconf.write(tmp_path / "with", TABLE, serverconf.Settings())
    assert tokens.secret_of(tmp_path / "with", "page")
    without = Table(tuple(row for row in TABLE if row.daemon != "websocket"), TABLE.domains)
    serverconf.write(tmp_path / "without", without, serverconf.Settings())
    assert tokens.load(tmp_path / "without") == {}


def test_a_bridge_needs_a_grant_for_what_stops_or_mounts_whatever_its_role() -> None:
    commands = [row for row in TABLE if row.kind is Kind.COMMAND and row.domain in ("init", "mount")]
    assert {row.pattern for row in commands} >= {"init.restart", "init.poweroff"}
    assert [row.pattern for row in commands if may(ADA, row)] == ["init.restart"]
    assert may(ADA, TABLE["init.list"])
    assert may(ADA, TABLE["toast.in"])
    assert all(may(Client("admin", Role.ADMIN), row) for row in commands)


def test_a_grant_lifts_no_role() -> None:
    assert not may(Client("page", Role.USER, frozenset({"init.restart"}), bridge=True), TABLE["init.restart"])


def test_the_server_itself_keeps_a_bridge_from_what_is_not_granted() -> None:
    public = {name: name for name in (*TABLE.daemons, *(client.name for client in (*ROLES, ADA)))}
    found = accounts(TABLE, public, [ADA])
    imported = {one["service"]["subject"] for one in found[ADA.account]["imports"] if "service" in one}
    assert "init.restart" in imported
    assert not {"init.poweroff", "init.stop"} & imported
    allowed = {
        one["service"]: one["accounts"] for one in found["LUNIX"]["exports"] if "accounts" in one and "service" in one
    }
    assert ADA.account not in allowed["init.poweroff"]
    assert ADA.account in allowed["init.restart"]
