"""What `lunix status` says of who keeps the bus."""

from pathlib import Path

from lunix_cli import place, record, status


def test_who_keeps_the_bus_is_told() -> None:
    up = {**record.kept("lunix up", {}, {}), "up": {"pid": 5, "started": 1}}
    assert status.started_by(up, Path("/s"), 1000) == ", run by `lunix up` (pid 5)"
    assert status.started_by(record.kept("systemd", {}, {}), place.MACHINE, 1000) == ", run by systemd"


def test_a_user_whom_the_machine_s_keeper_tells_nothing_is_told_that() -> None:
    nobody = ", not run by a `lunix up` of this state directory"
    assert status.started_by(None, place.MACHINE, 1000) == ", the machine's: what keeps it tells only root"
    assert status.started_by(None, place.MACHINE, 0) == nobody
    assert status.started_by(None, Path("/s"), 1000) == nobody
