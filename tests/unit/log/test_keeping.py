"""What senders may send, what is dropped, what is kept and found again, and small things."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.log import Entry, TailRequest
from lunix_log import priority, state
from lunix_log.limit import OTHERS, Drops, Limiter, Sender
from lunix_log.numbers import Rows
from lunix_log.ring import OVERHEAD_BYTES, Ring
from lunix_log.visible import message, shown, visible, word

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
A: Sender = ("udp", "a")


def test_a_sender_has_a_burst_and_then_so_many_a_second() -> None:
    limiter = Limiter(3, 2.0)
    assert [limiter.allows(A, 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert limiter.allows(("udp", "b"), 0.0)
    assert [limiter.allows(A, 1.0) for _ in range(3)] == [True, True, False]
    assert [limiter.allows(A, 100.0) for _ in range(4)] == [True, True, True, False]


def test_under_many_names_nobody_gets_more() -> None:
    limiter = Limiter(2, 1.0, senders=3)
    allowed = sum(limiter.allows(("udp", str(number)), 0.0) for number in range(100))
    assert allowed == 3 + 2
    assert len(limiter) == 4
    assert not limiter.allows(("udp", "new"), 0.5)
    # Those that are full again make room.
    assert limiter.allows(("udp", "new"), 10.0)
    assert len(limiter) <= 4


@given(st.lists(st.floats(0, 10), max_size=200))
def test_in_any_time_it_is_at_most_the_burst_and_what_came_since(times: list[float]) -> None:
    limiter = Limiter(5, 3.0)
    allowed = [now for now in sorted(times) if limiter.allows(A, now)]
    for index, begin in enumerate(allowed):
        for count, end in enumerate(allowed[index:], 1):
            assert count <= 5 + 3.0 * (end - begin) + 1e-6


def test_drops_are_counted_for_each_sender_and_reason() -> None:
    drops = Drops(senders=2)
    assert not drops
    drops.note("udp", "a", "rate limit", NOW)
    drops.note("udp", "a", "rate limit", NOW + timedelta(seconds=1), 4)
    drops.note("tcp", "b", "overflow", NOW)
    for number in range(3):
        drops.note("udp", f"c{number}", "rate limit", NOW)
    assert drops
    taken = [(drop.source, drop.sender, drop.reason, drop.count, drop.since) for drop in drops.take()]
    assert taken == [
        ("udp", "a", "rate limit", 5, NOW),
        ("tcp", "b", "overflow", 1, NOW),
        ("udp", OTHERS[1], "rate limit", 3, NOW),
    ]
    assert (drops.total, drops.take()) == (9, [])


def entry(number: int, **changes: object) -> Entry:
    about = {
        "id": number,
        "received_at": NOW + timedelta(seconds=number),
        "source": "udp",
        "format": "plain",
        "facility": "user",
        "severity": "info",
        "text": f"message {number}",
    }
    return Entry.model_validate(about | changes)


def ring(*entries: Entry, most_bytes: int = 1 << 20) -> Ring:
    made = Ring(most_bytes)
    for one in entries:
        made.put(one, one.to_json())
    return made


def found(kept: Ring, most_bytes: int = 1 << 20, **asked: object) -> tuple[list[int], bool]:
    items, more = kept.tail(TailRequest.model_validate(asked), most_bytes)
    return [json.loads(item)["id"] for item in items], more


def test_the_newest_are_answered_oldest_first() -> None:
    kept = ring(*map(entry, range(1, 6)))
    assert found(kept) == ([1, 2, 3, 4, 5], False)
    assert found(kept, limit=2) == ([4, 5], True)
    assert found(kept, limit=5) == ([1, 2, 3, 4, 5], False)
    size = len(entry(5).to_json()) + 1
    assert found(kept, most_bytes=2 * size) == ([4, 5], True)
    assert found(kept, after=3) == ([4, 5], False)
    assert found(kept, since=NOW + timedelta(seconds=4)) == ([4, 5], False)


def test_one_that_no_answer_could_hold_hides_no_other() -> None:
    kept = ring(entry(1), entry(2, text="x" * 5000), entry(3))
    assert found(kept, most_bytes=2000) == ([1, 3], True)


def test_filters_narrow_together() -> None:
    kept = ring(
        entry(1, facility="auth", severity="err", host="web1", app="sshd", text='Failed "x" ä\\'),
        entry(2, sender="192.0.2.1:514", app="sshd"),
        entry(3, sender="[2001:db8::1]:514", service="web.service", severity="emerg"),
        entry(4, app="x", text="app says sshd"),
    )
    assert found(kept, severity="err")[0] == [1, 3]
    assert found(kept, severity="debug")[0] == [1, 2, 3, 4]
    assert found(kept, facility="auth")[0] == [1]
    assert found(kept, host="web1")[0] == [1]
    assert found(kept, host="192.0.2.1")[0] == [2]
    assert found(kept, host="2001:db8::1")[0] == [3]
    assert found(kept, app="sshd")[0] == [1, 2]
    assert found(kept, app="web.service")[0] == [3]
    assert found(kept, contains='"x" ä\\')[0] == [1]
    assert found(kept, contains="sshd")[0] == [4]
    assert found(kept, app="sshd", severity="err", contains="Failed")[0] == [1]


def test_the_oldest_make_room() -> None:
    size = len(entry(1).to_json()) + OVERHEAD_BYTES
    kept = ring(*map(entry, range(1, 8)), most_bytes=3 * size)
    assert (found(kept), len(kept), kept.oldest_id) == (([5, 6, 7], False), 3, 5)
    nothing = ring(entry(1), most_bytes=0)
    assert (len(nothing), nothing.oldest_id) == (0, None)


def test_missing_numbers() -> None:
    rows = Rows(2)
    assert [rows.missing("a", number) for number in (5, 6, 9, 9, 1, 2)] == [0, 0, 2, 0, 0, 0]
    rows.missing("b", 1)
    rows.missing("c", 1)
    assert rows.missing("a", 100) == 0


def test_the_state_of_the_same_run_of_the_kernel_counts() -> None:
    known = state.State("boot", 7, "s=1")
    assert state.parse(known.to_json(), "boot") == known
    assert state.parse(known.to_json(), "other") == state.State("other", None, "s=1")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"[" * 100_000, b'{"boot_id": "boot", "kernel": true, "cursor": 1}'])
def test_a_state_that_cannot_be_read_counts_for_nothing(raw: bytes) -> None:
    assert state.parse(raw, "boot") == state.State("boot")


def test_priorities_have_names() -> None:
    assert len(priority.FACILITIES) == 24
    assert priority.at_least("crit") == {"emerg", "alert", "crit"}
    assert priority.told(b"191") == ("local7", "debug")
    assert priority.told(b"192") is None
    assert priority.priority(192 + 3) == ("unknown", "err")


def test_what_is_shown_is_safe() -> None:
    assert visible(b"a\x1b\xff\xc2\x9b") == "a\\x1b\\xff\\x9b"
    assert shown("a\ud800b\u202e") == "a\\ud800b\\u202e"
    assert shown("schön\tund\ngut") == "schön\tund\ngut"
    assert message(b"\xef\xbb\xbfhello\r\n\0") == "hello"
    assert (word(b"-"), word(b""), word(b"a")) == (None, None, "a")


@given(st.text())
def test_no_text_is_obeyed_by_a_terminal(text: str) -> None:
    for letter in shown(text):
        assert letter in "\t\n" or not (
            ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 or 0x202A <= ord(letter) < 0x202F
        )
