"""lunix-mount for people who are no admins, and removable media by itself: on loop devices that count as removable."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lunix_common import os_libc
from lunix_common.bus import Bus, find
from lunix_common.schemas.common import Model
from lunix_mount.acts import MOST_CHOSEN
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.events import Event, hear
from lunix_testing.examples import Recorder
from lunix_testing.mounts import (
    Answer,
    Mounting,
    StartMounting,
    damage,
    file_system,
    link,
    make_folder,
    mounted,
    run,
    write,
)
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.root, pytest.mark.requires("loop")]

Loops = Callable[..., str]
MOUNTS = 'for i in $(seq 100); do mkdir -p "$1/$i"; mount -t tmpfs "s$i" "$1/$i"; done;'
UNMOUNTS = 'for i in $(seq 2 2 100); do umount "$1/$i"; done'
REMOVABLE = 'removable = ["loop*"]\n'


async def test_a_user_mounts_and_unmounts_a_removable_device(
    mounting: Mounting, loops: Loops, tmp_path: Path, record_example: Recorder
) -> None:
    node = loops(file_system(tmp_path / "image", "ext4", "USERS"))
    done = await mounting.ask("mount.mount", node, who=mounting.user)
    assert (done.code, done["where"]) == (0, f"{mounting.media}/USERS")
    page = await mounting.ask("mount.list", {"ours": True}, who=mounting.user)
    assert page["items"] == [done.body]
    gone = await mounting.ask("mount.unmount", done["where"], who=mounting.user)
    assert gone.code == 0
    shown = {**page.body, "items": [{**done.body, "where": "/media/USERS"}]}
    record_example("mount.list", {"ours": True}, reply=shown)


async def test_what_a_user_may_not(start_mounting: StartMounting, loops: Loops, tmp_path: Path) -> None:
    allowed = make_folder(tmp_path / "allowed", owner=1000)
    mounting = await start_mounting(
        config=f'{REMOVABLE}allow_where = ["{allowed}"]\nfs_types = ["ext4"]\nnoexec = true'
    )
    node, other = loops(file_system(tmp_path / "one", "ext4")), loops(file_system(tmp_path / "two", "xfs"))
    write(make_folder(allowed / "full"), "a file")
    link(allowed / "link", "/etc")
    refused: list[tuple[dict[str, object], int, str]] = [
        ({"device": node, "options": ["suid"]}, 403, "options"),
        ({"device": node, "where": "/etc"}, 403, "where"),
        ({"device": node, "where": f"{allowed}/../elsewhere"}, 400, "goes back"),
        ({"device": node, "where": str(allowed)}, 403, "where"),
        ({"device": node, "where": f"{allowed}x/y"}, 403, "where"),
        ({"device": node, "where": f"{allowed}/link"}, 403, "symbolic link"),
        ({"device": node, "where": f"{allowed}/link/x"}, 403, "symbolic link"),
        ({"device": node, "where": f"{allowed}/full"}, 409, "not empty"),
        ({"device": node, "fs_type": "ext2"}, 403, "another file system"),
        ({"device": other}, 403, "fs_types"),
    ]
    for asked, code, why in refused:
        answer = await mounting.ask("mount.mount", asked, who=mounting.user)
        assert (answer.code, why in answer.why) == (code, True), (asked, answer.body)
    assert mounted(tmp_path) == []
    done = await mounting.ask("mount.mount", {"device": node, "where": f"{allowed}/mine"}, who=mounting.user)
    assert (done.code, done["where"]) == (0, f"{allowed}/mine")
    assert {"nosuid", "nodev", "noexec"} <= set(done["options"])


async def test_a_disk_that_is_not_removable_is_for_admins(
    start_mounting: StartMounting, loops: Loops, tmp_path: Path
) -> None:
    mounting = await start_mounting()
    node = loops(file_system(tmp_path / "image", "ext4", "FIXED"))
    in_media = await mounting.mount(node)
    assert (await mounting.ask("mount.unmount", {"id": in_media["id"]}, who=mounting.user)).code == 403
    assert (await mounting.unmount(in_media["where"])).code == 0
    done = await mounting.mount(node, where=f"{tmp_path}/private")
    assert done.code == 0
    refused = await mounting.ask("mount.mount", node, who=mounting.user)
    assert (refused.code, "not removable" in refused.why) == (403, True)
    assert (await mounting.ask("mount.unmount", {"id": done["id"]}, who=mounting.user)).code == 403
    assert (await mounting.ask("mount.unmount", "/", who=mounting.user)).code == 400
    assert (await mounting.ask("mount.unmount", "/proc", who=mounting.user)).code == 404
    (item,) = (await mounting.ask("mount.list", {"device": node}, who=mounting.user))["items"]
    assert "where" not in item


async def test_a_place_in_a_folder_that_somebody_moved_away_is_not_unmounted(
    start_mounting: StartMounting, loops: Loops, tmp_path: Path
) -> None:
    allowed = make_folder(tmp_path / "allowed", owner=1000)
    mounting = await start_mounting(config=f'{REMOVABLE}allow_where = ["{allowed}"]')
    victim = make_folder(tmp_path / "victim/x")
    run("mount", "-t", "tmpfs", "tmpfs", victim)
    make_folder(allowed / "inner", owner=1000)
    done = await mounting.mount(loops(file_system(tmp_path / "image", "ext4")), where=f"{allowed}/inner/x")
    # What may be renamed is the folder above: the kernel then tells of another path.
    run("mv", allowed / "inner", allowed / "moved")
    link(allowed / "inner", tmp_path / "victim")
    answer = await mounting.ask("mount.unmount", {"id": done["id"]}, who=mounting.user)
    assert answer.code in (403, 404)
    assert str(victim) in mounted(tmp_path)


async def test_removable_media_are_mounted_by_themselves_and_once(
    start_mounting: StartMounting, loops: Loops, tmp_path: Path
) -> None:
    early = loops(file_system(tmp_path / "early", "ext4", "EARLY"))
    mounting = await start_mounting(config=f"{REMOVABLE}automount = true")
    await asyncio.to_thread(mounting.daemon.wait_for_log, '"mounted"')
    (item,) = await mounting.listed(ours=True)
    assert (item["source"], item["where"]) == (early, f"{mounting.media}/EARLY")
    loops(file_system(tmp_path / "late", "ext4", "LATE"))
    late = await mounting.event("mounted", where=f"{mounting.media}/LATE")
    assert late.payload["ours"] is True
    assert (await mounting.unmount(late.payload["where"])).code == 0
    assert mounting.daemon.stop() == 0
    assert mounted(tmp_path) == [f"{mounting.media}/EARLY"], "what is mounted stays so"
    await mounting.restart()
    await asyncio.to_thread(mounting.daemon.wait_for_log, "the devices are known")
    await mounting.ask("hardware.settle")
    assert [one["where"] for one in await mounting.listed(ours=True)] == [f"{mounting.media}/EARLY"]


async def test_what_is_told_as_mounted_can_be_unmounted_at_once(
    start_mounting: StartMounting, loops: Loops, tmp_path: Path
) -> None:
    """The kernel tells of a mount before the daemon has done all that it does for one."""
    mounting = await start_mounting(config=f"{REMOVABLE}automount = true")
    node = loops(file_system(tmp_path / "image", "ext4", "QUICK"))
    asked: list[asyncio.Task[Answer]] = []
    for _ in range(20):
        told = await mounting.event("mounted")
        mounting.heard.items.clear()
        assert (await mounting.unmount(told.payload["where"])).code == 0
        asked.append(asyncio.create_task(mounting.ask("mount.mount", node)))
    await mounting.event("mounted")
    assert {answer.code for answer in await asyncio.gather(*asked)} == {0}


async def test_nothing_is_mounted_by_itself_unless_that_is_asked_for(
    mounting: Mounting, loops: Loops, tmp_path: Path
) -> None:
    loops(file_system(tmp_path / "image", "ext4", "ALONE"))
    await mounting.ask("hardware.settle")
    assert await mounting.listed(ours=True) == []
    mounting.daemon.configure(f"{mounting.config}automount = true\n")
    assert (await mounting.event("mounted", where=f"{mounting.media}/ALONE")).payload["ours"] is True


async def test_what_cannot_be_mounted_by_itself_is_told(
    start_mounting: StartMounting, loops: Loops, tmp_path: Path, record_example: Recorder
) -> None:
    mounting = await start_mounting(config=f"{REMOVABLE}automount = true")
    node = loops(damage(file_system(tmp_path / "image", "ext4", "DAMAGED")))
    failed = await mounting.event("failed", source=node)
    assert (failed.payload["code"], failed.payload["fs_label"]) == (422, "DAMAGED")
    assert "damaged" in failed.payload["why"]
    record_example(failed.subject, failed.payload, headers=failed.headers)


async def test_what_is_pulled_is_unmounted_and_told(
    start_mounting: StartMounting, loops: Loops, tmp_path: Path
) -> None:
    # A loop device goes when its file is taken away from it, which the kernel does when it is used no more: the mount
    # is made again to stay, as that of a stick does.
    mounting = await start_mounting(config=f"{REMOVABLE}automount = true")
    node = loops(file_system(tmp_path / "image", "ext4", "PULLED"))
    told = await mounting.event("mounted", where=f"{mounting.media}/PULLED")
    assert mounting.daemon.stop() == 0
    note = tmp_path / "run/points.json"
    kept = json.loads(note.read_text())
    kept["points"][0]["diskseq"] += 1
    note.write_text(json.dumps(kept))
    await mounting.restart()
    gone = await mounting.event("unmounted", id=told.payload["id"])
    assert (gone.payload["reason"], gone.payload["source"]) == ("pulled", node)
    assert mounted(tmp_path) == []
    again = await mounting.ask("mount.unmount", {"device": node})
    assert again.code == 404
    by_id = await mounting.ask("mount.unmount", {"device": told.payload["device"]})
    assert [one["id"] for one in by_id["unmounted"]] == [told.payload["id"]], "which is what was asked for"


async def test_a_synthetic_remove_takes_nothing_away(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    node = loops(file_system(tmp_path / "image", "ext4", "STAYS"))
    done = await mounting.mount(node)
    run("sh", "-c", f"echo remove > /sys/class/block/{Path(node).name}/uevent")
    run("sh", "-c", f"echo add > /sys/class/block/{Path(node).name}/uevent")
    await mounting.ask("hardware.settle")
    assert mounted(tmp_path) == [done["where"]]


async def test_after_natsdev_was_restarted_devices_are_found(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    node = loops(file_system(tmp_path / "image", "ext4", "AGAIN"))
    done = await mounting.mount(node)
    assert mounting.natsdev is not None
    mounting.natsdev.may_fail = True
    mounting.natsdev.signal(signal.SIGKILL)
    await asyncio.to_thread(mounting.natsdev.wait)
    other = loops(file_system(tmp_path / "other", "ext4", "OTHER"))
    early = await mounting.mount(other, fs_type="ext4", where=f"{tmp_path}/place")
    assert early.code == 0
    await asyncio.to_thread(mounting.starter, "lunix_natsdev", "--source", "kernel")
    found = await mounting.ask("mount.mount", {"label": "OTHER", "timeout_ms": 20_000, "where": f"{tmp_path}/more"})
    assert (found.code, found["source"]) == (0, other)
    assert mounted(tmp_path) == [f"{tmp_path}/more", f"{tmp_path}/place", done["where"]]


async def test_a_mirror_by_the_public_protocol_is_whole_after_the_server_was_killed(
    mounting: Mounting, bus_server: BusServer, loops: Loops, tmp_path: Path
) -> None:
    node = loops(file_system(tmp_path / "image", "ext4", "MIRROR"))
    done = await mounting.mount(node)
    since = len(mounting.daemon.log)
    bus_server.kill()
    await asyncio.to_thread(mounting.daemon.wait_for_log, "the bus is away", since)
    run("umount", done["where"])
    run("mount", node, make_folder(mounting.media / "by hand"))
    bus_server.start()
    await asyncio.to_thread(mounting.daemon.wait_for_log, "on the bus", since)
    client = await bus_server.connect("admin")
    heard = Inbox[Event]()
    await hear(client, "mount", heard.put)
    listed = await mounting.ask("mount.list", {"device": node}, who=client)
    assert [one["where"] for one in listed["items"]] == [f"{mounting.media}/by hand"]
    for place in mounted(tmp_path):
        run("umount", place)
    await heard.until(lambda event: event.payload["id"] == listed["items"][0]["id"] and event.kind == "unmounted")
    assert (await mounting.ask("mount.list", {"device": node}, who=client))["items"] == []
    await client.close()


async def test_a_storm_of_mounts_ends_in_what_the_kernel_has(mounting: Mounting, tmp_path: Path) -> None:
    storm = await asyncio.create_subprocess_exec("sh", "-c", MOUNTS + UNMOUNTS, "sh", str(make_folder(mounting.media)))
    assert await storm.wait() == 0
    last = str(make_folder(mounting.media / "the last one"))
    run("mount", "-t", "tmpfs", "tmpfs", last)
    await mounting.event("mounted", where=last)
    there: dict[str, str] = {}
    for event in mounting.heard.items:
        if event.kind == "mounted":
            there[event.payload["id"]] = event.payload.get("where", "")
        elif event.kind == "unmounted":
            del there[event.payload["id"]]
    assert sorted(place for place in there.values() if place.startswith(str(mounting.media))) == sorted(
        mounted(tmp_path)
    )


async def test_an_admins_mirror_equals_the_kernels_list_after_a_storm_and_a_crash_of_the_server(
    mounting: Mounting, bus_server: BusServer, tmp_path: Path
) -> None:
    options = find("admin", url=bus_server.url, state=bus_server.state, environ={})
    private = make_folder(tmp_path / "private")
    async with Bus(options, "admin") as bus, deadline("the mirror", 60), bus.follow("mount") as mirror:
        storming = [
            await asyncio.create_subprocess_exec("sh", "-c", MOUNTS + UNMOUNTS, "sh", str(folder))
            for folder in (make_folder(mounting.media), private)
        ]
        await mounting.event("mounted", where=f"{mounting.media}/5")
        bus_server.kill()
        assert [await storm.wait() for storm in storming] == [0, 0]
        bus_server.start()
        last = make_folder(private / "the last one")
        run("mount", "-t", "tmpfs", "tmpfs", last)

        def known(items: Mapping[str, Model]) -> list[str]:
            places = [str(getattr(item, "where", "")) for item in items.values()]
            return sorted(place for place in places if place.startswith(f"{tmp_path}/"))

        await mirror.until(lambda items: known(items) == sorted(mounted(tmp_path)))
        assert str(last) in known(mirror.items)


async def test_a_user_hears_of_all_mounts_but_not_where_others_are(
    mounting: Mounting, loops: Loops, tmp_path: Path
) -> None:
    heard = Inbox[Event]()
    await hear(mounting.user, "mount", heard.put)
    secret, known = make_folder(tmp_path / "secret"), make_folder(mounting.media / "known")
    run("mount", "-t", "tmpfs", "-o", "size=17k", "told-source", secret)
    run("mount", "-o", "remount,ro", secret)
    run("umount", secret)
    run("mount", "-t", "tmpfs", "tmpfs", known)
    last = await heard.until(lambda event: event.payload.get("where") == str(known))
    mine = heard.items[: heard.items.index(last)]
    assert {event.kind for event in mine} >= {"mounted", "unmounted"}
    assert "placed" not in {event.kind for event in heard.items}
    told = json.dumps([event.payload for event in mine])
    assert not any(text in told for text in (str(secret), "told-source", "17k"))
    node = loops(file_system(tmp_path / "image", "ext4", "PRIVATE"))
    where = f"{tmp_path}/place"
    done = await mounting.mount(node, where=where)
    for subject, asked in (("mount.mount", {"device": node}), ("mount.unmount", {"device": node})):
        answer = await mounting.ask(subject, asked, who=mounting.user)
        assert where not in json.dumps(answer.body)
    for by in ({"id": done["id"]}, {"where": where}):
        assert (await mounting.ask("mount.unmount", by, who=mounting.user)).code in (403, 404)
    assert where in mounted(tmp_path)


@pytest.mark.requires("path:/dev/fuse")
async def test_a_folder_in_which_a_look_takes_for_ever_holds_up_nobody_else(
    start_mounting: StartMounting, loops: Loops, tmp_path: Path
) -> None:
    allowed = make_folder(tmp_path / "allowed")
    mounting = await start_mounting(config=f'{REMOVABLE}allow_where = ["{allowed}"]')
    node = loops(file_system(tmp_path / "image", "ext4", "FINE"))
    await mounting.ask("hardware.settle")
    # A file system of somebody who takes requests and answers none.
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
    os_libc.mount("silent", str(make_folder(allowed / "silent")), "fuse", 0, options)
    try:
        images = [file_system(tmp_path / f"image{number}", "ext2") for number in range(MOST_CHOSEN + 1)]
        nodes = [loops(image) for image in images]
        await mounting.ask("hardware.settle")
        silent = [
            {"device": one, "where": f"{allowed}/silent/{number}", "timeout_ms": 2000}
            for number, one in enumerate(nodes)
        ]
        answers = await asyncio.gather(*(mounting.ask("mount.mount", one, who=mounting.user) for one in silent))
        assert sorted(answer.code for answer in answers) == [429, *[504] * MOST_CHOSEN]
        done = await mounting.ask("mount.mount", node, who=mounting.user)
        assert (done.code, done["where"]) == (0, f"{mounting.media}/FINE")
        assert (await mounting.unmount(done["where"])).code == 0
        assert mounting.daemon.stop() == 0
    finally:
        os.close(server)
