"""The bytes of X11, and which display it is; the display itself is in tests/desktop."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_x11 import display, greeting, wire
from lunix_x11.wire import Monitor, Rect, Refused, Truncated

# --- the greeting -----------------------------------------------------------------------------------------------------

_MASKS = (0xFF0000, 0xFF00, 0xFF)


def a_visual(id_: int, kind: int = 4, masks: tuple[int, int, int] = _MASKS) -> bytes:
    return struct.pack("<IBBHIIIxxxx", id_, kind, 8, 256, *masks)


def a_screen(root: int, root_visual: int, depths: dict[int, list[bytes]]) -> bytes:
    head = struct.pack("<IIIIIHHHHHHIBBBB", root, 0, 0, 0, 0, 800, 600, 0, 0, 1, 1, root_visual, 0, 0, 24, len(depths))
    body = b"".join(
        struct.pack("<BxHxxxx", depth, len(visuals)) + b"".join(visuals) for depth, visuals in depths.items()
    )
    return head + body


def a_greeting(*screens: bytes, order: int = 0, vendor: bytes = b"Tests") -> bytes:
    head = struct.pack(
        "<IIIIHHBBBBBBBBxxxx", 1, 0x200000, 0x1FFFFF, 0, len(vendor), 65535, len(screens), 1, order, 0, 32, 32, 8, 255
    )
    return head + vendor.ljust(len(vendor) + -len(vendor) % 4, b"\0") + bytes(8) + b"".join(screens)


ACCEPTED = struct.pack("<BxHHH", 1, 11, 0, 0)
USUAL = a_screen(0x10, 0x21, {24: [a_visual(0x20, masks=(1, 2, 3)), a_visual(0x21)], 32: [a_visual(0x40)]})


def test_a_greeting_tells_the_root_and_both_kinds_of_colour() -> None:
    setup = greeting.parse_setup(ACCEPTED, a_greeting(USUAL), 0)
    assert (setup.root, setup.size, setup.max_request_bytes) == (0x10, (800, 600), 262140)
    assert (setup.opaque.id, setup.translucent and setup.translucent.id, setup.root_visual) == (0x21, 0x40, 0x21)


def test_the_screen_that_is_asked_for_is_taken() -> None:
    other = a_screen(0x11, 0x31, {24: [a_visual(0x30)]})
    setup = greeting.parse_setup(ACCEPTED, a_greeting(USUAL, other), 1)
    assert (setup.root, setup.opaque.id, setup.translucent) == (0x11, 0x30, None)


@pytest.mark.parametrize(
    ("head", "rest", "why"),
    [
        (b"\0\x07" + bytes(6), b"No keys", "No keys"),
        (b"\2" + bytes(7), b"more, please\0", "more, please"),
        (b"\0\0" + bytes(6), b"", "no reason given"),
        (ACCEPTED, b"", "malformed"),
        (ACCEPTED, a_greeting(USUAL)[:-30], "malformed"),
        (ACCEPTED, a_greeting(USUAL, order=1), "most significant"),
        (ACCEPTED, a_greeting(), "no screen 0"),
        (ACCEPTED, a_greeting(a_screen(1, 2, {8: [a_visual(2, kind=3)]})), "24 bits"),
    ],
)
def test_a_display_that_cannot_be_used_is_refused_with_the_reason(head: bytes, rest: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        greeting.parse_setup(head, rest, 0)


@given(st.binary(max_size=300), st.integers(0, 3))
def test_any_greeting_is_read_or_refused(rest: bytes, screen: int) -> None:
    with suppress(Refused):
        greeting.parse_setup(ACCEPTED, rest, screen)


def test_the_first_bytes_carry_the_key() -> None:
    hello = greeting.hello(b"MIT-MAGIC-COOKIE-1", b"0123456789abcdef")
    assert hello[:1] == b"l"
    assert len(hello) == 12 + 20 + 16
    assert greeting.setup_size(struct.pack("<BxHHH", 1, 11, 0, 5)) == 20


# --- requests and answers ---------------------------------------------------------------------------------------------

REQUESTS = [
    wire.create_window(1, 2, Rect(-1, 2, 3, 4), wire.Visual(5, 24), {wire.EVENT_MASK: 6, wire.OVERRIDE_REDIRECT: 1}),
    wire.change_window(1, {wire.BACK_PIXMAP: 2}),
    wire.destroy_window(1),
    wire.map_window(1),
    wire.unmap_window(1),
    wire.place_window(1, Rect(-5, 6, 7, 8)),
    wire.intern_atom("_NET_WM_NAME"),
    wire.atom_name(1),
    wire.set_property(1, 2, 3, b"bytes"),
    wire.set_property(1, 2, 3, [4, 5]),
    wire.get_property(1, 2, 400),
    wire.selection_owner(1),
    wire.query_pointer(1),
    wire.create_pixmap(1, 2, 3, 4, 24),
    wire.free_pixmap(1),
    wire.create_gc(1, 2),
    wire.clear_area(1),
    wire.create_colormap(1, 2, 3),
    wire.query_extension("RANDR"),
    wire.shape(128, 1, 2, [Rect(0, 0, 5, 5)]),
    wire.xfixes_version(129),
    wire.xfixes_select(129, 1, 2),
    wire.randr_version(130),
    wire.randr_select(130, 1),
    wire.randr_monitors(130, 1),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: str(request[0]))
def test_a_request_says_how_long_it_is(request_: bytes) -> None:
    assert struct.unpack_from("<H", request_, 2)[0] * 4 == len(request_)


def test_values_follow_in_the_order_of_their_bits() -> None:
    request = wire.change_window(1, {wire.EVENT_MASK: 7, wire.BACK_PIXMAP: 9})
    assert struct.unpack("<IIII", request[4:]) == (1, wire.EVENT_MASK | wire.BACK_PIXMAP, 9, 7)


def test_a_large_picture_goes_in_strips() -> None:
    pixels = bytes(range(256)) * 64  # 64 x 64 pixels
    strips = list(wire.put_image(1, 2, memoryview(pixels), 64, 24, 24 + 64 * 4 * 10))
    assert len(strips) == 7
    assert [struct.unpack_from("<h", strip, 18)[0] for strip in strips] == [0, 10, 20, 30, 40, 50, 60]
    assert b"".join(strip[24:] for strip in strips) == pixels


def a_packet(kind: int, sequence: int = 7, body: bytes = b"", extra: bytes = b"", detail: int = 0) -> bytearray:
    head = struct.pack("<BBHI", kind, detail, sequence, len(extra) // 4)
    return bytearray((head + body).ljust(32, b"\0") + extra)


def test_packets_are_cut_one_by_one() -> None:
    buffer = a_packet(1, 5, extra=b"12345678") + a_packet(0, 6) + a_packet(0x84, 7)
    assert [wire.take(buffer)[:2] for _ in range(3)] == [(1, 5), (0, 6), (4, 7)]
    with pytest.raises(Truncated):
        wire.take(buffer)


def test_a_packet_that_is_not_whole_stays() -> None:
    buffer = a_packet(1, extra=b"12345678")
    rest = buffer[36:]
    del buffer[36:]
    with pytest.raises(Truncated):
        wire.take(buffer)
    buffer += rest
    assert wire.take(buffer).data[32:] == b"12345678"


def test_a_reply_of_gigabytes_is_refused() -> None:
    with pytest.raises(Refused):
        wire.take(bytearray(struct.pack("<BBHI", 1, 0, 1, 2**30).ljust(32, b"\0")))


def test_answers_are_read() -> None:
    assert wire.number(bytes(a_packet(1, body=struct.pack("<I", 77)))) == 77
    assert wire.extension(bytes(a_packet(1, body=bytes([1, 130, 90, 0])))) == (130, 90)
    assert wire.extension(bytes(a_packet(1, body=bytes([0, 130, 90, 0])))) is None
    assert wire.name(bytes(a_packet(1, body=struct.pack("<H", 4), extra=b"DP-1"))) == "DP-1"
    assert wire.pointer(bytes(a_packet(1, body=struct.pack("<IIhh", 1, 2, -3, 4)))) == (-3, 4)
    text = bytes(a_packet(1, detail=8, body=struct.pack("<III", 31, 0, 3), extra=b"abc\0"))
    assert (wire.property_bytes(text), wire.property_numbers(text)) == (b"abc", ())
    numbers = bytes(a_packet(1, detail=32, body=struct.pack("<III", 6, 0, 9), extra=struct.pack("<II", 5, 6)))
    assert (wire.property_bytes(numbers), wire.property_numbers(numbers)) == (b"", (5, 6))


def a_monitor(atom: int, primary: int, *place: int, outputs: int = 1) -> bytes:
    return struct.pack("<IBxHhhHHII", atom, primary, outputs, *place, 500, 300) + bytes(4 * outputs)


def test_monitors_are_read_and_those_without_an_area_left_out() -> None:
    extra = (
        a_monitor(1, 0, 0, 0, 800, 600) + a_monitor(2, 1, 800, 0, 1024, 768, outputs=2) + a_monitor(3, 0, 0, 0, 0, 0)
    )
    reply = bytes(a_packet(1, body=struct.pack("<III", 0, 4, 0), extra=extra))  # it promises a fourth
    one = bytes(a_packet(1, body=struct.pack("<III", 0, 1, 0), extra=extra[:28]))
    assert [monitor.atom for monitor in wire.monitors(one)] == [1]
    assert wire.monitors(reply) == [
        Monitor(1, primary=False, place=Rect(0, 0, 800, 600)),
        Monitor(2, primary=True, place=Rect(800, 0, 1024, 768)),
    ]


def test_events_are_read() -> None:
    press = bytes(a_packet(4, detail=1))[:4] + struct.pack("<IIIIhhhhHBx", 99, 1, 0x55, 0, 500, 600, 10, -2, 0, 1)
    assert wire.pointer_event(press) == (1, 99, 0x55, 10, -2)
    changed = struct.pack("<BxHII", 28, 1, 0x10, 39).ljust(32, b"\0")
    assert wire.property_event(changed) == (0x10, 39)
    error = struct.pack("<BBHIHB", 0, 3, 1, 0x1234, 0, 8).ljust(32, b"\0")
    assert wire.error_text(error) == "error 3 of request 8.0, value 0x1234"


# --- the display ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "host", "number", "screen"),
    [(":0", "", 0, 0), (":1.2", "", 1, 2), ("unix:0", "", 0, 0), ("far:10.0", "far", 10, 0), ("[::1]:0", "::1", 0, 0)],
)
def test_a_display_is_named(text: str, host: str, number: int, screen: int) -> None:
    assert display.parse(text) == display.Display(host, number, screen)
    assert str(display.parse(text)) == f"{host}:{number}.{screen}"


@pytest.mark.parametrize("text", ["", "0", ":", ":x", "a/b:0", ":999999", "::0:"])
def test_what_names_no_display_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no display"):
        display.parse(text)


def an_entry(family: int, address: bytes, number: bytes, name: bytes = display.COOKIE, data: bytes = b"key") -> bytes:
    parts = b"".join(struct.pack(">H", len(part)) + part for part in (address, number, name, data))
    return struct.pack(">H", family) + parts


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (an_entry(256, b"here", b"0"), True),
        (an_entry(256, b"here", b""), True),
        (an_entry(65535, b"", b"0"), True),
        (an_entry(256, b"elsewhere", b"0"), False),
        (an_entry(256, b"here", b"1"), False),
        (an_entry(256, b"here", b"0", name=b"XDM-AUTHORIZATION-1"), False),
        (an_entry(6, b"here", b"0"), False),
    ],
)
def test_the_key_of_this_display_is_found(entry: bytes, found: bool) -> None:
    authority = an_entry(256, b"elsewhere", b"9", data=b"other") + entry
    assert display.cookie(authority, display.parse(":0"), "here") == ((display.COOKIE, b"key") if found else (b"", b""))


def test_the_key_of_another_host_is_found() -> None:
    authority = an_entry(0, b"far", b"0")
    assert display.cookie(authority, display.parse("far:0"), "here") == (display.COOKIE, b"key")


@given(st.binary())
def test_any_authority_file_can_be_read(authority: bytes) -> None:
    display.cookie(authority, display.parse(":0"), "here")
    display.cookie(an_entry(256, b"here", b"1")[:-1] + authority, display.parse(":0"), "here")


@pytest.mark.parametrize(
    ("resources", "scale"),
    [
        ("", 1.0),
        ("Xft.dpi:\t192\n", 2.0),
        ("a: b\nXft.dpi: 144\nXft.hinting: 1", 1.5),
        ("Xft.dpi: 9999", 4.0),
        ("Xft.dpi: 1", 0.5),
        ("Xft.dpi: none", 1.0),
    ],
)
def test_the_scale_is_that_of_the_resources(resources: str, scale: float) -> None:
    assert display.scale_of(resources) == scale
