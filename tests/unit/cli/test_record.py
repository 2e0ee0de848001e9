"""What an ``up`` leaves for others to read, and what counts when it is gone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunix_cli import proc, record
from lunix_cli.supervise import Phase, Status
from lunix_common.errors import UsageError


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_state_is_for_one_up(tmp_path: Path) -> None:
    with (
        record.locked(tmp_path / "new"),
        pytest.raises(UsageError, match=rf"\(pid {os.getpid()}\) runs on"),
        record.locked(tmp_path / "new"),
    ):
        pass
    with record.locked(tmp_path / "new"):
        assert (tmp_path / "new" / "lock").read_text() == f"{os.getpid()}\n"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    status = {"toast": Status(Phase.READY, 1.5, pid=os.getpid(), detail="d", restarts=2)}
    record.write(tmp_path, "nats://127.0.0.1:1", None, status, {"natsdev": "why"})
    found = record.read(tmp_path)
    assert found is not None
    assert found["up"]["pid"] == os.getpid()
    assert found["bus"] == {"url": "nats://127.0.0.1:1", "pid": None, "started": None}
    assert found["units"]["toast"] == {
        "phase": "ready",
        "since": 1.5,
        "pid": os.getpid(),
        "detail": "d",
        "restarts": 2,
        "started": proc.started(os.getpid()),
    }
    assert found["off"] == {"natsdev": "why"}
    record.forget(tmp_path)
    assert record.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_record_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "units.json").write_text(text)
    assert record.read(tmp_path) is None
    assert record.end_leftovers(tmp_path) == []


def test_leftovers_are_ended_by_their_group(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    status = {"toast": Status(Phase.READY, 0, pid=sleeper.pid), "natsdev": Status(Phase.PAUSING, 0)}
    record.write(tmp_path, "", None, status, {})
    assert record.end_leftovers(tmp_path) == ["toast"]
    assert sleeper.wait(10) == -9
    assert not (tmp_path / "units.json").exists()


def test_a_number_that_belongs_to_somebody_else_now_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    record.write(tmp_path, "", sleeper.pid, {}, {})
    found = json.loads((tmp_path / "units.json").read_text())
    found["bus"]["started"] -= 1
    (tmp_path / "units.json").write_text(json.dumps(found))
    assert record.end_leftovers(tmp_path) == []
    assert sleeper.poll() is None
