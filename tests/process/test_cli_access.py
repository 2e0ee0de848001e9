"""``lunix access``: keys for people, bridges and scripts, on a bus that runs and on one that does not."""

import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lunix_testing.command import LunixUp, Result, lunix
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.server import BusServer

Start = Callable[..., LunixUp]
TOAST = ("--port", "0", "--only", "toast")


def identities(up: LunixUp) -> dict[str, tuple[str, list[str], str | None]]:
    items = up("access", "list", "--json").json()["items"]
    return {item["name"]: (item["role"], item["grants"], item["owner"]) for item in items}


def test_an_identity_counts_at_once_and_no_longer_when_it_is_removed(lunix_up: Start) -> None:
    up = lunix_up(*TOAST)
    added = up("access", "add", "kitchen")
    assert (added.code, added.out) == (0, f"{up.state / 'keys' / 'kitchen.nk'}\n")
    assert identities(up)["kitchen"] == ("user", [], None)
    assert up("request", "--role", "kitchen", "toast.in", "tea").code == 0
    assert up("access", "add", "kitchen", "--role", "observer").code == 0
    refused = up("request", "--role", "kitchen", "toast.in", "tea")
    assert (refused.code, "may not send toast.in" in refused.err) == (1, True)
    key = (up.state / "keys" / "kitchen.nk").read_bytes()
    assert up("access", "remove", "kitchen").code == 0
    assert "kitchen" not in identities(up)
    stolen = up.state.with_name("stolen.nk")
    stolen.write_bytes(key)
    stolen.chmod(0o600)
    env = {"NATS_URL": up.url, "NATS_NKEY": str(stolen)}
    assert "refuses" in lunix("request", "toast.in", "tea", env=env).err
    daemons = {daemon["name"]: daemon for daemon in up("status", "--json").json()["daemons"]}
    assert (daemons["toast"]["state"], daemons["toast"]["restarts"]) == ("ready", 0)


def test_an_identity_outlives_the_bus(lunix_up: Start) -> None:
    up = lunix_up(*TOAST)
    before = set(identities(up))
    assert before >= {"observer", "user", "admin"}
    assert up("access", "add", "kitchen", "--role", "observer").code == 0
    assert up.stop() == 0
    assert up("access", "add", "cellar").code == 0
    again = lunix_up(*TOAST)
    assert again("request", "--role", "cellar", "toast.in", "tea").code == 0
    assert again("request", "--role", "kitchen", "toast.list").code == 1
    assert set(identities(again)) == before | {"kitchen", "cellar"}


@pytest.mark.root
def test_a_key_can_belong_to_somebody_else(lunix_up: Start) -> None:
    nobody = pwd.getpwnam("nobody")
    up = lunix_up(*TOAST)
    assert up("access", "add", "anna", "--owner", "nobody").code == 0
    key = (up.state / "keys" / "anna.nk").stat()
    assert (key.st_uid, stat.S_IMODE(key.st_mode)) == (nobody.pw_uid, 0o600)
    assert identities(up)["anna"] == ("user", [], "nobody")
    assert up.stop() == 0
    again = lunix_up(*TOAST)
    assert again("access", "add", "anna").code == 0
    assert (again.state / "keys" / "anna.nk").stat().st_uid == os.geteuid()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "toast"), "is the name of a daemon or a role"),
        (("add", "admin"), "'admin' is the name of a role"),
        (("add", "a.b"), "use letters, digits, _ and -"),
        (("add", "../x"), "use letters, digits, _ and -"),
        (("add", "kitchen", "--grant", "no.such"), "'no.such' is nothing that is granted"),
        (("add", "kitchen", "--owner", "no-such-user"), "there is no user 'no-such-user'"),
        (("remove", "kitchen"), "there is no identity 'kitchen' to remove (there are: none)"),
    ],
)
def test_a_mistake_is_told_and_changes_nothing(arguments: tuple[str, ...], said: str, state: Path) -> None:
    before = sorted(path.name for path in state.rglob("*"))
    verb, *rest = arguments
    done = lunix("access", verb, "--state", str(state), *rest)
    assert (done.code, said in done.err) == (100, True), done.err
    assert sorted(path.name for path in state.rglob("*")) == before


def test_without_a_bus_there_is_nothing_to_add_to(tmp_path: Path) -> None:
    done = lunix("access", "add", "kitchen", "--state", str(tmp_path))
    assert (done.code, "there is no bus in" in done.err) == (100, True)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir()
    return tmp_path


@pytest.mark.parametrize("bus_server", ["nats-server", "embedded"], indirect=True)
def test_a_server_that_no_lunix_init_keeps_takes_it_at_once(bus_server: BusServer) -> None:
    def ask(*words: str, **env: str) -> Result:
        name, *rest = words
        return lunix(name, "--state", str(bus_server.state), *rest, env=env)

    assert ask("access", "add", "kitchen").code == 0
    key = bus_server.key("kitchen")
    assert "nobody answers toast.in" in ask("request", "--role", "kitchen", "toast.in", "tea").err
    assert ask("access", "add", "kitchen", "--role", "observer").code == 0
    assert "may not send toast.in" in ask("request", "--role", "kitchen", "toast.in", "tea").err
    stolen = key.with_name("stolen.nk")
    key.rename(stolen)
    assert ask("access", "remove", "kitchen").code == 0
    assert "refuses" in lunix("request", "toast.in", "tea", env=bus_server.env("stolen")).err


def test_a_server_that_cannot_be_told_is_named_with_what_helps(bus_server: BusServer) -> None:
    bus_server.key("system").unlink()  # as of a server that an older lunix has started
    done = lunix("access", "add", "kitchen", "--state", str(bus_server.state))
    assert (done.code, "systemctl restart lunix-bus" in done.err) == (111, True), done.err
    assert not bus_server.key("kitchen").exists()


def test_a_server_that_has_ended_reads_it_at_its_start(bus_server: BusServer) -> None:
    bus_server.stop()
    assert lunix("access", "add", "kitchen", "--state", str(bus_server.state)).code == 0
    bus_server.start()
    env = bus_server.env("kitchen")
    assert "nobody answers toast.in" in lunix("request", "toast.in", "tea", env=env).err


def test_the_key_of_the_server_opens_nothing_else(bus_server: BusServer) -> None:
    done = lunix("request", "$SYS.REQ.SERVER.PING.CONNZ", "{}", env=bus_server.env("system"))
    assert "may not send" in done.err
    done = lunix("request", "toast.list", "{}", env=bus_server.env("system"))
    assert "may not send" in done.err
