"""resolv.conf as the C library reads it."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_network.resolv import Resolv, parse


def test_servers_domains_and_options_are_read() -> None:
    raw = b"# nameserver 9.9.9.9\nnameserver 192.0.2.1\n\nnameserver fe80::1%eth0 rest\n"
    raw += b"search a b\n; x\noptions edns0 ndots:2\n"
    assert parse(raw) == Resolv(("192.0.2.1", "fe80::1%eth0"), ("a", "b"), ("edns0", "ndots:2"))


def test_of_domain_and_search_the_last_counts() -> None:
    assert parse(b"domain a b\nsearch c d\n").search == ("c", "d")
    assert parse(b"search c d\ndomain a b\n").search == ("a",)


def test_lines_that_say_nothing_are_passed_over() -> None:
    assert parse(b"nameserver\nsortlist 1\n   \nnameserverx 1\n") == Resolv((), (), ())


@given(st.binary())
def test_any_bytes_are_read(raw: bytes) -> None:
    for text in (found for row in parse(raw) for found in row):
        text.encode()
