"""Addresses as inet_ntop(3) writes them."""

import socket

from hypothesis import example, given
from hypothesis import strategies as st

from lunix_network.ip_text import ip_text

GROUPS = st.lists(st.sampled_from([0, 0, 0, 1, 0xFFFF, 0xAB0]) | st.integers(0, 0xFFFF), min_size=8, max_size=8)


@given(st.binary(min_size=4, max_size=4))
def test_of_four_bytes(raw: bytes) -> None:
    assert ip_text(raw) == socket.inet_ntop(socket.AF_INET, raw)


@given(GROUPS)
@example([0] * 8)
@example([0, 0, 0, 0, 0, 0, 0, 1])
@example([0, 0, 0, 0, 0, 0xFFFF, 0xC000, 0x201])
@example([0, 0, 0, 0, 0, 0, 0xC000, 0x201])
@example([1, 0, 2, 0, 3, 0, 4, 0])
@example([1, 0, 0, 2, 0, 0, 3, 4])
def test_of_sixteen_bytes(groups: list[int]) -> None:
    raw = b"".join(group.to_bytes(2, "big") for group in groups)
    assert ip_text(raw) == socket.inet_ntop(socket.AF_INET6, raw)
