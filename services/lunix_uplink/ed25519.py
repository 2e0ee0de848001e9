"""Signatures by an nkey without PyNaCl, which is too big for a device: Ed25519 of RFC 8032, and how NATS writes keys.

One signature is made for each connection, in some milliseconds. The time that it takes depends on the key, as in the
RFC's own Python: nobody can measure it closely enough who sees one signature for each connection.

https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth
"""

from base64 import b32decode, b32encode
from binascii import crc_hqx
from hashlib import sha512

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SEED_PREFIX, _USER_PREFIX = 18 << 3, 20 << 3
_SEED_BYTES = 36

_Point = tuple[int, int, int, int]
"""X, Y, Z and T with x = X/Z, y = Y/Z and xy = T/Z, as of section 5.1.4."""


def _add(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


_Y = 4 * pow(5, -1, _P) % _P
_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE: _Point = _X, _Y, 1, _X * _Y % _P


def _times_base(number: int) -> bytes:
    """The base point so many times, as 32 bytes."""
    found: _Point = 0, 1, 1, 0
    step = _BASE
    while number:
        if number & 1:
            found = _add(found, step)
        step = _add(step, step)
        number >>= 1
    inverse = pow(found[2], -1, _P)
    x, y = found[0] * inverse % _P, found[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _expanded(secret: bytes) -> tuple[int, bytes]:
    digest = sha512(secret).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    return scalar, digest[32:]


def public(secret: bytes) -> bytes:
    """The public key that belongs to 32 secret bytes."""
    return _times_base(_expanded(secret)[0])


def sign(secret: bytes, message: bytes) -> bytes:
    """The signature of a message: 64 bytes."""
    scalar, prefix = _expanded(secret)
    nonce = int.from_bytes(sha512(prefix + message).digest(), "little") % _ORDER
    point = _times_base(nonce)
    challenge = int.from_bytes(sha512(point + _times_base(scalar) + message).digest(), "little") % _ORDER
    return point + ((nonce + challenge * scalar) % _ORDER).to_bytes(32, "little")


def decode_seed(text: str) -> bytes:
    """The secret bytes in a user's seed, ``SU…``; raise ``ValueError`` for what is none."""
    try:
        raw = b32decode(text + "=" * (-len(text) % 8))
    except ValueError as error:
        raise ValueError("that is no nkey seed") from error
    kind = (raw[0] & 0xF8, (raw[0] & 7) << 5 | raw[1] >> 3) if len(raw) == _SEED_BYTES else (0, 0)
    if kind != (_SEED_PREFIX, _USER_PREFIX) or crc_hqx(raw[:-2], 0).to_bytes(2, "little") != raw[-2:]:
        raise ValueError("that is no nkey seed of a user")
    return raw[2:34]


def encode_public(key: bytes) -> str:
    """A user's public key as NATS writes it, ``U…``."""
    raw = bytes([_USER_PREFIX]) + key
    return b32encode(raw + crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("=")
