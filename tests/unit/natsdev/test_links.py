"""Names of links: how they are encoded, what they are made from, and who has one that several want."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lunix_natsdev.manage.links import Change, Links, encode, is_safe, squeeze


@pytest.mark.parametrize(
    ("raw", "encoded"),
    [
        (b"HOLIDAY", "HOLIDAY"),
        (b"my stick", r"my\x20stick"),
        (b"a/b\\c", r"a\x2fb\x5cc"),
        ("été".encode(), "été"),
        (b"\xff\xe9t", r"\xff\xe9t"),
        (b"..", r"\x2e\x2e"),
        (b".", r"\x2e"),
        (b"...", "..."),
        (b"../../etc", r"..\x2f..\x2fetc"),
        (b"#+-.:=@_", "#+-.:=@_"),
        (b"\x1b]52;\x7f\0", r"\x1b\x5d52\x3b\x7f\x00"),
        ("\ufdd0".encode(), r"\xef\xb7\x90"),
        ("<script>", r"\x3cscript\x3e"),
    ],
)
def test_a_label_is_encoded_as_udev_does(raw: bytes | str, encoded: str) -> None:
    assert encode(raw) == encoded


@given(st.binary(max_size=60))
def test_no_label_leaves_its_folder_or_equals_another(raw: bytes) -> None:
    encoded = encode(raw)
    assert "/" not in encoded
    assert encoded not in {".", ".."}
    assert not raw or is_safe(encoded)


@given(st.binary(max_size=12), st.binary(max_size=12))
def test_different_labels_have_different_names(one: bytes, other: bytes) -> None:
    assert (encode(one) == encode(other)) == (one == other)


@given(st.text(max_size=60))
def test_a_serial_number_leaves_no_folder_either(text: str) -> None:
    assert not set("/\\ \n\0") & set(squeeze(text))


@pytest.mark.parametrize(
    ("raw", "squeezed"),
    [
        ("  SanDisk   Ultra ", "SanDisk_Ultra"),
        (b"\xff\0ignored", "_"),
        ("a/b", "a_b"),
        ("Größe", "Größe"),
        ("\x85a\x9bb", "a_b"),
    ],
)
def test_vendor_and_model_are_written_as_udev_does(raw: bytes | str, squeezed: str) -> None:
    assert squeeze(raw) == squeezed


@pytest.mark.parametrize("name", ["", "/", "/etc", "../x", "disk/../../x", "a//b", "a/", ".", "a\0b", "x" * 256])
def test_a_name_that_is_no_path_below_dev_is_not_safe(name: str) -> None:
    assert not is_safe(name)


def test_a_device_gets_the_names_that_it_wants_but_no_unsafe_ones() -> None:
    links = Links()
    assert links.claim("a", "sda", ["by-label/x", "../x"]) == [Change("by-label/x", "sda", "a")]
    assert links.of("a") == ("by-label/x",)
    assert links.of("nobody") == ()


def test_the_older_disk_keeps_a_name_even_if_it_asks_later() -> None:
    links = Links()
    links.claim("new", "sdb", ["x"], diskseq=9)
    assert links.claim("old", "sda", ["x"], diskseq=3) == [Change("x", "sda", "old")]
    assert links.claim("newest", "sdc", ["x"], diskseq=12) == []
    assert (links.of("old"), links.of("new")) == (("x",), ())


def test_among_equals_who_asked_first_keeps_it() -> None:
    links = Links()
    links.claim("a", "ttyA", ["x"])
    assert links.claim("b", "ttyB", ["x"]) == []


def test_a_higher_priority_takes_a_name_away_and_gives_it_back() -> None:
    links = Links()
    links.claim("a", "sda", ["x"], diskseq=1)
    assert links.claim("b", "dm-0", ["x"], priority=10, diskseq=2) == [Change("x", "dm-0", "b")]
    assert links.claim("b", "dm-0", ["x"], priority=-10, diskseq=2) == [Change("x", "sda", "a")]


def test_when_the_owner_goes_the_next_one_has_it() -> None:
    links = Links()
    for device, node in (("a", "sda"), ("b", "sdb"), ("c", "sdc")):
        links.claim(device, node, ["x", node])
    assert links.release("a") == [Change("sda", None, None), Change("x", "sdb", "b")]
    assert links.release("b") == [Change("sdb", None, None), Change("x", "sdc", "c")]
    assert links.release("c") == [Change("sdc", None, None), Change("x", None, None)]
    assert links.release("c") == []
    assert links.owners == {}


def test_a_device_that_wants_other_names_gives_up_the_old_ones() -> None:
    links = Links()
    links.claim("a", "sda", ["before", "same"])
    links.claim("b", "sdb", ["before"])
    assert links.claim("a", "sda", ["after", "same"]) == [Change("after", "sda", "a"), Change("before", "sdb", "b")]
    assert links.claim("a", "sda", ["after", "same"]) == []


def test_a_device_whose_node_is_called_otherwise_has_its_links_made_again() -> None:
    links = Links()
    links.claim("a", "sda", ["x"])
    assert links.claim("a", "sdz", ["x"]) == [Change("x", "sdz", "a")]


class LinksMachine(RuleBasedStateMachine):
    """Applying the changes to a dictionary always gives what the rule says about all claims."""

    def __init__(self) -> None:
        super().__init__()
        self.links = Links()
        self.world: dict[str, str] = {}
        self.claims: dict[str, tuple[set[str], int, int, int]] = {}
        self.arrivals = 0

    @rule(
        device=st.sampled_from("abcd"),
        names=st.sets(st.sampled_from("xyz")),
        priority=st.integers(-1, 1),
        diskseq=st.one_of(st.none(), st.integers(1, 3)),
    )
    def claim(self, device: str, names: set[str], priority: int, diskseq: int | None) -> None:
        self.arrivals += 1
        arrival = self.claims[device][3] if device in self.claims else self.arrivals
        self.claims[device] = (names, -priority, diskseq or 0, arrival)
        self.apply(self.links.claim(device, f"node-{device}", names, priority=priority, diskseq=diskseq))

    @rule(device=st.sampled_from("abcd"))
    def release(self, device: str) -> None:
        self.claims.pop(device, None)
        self.apply(self.links.release(device))

    def apply(self, changes: list[Change]) -> None:
        for change in changes:
            if change.target is None:
                del self.world[change.name]
            else:
                self.world[change.name] = change.target

    @invariant()
    def every_name_is_its_owners(self) -> None:
        wanted = {name for names, *_rank in self.claims.values() for name in names}
        expected = {
            name: min((rank, device) for device, (names, *rank) in self.claims.items() if name in names)[1]
            for name in wanted
        }
        assert self.world == {name: f"node-{device}" for name, device in expected.items()}
        assert dict(self.links.owners) == expected


TestLinksMachine = LinksMachine.TestCase
