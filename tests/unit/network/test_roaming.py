"""A connection that is followed by another in time has not ended."""

from lunix_network.nl80211 import Disconnected
from lunix_network.roaming import Roaming


def test_a_connection_that_ends_is_told_when_no_other_follows() -> None:
    roaming = Roaming(1.0)
    first, other = Disconnected(3, 3, False), Disconnected(4)
    roaming.ended(first, 10.0)
    roaming.ended(Disconnected(3, 8, True), 10.5)
    roaming.ended(other, 10.7)
    assert roaming.deadline == 11.0
    assert [roaming.expire(now) for now in (10.9, 11.0, 11.0, 12.0)] == [[], [first], [], [other]]


def test_one_that_is_followed_is_not_told() -> None:
    roaming = Roaming(1.0)
    ended = Disconnected(3, 4)
    roaming.ended(ended, 10.0)
    assert (roaming.began(3), roaming.began(3), roaming.began(4)) == (ended, None, None)
    assert roaming.deadline is None
    assert roaming.expire(20.0) == []
