"""What ``systemctl show`` says, as ``lunix status`` takes it in. The texts are those of systemd 252."""

import os
from pathlib import Path

import pytest

from lunix_cli import systemd
from lunix_cli.shipping.needs import STATE

SAID = """\
Id=lunix-bus.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
MainPID=231
NRestarts=0
Result=success
ExecMainStatus=0
StatusText=

Id=lunix-network.service
LoadState=loaded
ActiveState=activating
SubState=start
UnitFileState=enabled
MainPID=240
NRestarts=0
Result=success
ExecMainStatus=0
StatusText=waiting for the bus: no answer=yet

Id=lunix-mqtt.service
LoadState=loaded
ActiveState=inactive
SubState=dead
UnitFileState=disabled
MainPID=0
NRestarts=0
Result=success
ExecMainStatus=0
StatusText=

Id=lunix-power.service
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=enabled
MainPID=0
NRestarts=2
Result=exit-code
ExecMainStatus=100
StatusText=

Id=lunix-log.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart
UnitFileState=enabled
MainPID=0
NRestarts=7
Result=timeout
ExecMainStatus=0
StatusText=

Id=lunix-ps.service
LoadState=loaded
ActiveState=deactivating
SubState=stop-sigterm
UnitFileState=enabled
MainPID=250
NRestarts=0
Result=success
ExecMainStatus=0
StatusText=stopping

Id=lunix-login.service
LoadState=masked
ActiveState=inactive

Id=lunix-websocket.service
LoadState=not-found
ActiveState=inactive

Id=lunix-mount.service
LoadState=loaded
ActiveState=inactive
UnitFileState=enabled

Id=lunix-toast.service
LoadState=loaded
ActiveState=inactive
UnitFileState=disabled
"""


def test_what_runs_or_should_is_told_as_lunix_up_tells_it() -> None:
    record = systemd.described(systemd.parsed(SAID))
    assert record["bus"] == {"pid": 231}
    assert record["units"] == {
        "network": {"phase": "starting", "pid": 240, "detail": "waiting for the bus: no answer=yet", "restarts": 0},
        "power": {"phase": "failed", "pid": None, "detail": "exit-code 100: journalctl -u lunix-power.service",
                  "restarts": 2},
        "log": {"phase": "restarting", "pid": None, "detail": "timeout: journalctl -u lunix-log.service",
                "restarts": 7},
        "ps": {"phase": "stopping", "pid": 250, "detail": "stopping", "restarts": 0},
    }  # fmt: skip


def test_what_does_not_run_is_told_with_the_command_that_starts_it() -> None:
    assert systemd.described(systemd.parsed(SAID))["off"] == {
        "init": "has nothing to do here: systemd keeps the services",
        "mqtt": "is not started: systemctl enable --now lunix-mqtt",
        "login": "is masked: systemctl unmask lunix-login",
        "websocket": "is not installed as a service",
        "mount": "is not started: systemctl start lunix-mount",
        "toast": "is not started: systemctl --user enable --now lunix-toast",
    }


def test_a_bus_that_systemd_does_not_run_has_no_process() -> None:
    assert systemd.described([])["bus"] == {"pid": None}


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of this name, which says what is written to its file, of the system alone."""
    said = tmp_path / "said"
    said.write_text(SAID)
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\n[ "$1" = show ] || exit 1\nwhile read -r line; do echo "$line"; done <{said}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    return said


def test_systemd_is_asked_where_it_keeps_the_machine(systemctl: Path, tmp_path: Path) -> None:
    found = systemd.record(Path(STATE), tmp_path)
    assert found is not None
    assert found["bus"] == {"pid": 231}
    assert systemd.record(tmp_path, tmp_path) is None
    assert systemd.record(Path(STATE), tmp_path / "no-systemd") is None
    systemctl.write_text("Id=lunix-bus.service\nLoadState=not-found\n")
    assert systemd.record(Path(STATE), tmp_path) is None


def test_without_systemctl_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert systemd.record(Path(STATE), tmp_path) is None


def test_a_systemctl_that_cannot_be_run_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "systemctl"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert systemd.record(Path(STATE), tmp_path) is None
