"""lunix-mount without the right to mount, as in a ``lunix up`` of an ordinary user, beside natsdev."""

import json
from pathlib import Path

import pytest

from lunix_mount.refusal import NO_RIGHTS
from lunix_testing.mounts import StartMounting

pytestmark = [pytest.mark.root, pytest.mark.requires("uevents", "program:setpriv")]

WITHOUT = """
import os, sys
drop = ("--inh-caps", "-sys_admin", "--bounding-set", "-sys_admin")
os.execvp("setpriv", ("setpriv", *drop, sys.executable, "-m", "lunix_mount", *sys.argv[1:]))
"""


async def test_every_mount_is_refused_before_its_volume_is_waited_for(
    start_mounting: StartMounting, tmp_path: Path
) -> None:
    program = tmp_path / "without.py"
    program.write_text(WITHOUT, encoding="ascii")
    mounting = await start_mounting(program=program)
    for asked in ({"label": "X"}, {"uuid": "0-0"}, {"device": "/dev/null"}, {"device": "d0"}):
        for who in (mounting.user, mounting.admin):
            answer = await mounting.ask("mount.mount", asked, who=who)
            assert (answer.code, answer.why) == (403, NO_RIGHTS), asked
    assert "lunix install" in NO_RIGHTS
    # It is what `lunix status` shows, and what does not need the right is answered.
    about = json.loads((await mounting.admin.request("$SRV.INFO.mount", b"", timeout=30)).data)
    assert about["metadata"]["off.mounting"] == NO_RIGHTS
    assert (await mounting.ask("mount.list")).code == 0
