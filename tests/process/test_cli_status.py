"""``lunix status`` and ``lunix doctor``: what runs, what does not, why, and what to do about it."""

import os
import pwd
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lunix_cli import daemons
from lunix_testing.command import LunixUp, gone, lunix, wait_until
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.command import shared_up as shared_up
from lunix_testing.server import BusServer

Start = Callable[..., LunixUp]


def test_status_tells_of_the_bus_and_of_each_daemon(shared_up: LunixUp) -> None:
    assert shared_up("request", "toast.in", "x").code == 0
    assert shared_up("request", "toast.in", "{}").code == 1
    status = shared_up("status", "--json").json()
    assert status["up"] == {"pid": shared_up.process.pid}
    assert status["bus"]["url"] == shared_up.url
    assert status["bus"]["server"].count(".") == 2
    daemons = {daemon["name"]: daemon for daemon in status["daemons"]}
    toast = daemons["toast"]
    assert (toast["state"], toast["requests"], toast["errors"], toast["restarts"]) == ("ready", 2, 1, 0)
    assert toast["pid"] == shared_up.record["units"]["toast"]["pid"]
    assert 5_000_000 < toast["memory_bytes"] < 100_000_000
    assert 0 <= toast["uptime_s"] < 600
    assert daemons["natsdev"]["state"] == "ready"


def test_status_is_a_table_for_people(shared_up: LunixUp) -> None:
    first, head, *rows = shared_up("status").out.splitlines()
    assert first.startswith(f"bus at {shared_up.url}: nats-server ")
    assert f"(pid {shared_up.process.pid})" in first
    assert head.split() == ["DAEMON", "STATE", "PID", "UP", "REQUESTS", "ERRORS", "MEMORY", "WHY"]
    assert {row.split()[0] for row in rows} >= {"natsdev", "toast"}


def test_status_says_which_part_of_a_daemon_is_off(lunix_up: Start) -> None:
    up = lunix_up("--port", "0", "--only", "ps", env={"LUNIX_PS_EVENTS": "false"})
    (ps,) = (one for one in up("status", "--json").json()["daemons"] if one["name"] == "ps")
    assert (ps["state"], ps["why"]) == ("ready", "ps.events is off in the configuration")
    assert any(line.endswith(ps["why"]) for line in up("status").out.splitlines())


def test_an_observer_sees_the_status_too(shared_up: LunixUp) -> None:
    status = shared_up("status", "--json", "--role", "observer").json()
    assert {one["name"]: one["requests"] for one in status["daemons"]}["natsdev"] is not None


def test_status_tells_what_was_not_asked_for(lunix_up: Start) -> None:
    up = lunix_up("--port", "0", "--only", "toast")
    daemons = {daemon["name"]: daemon for daemon in up("status", "--json").json()["daemons"]}
    assert (daemons["natsdev"]["state"], daemons["natsdev"]["why"]) == ("off", "not asked for")


def test_status_tells_of_a_daemon_that_hangs(lunix_up: Start) -> None:
    up = lunix_up("--port", "0", "--only", "toast")
    pid = up.record["units"]["toast"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        (toast,) = (one for one in up("status", "--json").json()["daemons"] if one["name"] == "toast")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (toast["requests"], toast["why"]) == (None, "does not answer on the bus")


def test_status_of_a_bus_without_lunix_up(bus_server: BusServer) -> None:
    status = lunix("status", "--json", "--state", str(bus_server.state)).json()
    assert status["up"] is None
    cannot = {name: found.why for name in daemons.names() if (found := daemons.obstacle(name))}
    assert {(one["state"], one["why"]) for one in status["daemons"] if one["name"] not in cannot} == {
        ("off", "nobody has started it")
    }
    assert {one["name"]: one["why"] for one in status["daemons"] if one["name"] in cannot} == cannot
    assert "not run by a `lunix up`" in lunix("status", "--state", str(bus_server.state)).out


def test_a_record_of_a_killed_up_tells_nothing(lunix_up: Start) -> None:
    up = lunix_up("--port", "0", "--only", "toast")
    bus = up.record["bus"]["pid"]
    up.process.kill()
    up.process.wait()
    wait_until(lambda: gone([bus]), "the end of the bus")
    said = up("status", "--json")
    assert said.code == 111
    assert "start it with `lunix up`" in said.err
    again = lunix_up("--port", "0", "--only", "toast")
    assert again("status", "--json").json()["up"] == {"pid": again.process.pid}


# --- doctor ---------------------------------------------------------------------------------------------------------


def findings(state: Path, env: dict[str, str] | None = None) -> dict[str, dict[str, str]]:
    said = lunix("doctor", "--state", str(state), "--json", env=env)
    found: dict[str, dict[str, str]] = {one["what"]: one for one in said.json()}
    assert said.code == (1 if any(one["verdict"] == "bad" for one in found.values()) else 0)
    return found


def test_doctor_is_content_with_a_running_lunix(shared_up: LunixUp) -> None:
    found = findings(shared_up.state)
    assert {
        found[what]["verdict"] for what in ("nats-server", "state", "keys", "subjects", "pidfd", "natsdev", "toast")
    } == {"ok"}
    text = lunix("doctor", "--state", str(shared_up.state)).out
    assert any(line.split()[:2] == ["ok", "nats-server"] for line in text.splitlines())


def test_doctor_names_a_key_that_others_may_read_and_the_cure_cures(lunix_up: Start) -> None:
    up = lunix_up("--port", "0", "--only", "toast")
    key = up.state / "keys" / "user.nk"
    key.chmod(0o644)
    found = findings(up.state)["keys"]
    assert found["verdict"] == "bad"
    assert found["fix"] == f"chmod 600 {key}"
    key.chmod(0o600)
    assert findings(up.state)["keys"]["verdict"] == "ok"


@pytest.mark.root
def test_doctor_knows_the_keys_that_belong_to_others(bus_server: BusServer) -> None:
    state = bus_server.state
    assert lunix("access", "add", "anna", "--owner", "nobody", "--state", str(state)).code == 0
    assert lunix("access", "lend", "toast", "--owner", "nobody", "--state", str(state)).code == 0
    assert findings(state)["keys"]["verdict"] == "ok"
    os.chown(bus_server.key("ps"), pwd.getpwnam("nobody").pw_uid, -1)
    assert "ps.nk belongs to" in findings(state)["keys"]["found"]
    (state / "clients.json").write_text("{")
    assert "clients.json" in findings(state)["keys"]["found"]


def test_doctor_names_a_state_directory_that_others_may_change(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    assert findings(state)["state"] == {
        "what": "state",
        "verdict": "bad",
        "found": f"{state}: others may change it (mode 0777)",
        "fix": f"chmod go-w {state}",
    }


def test_doctor_tells_of_a_daemon_that_does_not_come_up(lunix_up: Start) -> None:
    up = lunix_up("--port", "0", env={"LUNIX_TOAST_NONSENSE": "1"})
    toast = findings(up.state)["toast"]
    assert toast["verdict"] == "bad"
    assert toast["found"].startswith("is failed: ")
    assert "nonsense" in toast["found"]


def test_doctor_before_the_first_start(tmp_path: Path) -> None:
    assert "does not exist" in findings(tmp_path / "never")["state"]["found"]


@pytest.mark.requires("program:bash")
def test_every_cure_is_something_to_type_or_to_do(shared_up: LunixUp) -> None:
    for finding in findings(shared_up.state).values():
        assert finding["verdict"] == "ok" or finding["fix"]
