"""A mirror of the services, kept by the public protocol alone, equals what lunix-init itself says, whatever dies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from lunix_common.bus import Bus, find
from lunix_common.bus.follow import Mirror
from lunix_common.schemas.common import Model
from lunix_common.schemas.init import Service
from lunix_init_bus import told
from lunix_testing.deadline import deadline
from lunix_testing.init import shell
from lunix_testing.init_bus import SPEAKER, Speaking
from lunix_testing.init_bus import speaking as speaking

NAMES = ("ales", "bock", "cider")


@pytest.fixture
async def mirror(speaking: Speaking) -> AsyncIterator[Mirror]:
    for name in NAMES:
        speaking.init.unit(name, shell("exec sleep 60", "[backoff]\nfirst = 0.001\ncap = 0.01\n"))
    for name in NAMES:
        await speaking.event(f"init.service.{name}.ready")
    options = find("observer", state=speaking.server.state, environ={})
    async with Bus(options, "observer") as bus, bus.follow("init") as mirror:
        yield mirror


def truth(speaking: Speaking) -> Mapping[str, Model]:
    return {name: comparable(told.service(one)) for one in speaking.init.do("list")["items"] if (name := one["name"])}


def comparable(service: Model) -> Model:
    """Without what it waits for: that is a sentence about others, as it was when the service was last told."""
    assert isinstance(service, Service)
    return service.model_copy(update={"why": ""})


async def equal(speaking: Speaking, mirror: Mirror) -> None:
    """Return when the mirror equals the truth, at a moment at which both stand still."""

    def same(items: Mapping[str, Model]) -> bool:
        return {name: comparable(one) for name, one in items.items()} == truth(speaking)

    async with deadline(lambda: f"equality of {dict(mirror.items)} and {truth(speaking)}", 60):
        await mirror.until(same)


def pids(speaking: Speaking) -> dict[str, Any]:
    return {one["name"]: one["pid"] for one in speaking.init.do("list")["items"]}


async def storm(speaking: Speaking, rounds: int = 20) -> None:
    """Kill, stop, start, add and remove services, one right after the other."""
    for turn in range(rounds):
        found = pids(speaking)
        for name in NAMES:
            with suppress(ProcessLookupError):
                if found[name]:
                    os.kill(found[name], signal.SIGKILL)
        speaking.init.do("stop" if turn % 2 else "start", name="bock")
        speaking.init.unit(f"extra{turn}", shell("exec sleep 60"))
        if turn % 3 == 0:
            speaking.init.do("pin", name="cider")
            speaking.init.do("unpin", name="cider")
        if turn > 2:
            (speaking.init.units / f"extra{turn - 2}.toml").unlink()
        await asyncio.sleep(0)


def settled(speaking: Speaking) -> Callable[[], bool]:
    return lambda: all(one["state"] in ("up", "down") for one in speaking.init.do("list")["items"])


async def test_after_a_storm_of_restarts(speaking: Speaking, mirror: Mirror) -> None:
    await storm(speaking)
    await asyncio.to_thread(speaking.init.until, settled(speaking), "rest")
    await equal(speaking, mirror)
    assert {"ales", "bock", "cider", SPEAKER, "extra0"} <= mirror.items.keys()
    # A quiet run announces no loss, and the mirror had no reason to list again.
    assert not [one for one in speaking.heard.items if one.subject == "init.lost"]
    assert mirror.listings == 1


async def test_after_the_speaker_was_killed_while_things_happened(speaking: Speaking, mirror: Mirror) -> None:
    before = pids(speaking)
    os.kill(before[SPEAKER], signal.SIGKILL)
    await storm(speaking, 5)
    await asyncio.to_thread(speaking.init.until, settled(speaking), "rest")
    await equal(speaking, mirror)
    assert mirror.listings > 1


async def test_after_the_server_was_killed_while_things_happened(speaking: Speaking, mirror: Mirror) -> None:
    before = pids(speaking)
    speaking.server.kill()
    await storm(speaking, 5)
    speaking.server.start()
    await asyncio.to_thread(speaking.init.until, settled(speaking), "rest")
    await equal(speaking, mirror)
    assert pids(speaking)[SPEAKER] == before[SPEAKER]


async def test_after_init_ran_its_program_again(speaking: Speaking, mirror: Mirror) -> None:
    before = pids(speaking)
    speaking.init.do("reexec")
    speaking.init.until(lambda: "reexeced" in [one["kind"] for one in speaking.init.events()], "the new image")
    os.kill(before["ales"], signal.SIGKILL)
    await asyncio.to_thread(speaking.init.until, settled(speaking), "rest")
    await equal(speaking, mirror)
    assert {name: pid for name, pid in pids(speaking).items() if name != "ales"} == {
        name: pid for name, pid in before.items() if name != "ales"
    }


async def test_more_events_than_the_speaker_takes_are_announced_as_lost(speaking: Speaking, mirror: Mirror) -> None:
    speaker_pid = pids(speaking)[SPEAKER]
    os.kill(speaker_pid, signal.SIGSTOP)
    try:
        # The end of each run tells two kilobytes; init keeps a quarter of a megabyte for a reader.
        speaking.init.unit(
            "mad", shell("printf '%2000s\\n' x; exit 1", "[backoff]\nfirst = 0.001\ncap = 0.001\nfactor = 1\n")
        )
        speaking.init.until(lambda: speaking.init.do("status")["seq"] > 1000, "a thousand events", 60)
        speaking.init.do("stop", name="mad")
    finally:
        os.kill(speaker_pid, signal.SIGCONT)
    await asyncio.to_thread(speaking.init.until, settled(speaking), "rest")
    await speaking.event("init.lost")
    await equal(speaking, mirror)
