"""What NATS's command line tool asks (``nats sub``, ``req``, ``micro ls``, ``info``, ``stats``), by official clients.

They find the bus by what ``lunix env`` prints, and take the daemons' answers apart with their own types.
"""

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lunix_testing import builds, npm
from lunix_testing.daemon import DaemonStarter
from lunix_testing.server import BusServer
from lunix_testing.tree import ROOT

pytestmark = pytest.mark.timeout(900)

NATS_JS = "2.29.3"
HERE = ROOT / "tests" / "languages" / "services"

Command = Callable[[pytest.Cache, Path], Sequence[str | Path]]


def in_go(cache: pytest.Cache, _folder: Path) -> Sequence[str | Path]:
    return (builds.go_peer(cache, "services"),)


def in_javascript(cache: pytest.Cache, folder: Path) -> Sequence[str | Path]:
    (folder / "node_modules").symlink_to(npm.installed(cache, "nats", NATS_JS))
    script = folder / "services.mjs"
    script.write_text((HERE / "services.mjs").read_text(encoding="utf-8"), encoding="utf-8")
    return ("node", script)


@pytest.mark.parametrize("identity", ["user", "admin"])
@pytest.mark.parametrize(
    "command", [in_go, pytest.param(in_javascript, marks=pytest.mark.requires("program:node"))], ids=["go", "node"]
)
async def test_official_clients_find_ask_and_count_the_daemons(
    bus_server: BusServer,
    daemon_process: DaemonStarter,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    command: Command,
    identity: str,
) -> None:
    assert pytestconfig.cache is not None
    daemon_process("lunix_toast", config='[toast]\nrenderer = "none"')
    daemon_process("lunix_ps", config="[ps]\nevents = false")
    program = await asyncio.to_thread(command, pytestconfig.cache, tmp_path)
    env = {"PATH": "/usr/bin:/bin", **bus_server.env(identity)}
    done = await asyncio.to_thread(
        subprocess.run, (*program, "2"), env=env, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["shown"] == "tea"
    for verb in ("ping", "info", "stats"):
        assert sorted(one["name"] for one in found[verb]) == ["ps", "toast"], verb
        assert {one["type"] for one in found[verb]} == {f"io.nats.micro.v1.{verb}_response"}
    (toast,) = found["one"]
    assert {"toast.in", "toast.list"} <= {endpoint["subject"] for endpoint in toast["endpoints"]}
    (stats,) = [one for one in found["stats"] if one["name"] == "toast"]
    asked = {endpoint["subject"]: endpoint["num_requests"] for endpoint in stats["endpoints"]}
    assert (asked["toast.in"], asked["toast.list"]) == (1, 0)
    assert stats["id"] == toast["id"]
    assert found["id"]
