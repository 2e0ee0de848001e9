"""Where the bus is and who we are there."""

import os
from pathlib import Path

import pytest

from lunix_common.bus.options import DEFAULT_URL, find, state_directory


def test_a_flag_wins_over_the_environment_and_that_over_what_was_announced(tmp_path: Path) -> None:
    (tmp_path / "bus.json").write_text('{"url": "nats://127.0.0.1:1"}')
    environ = {"NATS_URL": "nats://127.0.0.1:2"}
    assert find("natsdev", state=tmp_path, environ={}).url == "nats://127.0.0.1:1"
    assert find("natsdev", state=tmp_path, environ=environ).url == "nats://127.0.0.1:2"
    assert find("natsdev", state=tmp_path, environ=environ | {"LUNIX_BUS": "nats://[::1]:3"}).url == "nats://[::1]:3"
    assert find("natsdev", url="tls://hub:4", state=tmp_path, environ=environ).url == "tls://hub:4"


def test_without_any_hint_the_bus_is_at_the_standard_port(tmp_path: Path) -> None:
    assert find("natsdev", state=tmp_path, environ={}).url == DEFAULT_URL
    (tmp_path / "bus.json").write_text("{broken")
    assert find("natsdev", state=tmp_path, environ={}).url == DEFAULT_URL


def test_the_key_is_the_named_one_else_the_identitys_own_else_none(tmp_path: Path) -> None:
    assert find("natsdev", state=tmp_path, environ={}).key is None
    own = tmp_path / "keys" / "natsdev.nk"
    own.parent.mkdir()
    own.write_text("S")
    assert find("natsdev", state=tmp_path, environ={}).key == own
    assert find("natsdev", state=tmp_path, environ={"NATS_NKEY": "/else.nk"}).key == Path("/else.nk")


def test_root_and_ourselves_may_run_the_server_and_one_more_by_name(tmp_path: Path) -> None:
    assert find("natsdev", state=tmp_path, environ={}).server_uids == {0, os.geteuid()}
    assert 65534 in find("natsdev", state=tmp_path, environ={"LUNIX_SERVER_UID": "65534"}).server_uids


def test_a_user_of_the_server_who_is_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="LUNIX_SERVER_UID=nats: give the number of a user"):
        find("natsdev", state=tmp_path, environ={"LUNIX_SERVER_UID": "nats"})


def test_the_state_is_the_named_directory() -> None:
    assert state_directory({"LUNIX_STATE": "/x"}) == Path("/x")


@pytest.mark.parametrize(
    ("uid", "environ", "expected"),
    [
        (0, {"XDG_STATE_HOME": "/x"}, Path("/var/lib/lunix")),
        (1000, {"XDG_STATE_HOME": "/x"}, Path("/x/lunix")),
        (1000, {}, Path.home() / ".local/state/lunix"),
    ],
)
def test_root_has_the_machines_state_and_others_their_own(uid: int, environ: dict[str, str], expected: Path) -> None:
    assert state_directory(environ, uid) == expected
