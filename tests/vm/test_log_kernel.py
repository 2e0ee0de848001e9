"""lunix-log and a kernel whose log overruns it: what was overwritten is counted and told, and what follows is heard."""

import json
from typing import Any

import pytest

from lunix_testing.vm import Boot, Process

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]

_BUS = "nats://127.0.0.1:4222"
_SUBSCRIBER = """
import asyncio, nats

async def main():
    bus = await nats.connect("nats://127.0.0.1:4222")

    async def show(message):
        print(message.subject, message.data.decode(), flush=True)

    await bus.subscribe("log.>", cb=show)
    await bus.flush()
    print("subscribed", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
_FLOOD = """
text=$(printf '%0800d' 0)
i=0
while [ $i -lt 3000 ]; do echo "<12>flood $i $text"; i=$((i+1)); done > /dev/kmsg
"""


async def heard(events: Process, subject: str, text: str = "") -> dict[str, Any]:
    """The next event of this subject that contains this."""
    line = await events.line(lambda line: line.startswith(f"{subject} ") and text in line, within=90)
    told: dict[str, Any] = json.loads(line.partition(" ")[2])
    return told


async def all_of(events: Process, *texts: str) -> list[dict[str, Any]]:
    """The first event that contains each of these, in whatever order they come."""
    found: dict[str, dict[str, Any]] = {}

    def complete(line: str) -> bool:
        for text in texts:
            if text in line and text not in found:
                found[text] = json.loads(line.partition(" ")[2])
        return len(found) == len(texts)

    await events.line(complete, within=120)
    return [found[text] for text in texts]


async def test_what_the_kernel_overwrote_is_counted_and_told(machine: Boot) -> None:
    config = "LUNIX_LOG_LOCAL=none LUNIX_LOG_BURST=0 LUNIX_LOG_STATE_FILE=/run/log.json"
    command = f"exec env {config} lunix-log --bus {_BUS} --trust-bus --ready-fd 1 2>/run/log.err"
    async with (
        machine(append="printk.devkmsg=on quiet", memory=256) as vm,
        vm.start("sh", "-c", "exec nats-server -a 127.0.0.1 -p 4222 2>&1") as bus,
    ):
        await bus.line(lambda line: "Server is ready" in line)
        async with vm.start("python3", "-c", _SUBSCRIBER) as events:
            await events.line(lambda line: line == "subscribed", within=60)
            async with vm.start("sh", "-c", command) as daemon:
                await daemon.line(within=120)
                await vm.shell("echo '<12>before' > /dev/kmsg")
                assert (await heard(events, "log.user.warning", '"text":"before"'))["source"] == "kernel"
                await vm.shell("kill -STOP $(pidof lunix-log)")
                await vm.shell(_FLOOD, within=120)
                await vm.shell("kill -CONT $(pidof lunix-log)")
                lost, dropped, last = await all_of(events, "log.lost", "log.dropped", "flood 2999 ")
                assert lost["reason"] == "kernel: overflow"
                assert (dropped["source"], dropped["sender"], dropped["reason"]) == ("kernel", "kernel", "overflow")
                assert 0 < dropped["count"] < 3000
                await vm.shell("echo '<12>after' > /dev/kmsg")
                assert (await heard(events, "log.user.warning", '"text":"after"'))["id"] >= last["id"] + 1
