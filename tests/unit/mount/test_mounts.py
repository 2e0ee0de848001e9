"""The table of mounts: what differs is told, each thing once, and to whom it is for."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.hardware import Device
from lunix_common.schemas.mount import ListRequest, Mount, Unmounted
from lunix_mount import mounts
from lunix_mount.mountinfo import Record
from lunix_mount.mounts import Fact, Mounts
from lunix_mount.points import Point

STICK = Device(
    id="d1", subsystem="block", name="sda1", devpath="/devices/x", devnode="/dev/sda1", usb="u1", fs_label="ONE",
    fs_uuid="AB", removable=True,
)  # fmt: skip


def record(number: int, where: bytes = b"/media/ONE", **more: Any) -> Record:
    base = Record(number, 1, 8, 1, b"/", where, ("rw", "nosuid"), "vfat", b"/dev/sda1", ("rw",))
    return base._replace(**more)


def update(table: Mounts, *records: Record, device: Device | None = None, **more: Any) -> list[Fact]:
    return table.update(records, lambda _record: device, lambda _record: more.get("point"), more.get("reasons", {}))


def told(facts: list[Fact]) -> list[tuple[str, str | None]]:
    return [(fact.pattern.removeprefix("mount."), getattr(fact.payload, "where", None)) for fact in facts]


RECORDS = st.lists(
    st.builds(
        record, st.integers(1, 9), st.sampled_from([b"/media/A", b"/secret", b"/", b"/a//deleted"]),
        options=st.sampled_from([("rw",), ("ro",)]), source=st.sampled_from([b"/dev/sda1", b"host:/path"]),
    ),
    max_size=6, unique_by=lambda one: one.id,
)  # fmt: skip


@given(st.lists(RECORDS, max_size=6))
def test_who_applies_what_is_told_has_what_is_listed(steps: list[list[Record]]) -> None:
    table = Mounts(["/media"])
    everything: dict[str, Mount] = {}
    shown: dict[str, Mount] = {}
    for records in steps:
        for pattern, payload in update(table, *records):
            assert isinstance(payload, Mount)
            if isinstance(payload, Unmounted):
                del everything[payload.id]
                del shown[payload.id]
                continue
            everything[payload.id] = payload
            if pattern != "mount.placed":
                shown[payload.id] = payload
        assert list(everything.values()) == sorted(
            table.listed(ListRequest(), everything=True), key=lambda one: list(everything).index(one.id)
        )
        assert {one.id: one for one in table.listed(ListRequest(), everything=False)} == shown
        assert all(one.where is None or one.where.startswith("/media/") for one in shown.values())
        assert not update(table, *records), "nothing has changed"


def test_a_mount_in_a_place_of_media_is_told_whole() -> None:
    table = Mounts(["/media"])
    (fact,) = update(table, record(30), device=STICK)
    assert fact.pattern == "mount.mounted"
    assert isinstance(fact.payload, Mount)
    assert fact.payload.model_dump(exclude={"id"}) == {
        "where": "/media/ONE", "source": "/dev/sda1", "root": None, "fs_type": "vfat", "options": ["nosuid"],
        "read_only": False, "device": "d1", "usb": "u1", "fs_label": "ONE", "fs_uuid": "AB", "removable": True,
        "ours": False,
    }  # fmt: skip


def test_where_something_else_is_mounted_is_for_admins() -> None:
    table = Mounts(["/media"])
    facts = update(table, record(30, b"/secret", source=b"host:/private", root=b"/inner"))
    assert told(facts) == [("mounted", None), ("placed", "/secret")]
    shown = facts[0].payload
    assert isinstance(shown, Mount)
    assert (shown.source, shown.root, shown.options) == (None, None, [])
    facts = update(table)
    assert told(facts) == [("unmounted", None)]


def test_a_change_is_told_once() -> None:
    table = Mounts(["/media"])
    update(table, record(30))
    assert told(update(table, record(30, super_options=("ro",)))) == [("changed", "/media/ONE")]
    assert told(update(table, record(30, super_options=("ro",)))) == []


def test_a_number_that_is_given_anew_is_another_mount() -> None:
    table = Mounts(["/media"])
    update(table, record(30))
    facts = update(table, record(30, b"/media/TWO"), reasons={})
    assert told(facts) == [("unmounted", "/media/ONE"), ("mounted", "/media/TWO")]
    first, second = (fact.payload for fact in facts)
    assert isinstance(first, Unmounted)
    assert isinstance(second, Mount)
    assert first.id != second.id


def test_the_inner_one_goes_before_the_outer_one_and_for_its_reason() -> None:
    table = Mounts(["/media"])
    outer, inner = record(30), record(31, b"/media/ONE/inner")
    update(table, outer, inner)
    facts = update(table, reasons={mounts.id_of(inner): "pulled"})
    assert told(facts) == [("unmounted", "/media/ONE/inner"), ("unmounted", "/media/ONE")]
    assert [fact.payload.reason for fact in facts if isinstance(fact.payload, Unmounted)] == ["pulled", "other"]


def test_what_was_known_of_a_device_outlives_it() -> None:
    table = Mounts(["/media"])
    update(table, record(30), device=STICK)
    assert not update(table, record(30))
    (fact,) = update(table)
    assert isinstance(fact.payload, Unmounted)
    assert (fact.payload.device, fact.payload.fs_label) == ("d1", "ONE")


def test_what_natsdev_tells_later_is_a_change() -> None:
    table = Mounts(["/media"])
    point = Point(b"/media/ONE", "/dev/sda1", made=True, major=8, minor=1, device="d0", usb="u0")
    (fact,) = update(table, record(30), point=point)
    assert isinstance(fact.payload, Mount)
    assert (fact.payload.device, fact.payload.usb, fact.payload.ours) == ("d0", "u0", True)
    (fact,) = update(table, record(30), device=STICK, point=point)
    assert fact.pattern == "mount.changed"


def test_filters() -> None:
    table = Mounts(["/media"])
    update(table, record(30), record(31, b"/secret", source=b"tmpfs", fs_type="tmpfs"), device=STICK)

    def ids(*, everything: bool = True, **filters: Any) -> list[str]:
        return [one.id.split("-")[0] for one in table.listed(ListRequest(**filters), everything=everything)]

    assert ids() == ["30", "31"]
    assert ids(device="/dev/sda1") == ["30"]
    assert ids(device="u1") == ["30", "31"]
    assert ids(where="/secret") == ["31"]
    assert ids(where="/secret", everything=False) == []
    assert ids(fs_type="tmpfs") == ["31"]
    assert ids(ours=True) == []
    assert ids(ours=False) == ["30", "31"]


def test_mounts_of_a_device_and_at_a_place() -> None:
    table = Mounts([])
    update(table, record(30), record(31), device=STICK)
    assert [row.record.id for row in table.of_device("d1")] == [30, 31]
    assert [row.record.id for row in table.of_device("/dev/sda1")] == [30, 31]
    assert not table.of_device("d2")
    last = table.at(b"/media/ONE")
    assert last is not None
    assert last.record.id == 31
    assert table.at(b"/media") is None
