"""A message of twice the length takes twice the time, whatever stands in it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from time import process_time

import pytest

from lunix_log import journal, kmsg, own_lines, syslog
from lunix_log.framing import Deframer

RECEIVED = datetime(2026, 11, 21, tzinfo=UTC)
SMALL, GROWTH = 1 << 16, 16
AT_MOST_S = 10.0
"""For 1 MiB, on a machine that is busy and measured. A quadratic one would take minutes."""

HOSTILE: dict[str, Callable[[int], bytes]] = {
    "brackets": lambda size: b"<13>1 - - - - - " + b"[a " * (size // 3),
    "a value that does not end": lambda size: b'<13>1 - - - - - [a b="' + b"\\" * size,
    "escapes": lambda size: b'<13>1 - - - - - [a b="' + b"\\x" * (size // 2),
    "values": lambda size: b"<13>1 - - - - - [a" + b' b=""' * (size // 5),
    "elements": lambda size: b"<13>1 - - - - - " + b"[a]" * (size // 3),
    "spaces in an element": lambda size: b"<13>1 - - - - - [a" + b" " * size,
    "spaces": lambda size: b"<13>" + b" " * size,
    "digits": lambda size: b"<13>" + b"1" * size,
    "numbers and colons": lambda size: b"<13>" + b"1: " * (size // 3),
    "words and colons": lambda size: b"<13>" + b"a:" * (size // 2),
    "times": lambda size: b"<13>" + b"Nov 21 10:00:00 " * (size // 16),
    "percents": lambda size: b"<13>Nov 21 10:00:00 a " + b"%A-" * (size // 3),
    "a tag that does not end": lambda size: b"<13>Nov 21 10:00:00 " + b"a" * size,
    "a process that does not end": lambda size: b"<13>Nov 21 10:00:00 a b[" + b"1" * size,
    "controls": lambda size: b"<13>" + b"\x1b\xff" * (size // 2),
    "line ends at the end": lambda size: b"<13>" + b"\r\n\0" * (size // 3) + b"x",
}
PARSERS: dict[str, Callable[[bytes], object]] = {
    "local": lambda raw: syslog.parse(raw, RECEIVED, UTC, local=True),
    "remote": lambda raw: syslog.parse(raw, RECEIVED, UTC, local=False),
    "frames": lambda raw: list(Deframer(8192).feed(raw)),
    "frames of digits": lambda raw: list(Deframer(8192).feed(raw.replace(b"<13>", b"1\n"))),
    "kernel": lambda raw: kmsg.parse(b"6,1,1,-;" + raw.replace(b"<13>", b"\n a="), RECEIVED),
    "journal": lambda raw: journal.parse(json.dumps({"__CURSOR": "", "MESSAGE": list(raw)}).encode()),
    "own": lambda raw: own_lines.parse('{"time": "' + raw.decode("latin-1")),
}


def seconds(parse: Callable[[bytes], object], raw: bytes) -> float:
    before = process_time()
    parse(raw)
    return process_time() - before


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
def test_the_time_grows_with_the_length_alone(
    parse: Callable[[bytes], object], hostile: Callable[[int], bytes]
) -> None:
    small = min(seconds(parse, hostile(SMALL)) for _ in range(3))
    large = seconds(parse, hostile(SMALL * GROWTH))
    # What is quadratic would grow 256-fold; below a millisecond the clock measures itself.
    assert large <= max(small, 0.002) * GROWTH * 5
    assert large < AT_MOST_S


def test_a_stream_in_small_pieces_takes_no_longer() -> None:
    deframer = Deframer(8192)
    before = process_time()
    for _ in range(1 << 17):
        assert not list(deframer.feed(b"aaaaaaaa"))
    assert process_time() - before < AT_MOST_S
