"""``lunix up`` with a broker and without: the cold and calibre, from mosquitto_pub to the toast."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_testing.command import LunixUp, environ
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.deadline import Inbox
from lunix_testing.mosquitto import Mosquitto
from lunix_testing.mosquitto import mosquitto as mosquitto
from lunix_testing.programs import sole
from lunix_testing.tree import ROOT

Start = Callable[..., LunixUp]


@contextmanager
def running(*command: str | Path, env: dict[str, str] | None = None) -> Generator[None]:
    with subprocess.Popen(command, env=os.environ | (env or {}), stdin=subprocess.PIPE) as process:
        yield
        process.kill()


@pytest.mark.requires("program:mosquitto_pub")
async def test_a_cold_room_makes_a_toast_while_calibre_runs(
    lunix_up: Start, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    only = ("--port", "0", "--only", "toast,ps,mqtt")
    up = await asyncio.to_thread(lunix_up, *only, env={"LUNIX_MQTT_BROKER": mosquitto.url})
    await asyncio.to_thread(mosquitto.wait_for_log, "Received PUBACK from lunix-")
    said = up("env", "--role", "user").out.replace("'", "")
    env = environ(dict(line.removeprefix("export ").split("=", 1) for line in said.splitlines()))
    shutil.copy("/bin/cat", tmp_path / "calibre")
    toasts = Inbox[Msg]()
    client = await up.connect("user")
    await client.subscribe("toast.shown", cb=toasts.put_async)
    await client.flush()
    example = (sys.executable, ROOT / "examples/python/automations.py")
    with sole("calibre"), running(tmp_path / "calibre"), running(*example, env=env):
        told = await toasts.provoke(lambda: asyncio.to_thread(mosquitto.pub, "temperature0", "12.5", "-q", "1"))
    assert json.loads(told.data)["summary"] == "only 12.5 °C"
    assert up("request", "mqtt.lamp", "on").json() == {"topic": "lamp", "qos": 1}
    await client.close()


def test_without_a_broker_it_is_off_and_the_reason_is_shown(lunix_up: Start) -> None:
    up = lunix_up("--port", "0")
    states = {one["name"]: one for one in up("status", "--json").json()["daemons"]}
    assert states["mqtt"]["state"] == "off"
    assert "no broker" in json.dumps(states["mqtt"])
