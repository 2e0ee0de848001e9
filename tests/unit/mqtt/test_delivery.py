"""What was told, what waits, and what comes twice."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_mqtt.delivery import Delivery
from lunix_mqtt.message import Message


class Bus:
    """Numbers what is told."""

    def __init__(self) -> None:
        self.told: list[tuple[bytes, bool]] = []

    def tell(self, message: Message, again: bool) -> int:
        self.told.append((message.payload, again))
        return len(self.told)


def sent(mid: int, payload: bytes = b"x", *, dup: bool = False) -> Message:
    return Message("a", payload, 1, dup=dup, mid=mid)


def arrive(delivery: Delivery, *, arrived: bool = True) -> list[int]:
    return delivery.settle([(waiting, arrived) for waiting in delivery.batch()])


def started() -> tuple[Bus, Delivery]:
    bus = Bus()
    delivery = Delivery(bus.tell)
    delivery.connected(session_present=False)
    return bus, delivery


def test_a_message_is_acknowledged_when_the_bus_has_it() -> None:
    _, delivery = started()
    assert delivery.take(sent(7))
    assert arrive(delivery) == [7]
    assert arrive(delivery) == []


def test_what_the_bus_may_have_lost_is_told_again_as_a_possible_duplicate() -> None:
    bus, delivery = started()
    delivery.take(sent(7))
    assert arrive(delivery, arrived=False) == []
    assert arrive(delivery) == [7]
    assert bus.told == [(b"x", False), (b"x", True)]


def test_a_message_that_comes_again_because_its_acknowledgement_was_lost_is_not_told_twice() -> None:
    bus, delivery = started()
    delivery.take(sent(7))
    arrive(delivery)
    delivery.connected(session_present=True)
    assert not delivery.take(sent(7, dup=True))
    assert arrive(delivery) == [7]
    assert bus.told == [(b"x", False)]


def test_what_waited_on_a_connection_that_broke_is_not_acknowledged_on_the_next() -> None:
    _, delivery = started()
    delivery.take(sent(7))
    batch = delivery.batch()
    delivery.connected(session_present=True)
    assert delivery.settle([(one, True) for one in batch]) == []
    delivery.take(sent(7, dup=True))
    assert arrive(delivery, arrived=False) == []
    assert arrive(delivery) == [7]


def test_an_identifier_is_another_message_s_where_the_session_or_the_payload_is_another() -> None:
    bus, delivery = started()
    delivery.take(sent(7))
    delivery.take(sent(7, b"y", dup=True))
    delivery.take(sent(7, b"y"))
    delivery.connected(session_present=False)
    delivery.take(sent(7, b"y", dup=True))
    assert [payload for payload, _ in bus.told] == [b"x", b"y", b"y", b"y"]


def test_what_is_not_for_the_bus_is_acknowledged_all_the_same() -> None:
    bus, delivery = started()
    delivery.skip(sent(3))
    (waiting,) = delivery.batch()
    assert waiting.seq == 0
    assert delivery.settle([(waiting, True)]) == [3]
    assert bus.told == []


def test_the_memory_is_bounded() -> None:
    bus = Bus()
    delivery = Delivery(bus.tell, remembered=2)
    delivery.connected(session_present=False)
    for mid in (1, 2, 3):
        delivery.take(sent(mid))
    assert [delivery.take(sent(mid, dup=True)) for mid in (2, 3)] == [False, False]
    assert delivery.take(sent(1, dup=True))


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.booleans()), max_size=30))
def test_every_message_is_told_before_it_is_acknowledged(steps: list[tuple[int, bool, bool]]) -> None:
    bus, delivery = started()
    for number, (mid, breaks, arrived) in enumerate(steps):
        payload = str(number).encode()
        delivery.take(sent(mid, payload))
        if breaks:
            delivery.connected(session_present=True)
            delivery.take(sent(mid, payload, dup=True))
        acknowledged = arrive(delivery, arrived=arrived)
        assert payload in [told for told, _ in bus.told]
        assert (mid in acknowledged) == arrived
