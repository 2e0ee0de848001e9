"""The server's whole configuration, and the identities that a state directory remembers."""

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from lunix_cli import server
from lunix_common.access import serverconf
from lunix_common.access.roles import ROLES, Client
from lunix_common.access.serverconf import Settings
from lunix_common.subjects import MAX_SUBJECT_BYTES, TABLE, Kind, Role

PUBLIC = {name: f"U-{name}" for name in [*TABLE.daemons, "system", *(client.name for client in ROLES)]}
BRIDGE = Client("bridge", Role.USER, frozenset({"wm.exec"}))


def test_the_bus_listens_on_loopback_and_serves_no_monitor() -> None:
    found = serverconf.compute(TABLE, PUBLIC, (), Settings(port=4222))
    assert (found["host"], found["port"]) == ("127.0.0.1", 4222)
    assert not found.keys() & {"http", "http_port", "https_port", "monitor_port", "no_auth_user", "jetstream"}


def test_any_subject_of_the_table_fits_into_a_control_line() -> None:
    found = serverconf.compute(TABLE, PUBLIC, (), Settings())
    assert found["max_control_line"] > 2 * MAX_SUBJECT_BYTES + 64


def test_more_settings_come_along_and_replace_none_of_ours() -> None:
    leaf = {"leafnodes": {"port": 7422}}
    assert serverconf.compute(TABLE, PUBLIC, (), Settings(extra=leaf))["leafnodes"] == {"port": 7422}
    with pytest.raises(ValueError, match="accounts, host: lunix computes"):
        serverconf.compute(TABLE, PUBLIC, (), Settings(extra={"host": "0.0.0.0", "accounts": {}}))


def test_what_is_written_is_for_us_alone_and_the_real_server_accepts_it(tmp_path: Path) -> None:
    path = serverconf.write(tmp_path / "state", TABLE, Settings(extra={"websocket": {"port": 4223, "no_tls": True}}))
    assert path == tmp_path / "state" / "server.conf"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    subprocess.run([server.find().path, "-t", "-c", path], check=True, capture_output=True)


def test_every_daemon_role_and_client_has_a_key_after_it_is_written(tmp_path: Path) -> None:
    serverconf.save_clients(tmp_path, [BRIDGE])
    serverconf.write(tmp_path, TABLE, Settings())
    names = {path.stem for path in (tmp_path / "keys").glob("*.nk")}
    assert names == {*TABLE.daemons, "system", "observer", "user", "admin", "bridge", "websocket-page", "bridge-mqtt"}
    assert "USER-bridge" in json.loads((tmp_path / "server.conf").read_text())["accounts"]


def test_renewing_changes_the_accounts_alone(tmp_path: Path) -> None:
    extra = {"websocket": {"port": 4223, "no_tls": True}}
    path = serverconf.write(tmp_path, TABLE, Settings(4333, extra))
    before = json.loads(path.read_text())
    assert serverconf.renew(tmp_path, TABLE, [BRIDGE]) == path
    after = json.loads(path.read_text())
    assert "USER-bridge" in after["accounts"]
    assert before.pop("accounts") != after.pop("accounts")
    assert before == after


def test_identities_that_were_given_are_remembered(tmp_path: Path) -> None:
    assert serverconf.load_clients(tmp_path) == []
    clients = [
        BRIDGE,
        Client("guest", Role.OBSERVER, owner=1000),
        Client("script-lamp", Role.USER, only=("toast.in", "mqtt.a.>")),
        Client("web", Role.ADMIN, frozenset({"init.restart"}), bridge=True),
    ]
    serverconf.save_clients(tmp_path / "new", clients)
    assert serverconf.load_clients(tmp_path / "new") == clients
    assert stat.S_IMODE((tmp_path / "new" / "clients.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": {}}', '{"a": {"role": "king"}}', '{"a.b": {"role": "user"}}'])
def test_a_file_of_identities_that_makes_no_sense_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "clients.json").write_text(text)
    with pytest.raises(ValueError, match=r"clients\.json"):
        serverconf.load_clients(tmp_path)


def test_a_bridge_needs_grants_whatever_its_role(tmp_path: Path) -> None:
    mine = Client("bridge-mqtt", Role.ADMIN, frozenset({"init.restart"}))
    serverconf.save_clients(tmp_path, [mine])
    accounts = json.loads(serverconf.write(tmp_path, TABLE, Settings()).read_text())["accounts"]
    allowed = accounts["ADMIN-bridge-mqtt"]["users"][0]["permissions"]["publish"]["allow"]
    commands = {row.wildcard for row in TABLE if row.kind is Kind.COMMAND and row.domain in ("init", "mount")}
    assert commands & set(allowed) == {"init.restart"}
    assert "toast.in" in allowed


@pytest.mark.root
def test_the_key_of_a_session_s_daemon_may_be_the_person_s(tmp_path: Path) -> None:
    serverconf.write(tmp_path, TABLE, Settings())
    os.chown(tmp_path / "keys" / "toast.nk", 65534, -1)
    with pytest.raises(PermissionError):
        serverconf.write(tmp_path, TABLE, Settings())
    (tmp_path / "lent.json").write_text('{"toast": 65534}')
    serverconf.write(tmp_path, TABLE, Settings())


@pytest.mark.parametrize("text", ["{", "[]", '{"toast": "x"}', '{"toast": null}'])
def test_who_was_lent_what_has_to_be_readable(text: str, tmp_path: Path) -> None:
    (tmp_path / "lent.json").write_text(text)
    with pytest.raises(ValueError, match=re.escape("lent.json")):
        serverconf.lent(tmp_path)
