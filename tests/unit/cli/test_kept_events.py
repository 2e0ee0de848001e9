"""Events out of a hub's store: whose they are, and in which order."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from lunix_cli.kept_events import Kept, concerns, merged, of_machine, parse

WHEN = datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
HEADERS = {
    "Nats-Stream": "user-box1",
    "Nats-Subject": "host.box1.init.ready",
    "Nats-Sequence": "7",
    "Nats-Time-Stamp": "2026-01-02T03:04:05.123456789Z",
    "Nats-Num-Pending": "0",
    "Nats-Last-Sequence": "0",
    "Lunix-Seq": "3",
}


def message(headers: dict[str, str]) -> Msg:
    return Msg(Client(), "_INBOX.x", data=b"{}", headers=headers)


def test_an_event_is_as_the_machine_said_it() -> None:
    assert parse(message(HEADERS), of_machine("box1")) == Kept(
        WHEN, "box1", 7, "host.box1.init.ready", b"{}", {"Lunix-Seq": "3"}
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"Nats-Subject": "host.box2.init.ready"},
        {"Nats-Subject": "host.box11.init.ready"},
        {"Nats-Subject": ""},
        {"Nats-Time-Stamp": "soon"},
        {"Nats-Sequence": "x"},
    ],
)
def test_what_a_machine_cannot_have_said_is_no_event(wrong: dict[str, str]) -> None:
    assert parse(message(HEADERS | wrong), of_machine("box1")) is None


def test_a_message_without_headers_is_no_event() -> None:
    assert parse(Msg(Client(), "x", data=b"{}"), of_machine("box1")) is None


@pytest.mark.parametrize(
    ("subject", "does"),
    [
        (">", True),
        ("host.>", True),
        ("*.*.x", True),
        ("host.*.x", True),
        ("host.box1.x", True),
        ("fleet.box1.>", True),
        ("host.box2.x", False),
        ("host", False),
    ],
)
def test_which_machines_a_subject_concerns(subject: str, does: bool) -> None:
    assert concerns(subject, "box1") is does


def kept(second: int, machine: str, number: int) -> Kept:
    return Kept(WHEN + timedelta(seconds=second), machine, number, "", b"", {})


async def stream(*items: Kept) -> AsyncGenerator[Kept]:
    for item in items:
        yield item


async def test_all_are_in_the_order_of_time_and_each_is_there_once() -> None:
    a, b = [kept(second, "a", second) for second in range(4)], [kept(second, "b", second) for second in (1, 9)]
    found = [one async for one in merged([stream(*a), stream(a[1], a[3]), stream(*b), stream()])]
    assert found == [a[0], a[1], b[0], a[2], a[3], b[1]]


async def test_one_who_stops_reading_ends_all_of_them() -> None:
    streams = [stream(kept(0, "a", 1), kept(1, "a", 2)), stream(kept(5, "b", 1))]
    reading = merged(streams)
    assert await anext(reading) == kept(0, "a", 1)
    await reading.aclose()
    for each in streams:
        assert [one async for one in each] == []
