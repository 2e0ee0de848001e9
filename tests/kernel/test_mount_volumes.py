"""lunix-mount on this kernel: real file systems on loop devices, by node, UUID, label and id, and what is refused."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lunix_testing.daemon import Daemon
from lunix_testing.examples import Recorder
from lunix_testing.mounts import MIB, Mounting, StartMounting, damage, exists, file_system, mounted, read, run, write
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.root, pytest.mark.requires("loop")]

Loops = Callable[..., str]
Links = Callable[[Path, str], None]


@pytest.fixture
def links() -> Iterator[Links]:
    """Links to nodes, as udev makes them, in folders that may not be there; none is left."""
    with ExitStack() as stack:

        def make(path: Path, node: str) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(node)
            stack.callback(path.unlink, missing_ok=True)

        yield make


@pytest.mark.parametrize("fs_type", ["ext4", "ext2", "xfs", "btrfs"])
async def test_a_file_system_is_mounted_by_its_node_and_unmounted(
    mounting: Mounting, loops: Loops, tmp_path: Path, fs_type: str
) -> None:
    node = loops(file_system(tmp_path / "image", fs_type, "HOLIDAY"))
    done = await mounting.mount(node)
    assert done.code == 0, done.body
    where = f"{mounting.media}/HOLIDAY"
    assert (done["where"], done["source"], done["fs_type"], done["ours"]) == (where, node, fs_type, True)
    assert {"nosuid", "nodev"} <= set(done["options"])
    assert done["fs_label"] == "HOLIDAY"
    assert mounted(tmp_path) == [where]
    told = await mounting.event("mounted", where=where)
    assert told.payload == done.body
    assert await mounting.listed(where=where) == [done.body]
    gone = await mounting.unmount(where)
    assert [one["id"] for one in gone["unmounted"]] == [done["id"]]
    assert (await mounting.event("unmounted", id=done["id"])).payload["reason"] == "asked"
    assert mounted(tmp_path) == []
    await mounting.ask("mount.list")


async def test_the_id_of_a_device_its_uuid_or_its_label_will_do(
    mounting: Mounting, loops: Loops, tmp_path: Path, record_example: Recorder
) -> None:
    uuid = "0a1b2c3d-0000-4000-8000-0123456789ab"
    node = loops(file_system(tmp_path / "image", "ext4", "BY-ANY", "-U", uuid))
    device = await mounting.ask("hardware.get", node)
    for asked in (
        {"device": device["id"]},
        {"uuid": uuid.upper()},
        {"label": "BY-ANY"},
    ):
        where = f"{tmp_path}/place"
        done = await mounting.ask("mount.mount", {**asked, "where": where})
        assert (done.code, done["source"], done["device"]) == (0, node, device["id"]), asked
        gone = await mounting.ask("mount.unmount", {"device": device["id"]})
        assert [one["where"] for one in gone["unmounted"]] == [where]
        assert not exists(where), "the folder was made for it"
    record_example(
        "mount.mount", {"device": device["id"], "where": "/myplace"}, reply={**done.body, "where": "/myplace"}
    )


async def test_a_volume_that_appears_later_is_waited_for(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    image = file_system(tmp_path / "image", "ext4", "LATER")
    asked = asyncio.create_task(mounting.ask("mount.mount", {"label": "LATER", "timeout_ms": 20_000}))
    # An answer to another request tells that this one has been taken up.
    assert await mounting.listed(where="/no/such") == []
    assert not asked.done()
    loops(image)
    done = await asked
    assert (done.code, done["where"]) == (0, f"{mounting.media}/LATER")


async def test_of_what_does_not_appear_it_is_told_what_there_is(
    mounting: Mounting, loops: Loops, tmp_path: Path
) -> None:
    loops(file_system(tmp_path / "image", "ext4", "HOLIDAY"))
    await mounting.ask("hardware.settle")
    done = await mounting.ask("mount.mount", {"label": "HOLYDAY", "timeout_ms": 50})
    assert (done.code, done.why) == (
        504, "after 0.05 s there is no volume with the label 'HOLYDAY': did you mean 'HOLIDAY'?"
    )  # fmt: skip


async def test_who_asks_twice_gets_the_same_mount(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    node = loops(file_system(tmp_path / "image", "ext4", "TWICE"))
    answers = await asyncio.gather(*(mounting.mount(node) for _ in range(5)))
    assert len({answer["id"] for answer in answers}) == 1
    assert len(mounted(tmp_path)) == 1
    elsewhere = await mounting.mount(node, where=f"{tmp_path}/other")
    assert elsewhere["where"] == f"{tmp_path}/other"
    again = await mounting.mount(node, where=f"{tmp_path}//./other/")
    assert again["id"] == elsewhere["id"]
    gone = await mounting.ask("mount.unmount", {"device": node})
    assert [one["where"] for one in gone["unmounted"]] == [f"{mounting.media}/TWICE", f"{tmp_path}/other"]


async def test_what_cannot_be_mounted_has_a_code(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    blank = tmp_path / "blank"
    blank.write_bytes(bytes(8 * MIB))
    damaged = damage(file_system(tmp_path / "damaged", "ext4", "DAMAGED"))
    locked = tmp_path / "locked"
    locked.write_bytes(
        b"LUKS\xba\xbe\0\2".ljust(168, b"\0") + b"0a1b2c3d-0000-4000-8000-0123456789ab".ljust(8 * MIB, b"\0")
    )
    cases: list[tuple[dict[str, object], int, str]] = [
        ({"device": loops(blank)}, 422, "no file system"),
        ({"device": loops(damaged)}, 422, "damaged"),
        ({"device": loops(locked)}, 415, "crypto_LUKS"),
        ({"device": "/dev/no-such"}, 404, "no block device"),
        ({"device": "/dev/null"}, 404, "no block device"),
        ({"device": "no-such-id"}, 404, "no device"),
        ({"uuid": "a", "label": "b"}, 400, "one of"),
        ({}, 400, "one of"),
        ({"device": "/dev/loop0", "fs_type": "../x"}, 400, "fs_type"),
    ]
    for asked, code, why in cases:
        answer = await mounting.ask("mount.mount", asked)
        assert (answer.code, why in answer.why) == (code, True), (asked, answer.body)
    wrong_type = await mounting.mount(loops(file_system(tmp_path / "fine", "ext4")), fs_type="xfs")
    assert wrong_type.code == 422
    unknown = await mounting.mount(loops(file_system(tmp_path / "other", "ext4")), fs_type="no-such-fs")
    assert unknown.code == 415
    assert mounted(tmp_path) == []
    assert not list(mounting.media.glob("*")), "what was made for them is gone again"


async def test_a_full_file_system_is_mounted_as_any_other(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    node = loops(file_system(tmp_path / "image", "ext4", "FULL"))
    done = await mounting.mount(node)
    with pytest.raises(OSError, match="No space"):
        write(done["where"], "all", bytes(16 * MIB))
    assert (await mounting.unmount(done["where"])).code == 0
    again = await mounting.mount(node)
    assert (again.code, again["read_only"]) == (0, False)


async def test_what_can_only_be_read_is_mounted_so(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a file").write_text("what is in it")
    run("mksquashfs", tree, tmp_path / "squashed", "-quiet", "-no-progress")
    squashed = await mounting.mount(loops(tmp_path / "squashed"))
    assert (squashed.code, squashed["fs_type"], squashed["read_only"]) == (0, "squashfs", True)
    assert read(squashed["where"], "a file") == b"what is in it"
    protected = await mounting.mount(loops(file_system(tmp_path / "image", "ext4", "PROTECTED"), "--read-only"))
    assert (protected.code, protected["read_only"]) == (0, True)
    asked = await mounting.mount(loops(file_system(tmp_path / "two", "ext4", "ASKED")), read_only=True)
    assert (asked.code, asked["read_only"]) == (0, True)


async def test_an_admin_chooses_the_options(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    node = loops(file_system(tmp_path / "image", "ext4", "OPTIONS"))
    done = await mounting.mount(node, options=["noexec", "noatime", "suid", "commit=7"])
    assert set(done["options"]) == {"nodev", "noexec", "noatime"}
    assert b"commit=7" in read("/proc/self/mountinfo")
    await mounting.unmount(done["where"])
    wrong = await mounting.mount(node, options=["no-such-option"])
    assert (wrong.code, "option" in wrong.why) == (422, True)


@pytest.mark.requires("program:ntfs-3g", "path:/dev/fuse")
async def test_a_helper_mounts_what_the_kernel_cannot(mounting: Mounting, loops: Loops, tmp_path: Path) -> None:
    node = loops(file_system(tmp_path / "image", "ntfs", "WINDOWS"))
    done = await mounting.mount(node)
    assert (done.code, done["where"], done["ours"]) == (0, f"{mounting.media}/WINDOWS", True), done.body
    assert done["fs_type"] in ("fuseblk", "ntfs3")
    assert {"nosuid", "nodev"} <= set(done["options"])
    write(done["where"], "a file", b"written")
    assert (await mounting.unmount(done["where"])).code == 0
    assert not list(mounting.media.glob("*"))


async def test_without_natsdev_nodes_and_what_it_is_told_will_do(
    start_mounting: StartMounting, loops: Loops, tmp_path: Path
) -> None:
    mounting = await start_mounting(natsdev=False)
    await asyncio.to_thread(mounting.daemon.wait_for_log, "natsdev does not answer")
    stats = await mounting.ask("$SRV.STATS.mount")
    assert "natsdev is not on the bus" in stats["metadata"]["off.devices"]
    node = loops(file_system(tmp_path / "image", "btrfs", "ALONE"))
    found = await mounting.mount(node)
    assert (found.code, found["fs_type"], Path(found["where"]).name) == (0, "btrfs", Path(node).name)
    assert (await mounting.ask("mount.unmount", {"device": node})).code == 0
    told = await mounting.mount(node, fs_type="btrfs", where=f"{tmp_path}/told")
    assert told.code == 0
    assert (await mounting.mount("some-id")).code == 503
    assert (await mounting.ask("mount.mount", {"label": "no such label"})).code == 404
    blank = tmp_path / "blank"
    blank.write_bytes(bytes(8 * MIB))
    assert (await mounting.mount(loops(blank))).code == 422
    await asyncio.to_thread(mounting.starter, "lunix_natsdev", "--source", "kernel")
    changed = await mounting.event("placed", where=f"{tmp_path}/told", fs_label="ALONE")
    assert changed.payload["device"]
    assert "off.devices" not in (await mounting.ask("$SRV.STATS.mount"))["metadata"]


async def test_when_natsdev_has_gone_it_is_as_without_it(
    mounting: Mounting, loops: Loops, links: Links, tmp_path: Path
) -> None:
    label = f"GONE-{os.getpid()}"
    node = loops(file_system(tmp_path / "image", "ext4", label))
    assert mounting.natsdev is not None
    assert await asyncio.to_thread(mounting.natsdev.stop) == 0
    missing = await mounting.ask("mount.mount", {"label": "NEVER"})
    assert (missing.code, "without natsdev" in missing.why) == (404, True)
    stats = await mounting.ask("$SRV.STATS.mount")
    assert "natsdev is not on the bus" in stats["metadata"]["off.devices"]
    links(Path("/dev/disk/by-label", label), node)
    assert (await mounting.ask("mount.mount", {"label": label})).code == 0
    assert (await mounting.ask("mount.unmount", {"device": node})).code == 0
    await asyncio.to_thread(mounting.starter, "lunix_natsdev", "--source", "kernel")
    await asyncio.to_thread(mounting.daemon.wait_for_log, "natsdev is back")
    assert "off.devices" not in (await mounting.ask("$SRV.STATS.mount"))["metadata"]


@pytest.mark.requires("program:setpriv")
async def test_without_the_right_to_mount_it_tells_and_lists(
    bus_server: BusServer, loops: Loops, tmp_path: Path
) -> None:
    node = loops(file_system(tmp_path / "image", "ext4", "DENIED"))
    inner = [sys.executable, "-m", "lunix_mount", "--state", str(bus_server.state), "--config", os.devnull]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LUNIX_", "NATS_"))}
    without = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", *inner]
    checked = await asyncio.to_thread(run, *without, "--check")
    assert "may not mount" in checked
    daemon = Daemon(without, environ)
    try:
        await asyncio.to_thread(daemon.wait_ready)
        client = await bus_server.connect("admin")
        denied = json.loads((await client.request("mount.mount", node.encode(), timeout=30)).data)["error"]
        assert (denied["code"], "CAP_SYS_ADMIN" in denied["message"]) == (403, True)
        unmounted = json.loads((await client.request("mount.unmount", b"/proc", timeout=30)).data)["error"]
        assert (unmounted["code"], "CAP_SYS_ADMIN" in unmounted["message"]) == (403, True)
        assert json.loads((await client.request("mount.list", timeout=30)).data)["items"]
        stats = json.loads((await client.request("$SRV.STATS.mount", timeout=30)).data)
        assert "CAP_SYS_ADMIN" in stats["metadata"]["off.mounting"]
        await client.close()
        daemon.signal(signal.SIGTERM)
        assert await asyncio.to_thread(daemon.wait) == 0
    finally:
        daemon.close()


async def test_a_disk_that_is_another_one_by_now_is_not_mounted(
    mounting: Mounting, loops: Loops, tmp_path: Path
) -> None:
    node = loops(file_system(tmp_path / "image", "ext4", "FIRST"))
    await mounting.ask("hardware.settle")
    device = await mounting.ask("hardware.get", node)
    assert device["diskseq"] > 0
    # natsdev is stopped, and so tells of the first what is the second by now.
    assert mounting.natsdev is not None
    mounting.natsdev.signal(signal.SIGSTOP)
    try:
        run("losetup", "--detach", node)
        run("losetup", node, file_system(tmp_path / "second", "ext4", "SECOND"))
        other = await mounting.ask("mount.mount", {"label": "FIRST", "timeout_ms": 25_000})
    finally:
        mounting.natsdev.signal(signal.SIGCONT)
    assert (other.code, "another device" in other.why) == (404, True), other.body
