"""What events change in the table, and what is told."""

import itertools

from lunix_natsdev.device import Contents
from lunix_natsdev.table import REMEMBERED, Change, Seen, Table
from lunix_testing.blocks import ROUNDS, kept
from lunix_testing.uevents import DISK, event, found, names

A, B, CHILD = b"/devices/net/a", b"/devices/net/b", b"/devices/net/a/child"


def table(*seen: Seen, keeps_contents: bool = True) -> Table:
    made = Table(names, keeps_contents=keeps_contents)
    made.fill(seen, set())
    return made


def seen(path: bytes, inode: int, subsystem: str = "net", **properties: str) -> Seen:
    """As an enumeration finds it, which no event has given a number."""
    return Seen(event("add", path, subsystem, 0, **properties), found(inode))


def told(changes: list[Change]) -> list[tuple[str, str, str]]:
    return [(change.action, change.device.name, change.device.id) for change in changes]


def test_what_is_there_at_the_start_is_listed() -> None:
    there = table(seen(A, 0x10), seen(b"/module/x", 3, "module"))
    assert [device.id for device in there] == ["d10"]
    assert len(there) == 1


def test_a_path_that_an_event_is_still_to_come_for_is_left_to_it() -> None:
    there = Table(names, keeps_contents=True)
    there.fill([seen(A, 1)], {A})
    assert len(there) == 0


def test_an_added_device_is_told_with_its_parent() -> None:
    there = table(seen(A, 1))
    (change,) = there.apply(event("add", CHILD), found(2))
    assert (change.action, change.device.parent, change.synthetic, change.resync) == ("add", "d1", False, False)


def test_a_device_that_a_listing_passed_over_while_it_was_renamed_keeps_its_id() -> None:
    there = table(seen(A, 1))
    assert told(there.resync([], set())) == [("remove", "a", "d1")]
    assert told(there.resync([seen(B, 1)], set())) == [("add", "b", "d1")]


def test_devices_that_a_comparison_finds_after_their_removals_were_told_have_ids_of_their_own() -> None:
    there = table(seen(A, 1), seen(B, 2))
    for path in (A, B):
        there.apply(event("remove", path), None)
    assert told(there.resync([seen(A, 1), seen(B, 2)], set())) == [("add", "a", "u1"), ("add", "b", "u2")]
    assert told(there.resync([], set())) == [("remove", "b", "u2"), ("remove", "a", "u1")]


def test_what_is_no_device_changes_nothing() -> None:
    assert table().apply(event("add", b"/module/x", "module"), found(1)) == []


def test_a_removal_tells_the_last_known_properties() -> None:
    there = table(seen(A, 1, IFINDEX="7", DRIVER="veth"))
    (change,) = there.apply(event("remove", A, INTERFACE="a"), None)
    assert change.device.properties == {"IFINDEX": "7", "DRIVER": "veth", "INTERFACE": "a"}
    assert (change.device.id, change.device.driver) == ("d1", "veth")
    assert len(there) == 0
    assert there.at(A) is None


def test_the_removal_of_an_unknown_device_is_told_with_the_number_of_its_event() -> None:
    assert told(table().apply(event("remove", A, "net", 255), None)) == [("remove", "a", "sff")]


def test_a_device_that_was_gone_before_anyone_looked_is_called_by_its_event() -> None:
    there = table()
    assert told(there.apply(event("add", A, "net", 16), None)) == [("add", "a", "s10")]
    assert told(there.apply(event("remove", A, "net", 17), None)) == [("remove", "a", "s10")]


def test_an_id_is_new_at_each_plug_even_where_the_directory_is_the_same() -> None:
    there = table(seen(A, 1))
    there.apply(event("remove", A), None)
    assert told(there.apply(event("add", A, "net", 9), found(1))) == [("add", "a", "s9")]


def test_only_so_many_gone_ids_are_remembered() -> None:
    there = table()
    for inode in range(REMEMBERED + 2):
        there.apply(event("add", A), found(inode))
        there.apply(event("remove", A), None)
    assert told(there.apply(event("add", A, "net", 9), found(0))) == [("add", "a", "d0")]


def test_nothing_is_kept_of_devices_that_come_and_go_but_their_ids() -> None:
    devices, inodes = table(), itertools.count(1)

    def plug() -> None:
        inode = next(inodes)
        devices.apply(event("add", A), found(inode))
        devices.apply(event("remove", A), None)

    for _ in range(REMEMBERED):
        plug()
    assert kept(plug) < ROUNDS / 5


def test_an_add_of_a_device_that_is_known_already_keeps_its_id() -> None:
    there = table(seen(A, 1))
    assert told(there.apply(event("add", A), found(1))) == [("add", "a", "d1")]


def test_an_add_at_a_taken_path_first_tells_the_removal_that_was_missed() -> None:
    there = table(seen(A, 1), seen(CHILD, 2))
    changes = there.apply(event("add", A), found(3))
    assert told(changes) == [("remove", "child", "d2"), ("remove", "a", "d1"), ("add", "a", "d3")]
    assert [change.resync for change in changes] == [True, True, False]


def test_an_add_of_what_is_gone_again_lets_the_one_before_go() -> None:
    there = table(seen(A, 1))
    assert told(there.apply(event("add", A, "net", 5), None)) == [("remove", "a", "d1"), ("add", "a", "s5")]


def test_a_device_without_a_known_directory_gets_to_know_it() -> None:
    there = table()
    there.apply(event("add", A, "net", 5), None)
    assert told(there.apply(event("change", A), found(1))) == [("change", "a", "s5")]
    assert there.resync([seen(A, 1)], set()) == []


def test_a_change_of_an_unknown_device_makes_it_known() -> None:
    there = table()
    assert told(there.apply(event("change", A), found(1))) == [("change", "a", "d1")]
    assert len(there) == 1


def test_a_change_that_comes_after_the_removal_is_not_told() -> None:
    assert table().apply(event("change", A), None) == []


def test_a_device_on_its_way_out_keeps_what_is_known_of_it() -> None:
    there = table(Seen(event("add", DISK, "block", DEVTYPE="disk"), found(1, size="8")))
    (change,) = there.apply(event("offline", DISK, "block", DEVTYPE="disk", X="1"), None)
    assert (change.device.size_bytes, change.device.properties["X"]) == (4096, "1")


def test_a_change_read_when_another_device_has_the_path_is_not_mixed_with_it() -> None:
    there = table(Seen(event("add", DISK, "block", DEVTYPE="disk"), found(1, size="8")))
    (change,) = there.apply(event("change", DISK, "block", DEVTYPE="disk"), found(2, size="16"))
    assert (change.device.id, change.device.size_bytes) == ("d1", 4096)


def test_an_event_that_was_asked_for_says_so() -> None:
    there = table(seen(A, 1))
    (change,) = there.apply(event("add", A, SYNTH_UUID="0"), found(1))
    assert change.synthetic


def test_a_removal_that_was_asked_for_leaves_the_device_where_it_is() -> None:
    there = table(seen(A, 1))
    changes = there.apply(event("remove", A, SYNTH_UUID="0"), None)
    assert told(changes) == [("remove", "a", "d1"), ("add", "a", "d1")]
    assert all(change.synthetic for change in changes)
    assert there.at(A) is not None


def test_a_removal_that_was_asked_for_of_an_unknown_device_is_told() -> None:
    (change,) = table().apply(event("remove", A, "net", 3, SYNTH_UUID="0"), None)
    assert (change.device.id, change.synthetic) == ("s3", True)


def test_a_rename_keeps_the_id_and_tells_of_what_is_below() -> None:
    there = table(seen(A, 1), seen(CHILD, 2))
    changes = there.apply(event("move", B, DEVPATH_OLD=A.decode()), found(1))
    assert [(change.device.id, change.device.devpath, change.old_name) for change in changes] == [
        ("d1", "/devices/net/b", "a"),
        ("d2", "/devices/net/b/child", "child"),
    ]
    assert there.at(A) is None
    assert there.at(CHILD) is None


def test_a_rename_of_what_is_gone_already_is_told_by_its_new_name() -> None:
    there = table(seen(A, 1))
    (change,) = there.apply(event("move", B, DEVPATH_OLD=A.decode()), None)
    assert (change.device.name, change.device.devpath, change.device.id) == ("b", "/devices/net/b", "d1")


def test_a_rename_to_a_taken_name_lets_the_other_one_go() -> None:
    there = table(seen(A, 1), seen(B, 2))
    changes = there.apply(event("move", B, DEVPATH_OLD=A.decode()), found(1))
    assert told(changes) == [("remove", "b", "d2"), ("move", "b", "d1")]


def test_a_rename_of_a_device_that_is_known_by_its_new_name_only() -> None:
    there = table(seen(B, 1))
    (change,) = there.apply(event("move", B, DEVPATH_OLD=A.decode()), found(1))
    assert (change.action, change.device.id, change.old_name) == ("move", "d1", "a")


def test_a_move_to_the_same_path_is_a_change_of_the_device() -> None:
    there = table(seen(A, 1))
    assert told(there.apply(event("move", A, DEVPATH_OLD=A.decode()), None)) == [("move", "a", "d1")]


def test_a_device_is_found_by_id_path_node_and_link() -> None:
    links = "/dev/disk/by-label/x"
    there = table(seen(A, 1), seen(DISK, 2, "block", DEVNAME="sda", DEVLINKS=links))
    for wanted in ("d2", DISK.decode(), "/sys" + DISK.decode(), "/dev/sda", links):
        found_device = there.get(wanted)
        assert found_device is not None
        assert (found_device[0].id, found_device[1]) == ("d2", DISK)
    assert there.get("/dev/sdb") is None
    assert [path for _device, path in there.paths()] == [A, DISK]


# --- comparison with sysfs -----------------------------------------------------------------------------------------


def test_a_comparison_of_equals_finds_nothing() -> None:
    there = table(seen(A, 1, IFINDEX="1"))
    there.apply(event("change", A, SYNTH_ARG_X="1", IFINDEX="1"), found(1))
    before = list(there)
    assert there.resync([seen(A, 1, IFINDEX="1")], set()) == []
    assert list(there) == before


def test_a_comparison_finds_what_came_went_and_changed() -> None:
    there = table(seen(A, 1), seen(B, 2))
    changes = there.resync([seen(B, 2, DRIVER="x"), seen(DISK, 3, "block")], set())
    assert told(changes) == [("remove", "a", "d1"), ("change", "b", "d2"), ("add", "sda", "d3")]
    assert all(change.resync for change in changes)


def test_a_comparison_finds_another_device_at_the_same_path() -> None:
    changes = table(seen(A, 1)).resync([seen(A, 2)], set())
    assert told(changes) == [("remove", "a", "d1"), ("add", "a", "d2")]


def test_a_comparison_finds_a_rename() -> None:
    there = table(seen(A, 1), seen(CHILD, 2), seen(B, 3))
    changes = there.resync([seen(B, 1), seen(B + b"/child", 2)], set())
    assert told(changes) == [("remove", "b", "d3"), ("move", "b", "d1"), ("move", "child", "d2")]


def test_a_comparison_removes_children_before_their_parents() -> None:
    changes = table(seen(A, 1), seen(CHILD, 2)).resync([], set())
    assert told(changes) == [("remove", "child", "d2"), ("remove", "a", "d1")]


def test_a_comparison_leaves_alone_what_events_are_still_to_come_for() -> None:
    there = table(seen(A, 1))
    assert there.resync([seen(B, 2), seen(b"/devices/net/c", 1)], {A, B, b"/devices/net/c"}) == []
    assert [device.id for device in there] == ["d1"]


def test_a_comparison_follows_a_rename_whose_event_still_waits() -> None:
    there = table(seen(A, 1))
    assert told(there.resync([seen(B, 1)], {A})) == [("move", "b", "d1")]
    assert told(there.apply(event("move", B, DEVPATH_OLD="/devices/net/a"), found(1))) == [("move", "b", "d1")]
    assert [device.id for device in there] == ["d1"], "the device is one, by whatever it was found"


# --- what is on a disk ---------------------------------------------------------------------------------------------

EXT4 = Contents(fs_type="ext4", fs_uuid="1")


def test_what_a_probe_found_stays_until_the_next_probe() -> None:
    there = table()
    block = event("add", DISK, "block", DEVTYPE="disk")
    there.apply(block, found(1, size="8"), EXT4)
    (change,) = there.apply(event("online", DISK, "block", DEVTYPE="disk"), found(1, size="8"))
    assert change.device.fs_type == "ext4"
    (change,) = there.apply(event("change", DISK, "block", DEVTYPE="disk"), found(1, size="8"), Contents())
    assert change.device.fs_type is None


def test_where_events_tell_the_contents_the_last_event_counts() -> None:
    there = table(keeps_contents=False)
    there.apply(event("add", DISK, "block", DEVTYPE="disk", ID_FS_TYPE="vfat"), found(1))
    (change,) = there.apply(event("change", DISK, "block", DEVTYPE="disk"), found(1))
    assert change.device.fs_type is None


def test_a_late_probe_is_told_where_it_found_something_new() -> None:
    there = table(seen(DISK, 1, "block", DEVTYPE="disk"))
    change = there.recontent(DISK, EXT4)
    assert change is not None
    assert (change.action, change.device.fs_type) == ("change", "ext4")
    assert there.recontent(DISK, EXT4) is None
    assert there.recontent(A, EXT4) is None


def test_links_that_changed_are_told() -> None:
    there = table(seen(DISK, 1, "block"))
    change = there.relink(DISK, ["/dev/b", "/dev/a"])
    assert change is not None
    assert (change.device.links, change.device.properties["DEVLINKS"]) == (["/dev/a", "/dev/b"], "/dev/a /dev/b")
    assert there.relink(DISK, ["/dev/a", "/dev/b"]) is None
    assert there.relink(A, []) is None
