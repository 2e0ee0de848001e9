"""Nodes and links in a folder of the test's own, from a sysfs of its own; what needs root is in the kernel's tests."""

import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest

from lunix_natsdev.manage import rules
from lunix_natsdev.manage.manage import load
from lunix_natsdev.manage.nodes import Nodes
from lunix_natsdev.manage.os_ancestors import chain
from lunix_natsdev.manage.os_mknod import DevRoot
from lunix_natsdev.manage.watch import Watch
from lunix_natsdev.probed import Probed
from lunix_natsdev.uevent import Uevent

log = logging.getLogger("natsdev.test")
NO_RULES = rules.Rules()

# /dev/null stands for a device node: everybody has it, and nobody needs root to find it there.
NULL = Path("/dev/null").stat()


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A disk on a virtual controller, with one partition."""
    root = tmp_path / "sys"
    disk = root / "devices" / "pci0" / "0000:00:04.0" / "virtio1" / "block" / "vda"
    (disk / "vda1").mkdir(parents=True)
    for folder, subsystem in (
        (disk, "block"),
        (disk / "vda1", "block"),
        (disk.parents[1], "virtio"),
        (disk.parents[2], "pci"),
    ):
        target = root / "bus" / subsystem
        target.mkdir(parents=True, exist_ok=True)
        (folder / "subsystem").symlink_to(target)
    (disk / "uevent").write_text("DEVTYPE=disk\n")
    (disk / "serial").write_text("my-data\n")
    (disk / "diskseq").write_text("3\n")
    (disk / "vda1" / "uevent").write_text("MAJOR=1\nDEVTYPE=partition\n")
    (disk / "vda1" / "partition").write_text("1\n")
    return root


DISK = b"/devices/pci0/0000:00:04.0/virtio1/block/vda"


def event(action: str = "add", devpath: bytes = DISK, more: Mapping[str, str] = MappingProxyType({})) -> Uevent:
    name = devpath.rpartition(b"/")[2].decode()
    node = {"DEVNAME": name, "MAJOR": str(os.major(NULL.st_rdev)), "MINOR": str(os.minor(NULL.st_rdev))}
    return Uevent(action, devpath, {"SUBSYSTEM": "block", **node, **more}, 1)


def test_a_device_and_its_parents_are_read_from_sysfs(sysfs: Path) -> None:
    found = chain(DISK + b"/vda1", sysfs)
    assert [one.name for one in found] == ["vda1", "vda", "virtio1", "0000:00:04.0"]
    assert [one.subsystem for one in found] == ["block", "block", "virtio", "pci"]
    assert [one.devtype for one in found] == ["partition", "disk", "", ""]
    attributes = found[1].attributes
    assert attributes["serial"] == b"my-data"
    assert "missing" not in attributes
    assert set(attributes) == {"uevent", "serial", "diskseq"}
    assert len(attributes) == 3


def test_an_ata_port_is_a_parent_although_it_has_no_subsystem(tmp_path: Path) -> None:
    port = tmp_path / "devices" / "ata1"
    (port / "ata_port" / "ata1").mkdir(parents=True)
    (port / "ata_port" / "ata1" / "port_no").write_text("1\n")
    found = chain(b"/devices/ata1/host0", tmp_path)
    assert [(one.name, one.subsystem) for one in found[1:]] == [("ata1", "ata_port")]
    assert found[1].text("ata_port/ata1/port_no") == "1"


def test_a_device_that_is_gone_has_no_subsystem(sysfs: Path) -> None:
    assert chain(b"/devices/gone/sdx", sysfs)[0].subsystem == ""


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.DEBUG)

    def messages() -> list[str]:
        found = list(caplog.messages)
        caplog.clear()
        return found

    return messages


def test_a_dry_run_says_each_thing_that_it_would_do_and_does_none(
    sysfs: Path, tmp_path: Path, said: Callable[[], list[str]]
) -> None:
    decided = rules.parse('[[rule]]\nowner = 7\nmode = "0640"\nsymlinks = ["data"]', "a.toml", user=int, group=int)
    nodes = Nodes(decided, log, dev_root=tmp_path / "dev", sysfs=sysfs, dry_run=True)
    links = nodes.present(event(), Probed(usage="filesystem", uuid="1234"))
    assert said() == [
        "would mknod vda b 1 3",
        "would chown 7:0 mode 0640 vda",
        "would link data -> vda",
        "would link disk/by-id/virtio-my-data -> vda",
        "would link disk/by-path/pci-0000:00:04.0 -> vda",
        "would link disk/by-uuid/1234 -> vda",
    ]
    assert links[0] == f"{tmp_path}/dev/data"
    nodes.gone(event("remove"))
    assert "would remove disk/by-uuid/1234" in said()
    assert not (tmp_path / "dev").exists()


def test_an_unsafe_node_is_left_alone(sysfs: Path, tmp_path: Path, said: Callable[[], list[str]]) -> None:
    nodes = Nodes(NO_RULES, log, dev_root=tmp_path / "dev", sysfs=sysfs)
    assert nodes.present(event(more={"DEVNAME": "../../etc/passwd"}), None) == ()
    assert said() == ["node left alone"]


def test_a_device_without_a_node_has_no_links(sysfs: Path, tmp_path: Path, said: Callable[[], list[str]]) -> None:
    nodes = Nodes(NO_RULES, log, dev_root=tmp_path / "dev", sysfs=sysfs)
    for odd in ({"DEVNAME": ""}, {"MAJOR": "x"}, {"MINOR": "99999999999999999999"}):
        assert nodes.present(event(more=odd), None) == ()
        assert nodes.node(event(more=odd)) == ""
        nodes.gone(event("remove", more=odd))
    assert said() == []


def test_a_device_that_went_meanwhile_is_not_given_a_node(sysfs: Path, tmp_path: Path) -> None:
    nodes = Nodes(NO_RULES, log, dev_root=tmp_path / "dev", sysfs=sysfs)
    assert nodes.present(event(devpath=b"/devices/gone/vdb"), None) == ()
    assert not (tmp_path / "dev").exists()


def test_a_device_that_was_renamed_gives_up_the_links_of_its_old_path(
    sysfs: Path, tmp_path: Path, said: Callable[[], list[str]]
) -> None:
    nodes = Nodes(NO_RULES, log, dev_root=tmp_path / "dev", sysfs=sysfs, dry_run=True)
    before = event()
    nodes.present(before, None)
    said()
    moved = before._replace(action="move", devpath=DISK + b"/vda1", old_devpath=DISK)
    nodes.present(moved, None)
    assert said()[:2] == ["would remove disk/by-id/virtio-my-data", "would remove disk/by-path/pci-0000:00:04.0"]
    assert nodes.links(DISK) == ()


def test_a_removal_that_somebody_asked_for_removes_nothing(
    sysfs: Path, tmp_path: Path, said: Callable[[], list[str]]
) -> None:
    nodes = Nodes(NO_RULES, log, dev_root=tmp_path / "dev", sysfs=sysfs, dry_run=True)
    nodes.present(event(), None)
    said()
    nodes.gone(event("remove", more={"SYNTH_UUID": "0"}))
    assert said() == []
    assert nodes.links(DISK)


def test_an_event_after_which_nobody_looks_takes_no_name_away(sysfs: Path, tmp_path: Path) -> None:
    nodes = Nodes(NO_RULES, log, dev_root=tmp_path / "dev", sysfs=sysfs, dry_run=True)
    label = f"{tmp_path}/dev/disk/by-label/x"
    assert label in nodes.present(event(), Probed(usage="filesystem", raw_label=b"x"))
    assert label in nodes.present(event("online"), None)
    assert label not in nodes.present(event("change"), None)


def test_other_rules_count_from_the_next_event_on(sysfs: Path, tmp_path: Path) -> None:
    nodes = Nodes(NO_RULES, log, dev_root=tmp_path / "dev", sysfs=sysfs, dry_run=True)
    nodes.present(event(), None)
    nodes.reload(rules.parse('[[rule]]\nsymlinks = ["data"]', "a.toml", user=int, group=int))
    assert f"{tmp_path}/dev/data" in nodes.present(event("change"), None)


# --- links on disk --------------------------------------------------------------------------------------------------


@pytest.fixture
def dev(tmp_path: Path) -> DevRoot:
    root = tmp_path / "dev"
    root.mkdir()
    return DevRoot(root)


def test_a_link_is_relative_and_replaced_in_one_step(dev: DevRoot) -> None:
    dev.symlink("disk/by-label/x", "sda1")
    dev.symlink("disk/by-label/x", "sdb1")
    assert (dev.root / "disk" / "by-label" / "x").readlink() == Path("../../sdb1")
    assert [path.name for path in (dev.root / "disk" / "by-label").iterdir()] == ["x"]


def test_folders_that_are_empty_go_with_their_last_link(dev: DevRoot) -> None:
    dev.symlink("disk/by-label/x", "sda1")
    dev.symlink("disk/by-uuid/y", "sda1")
    dev.unlink("disk/by-label/x")
    assert [path.name for path in (dev.root / "disk").iterdir()] == ["by-uuid"]
    dev.unlink("disk/by-uuid/y")
    assert dev.root.exists()
    assert list(dev.root.iterdir()) == []


def test_what_is_no_link_is_neither_replaced_nor_removed(dev: DevRoot) -> None:
    (dev.root / "sda").write_text("a node")
    with pytest.raises(FileExistsError):
        dev.symlink("sda", "sdb")
    dev.unlink("sda")
    assert (dev.root / "sda").read_text() == "a node"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", ""])
def test_no_name_leads_out_of_the_folder(dev: DevRoot, name: str) -> None:
    for act in (partial(dev.symlink, name, "sda"), partial(dev.symlink, "x", name), partial(dev.unlink, name)):
        with pytest.raises(ValueError, match="is not a name below"):
            act()
    assert not (dev.root.parent / "x").exists()


def test_links_that_an_earlier_run_left_are_found(dev: DevRoot) -> None:
    dev.symlink("disk/by-label/old", "sda1")
    dev.symlink("disk/by-label/kept", "sdb1")
    dev.symlink("other/x", "sdb1")
    assert dev.stale(("disk", "serial"), {"disk/by-label/kept"}) == ["disk/by-label/old"]


def test_a_folder_of_a_test_is_no_devtmpfs(dev: DevRoot) -> None:
    assert not dev.is_devtmpfs


def test_what_cannot_be_done_is_told_and_stops_nothing(
    sysfs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "dev"
    root.mkdir()
    (root / "disk").write_text("in the way")
    (root / "data").write_text("in the way")
    decided = rules.parse('[[rule]]\nsymlinks = ["data", "free"]', "a.toml", user=int, group=int)
    nodes = Nodes(decided, log, dev_root=root, sysfs=sysfs)
    nodes.present(event(), None)
    assert (root / "data").read_text() == "in the way"
    assert any(message.startswith("cannot ") for message in caplog.messages)


# --- files of rules -------------------------------------------------------------------------------------------------


def test_the_rules_of_a_folder_come_after_the_shipped_ones(tmp_path: Path) -> None:
    shipped = len(load(tmp_path).rules)
    assert shipped > 10
    (tmp_path / "b.toml").write_text('[[rule]]\nmode = "0600"')
    (tmp_path / "a.toml").write_text('[[rule]]\nowner = "root"\nmode = "0644"')
    (tmp_path / "ignored.txt").write_text("no TOML")
    assert [rule.mode for rule in load(tmp_path).rules[shipped:]] == [0o644, 0o600]


def test_a_mistake_in_a_file_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[[rule]]\ngruop = "disk"')
    with pytest.raises(rules.RuleError, match=r"/a\.toml: rule 1: unknown key 'gruop'; did you mean 'group'"):
        load(tmp_path)
    (tmp_path / "a.toml").write_text('[[rule]]\ngroup = "no-such-group"')
    with pytest.raises(rules.RuleError, match=r"/a\.toml: rule 1: group 'no-such-group' is not known"):
        load(tmp_path)
    (tmp_path / "a.toml").write_bytes(b"\xff")
    with pytest.raises(rules.RuleError, match=r"/a\.toml: 'utf-8' codec"):
        load(tmp_path)


# --- the watch ------------------------------------------------------------------------------------------------------


@pytest.fixture
def written() -> list[str]:
    return []


def test_a_node_that_is_written_to_is_told_and_a_reader_is_not(tmp_path: Path, written: list[str]) -> None:
    node = tmp_path / "node"
    node.write_text("before")
    watch = Watch(written.append)
    watch.add("disk", str(node))
    node.read_text()
    watch.read()
    assert written == []
    with node.open("a") as file:
        file.write("x")
        watch.read()
        assert written == []
    watch.read()
    assert written == ["disk"]
    watch.close()
    watch.close()


def test_a_node_that_is_watched_no_longer_or_gone_is_not_told(tmp_path: Path, written: list[str]) -> None:
    node, other = tmp_path / "node", tmp_path / "other"
    node.write_text("")
    other.write_text("")
    watch = Watch(written.append)
    watch.add("gone before", str(tmp_path / "missing"))
    watch.add("disk", str(node))
    watch.add("other", str(other))
    watch.remove("disk")
    watch.remove("disk")
    node.write_text("x")
    other.unlink()
    watch.read()
    watch.remove("other")
    other.write_text("x")
    watch.read()
    assert written == []
    watch.close()


def test_an_overflow_counts_as_a_write_to_each(tmp_path: Path, written: list[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("")
    watch = Watch(written.append)
    for name in ("a", "b"):
        watch.add(name, str(tmp_path / name))
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(limit + 10):
        # Equal events in a row become one, so the files take turns.
        (tmp_path / "ab"[number % 2]).write_text("")
    seen: set[str] = set()
    while not {"a", "b"} <= seen or written:
        seen |= set(written)
        written.clear()
        watch.read()
    assert seen == {"a", "b"}
    watch.close()
