"""Who may come in, by the head of the request."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_websocket.door import Door, Place, Refused, bracketed, is_origin, place, secret

DOOR = Door("127.0.0.1", 5869, ["https://lunix.example", "http://box.lan:8080"])


@pytest.mark.parametrize(
    "host", ["127.0.0.1:5869", "localhost:5869", "LOCALHOST:5869", "[::1]:5869", "lunix.example", "box.lan:8080"]
)
def test_our_names_are_let_in(host: str) -> None:
    DOOR.check("GET", [host], [])


@pytest.mark.parametrize(
    "hosts",
    [[], [""], ["evil.example:5869"], ["127.0.0.1"], ["127.0.0.1:80"], ["localhost.evil.example:5869"],
     ["127.0.0.1:5869", "evil.example"], ["127.0.0.1:5869@evil.example"], [" 127.0.0.1:5869"]],
)  # fmt: skip
def test_a_foreign_host_is_refused_as_in_dns_rebinding(hosts: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        DOOR.check("GET", hosts, [])
    assert caught.value.status == 421


@pytest.mark.parametrize("origin", ["http://127.0.0.1:5869", "http://localhost:5869", "https://lunix.example"])
def test_our_own_page_is_let_in(origin: str) -> None:
    DOOR.check("GET", ["127.0.0.1:5869"], [origin])


@pytest.mark.parametrize(
    "origins",
    [[""], ["null"], ["http://evil.example"], ["https://127.0.0.1:5869"], ["http://127.0.0.1:5870"],
     ["http://127.0.0.1:5869.evil.example"], ["http://127.0.0.1:5869", "http://127.0.0.1:5869"], ["file://"]],
)  # fmt: skip
def test_a_foreign_origin_is_refused(origins: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        DOOR.check("GET", ["127.0.0.1:5869"], origins)
    assert caught.value.status == 403


@given(st.text(), st.text())
def test_nothing_but_our_names_passes(host: str, origin: str) -> None:
    try:
        DOOR.check("GET", [host], [origin])
    except Refused:
        return
    assert host.lower() in DOOR.hosts
    assert origin.lower() in DOOR.origins


def test_nothing_but_get_is_taken() -> None:
    with pytest.raises(Refused, match="POST"):
        DOOR.check("POST", ["127.0.0.1:5869"], [])


def test_with_an_address_of_its_own_loopback_is_no_name_of_it() -> None:
    door = Door("fd00::1", 443, tls=True)
    assert door.origins == {"https://[fd00::1]:443"}
    assert bracketed("10.0.0.1") == "10.0.0.1"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/bus", Place("bus")),
        ("/bus?x=1", Place("bus")),
        ("/sub/hardware.usb.*", Place("sub", "hardware.usb.*")),
        ("/sub/hardware.%3E", Place("sub", "hardware.>")),
        ("/sub/process.exit.python3%252E11", Place("sub", "process.exit.python3%2E11")),
        ("/pub/toast.in", Place("pub", "toast.in")),
        ("/", Place("file", "/")),
        ("/../../etc/passwd", Place("file", "/../../etc/passwd")),
    ],
)
def test_paths(target: str, expected: Place) -> None:
    assert place(target) == expected


@pytest.mark.parametrize("target", ["/sub/", "/sub/a b", "/sub/a%20b", "/pub/a..b", "/sub/a%0d%0ab", "/sub/%ff%00"])
def test_a_path_that_names_no_subject_is_refused(target: str) -> None:
    with pytest.raises(Refused) as caught:
        place(target)
    assert caught.value.status == 400


@given(st.text())
def test_any_path_is_a_place_or_refused(target: str) -> None:
    with suppress(Refused):
        assert place(target).kind in ("bus", "sub", "pub", "file")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [([], None), (["Bearer abc"], "abc"), (["bearer  abc "], "abc"), (["Basic OnRva2Vu"], "token")],
)
def test_the_secret(shown: list[str], expected: str | None) -> None:
    assert secret(shown) == expected


@pytest.mark.parametrize("shown", [["abc"], ["Bearer"], ["Basic !"], ["Digest x"], ["Bearer a", "Bearer b"], [""]])
def test_a_header_without_a_secret_is_refused(shown: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        secret(shown)
    assert caught.value.status == 401


@pytest.mark.parametrize(
    ("text", "expected"),
    [("https://a.example", True), ("http://a:80", True), ("https://a/", False), ("ftp://a", False), ("a", False)],
)
def test_what_an_origin_is(text: str, expected: bool) -> None:
    assert is_origin(text) is expected
