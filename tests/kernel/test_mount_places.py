"""lunix-mount and places: hostile labels, links, clashes, crashes, and what others do meanwhile."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lunix_testing.examples import Recorder
from lunix_testing.mounts import Mounting, StartMounting, exists, file_system, link, make_folder, mounted, run, write

pytestmark = [pytest.mark.root, pytest.mark.requires("loop")]

Loops = Callable[..., str]


@pytest.mark.parametrize(
    ("label", "name"),
    [("../../etc", "%2E.%2F..%2Fetc"), (".", "%2E"), ("a\x1b]0;b", "a%1B%5D0%3Bb"), ("-rf *", "%2Drf %2A")],
)
async def test_a_hostile_label_stays_in_its_folder(
    mounting: Mounting, loops: Loops, tmp_path: Path, label: str, name: str
) -> None:
    done = await mounting.mount(loops(file_system(tmp_path / "image", "ext4", label)))
    assert done["where"] == f"{mounting.media}/{name}"
    assert mounted(tmp_path) == [done["where"]]


async def test_volumes_with_one_label_are_numbered(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    nodes = [loops(file_system(tmp_path / f"image{number}", "ext4", "SAME")) for number in range(3)]
    places = [(await mounting.mount(node))["where"] for node in nodes]
    assert places == [f"{mounting.media}/SAME{tail}" for tail in ("", "-2", "-3")]
    await mounting.unmount(places[1])
    assert not exists(places[1])
    assert (await mounting.mount(nodes[1]))["where"] == places[1]


async def test_two_at_once_take_two_places(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    nodes = [loops(file_system(tmp_path / f"image{number}", "ext4", "SAME")) for number in range(4)]
    places = [answer["where"] for answer in await asyncio.gather(*map(mounting.mount, nodes))]
    assert sorted(places) == [f"{mounting.media}/SAME{tail}" for tail in ("", "-2", "-3", "-4")]


async def test_what_is_somebody_elses_is_not_taken(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    make_folder(mounting.media / "TAKEN-3")
    link(mounting.media / "TAKEN", "/etc")
    write(mounting.media, "TAKEN-2")
    write(mounting.media / "TAKEN-3", "a file")
    make_folder(mounting.media / "TAKEN-4", owner=1000)
    make_folder(mounting.media / "TAKEN-5")
    done = await mounting.mount(loops(file_system(tmp_path / "image", "ext4", "TAKEN")))
    assert done["where"] == f"{mounting.media}/TAKEN-5", "an empty folder that a power cut has left"
    await mounting.unmount(done["where"])
    assert exists(mounting.media / "TAKEN-5"), "which may as well be an admin's"


async def test_no_symbolic_link_is_followed(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    node = loops(file_system(tmp_path / "image", "ext4"))
    make_folder(tmp_path / "real/inner")
    link(tmp_path / "link", tmp_path / "real")
    for where in ("link", "link/inner", "link/new"):
        done = await mounting.mount(node, where=f"{tmp_path}/{where}")
        assert (done.code, done.why) == (403, f"{tmp_path}/link is a symbolic link, and none is followed")
    cases = {"real/../x": 400, "no/such/parent": 404, "image": 409, "image/x": 409, f"real/{'x' * 300}": 400}
    for where, code in cases.items():
        assert (await mounting.mount(node, where=f"{tmp_path}/{where}")).code == code, where
    assert (await mounting.mount(node, where="relative")).code == 400
    assert (await mounting.mount(node, where="/")).code == 400
    assert mounted(tmp_path) == []
    assert not exists(tmp_path / "real/new")


async def test_a_place_that_is_in_use_is_refused(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    first, second = (loops(file_system(tmp_path / name, "ext4")) for name in ("one", "two"))
    where = str(tmp_path / "place")
    assert (await mounting.mount(first, where=where)).code == 0
    busy = await mounting.mount(second, where=where)
    assert (busy.code, busy.why) == (409, f"something is mounted on {where} already")
    make_folder(tmp_path / "full")
    write(tmp_path / "full", "a file")
    assert (await mounting.mount(second, where=f"{tmp_path}/full")).code == 0, "an admin may hide it"


async def test_what_is_in_use_stays_but_for_a_lazy_request(
    mounting: Mounting, loops: Loops, tmp_path: Path, record_example: Recorder
) -> None:
    done = await mounting.mount(loops(file_system(tmp_path / "image", "ext4", "BUSY")))
    descriptor = os.open(done["where"], os.O_RDONLY)
    try:
        refused = await mounting.unmount(done["where"])
        assert (refused.code, "in use" in refused.why) == (409, True)
        assert mounted(tmp_path) == [done["where"]]
        gone = await mounting.unmount(done["where"], lazy=True)
        assert gone.code == 0
        assert mounted(tmp_path) == []
        assert (await mounting.event("unmounted", id=done["id"])).payload["reason"] == "asked"
    finally:
        os.close(descriptor)
    shown = {"unmounted": [{**one, "where": "/media/BUSY"} for one in gone["unmounted"]]}
    record_example("mount.unmount", {"where": "/media/BUSY", "lazy": True}, reply=shown)


async def test_what_others_mount_and_unmount_is_told_too(
    mounting: Mounting, loops: Loops, tmp_path: Path, record_example: Recorder
) -> None:
    node = loops(file_system(tmp_path / "image", "ext4", "OTHERS"))
    await mounting.ask("hardware.settle")
    make_folder(mounting.media / "by hand \\ # é")
    where = str(mounting.media / "by hand \\ # é")
    run("mount", "-o", "nosuid", node, where)
    told = await mounting.event("mounted", where=where)
    assert (told.payload["ours"], told.payload["source"], told.payload["options"]) == (
        False,
        node,
        ["nosuid", "relatime"],
    )
    run("mount", "-o", "remount,ro", where)
    changed = await mounting.event("changed", id=told.payload["id"])
    assert changed.payload["read_only"] is True
    run("mount", "--move", where, make_folder(tmp_path / "moved"))
    assert (await mounting.event("unmounted", id=told.payload["id"])).payload["reason"] == "other"
    placed = await mounting.event("placed", where=f"{tmp_path}/moved")
    run("umount", f"{tmp_path}/moved")
    gone = await mounting.event("unmounted", id=placed.payload["id"])
    assert "where" not in gone.payload, "outside of the places of media that is for admins alone"
    for event in (told, changed, placed):
        shown = {"where": "/home/ada/stick" if event is placed else "/media/STICK"}
        record_example(event.subject, event.payload | shown, headers=event.headers)


async def test_what_somebody_else_unmounts_leaves_no_folder(
    mounting: Mounting, loops: Loops, tmp_path: Path, record_example: Recorder
) -> None:
    done = await mounting.mount(loops(file_system(tmp_path / "image", "ext4", "ELSE")))
    run("umount", done["where"])
    gone = await mounting.event("unmounted", id=done["id"])
    assert gone.payload["reason"] == "other"
    await asyncio.to_thread(mounting.daemon.wait_for_log, "a mount point was removed")
    assert not exists(done["where"])
    assert (await mounting.unmount(done["where"])).code == 404
    assert (await mounting.ask("mount.unmount", {"id": done["id"]})).code == 404
    record_example(gone.subject, {**gone.payload, "where": "/media/ELSE"}, headers=gone.headers)


async def test_what_is_covered_by_another_mount_is_left_alone(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    done = await mounting.mount(loops(file_system(tmp_path / "image", "ext4", "COVERED")))
    run("mount", "-t", "tmpfs", "tmpfs", done["where"])
    covered = await mounting.ask("mount.unmount", {"id": done["id"]})
    assert covered.code == 404
    assert len(mounted(tmp_path)) == 2
    on_top = await mounting.unmount(done["where"])
    assert [one["fs_type"] for one in on_top["unmounted"]] == ["tmpfs"]


async def test_after_a_crash_what_is_mounted_is_ours_and_empty_folders_go(
    mounting: Mounting, loops: Loops, tmp_path: Path
) -> None:
    nodes = [loops(file_system(tmp_path / name, "ext4", name.upper())) for name in ("stays", "goes", "used")]
    stays, goes, used = [await mounting.mount(node) for node in nodes]
    mounting.daemon.may_fail = True
    mounting.daemon.signal(signal.SIGKILL)
    await asyncio.to_thread(mounting.daemon.wait)
    run("umount", goes["where"])
    run("umount", used["where"])
    write(used["where"], "somebody's file")
    await mounting.restart()
    await asyncio.to_thread(mounting.daemon.wait_for_log, "a mount point was removed")
    assert not exists(goes["where"])
    assert exists(used["where"], "somebody's file")
    (item,) = await mounting.listed(ours=True)
    assert (item["id"], item["where"]) == (stays["id"], stays["where"])
    assert (await mounting.unmount(stays["where"], lazy=False)).code == 0
    assert not exists(stays["where"])


async def test_a_note_that_makes_no_sense_is_passed_over(mounting: Mounting, tmp_path: Path) -> None:
    assert mounting.daemon.stop() == 0
    make_folder(tmp_path / "run")
    write(tmp_path / "run", "points.json", b"{")
    await mounting.restart()
    await asyncio.to_thread(mounting.daemon.wait_for_log, "of no use")


async def test_a_note_that_cannot_be_written_holds_up_no_mount(
    start_mounting: StartMounting, loops: Loops, tmp_path: Path
) -> None:
    write(tmp_path, "run", b"no folder")
    mounting = await start_mounting()
    done = await mounting.mount(loops(file_system(tmp_path / "image", "ext4", "NOTED")))
    assert done.code == 0
    await asyncio.to_thread(mounting.daemon.wait_for_log, "cannot be noted")
    assert (await mounting.unmount(done["where"])).code == 0


async def test_a_dry_run_only_says_what_it_would_do(
    start_mounting: StartMounting, loops: Loops, tmp_path: Path
) -> None:
    mounting = await start_mounting("--dry-run")
    node = loops(file_system(tmp_path / "image", "ext4", "DRY"))
    make_folder(mounting.media)
    done = await mounting.mount(node)
    assert (done.code, done["where"], done["source"]) == (0, f"{mounting.media}/DRY", node)
    await asyncio.to_thread(mounting.daemon.wait_for_log, "would mount")
    assert mounted(tmp_path) == []
    assert not exists(mounting.media / "DRY")
    run("mount", node, make_folder(tmp_path / "by-hand"))
    await mounting.event("placed", where=f"{tmp_path}/by-hand")
    assert (await mounting.unmount(tmp_path / "by-hand")).code == 0
    await asyncio.to_thread(mounting.daemon.wait_for_log, "would unmount")
    assert mounted(tmp_path) == [f"{tmp_path}/by-hand"]
    assert not exists(tmp_path / "run")
