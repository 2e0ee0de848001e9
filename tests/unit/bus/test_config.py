"""nats-server's settings as JSON."""

from pathlib import Path
from typing import Any

import pytest

from lunix_bus import config
from lunix_bus.hub import Limits
from lunix_common.access import serverconf
from lunix_common.subjects import TABLE
from lunix_testing.hub import made, signed


def test_what_lunix_computes_for_nats_server_is_known(tmp_path: Path) -> None:
    settings = config.load(serverconf.write(tmp_path, TABLE, serverconf.Settings(port=0)))
    assert settings.limits.max_pending == 16 * 1024 * 1024
    assert (settings.limits.ping_interval_s, settings.limits.auth_timeout_s) == (120, 10)
    assert settings.users({}, signed).signs
    assert {"LUNIX", "OBSERVER", "USER", "ADMIN"} <= settings.accounts.keys()


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"websocket": 1}, "no setting websocket"),
        ({"ping_interval": "2 minutes"}, "'2 minutes' is no duration"),
        ({"ping_interval": ""}, "'' is no duration"),
        ({"authorization": {"users": [{"user": "a", "connection_types": ["x"]}]}}, "a user with connection_types"),
        ({"authorization": {"users": [{"user": "a", "permissions": {"allow_responses": True}}]}}, "allow_responses"),
        ({"authorization": {"user": "a", "password": "$2a$11$xyz"}}, "bcrypt"),
        ({"tls": {"cert_file": "c", "key_file": "k", "timeout": "soon"}}, "'soon' is no duration"),
    ],
)
def test_what_is_not_known_is_refused(found: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        made(found)


def test_a_file_that_holds_no_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "server.conf"
    path.write_text("[]")
    with pytest.raises(ValueError, match="no JSON object"):
        config.load(path)


@pytest.mark.parametrize(("text", "seconds"), [("2m", 120), ("1m30s", 90), ("250ms", 0.25), ("1.5h", 5400), (3, 3)])
def test_a_duration(text: str | int, seconds: float) -> None:
    assert config.seconds(text) == seconds


def test_certificates() -> None:
    tls = {"cert_file": "c", "key_file": "k", "ca_file": "a", "verify": True, "handshake_first": True, "timeout": "3s"}
    found = config.parse({"tls": tls}).tls
    assert found == config.Tls("c", "k", "a", verify=True, handshake_first=True, timeout=3)
    assert config.parse({"tls": {"cert_file": "c", "key_file": "k"}}).tls == config.Tls("c", "k")
    with pytest.raises(TypeError, match="pinned_certs"):
        config.parse({"tls": tls | {"pinned_certs": ["x"]}})


def test_users_may_be_named_in_several_ways() -> None:
    users = made({"authorization": {"user": "a", "pass": "x", "users": [{"username": "b", "pass": "y"}]}}).users
    assert users.required
    assert not users.signs


def test_nobody_holds_more_than_a_sixteenth_of_the_memory() -> None:
    assert config.bounded(Limits(), 64 * 1024 * 1024).max_pending == 4 * 1024 * 1024
    assert config.bounded(Limits(), 1024 * 1024).max_pending == 2 * Limits.max_payload
    assert config.bounded(Limits(max_pending=1 << 22), 1 << 40).max_pending == 1 << 22
