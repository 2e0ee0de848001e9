"""Which event may overtake which."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from lunix_natsdev.lanes import Lanes, Ticket, ancestors

DISK, PART, OTHER = b"/devices/a/block/sda", b"/devices/a/block/sda/sda1", b"/devices/b/block/sdb"


def test_a_first_event_runs_at_once() -> None:
    assert Lanes[str]().enter("disk", [DISK]).ready


def test_an_event_waits_for_the_one_before_it_of_the_same_device() -> None:
    lanes: Lanes[str] = Lanes()
    first = lanes.enter("add", [DISK])
    second = lanes.enter("change", [DISK])
    assert not second.ready
    assert lanes.leave(first) == [second]


def test_unrelated_devices_do_not_wait_for_each_other() -> None:
    lanes: Lanes[str] = Lanes()
    lanes.enter("slow", [DISK])
    assert lanes.enter("quick", [OTHER]).ready


def test_a_partition_waits_for_its_disk() -> None:
    lanes: Lanes[str] = Lanes()
    disk = lanes.enter("disk", [DISK])
    part = lanes.enter("part", [PART])
    assert not part.ready
    assert lanes.leave(disk) == [part]


def test_a_disk_waits_for_all_its_partitions() -> None:
    lanes: Lanes[str] = Lanes()
    parts = [lanes.enter(f"remove {number}", [DISK + b"/%d" % number]) for number in range(3)]
    disk = lanes.enter("remove", [DISK])
    assert [lanes.leave(part) for part in parts] == [[], [], [disk]]


def test_a_name_that_only_begins_alike_is_another_device() -> None:
    lanes: Lanes[str] = Lanes()
    lanes.enter("sda", [DISK])
    assert lanes.enter("sdaa", [DISK + b"a"]).ready


def test_a_rename_waits_at_both_its_paths() -> None:
    lanes: Lanes[str] = Lanes()
    old, new = lanes.enter("old", [DISK]), lanes.enter("new", [OTHER])
    move = lanes.enter("move", [OTHER, DISK])
    assert lanes.leave(old) == []
    assert lanes.leave(new) == [move]
    assert not lanes.enter("late", [DISK]).ready


def test_a_device_number_that_comes_again_elsewhere_waits() -> None:
    lanes: Lanes[str] = Lanes()
    gone = lanes.enter("remove", [DISK], ["b8:0"])
    come = lanes.enter("add", [OTHER], ["b8:0"])
    assert not come.ready
    assert lanes.leave(gone) == [come]
    assert lanes.leave(come) == []
    assert lanes.enter("add", [PART], ["b8:0"]).ready


def test_only_what_tells_more_supersedes() -> None:
    lanes: Lanes[str] = Lanes()
    first, second = lanes.enter("change", [DISK]), lanes.enter("online", [DISK])
    assert not first.superseded
    lanes.enter("change", [DISK], supersedes=True)
    assert (first.superseded, second.superseded) == (False, True)


def test_a_barrier_waits_for_all_that_are_inside_and_holds_nobody() -> None:
    lanes: Lanes[str] = Lanes()
    inside = [lanes.enter("a", [DISK]), lanes.enter("b", [OTHER])]
    barrier = lanes.barrier("settled")
    assert lanes.enter("c", [b"/devices/c"]).ready
    assert lanes.leave(inside[1]) == []
    assert lanes.leave(inside[0]) == [barrier]


def test_a_barrier_with_nobody_inside_is_ready() -> None:
    assert Lanes[str]().barrier("settled").ready


def test_the_paths_above_come_nearest_first() -> None:
    assert list(ancestors(b"/devices/a/b")) == [b"/devices/a", b"/devices"]


NODES = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def related(some: list[str], others: list[str]) -> bool:
    pairs = [(one + "/", two + "/") for one in some for two in others]
    return any(one.startswith(two) or two.startswith(one) for one, two in pairs)


@given(st.lists(st.lists(NODES, min_size=1, max_size=2), max_size=20), st.randoms(use_true_random=False))
def test_whatever_ends_first_related_events_keep_their_order_and_all_end(paths: list[list[str]], dice: Random) -> None:
    lanes: Lanes[int] = Lanes()
    tickets = [lanes.enter(number, [path.encode() for path in some]) for number, some in enumerate(paths)]
    running: list[Ticket[int]] = [ticket for ticket in tickets if ticket.ready]
    done: list[int] = []
    while running:
        ticket = running.pop(dice.randrange(len(running)))
        done.append(ticket.item)
        running += lanes.leave(ticket)
    assert sorted(done) == list(range(len(paths)))
    assert len(lanes) == 0
    for second, some in enumerate(paths):
        for first in range(second):
            if related(paths[first], some):
                assert done.index(first) < done.index(second)
