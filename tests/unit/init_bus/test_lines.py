"""Lines that services write, on the bus: each once, and a gap is announced."""

from pathlib import Path

import pytest

from lunix_common.bus import Bus, find
from lunix_init_bus.service import Speaker
from lunix_init_bus.settings import InitSettings, run_directory


async def test_a_line_is_told_once_and_a_gap_is_a_loss(tmp_path: Path) -> None:
    bus = Bus(find("init", state=tmp_path, environ={}), "init")
    speaker = Speaker(bus, InitSettings(run=tmp_path, log=["tea"]))
    for number in (4, 4, 5, 3, 8):
        speaker._tell_line("tea", {"number": number, "at": 1.0, "text": "the kettle is empty"})
    assert bus.seq == 3
    (loss,) = bus._publisher._outbox.losses()
    assert (loss.domain, loss.reason) == ("init", "lines of tea came too fast")


@pytest.mark.parametrize(
    ("uid", "environ", "expected"),
    [
        (0, {"XDG_RUNTIME_DIR": "/x"}, "/run/lunix"),
        (1000, {"XDG_RUNTIME_DIR": "/x"}, "/x/lunix"),
    ],
)
def test_root_and_others_have_run_directories_of_their_own(uid: int, environ: dict[str, str], expected: str) -> None:
    assert run_directory(environ, uid) == Path(expected)
