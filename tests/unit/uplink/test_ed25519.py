"""Signatures against RFC 8032's own examples, and against PyNaCl."""

import nkeys
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from lunix_common.access import identities
from lunix_uplink import ed25519

RFC = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
)


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC)
def test_it_signs_as_the_rfc_does(secret: str, public: str, message: str, signature: str) -> None:
    assert ed25519.public(bytes.fromhex(secret)).hex() == public
    assert ed25519.sign(bytes.fromhex(secret), bytes.fromhex(message)).hex() == signature


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
@settings(max_examples=25, deadline=None)
def test_it_signs_as_pynacl_does(secret: bytes, message: bytes) -> None:
    key = SigningKey(secret)
    assert ed25519.public(secret) == bytes(key.verify_key)
    assert ed25519.sign(secret, message) == key.sign(message).signature


def test_a_seed_is_read_and_a_key_written_as_nkeys_does() -> None:
    seed, public = identities.make()
    assert ed25519.encode_public(ed25519.public(ed25519.decode_seed(seed))) == public


@given(st.text(max_size=70))
@settings(deadline=None)
def test_what_is_no_seed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no nkey seed"):
        ed25519.decode_seed(text)


def test_a_seed_of_another_kind_or_with_a_slip_is_refused() -> None:
    account = nkeys.encode_seed(bytes(32), nkeys.PREFIX_BYTE_ACCOUNT).decode()  # pyright: ignore[reportUnknownMemberType]
    seed, _ = identities.make()
    slip = seed[:10] + ("A" if seed[10] != "A" else "B") + seed[11:]
    for text in (account, slip, seed[:-8]):
        with pytest.raises(ValueError, match="no nkey seed"):
            ed25519.decode_seed(text)
