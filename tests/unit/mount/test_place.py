"""Names made of hostile labels, and paths that people choose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_mount import place

HOSTILE = [
    "../../etc",
    ".",
    "..",
    ".hidden",
    "a/b",
    "\x1b]52;c;eA==\a",
    "‮gpj.exe",
    "a\nb",
    "-rf",
    "<script>",
    "\udcff",
    "",
    "é" * 300,
    "/" * 300,
]


@given(st.text(st.characters(), max_size=300) | st.sampled_from(HOSTILE))
def test_a_label_is_one_component_that_is_shown_as_it_is(label: str) -> None:
    name = place.name(label, "ABCD-1234", "/dev/sda1")
    assert name
    assert "/" not in name
    assert "\0" not in name
    assert name not in (".", "..")
    assert not name.startswith((".", "-", " "))
    assert all(one.isalnum() or one in place.PLAIN or one == "%" for one in name)
    assert len(name.encode()) <= place.MOST_BYTES
    assert place.is_below(place.parts(f"/media/{name}"), ["/media"])


@given(st.text(max_size=60), st.text(max_size=60))
def test_two_labels_share_no_name(one: str, other: str) -> None:
    if one.strip() != other.strip() and place.escape(one.strip()) and len(one) < 20 and len(other) < 20:
        assert place.escape(one.strip()) != place.escape(other.strip())


@pytest.mark.parametrize(
    ("label", "uuid", "name"),
    [
        ("HOLIDAY", "ABCD-1234", "HOLIDAY"),
        ("My Stick (2)", None, "My Stick (2)"),
        ("été", None, "été"),
        ("../../etc", None, "%2E.%2F..%2Fetc"),
        ("100%", None, "100%25"),
        (None, "ABCD-1234", "ABCD-1234"),
        ("   ", "ABCD-1234", "ABCD-1234"),
        ("", None, "sda1"),
    ],
)
def test_a_volume_is_called_by_its_label_its_uuid_or_its_node(label: str | None, uuid: str | None, name: str) -> None:
    assert place.name(label, uuid, "/dev/sda1") == name


def test_what_has_no_name_at_all_has_one_too() -> None:
    assert place.name(None, None, "") == "volume"


def test_names_that_are_taken_are_numbered_and_not_for_ever() -> None:
    names = list(place.numbered("STICK"))
    assert names[:3] == ["STICK", "STICK-2", "STICK-3"]
    assert len(names) == place.MOST_NUMBERS


def test_the_components_of_a_path() -> None:
    assert place.parts("/mnt//a b/./c/") == (b"mnt", b"a b", b"c")
    assert place.parts("/mnt/\udcff") == (b"mnt", b"\xff")
    assert place.joined(place.parts("/mnt//a")) == b"/mnt/a"


@pytest.mark.parametrize("where", ["", "mnt", "/mnt/\ud800", "/mnt/../etc", "/mnt/a\0b", "/", "/.", "//"])
def test_paths_that_are_refused(where: str) -> None:
    with pytest.raises(place.NoPlace):
        place.parts(where)


@pytest.mark.parametrize(
    ("where", "below"),
    [("/mnt/a", True), ("/mnt/a/b", True), ("/mnt", False), ("/mntx/a", False), ("/media/a", False)],
)
def test_what_is_below_a_folder(where: str, below: bool) -> None:
    assert place.is_below(place.parts(where), ["/mnt"]) is below
    assert not place.is_below(place.parts(where), [])
