"""lunix-log and a kernel whose log overruns it: what was overwritten is counted and told, and what follows is heard."""

from typing import Any

import pytest

from lunix_testing.vm import Boot
from lunix_testing.vm.bus import Listener, bus

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]

_FLOOD = """
text=$(printf '%0800d' 0)
i=0
while [ $i -lt 3000 ]; do echo "<12>flood $i $text"; i=$((i+1)); done > /dev/kmsg
"""


async def all_of(events: Listener, *subjects: str) -> list[dict[str, Any]]:
    """The first event of each of these subjects, in whatever order they come, and the last line of the flood."""
    found: dict[str, dict[str, Any]] = {}
    while len(found) < len(subjects) + 1:
        heard = await events.next()
        if heard["subject"] in subjects:
            found.setdefault(heard["subject"], heard["event"])
        elif heard["event"].get("text", "").startswith("flood 2999 "):
            found["flood"] = heard["event"]
    return [found[name] for name in (*subjects, "flood")]


async def test_what_the_kernel_overwrote_is_counted_and_told(machine: Boot) -> None:
    config = "LUNIX_LOG_LOCAL=none LUNIX_LOG_BURST=0 LUNIX_LOG_STATE_FILE=/run/log.json"
    async with machine(append="printk.devkmsg=on quiet", memory=256) as vm, bus(vm, "log.>") as (url, events):
        command = f"exec env {config} lunix-log --bus {url} --trust-bus --ready-fd 1 2>/run/log.err"
        async with vm.start("sh", "-c", command) as daemon:
            await daemon.line()
            await vm.shell("echo '<12>before' > /dev/kmsg")
            before = await events.event("log.user.warning", text="before")
            assert before["event"]["source"] == "kernel"
            await vm.shell("kill -STOP $(pidof lunix-log)")
            await vm.shell(_FLOOD)
            await vm.shell("kill -CONT $(pidof lunix-log)")
            lost, dropped, last = await all_of(events, "log.lost", "log.dropped")
            assert lost["reason"] == "kernel: overflow"
            assert (dropped["source"], dropped["sender"], dropped["reason"]) == ("kernel", "kernel", "overflow")
            assert 0 < dropped["count"] < 3000
            await vm.shell("echo '<12>after' > /dev/kmsg")
            assert (await events.event("log.user.warning", text="after"))["event"]["id"] >= last["id"] + 1
