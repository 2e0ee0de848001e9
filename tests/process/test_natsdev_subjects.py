"""Every subject of natsdev is published or answered, as a plain NATS client sees it from outside.

The messages that pass here are the examples of the reference pages.
"""

import json
import signal
import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg

from lunix_common.subjects import TABLE
from lunix_testing.client import Nats
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.examples import Payload, Recorder
from lunix_testing.server import BusServer

LOSS = "common.Lost"


class Visitor:
    """Somebody who sends requests and hears events, and notes which subjects have been seen."""

    def __init__(self, client: Nats, record: Recorder) -> None:
        self.client = client
        self.events = Inbox[Msg]()
        self.seen: set[str] = set()
        self._record = record

    async def request(self, subject: str, payload: Payload) -> dict[str, Any]:
        """Send a request, note it, return the answer."""
        data = payload if isinstance(payload, str) else json.dumps(payload)
        answer = await self.client.request(subject, data.encode(), timeout=30)
        assert answer.headers is None or "Nats-Service-Error" not in answer.headers, answer.headers
        reply: dict[str, Any] = json.loads(answer.data)
        self._note(subject, payload, reply=reply)
        return reply

    async def event(self, subject: str, **fields: object) -> dict[str, Any]:
        """Wait for an event of this subject that has these fields, note it, return its payload."""

        def wanted(message: Msg) -> bool:
            return message.subject == subject and fields.items() <= json.loads(message.data).items()

        message = await self.events.until(wanted)
        payload: dict[str, Any] = json.loads(message.data)
        self._note(subject, payload, headers=message.headers)
        return payload

    def _note(self, subject: str, payload: Payload, **rest: Any) -> None:
        row = TABLE.find(subject)
        assert row is not None
        if row.pattern not in self.seen:  # the first of each sort is the example
            self._record(subject, payload, **rest)
        self.seen.add(row.pattern)

    def missing(self) -> set[str]:
        """The patterns that were not seen; losses have a test of their own."""
        return {row.pattern for row in TABLE.of("natsdev") if row.payload != LOSS} - self.seen


@pytest.fixture
async def visitor(bus_server: BusServer, record_example: Recorder) -> AsyncGenerator[Visitor]:
    """An admin who hears everything."""
    async with connected(bus_server) as client:
        found = Visitor(client, record_example)
        await client.subscribe("hardware.>", cb=found.events.put_async)
        await client.flush()
        yield found


@asynccontextmanager
async def connected(bus_server: BusServer) -> AsyncGenerator[Nats]:
    client = await bus_server.connect("admin")
    try:
        yield client
    finally:
        await client.close()


def _ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True, capture_output=True, timeout=30)


@pytest.fixture
def veth() -> Iterator[str]:
    """The name of an interface to make; it is removed at the end."""
    yield "lunixv0"
    subprocess.run(("ip", "link", "del", "lunixv0"), check=False, capture_output=True, timeout=30)


@pytest.mark.requires("veth", "uevents")
async def test_every_subject_is_published_or_answered(
    daemon_process: DaemonStarter, visitor: Visitor, veth: str
) -> None:
    daemon_process("lunix_natsdev", "--source", "kernel")
    await visitor.event("hardware.ready")

    _ip("link", "add", veth, "type", "veth", "peer", "name", "lunixv1")
    added = await visitor.event("hardware.net.add", name=veth)
    got = await visitor.request("hardware.get", added["id"])
    assert got["name"] == veth
    listed = await visitor.request("hardware.list", {"subsystem": "net", "name": veth})
    assert [item["id"] for item in listed["items"]] == [added["id"]]

    triggered = await visitor.request("hardware.trigger", {"device": added["id"], "action": "change"})
    assert triggered["devices"] == 1
    await visitor.event("hardware.net.change", id=added["id"], synthetic=True)
    settled = await visitor.request("hardware.settle", {"timeout_ms": 5000})
    assert settled["seq"] >= listed["seq"]

    assert not visitor.missing()


def _more_events_than_its_socket_holds() -> None:
    for _ in range(200):
        Path("/sys/class/net/lo/uevent").write_text("change")


@pytest.mark.requires("uevents")
async def test_a_loss_is_announced_with_its_reason(daemon_process: DaemonStarter, visitor: Visitor) -> None:
    daemon = daemon_process("lunix_natsdev", "--source", "kernel", config="[natsdev]\nreceive_buffer_bytes = 4096")
    daemon.signal(signal.SIGSTOP)
    _more_events_than_its_socket_holds()
    daemon.signal(signal.SIGCONT)
    lost = await visitor.event("hardware.lost")
    assert lost["reason"]
