"""Messages of the process connector: what the kernel sent is read, what it never sends is refused."""

import signal
import struct
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_ps import proc_event
from lunix_ps.proc_event import Acknowledged, Began, Ended, Instruction, Malformed, Outcome

ACK, FORK, EXEC, COMM, EXIT = 0, 1, 2, 0x200, 0x8000_0000
EXEC_OF_TRUE = bytes.fromhex(
    "4c0000000300000000000000000000000100000001000000070000000000000028000000"
    "0200000001000000ebcadf7bdf040000281f0000281f000000000000000000000000000000000000"
)
"""As a kernel 6.18 sent it."""


def message(what: int, *data: int, time_ns: int = 5, ack: int = 0, kind: int = 3, index: int = 1) -> bytes:
    body = struct.pack("=IIQ6I", what, 1, time_ns, *data, *[0] * (6 - len(data)))
    connector = struct.pack("=IIIIHH", index, 1, 9, ack, len(body), 0)
    return struct.pack("=IHHII", 16 + 20 + len(body), kind, 0, 0, 0) + connector + body


def run_filter(data: bytes, program: Sequence[Instruction] = proc_event.FILTER) -> int:
    """What the kernel's interpreter of classic BPF does with these few instructions."""
    accumulator = index = at = 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        match code:
            case 0x20:
                accumulator = int.from_bytes(data[operand : operand + 4], "big")
            case 0x07:
                index = accumulator
            case 0x15 | 0x1D:
                at += if_true if accumulator == (operand if code == 0x15 else index) else if_false
            case _:
                assert code == 0x06
                return operand


def test_an_exec_as_the_kernel_sent_it_is_read() -> None:
    assert proc_event.parse(EXEC_OF_TRUE) == Began(pid=0x1F28, time_ns=0x04DF7BDFCAEB)


def test_an_exit_tells_parent_and_status() -> None:
    ended = proc_event.parse(message(EXIT, 7, 7, 9, 17, 4, 3, time_ns=11))
    assert ended == Ended(pid=7, ppid=3, status=9, time_ns=11)


def test_an_exit_of_an_old_kernel_has_no_parent() -> None:
    assert proc_event.parse(message(EXIT, 7, 7, 256, 17)) == Ended(7, None, 256, 5)


@pytest.mark.parametrize("what", [EXEC, EXIT])
def test_a_thread_is_no_process(what: int) -> None:
    assert proc_event.parse(message(what, 8, 7)) is None


@pytest.mark.parametrize("what", [FORK, COMM, 4, 0x40, 0x80, 0x100, 0x4000_0000, 0xFFFF])
def test_other_events_say_nothing(what: int) -> None:
    assert proc_event.parse(message(what, 7, 7)) is None


@given(st.integers(0, 2**32 - 2))
def test_an_acknowledgement_names_the_request(nonce: int) -> None:
    sent = proc_event.request(proc_event.LISTEN, 77, nonce)
    assert struct.unpack("=IHHII", sent[:16])[::4] == (len(sent), 77)
    (asked,) = struct.unpack_from("=I", sent, 28)
    assert proc_event.parse(message(ACK, 1, ack=asked + 1)) == Acknowledged(nonce, 1)


def test_a_request_says_what_it_wants() -> None:
    assert [proc_event.request(what, 0, 0)[-4:] for what in (1, 2)] == [struct.pack("=I", n) for n in (1, 2)]


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        message(EXEC, 7, 7)[:-1],
        message(EXEC, 7, 7, kind=2),
        message(EXEC, 7, 7, index=2),
        b"\xff\xff" + message(EXEC, 7, 7)[2:],
        message(EXEC, 7, 7)[:32] + b"\xff\x00" + message(EXEC, 7, 7)[34:],
        message(EXEC, 7, 7)[:32] + b"\x04\x00" + message(EXEC, 7, 7)[34:],
    ],
)
def test_what_is_no_message_of_the_connector_is_refused(datagram: bytes) -> None:
    with pytest.raises(Malformed):
        proc_event.parse(datagram)


def test_what_a_later_kernel_appends_is_passed_over() -> None:
    longer = message(EXEC, 7, 7) + bytes(8)
    longer = struct.pack("=I", len(longer)) + longer[4:32] + struct.pack("=H", 48) + longer[34:]
    assert proc_event.parse(longer) == Began(7, 5)


@given(st.binary(max_size=128))
def test_no_bytes_do_more_than_being_refused(data: bytes) -> None:
    try:
        proc_event.parse(data)
    except Malformed:
        return


@given(st.sampled_from([ACK, FORK, EXEC, COMM, EXIT]), st.integers(0, 3), st.integers(0, 3))
def test_the_filter_lets_through_what_is_read_and_nothing_else(what: int, pid: int, tgid: int) -> None:
    data = message(what, pid, tgid)
    through = run_filter(data) != 0
    wanted = proc_event.parse(data) is not None
    # No kernel runs a program in a thread that is not the first: the filter does not look.
    assert through == (wanted or what == EXEC)


@pytest.mark.parametrize("what", [ACK, FORK, EXEC, COMM, EXIT])
def test_until_the_request_is_acknowledged_nothing_else_comes_through(what: int) -> None:
    assert (run_filter(message(what, 7, 7), proc_event.ACKNOWLEDGEMENTS) != 0) == (what == ACK)


def test_a_status_tells_code_signal_and_core() -> None:
    assert proc_event.outcome(0) == Outcome(0, None, core_dumped=False)
    assert proc_event.outcome(3 << 8) == Outcome(3, None, core_dumped=False)
    assert proc_event.outcome(9) == Outcome(None, "SIGKILL", core_dumped=False)
    assert proc_event.outcome(11 | 0x80) == Outcome(None, "SIGSEGV", core_dumped=True)


def test_signals_without_a_name_of_their_own_are_counted() -> None:
    assert proc_event.signal_name(signal.SIGRTMIN + 2) == "SIGRTMIN+2"
    assert proc_event.signal_name(33) == "signal 33"


def test_the_filter_is_for_the_order_of_bytes_of_this_machine() -> None:
    loaded = int.from_bytes((2).to_bytes(4, sys.byteorder), "big")
    assert proc_event.FILTER[2].operand == loaded
