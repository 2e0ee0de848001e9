"""The check of a nonce that was signed with an nkey: Ed25519, which the standard library lacks.

A key is written as base32 of a byte for its kind, 32 bytes of the key and a checksum of two:
https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth.
"""

from base64 import b32decode, b64decode


def verify(nkey: str, signature: str, nonce: bytes) -> bool:
    """Whether this key has signed the nonce; never where PyNaCl is not installed."""
    try:
        from nacl.exceptions import CryptoError
        from nacl.signing import VerifyKey
    except ImportError:
        return False
    try:
        raw = b32decode(nkey + "=" * (-len(nkey) % 8))[1:33]
        # Clients write it with either of the two alphabets, and mostly without padding.
        signed = b64decode(signature.replace("-", "+").replace("_", "/") + "=" * (-len(signature) % 4), validate=True)
        VerifyKey(raw).verify(nonce, signed)
    except (CryptoError, TypeError, ValueError):
        return False
    return True
