"""The note of mount points: what is written is read again, and what is not ours is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_mount import points
from lunix_mount.mountinfo import Record
from lunix_mount.points import MOST_SEEN, Point, Points

NUMBERS = st.none() | st.integers(0, 2**40)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
POINTS = st.builds(
    Point, st.binary(max_size=30).map(lambda raw: b"/" + raw), TEXTS, st.booleans(), st.integers(0, 999),
    st.integers(0, 999), NUMBERS, st.none() | TEXTS, st.none() | TEXTS, NUMBERS, st.booleans(),
)  # fmt: skip


def record(number: int, where: bytes, major: int = 8) -> Record:
    return Record(number, 1, major, 1, b"/", where, (), "vfat", b"/dev/sda1", ())


@given(st.lists(POINTS, max_size=4), st.lists(TEXTS, max_size=4))
def test_what_is_noted_is_read_again(some: list[Point], seen: list[str]) -> None:
    noted = Points({point.where: point for point in some}, seen)
    assert points.decode(noted.encode()) == noted


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b'{"points": 1, "seen": []}', b'{"points": [1], "seen": []}', b"[" * 100_000,
        b'{"points": [{"where": "relative"}], "seen": []}', b'{"points": [], "seen": 1}',
        b'{"points": [{"where": "/a", "node": "/dev/a", "made": true, "major": "x"}], "seen": []}',
    ],
)  # fmt: skip
def test_garbage_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        points.decode(content)


def test_a_mount_is_ours_by_place_device_and_number() -> None:
    noted = Points()
    noted.put(Point(b"/media/A", "/dev/sda1", made=True, major=8, minor=1))
    assert noted.of(record(30, b"/media/A"))
    assert noted.of(record(30, b"/media/A", major=9)) is None
    assert noted.of(record(30, b"/media/B")) is None
    noted.mounted(b"/media/A", 30)
    noted.mounted(b"/media/gone", 30)
    noted.drop(b"/media/gone")
    assert noted.of(record(30, b"/media/A"))
    assert noted.of(record(31, b"/media/A")) is None


def test_a_file_system_without_the_number_of_a_device_is_ours_by_its_place() -> None:
    noted = Points({b"/a": Point(b"/a", "/dev/sda1", made=False, major=8, minor=1)})
    assert noted.of(record(30, b"/a", major=0))


def test_idle_places_are_those_where_nothing_of_ours_is_mounted_and_nobody_is_at_work() -> None:
    noted = Points()
    for name in (b"/a", b"/b", b"/c"):
        noted.put(Point(name, "/dev/sda1", made=True, major=8, minor=1))
    assert [point.where for point in noted.idle([record(30, b"/a")], {b"/b"})] == [b"/c"]


def test_a_volume_is_seen_once_and_the_oldest_are_forgotten() -> None:
    noted = Points()
    assert noted.see("a")
    assert not noted.see("a")
    for number in range(MOST_SEEN):
        noted.see(str(number))
    assert len(noted.seen) == MOST_SEEN
    assert noted.see("a")
