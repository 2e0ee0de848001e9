"""What the kernel tells of a process at its exit, and the program that lets only some of it through."""

import errno
import os
import struct
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_init import taskstats
from lunix_init.taskstats import Peak, RefusedError

STATS_BYTES = 424


def attribute(kind: int, value: bytes) -> bytes:
    whole = struct.pack("=HH", 4 + len(value), kind) + value
    return whole + bytes(-len(whole) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def exit_of(
    pid: int = 7, parent: int = 1, kib: int = 100, *, last: bool = True, aligned: bool = False, size: int = STATS_BYTES
) -> bytes:
    """A message as the kernel writes it; `aligned`: on a machine that cannot read 64 bits anywhere."""
    stats = bytearray(STATS_BYTES)
    stats[8] = 0x20 if last else 0
    struct.pack_into("=II", stats, 128, pid + 100, parent)
    struct.pack_into("=Q", stats, 200, kib)
    struct.pack_into("=I", stats, 368, pid)
    padding = attribute(6, b"") if aligned else b""
    inner = attribute(1, struct.pack("=I", pid + 100)) + padding + attribute(3, bytes(stats[:size]))
    return message(31, struct.pack("=BBH", 2, 1, 0) + attribute(4, inner))


def passes(program: tuple[taskstats.Instruction, ...], data: bytes) -> bool:
    """Run the program as the kernel would: it reads in the network's order, and drops what is too short."""
    at = accumulator = 0
    sizes = {0x20: 4, 0x28: 2, 0x30: 1}
    while True:
        code, jump_true, jump_false, k = program[at]
        at += 1
        if code in sizes:
            if k + sizes[code] > len(data):
                return False
            accumulator = int.from_bytes(data[k : k + sizes[code]], "big")
        elif code == 0x06:
            return bool(k)
        else:
            true = accumulator == k if code == 0x15 else accumulator & k
            at += jump_true if true else jump_false


@pytest.mark.parametrize("aligned", [False, True])
def test_a_peak_is_that_of_the_whole_process(aligned: bool) -> None:
    assert taskstats.peak(exit_of(pid=7, kib=100, aligned=aligned)) == Peak(7, 102400)


@pytest.mark.parametrize(
    "data", [b"", exit_of(kib=0), exit_of(size=368), message(31, bytes(4) + attribute(9, b"abcd"))]
)
def test_what_tells_no_peak_is_none(data: bytes) -> None:
    assert taskstats.peak(data) is None


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize(("parent", "last", "through"), [(1, True, True), (2, True, False), (1, False, False)])
def test_only_the_last_thread_of_our_own_children_comes_through(
    aligned: bool, parent: int, last: bool, through: bool
) -> None:
    data = exit_of(parent=parent, last=last, aligned=aligned)
    assert passes(taskstats.peak_filter(1), data) is through


@given(st.integers(1, 1 << 22), st.integers(1, 1 << 22), st.booleans(), st.booleans())
def test_the_program_passes_the_children_of_any_parent_and_of_no_other(
    parent: int, other: int, last: bool, aligned: bool
) -> None:
    data = exit_of(parent=other, last=last, aligned=aligned)
    assert passes(taskstats.peak_filter(parent), data) == (last and parent == other)


@given(st.binary(max_size=700))
def test_noise_tells_nothing_and_breaks_nothing(data: bytes) -> None:
    taskstats.peak(data)
    passes(taskstats.peak_filter(1), data)
    for read in (taskstats.family, taskstats.check):
        with suppress(RefusedError):
            read(data)


@given(st.data())
def test_a_message_that_is_cut_or_changed_breaks_nothing(data: st.DataObject) -> None:
    whole = bytearray(exit_of())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, 60))] = data.draw(st.integers(0, 255))
    found = taskstats.peak(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    assert found is None or found.memory_bytes > 0


def test_the_family_is_found_among_what_the_kernel_tells_of_it() -> None:
    body = struct.pack("=BBH", 1, 2, 0) + attribute(2, b"TASKSTATS\0") + attribute(1, struct.pack("=H", 31))
    assert taskstats.family(message(16, body)) == 31


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (message(2, struct.pack("=i", -errno.ENOENT) + bytes(16)), errno.ENOENT),
        (message(16, struct.pack("=BBH", 1, 2, 0)), 0),
        (b"short", 0),
    ],
)
def test_a_refusal_is_an_errno(answer: bytes, number: int) -> None:
    with pytest.raises(RefusedError) as caught:
        taskstats.family(answer)
    assert caught.value.errno == number


def test_an_acknowledgement_is_no_refusal() -> None:
    taskstats.check(message(2, bytes(20)))


def test_requests_carry_their_lengths() -> None:
    for request in (taskstats.family_request(), taskstats.listen_request(31, "0-127")):
        assert int.from_bytes(request[:4], sys.byteorder) == len(request)
        assert len(request) % 4 == 0
    assert b"0-127\0" in taskstats.listen_request(31, "0-127")


def test_our_own_pid_is_a_parent_like_any_other() -> None:
    assert passes(taskstats.peak_filter(os.getpid()), exit_of(parent=os.getpid()))
