"""The numbers of events, and what is known to be lost."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_common.bus.outbox import Loss, Outbox


def put(outbox: Outbox, subject: str = "hardware.usb.add", data: bytes = b"{}", domain: str = "hardware") -> int:
    return outbox.put(domain, subject, data, "2026-01-01T00:00:00Z")


def test_numbers_count_all_events_and_prev_counts_those_of_one_subject() -> None:
    outbox = Outbox()
    for subject in ("a.b", "a.c", "a.b", "a.b", "a.c"):
        put(outbox, subject)
    assert [(queued.subject, queued.seq, queued.prev) for queued in outbox.take(10)] == [
        ("a.b", 1, 0),
        ("a.c", 2, 0),
        ("a.b", 3, 1),
        ("a.b", 4, 3),
        ("a.c", 5, 2),
    ]


def test_a_forgotten_subject_has_no_prev_and_a_remembered_one_keeps_it() -> None:
    outbox = Outbox(remembered_subjects=2)
    for subject in ("a", "b", "c", "a", "c"):
        put(outbox, subject)
    assert [queued.prev for queued in outbox.take(10)] == [0, 0, 0, None, 3]


def test_a_confirmed_event_is_never_lost() -> None:
    outbox = Outbox()
    put(outbox)
    outbox.take(1)
    outbox.confirm(1)
    outbox.interrupted()
    assert outbox.losses() == []


def test_what_was_handed_over_and_not_confirmed_is_lost_by_domain_and_told_once() -> None:
    outbox = Outbox()
    put(outbox)
    put(outbox, "toast.shown", domain="toast")
    put(outbox)
    outbox.take(3)
    outbox.confirm(1)
    outbox.interrupted()
    why = "the connection to the bus broke"
    assert outbox.losses() == [Loss("hardware", 2, 3, why), Loss("toast", 2, 2, why)]
    outbox.interrupted()
    assert outbox.losses() == []


def test_what_waits_in_the_queue_survives_an_interruption() -> None:
    outbox = Outbox()
    put(outbox)
    outbox.interrupted()
    assert outbox.losses() == []
    assert [queued.seq for queued in outbox.take(10)] == [1]


def test_a_full_queue_drops_the_oldest_and_notes_them_as_one_loss() -> None:
    outbox = Outbox(queue_bytes=2000)
    for _ in range(10):
        put(outbox, data=b"x" * 300)
    kept = [queued.seq for queued in outbox.take(100)]
    assert kept == [8, 9, 10]
    (loss,) = outbox.losses()
    assert (loss.from_seq, loss.to_seq) == (1, 7)
    assert len(outbox) == 0


def test_an_event_larger_than_the_queue_is_kept_alone() -> None:
    outbox = Outbox(queue_bytes=100)
    put(outbox, data=b"x" * 1000)
    assert len(outbox.take(10)) == 1


def test_a_loss_before_the_numbering_lies_behind_the_last_event() -> None:
    outbox = Outbox()
    put(outbox)
    outbox.missed("hardware", "kernel overflow")
    assert outbox.losses() == [Loss("hardware", 1, 1, "kernel overflow")]


@given(st.lists(st.sampled_from(["put", "take", "confirm", "interrupted"]), max_size=60))
def test_each_event_is_confirmed_or_waits_or_is_told_as_lost(steps: list[str]) -> None:
    outbox = Outbox(queue_bytes=1500)
    lost: set[int] = set()
    arrived: set[int] = set()
    handed: list[int] = []
    for step in steps:
        if step == "put":
            put(outbox, data=b"x" * 100)
        elif step == "take":
            handed += [queued.seq for queued in outbox.take(2)]
        elif step == "confirm":
            outbox.confirm(outbox.handed)
            arrived |= set(handed)
            handed.clear()
        else:
            outbox.interrupted()
            handed.clear()
        for loss in outbox.losses():
            lost |= set(range(loss.from_seq, loss.to_seq + 1))
    waiting = {queued.seq for queued in outbox.take(1000)}
    assert arrived | lost | waiting | set(handed) == set(range(1, outbox.seq + 1))
    assert not waiting & (lost | arrived)


def test_it_is_known_of_each_event_whether_it_arrived() -> None:
    outbox = Outbox(queue_bytes=1000)
    assert outbox.arrived(0)
    for _ in range(3):
        put(outbox)
    assert not outbox.arrived(1)
    outbox.take(1)
    outbox.confirm(1)
    outbox.take(1)
    outbox.interrupted()
    outbox.take(1)
    outbox.confirm(3)
    assert [outbox.arrived(seq) for seq in (1, 2, 3)] == [True, False, True]
    for _ in range(3):
        put(outbox, data=bytes(500))
    outbox.take(9)
    outbox.interrupted()
    assert [outbox.arrived(seq) for seq in (4, 5, 6)] == [False] * 3
    outbox.interrupted()
    assert outbox.arrived(3)


def test_further_headers_wait_with_their_event() -> None:
    outbox = Outbox()
    outbox.put("mqtt", "mqtt.a", b"", "2026-01-01T00:00:00Z", "Mqtt-Qos: 1\r\n")
    assert outbox.take(1)[0].more == "Mqtt-Qos: 1\r\n"
