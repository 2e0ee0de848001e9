"""A daemon that is asked too much at once: nobody fills its memory, and nobody else is kept waiting."""

import asyncio
from collections.abc import Awaitable

import pytest

from lunix_common.bus import Bus, Request, RequestError, find, micro
from lunix_common.schemas.hardware import GetRequest
from lunix_testing.deadline import deadline
from lunix_testing.server import BusServer


def bus(server: BusServer, identity: str) -> Bus:
    return Bus(find(identity, url=server.url, state=server.state, environ={}), identity)


async def outcome(question: Awaitable[object]) -> int:
    """The code of an error, 0 of none."""
    try:
        await question
    except RequestError as error:
        return error.code
    return 0


async def test_a_flood_of_one_role_is_refused_and_others_are_answered(
    bus_server: BusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro, "MOST_AT_ONCE", 5)
    natsdev, release, waiting = bus(bus_server, "natsdev"), asyncio.Event(), asyncio.Semaphore(0)

    async def get(request: Request[GetRequest]) -> bytes:
        if request.payload.device == "slow":
            waiting.release()
            await release.wait()
        return b"{}"

    natsdev.serve("hardware.get", get)
    user, admin, observer, mount = (bus(bus_server, name) for name in ("user", "admin", "observer", "mount"))
    async with natsdev, user, admin, observer, mount, deadline("all answers"):
        for one in (natsdev, user, admin, observer, mount):
            await one.up()
        slow = [asyncio.create_task(user.request("hardware.get", "slow", 60)) for _ in range(5)]
        for _ in slow:
            await waiting.acquire()
        assert [await outcome(user.request("hardware.get", "quick")) for _ in range(3)] == [429] * 3
        many = [asyncio.create_task(mount.request("hardware.get", "slow", 60)) for _ in range(9)]
        for _ in many:
            await waiting.acquire()
        assert [await outcome(one.request("hardware.get", "quick")) for one in (admin, observer, mount)] == [0] * 3
        release.set()
        assert [await outcome(one) for one in (*slow, *many)] == [0] * 14
        assert await outcome(user.request("hardware.get", "quick")) == 0
