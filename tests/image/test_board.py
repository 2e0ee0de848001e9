"""What is said of the board of 64 MB, seen on it: docs/howto/board-64mb.md."""

import asyncio
import json
import os
import re
from collections.abc import Callable

import pytest

from lunix_testing.board import SERVICES, Board, Memory

pytestmark = [pytest.mark.vm, pytest.mark.timeout(4000), pytest.mark.asyncio(loop_scope="session")]

Seen = Callable[..., None]
SOAK_S = float(os.environ.get("SOAK", "60"))
SOAK_PARTS = 6
FILLING_ROUNDS = 60
# The aims. How soon it is ready depends on the machine that emulates it, and so is told and not asserted.
READY_S = 12
AVAILABLE_KB = 24_000
USED_KB = 32_000
GROWTH_KB = 512


async def test_every_service_is_ready_on_a_board_of_64_mb(board: Board, seen: Seen) -> None:
    seen(ready_after_s=round(board.ready_after_s, 1), ready_aim_s=READY_S, load_of_this_machine=os.getloadavg())
    total = re.search(r"MemTotal: +(\d+)", await board.shell("cat /proc/meminfo"))
    assert total
    seen(total_kb=int(total[1]))
    assert int(total[1]) < 64 * 1024
    _nothing_failed(board)


async def test_the_root_is_read_only_and_what_is_written_lives_in_memory(board: Board) -> None:
    said = await board.shell("touch /etc/x || touch /var/x && grep ' / ' /proc/mounts")
    assert "squashfs ro" in said


async def test_the_services_leave_memory(board: Board, seen: Seen) -> None:
    # What is not needed any more is given back when all has come to rest.
    enough = rf"[ $(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo) -ge {AVAILABLE_KB} ]"
    await board.shell(f"n=0; until {enough} || [ $n = 60 ]; do n=$((n+1)); sleep 2; done", within=300)
    memory = await board.memory()
    seen(
        available_kb=memory.available_kb,
        pss_kb=memory.pss_kb,
        pss_kb_in_all=sum(memory.pss_kb.values()),
        zram_kb=memory.zram_kb,
        swapped_kb_in_all=sum(memory.swapped_kb.values()),
    )
    assert memory.available_kb >= AVAILABLE_KB
    assert memory.used_kb <= USED_KB


async def test_the_command_lists_the_services(board: Board) -> None:
    said = await board.shell("lunix init list")
    assert {name for name in SERVICES if re.search(rf"^{name} +up .* ready$", said, re.MULTILINE)} == set(SERVICES)


async def test_the_command_tells_how_they_are(board: Board) -> None:
    said = await board.shell("lunix status")
    assert "run by lunix-init" in said
    # Each has answered: it says how many requests it had.
    answered = {name for name in SERVICES if re.search(rf"^{name} +ready +\d+ .*? \d+ +\d+ ", said, re.MULTILINE)}
    assert answered == {*SERVICES} - {"bus"}


async def test_a_stick_is_announced_mounted_toasted_and_unmounted(board: Board) -> None:
    since = await board.type("lunix sub '>'")
    try:
        await board.heard("listening for >", since=since, within=120)
        await board.plug()
        await board.heard(
            *(r"hardware\.usb\.add.*QEMU", r"hardware\.block\.add.*sda", r"mount\.mounted.*where=/media/STICK"),
            *(r"toast\.shown.*was plugged in", r"▌.*was plugged in"),
            since=since,
            within=120,
        )
        since = len(board.console.text)
        await board.pull()
        gone = (r"mount\.unmounted.*where=/media/STICK.*reason=pulled", r"hardware\.usb\.remove")
        await board.heard(*gone, since=since, within=120)
    finally:
        await board.interrupt()
    assert "/media" not in (await board.shell("cat /proc/mounts")).replace("tmpfs /media tmpfs", "")
    assert "STICK" not in await board.shell("ls /media")


async def test_what_is_written_to_a_stick_is_there_when_it_is_plugged_again(board: Board) -> None:
    await board.plug_and_wait()
    await board.shell("echo kept by the stick >/media/STICK/note && sync")
    await board.pull_and_wait()
    await board.plug_and_wait()
    assert "kept by the stick" in await board.shell("cat /media/STICK/note")
    await board.pull_and_wait()


async def test_nothing_grows_while_events_flow(board: Board, seen: Seen) -> None:
    loop = asyncio.get_running_loop()

    async def events(until: float, least: int = 1) -> int:
        rounds = 0
        while rounds < least or loop.time() < until:
            mounts = "for i in 1 2 3 4 5 6 7 8 9 10; do mount -t tmpfs t /root && umount /root; done"
            await board.shell(mounts)
            await board.plug_and_wait()
            await board.pull_and_wait()
            rounds += 1
        return rounds

    # Before the first look fills up what is bounded: toasts and lines of the log that are kept, mounts that have ended.
    rounds = await events(loop.time(), FILLING_ROUNDS)
    samples = [await board.memory()]
    for _ in range(SOAK_PARTS):
        rounds += await events(loop.time() + SOAK_S / SOAK_PARTS)
        samples.append(await board.memory())
    before, after = samples[0], samples[-1]
    growth = after.in_all_kb - before.in_all_kb
    seen(
        soak_s=SOAK_S,
        soak_rounds=rounds,
        soak_kb=[sample.in_all_kb for sample in samples],
        soak_anonymous_kb=[sample.anonymous_kb for sample in samples],
        soak_available_kb=[sample.available_kb for sample in samples],
        soak_growth_kb=growth,
        soak_growth_kb_by_process=_difference(before, after),
    )
    assert set(before.pss_kb) == set(after.pss_kb), "a process was replaced"
    assert growth <= GROWTH_KB
    _nothing_failed(board)


async def test_it_powers_off_by_itself_and_what_was_written_is_on_the_stick(board: Board) -> None:
    await board.plug_and_wait()
    await board.shell("echo written last >/media/STICK/last")
    since = len(board.console.text)
    assert await board.poweroff() == 0
    unmounted, _ = await board.heard(r"lunix-init: info: unmounted paths=(\[.*\])", "Power down", since=since)
    assert "/media/STICK" in json.loads(unmounted[1])
    assert b"written last\n" in board.stick.read_bytes()


def _nothing_failed(board: Board) -> None:
    assert "Out of memory" not in board.console.text
    assert 'cause="' not in board.console.text.replace('cause="exited" code=0', "")


def _difference(before: Memory, after: Memory) -> dict[str, int]:
    grown = {
        name: size + after.swapped_kb.get(name, 0) - before.pss_kb.get(name, 0) - before.swapped_kb.get(name, 0)
        for name, size in after.pss_kb.items()
    }
    return {name: size for name, size in grown.items() if size}
