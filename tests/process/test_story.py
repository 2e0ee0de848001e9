"""What a new user does, word for word, in a shell; and what a plain NATS client sees of it."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg

from lunix_testing.command import DEADLINE, LunixUp, Result, Running, environ
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.deadline import Inbox

Start = Callable[..., LunixUp]


@pytest.fixture
def up(lunix_up: Start) -> LunixUp:
    return lunix_up("--port", "0", "--only", "natsdev,toast")


@pytest.fixture
def veth() -> Iterator[Callable[[], None]]:
    """Make a pair of interfaces, removed in the end."""

    def make() -> None:
        subprocess.run(("ip", "link", "add", "lxv0", "type", "veth", "peer", "name", "lxv1"), check=True)

    yield make
    subprocess.run(("ip", "link", "del", "lxv0"), check=False)


def shell(up: LunixUp, commands: str) -> Result:
    """A second terminal, in which ``$DIR`` is the state directory."""
    done = subprocess.run(
        ("bash", "-ec", commands),
        env=environ({"DIR": str(up.state)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def test_env_of_a_role_is_all_that_any_client_needs(up: LunixUp) -> None:
    said = shell(up, 'eval "$(lunix env --state $DIR --role user)"; echo $NATS_URL $NATS_NKEY $LUNIX_BUS')
    assert said.out.split() == [up.url, str(up.state / "keys" / "user.nk"), up.url]


@pytest.mark.requires("veth")
def test_a_new_interface_appears_at_sub_at_once(up: LunixUp, veth: Callable[[], None]) -> None:
    env = dict(
        line.removeprefix("export ").split("=", 1)
        for line in shell(up, "lunix env --state $DIR").out.replace("'", "").splitlines()
    )
    sub = Running(("sub", "hardware.>"), env)
    try:
        sub.line("listening", "err")
        veth()
        line = sub.line("lxv0")
        assert "hardware.net.add" in line
    finally:
        sub.stop()
        sub.close()


@pytest.mark.requires("veth")
async def test_a_plain_client_sees_the_event_with_payload_and_headers(up: LunixUp, veth: Callable[[], None]) -> None:
    inbox = Inbox[Msg]()
    client = await up.connect("observer")
    try:
        await client.subscribe("hardware.net.add", cb=inbox.put_async)
        await client.flush()
        veth()
        event = await inbox.until(lambda message: json.loads(message.data)["name"] == "lxv0")
    finally:
        await client.close()
    assert json.loads(event.data)["subsystem"] == "net"
    assert event.headers is not None
    assert event.headers["Lunix-Source"] == "natsdev"
    assert int(event.headers["Lunix-Seq"]) > 0


async def test_publishing_text_shows_a_toast(up: LunixUp) -> None:
    inbox = Inbox[Msg]()
    client = await up.connect("user")
    try:
        await client.subscribe("toast.shown", cb=inbox.put_async)
        await client.flush()
        said = await asyncio.to_thread(
            shell,
            up,
            """eval "$(lunix env --state $DIR --role user)"; lunix pub toast.in 'a USB stick was plugged in!'""",
        )
        assert said == Result(0, "", "")
        shown: dict[str, Any] = json.loads((await inbox.next()).data)
    finally:
        await client.close()
    assert shown["summary"] == "a USB stick was plugged in!"


def test_the_other_commands_answer(up: LunixUp) -> None:
    said = shell(
        up,
        """
        eval "$(lunix env --state $DIR --role user)"
        lunix request hardware.list '{"subsystem":"net"}'
        lunix status --json
        lunix subjects
        """,
    )
    assert said.code == 0, said.err
    devices, status, *subjects = said.out.splitlines()
    assert "lo" in {item["name"] for item in json.loads(devices)["items"]}
    assert {one["name"]: one["state"] for one in json.loads(status)["daemons"]}.items() >= {
        ("natsdev", "ready"),
        ("toast", "ready"),
    }
    assert any(line.startswith("hardware.<subsystem>.<action>") for line in subjects)


def test_all_is_ready_within_two_seconds_of_processor_time(up: LunixUp) -> None:
    """Of one processor; on a quiet machine with two of them that is less than a second for who waits."""
    record = up.record
    assert set(record["units"]) == {"natsdev", "toast"}
    pids = [up.process.pid, record["bus"]["pid"], *(unit["pid"] for unit in record["units"].values())]
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))  # its own and its children's, in user and system mode: proc(5)
    assert ticks / os.sysconf("SC_CLK_TCK") < 2
