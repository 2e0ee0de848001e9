"""The tree of subscriptions, against looking at each of them."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lunix_bus import sublist
from lunix_bus.subject import covers, is_pattern
from lunix_bus.sublist import Sublist
from lunix_testing.hub import unhurried

words = st.sampled_from(["a", "b", "*", ">", "a*"])
subjects = st.lists(words, min_size=1, max_size=4).map(lambda found: ".".join(found).encode())
patterns = subjects.filter(is_pattern)


class Tree(RuleBasedStateMachine):
    """Entries come and go; a match finds the same as a look at each."""

    def __init__(self) -> None:
        super().__init__()
        self.tree: Sublist[int] = Sublist()
        self.flat: dict[tuple[bytes, int], None] = {}

    @rule(pattern=patterns, entry=st.integers(0, 5))
    def insert(self, pattern: bytes, entry: int) -> None:
        self.tree.insert(pattern, entry)
        self.flat[pattern, entry] = None

    @rule(pattern=patterns, entry=st.integers(0, 5))
    def remove(self, pattern: bytes, entry: int) -> None:
        self.tree.remove(pattern, entry)
        self.flat.pop((pattern, entry), None)

    @rule(subject=st.lists(st.sampled_from(["a", "b", "c", "a*"]), min_size=1, max_size=4))
    def match(self, subject: list[str]) -> None:
        found = ".".join(subject).encode()
        expected = sorted(entry for pattern, entry in self.flat if covers(pattern, found))
        assert sorted(self.tree.match(found)) == expected
        assert sorted(self.tree.match(found)) == expected

    @invariant()
    def keeps_nothing_of_what_is_gone(self) -> None:
        if not self.flat:
            assert self.tree._root == {}


TestTree = Tree.TestCase
TestTree.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_a_subject_with_an_empty_token_matches_nothing() -> None:
    tree: Sublist[int] = Sublist()
    tree.insert(b">", 1)
    assert [tree.match(one) for one in (b"a..b", b".a", b"a.", b"")] == [()] * 4


@unhurried
@given(st.sampled_from([b"a.*", b"a.>"]))
def test_wildcards_in_a_published_subject_are_tokens_like_others(published: bytes) -> None:
    tree: Sublist[bytes] = Sublist()
    for pattern in (b"a.b", b"a.*", b"a.>", b"*.*"):
        tree.insert(pattern, pattern)
    assert sorted(tree.match(published)) == [b"*.*", b"a.*", b"a.>"]


def test_what_was_asked_for_is_not_kept_without_bound() -> None:
    tree: Sublist[int] = Sublist()
    for number in range(sublist.CACHED + 10):
        tree.match(b"%d" % number)
    assert len(tree._cache) <= sublist.CACHED
