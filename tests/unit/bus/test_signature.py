"""Nonces that were signed with an nkey, by PyNaCl."""

import json
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import nkeys
import pytest

from lunix_bus.signature import verify
from lunix_common.access import identities


def test_a_signature_is_checked(tmp_path: Path) -> None:
    public = identities.ensure(tmp_path / "keys", ["a", "b"])
    pair: Any = nkeys.from_seed((tmp_path / "keys" / "a.nk").read_bytes().strip())
    signature = pair.sign(b"nonce")
    for text in (urlsafe_b64encode(signature).decode().rstrip("="), b64encode(signature).decode()):
        assert verify(public["a"], text, b"nonce")
        assert not verify(public["a"], text, b"other")
        assert not verify(public["b"], text, b"nonce")
    for key, text in ((public["a"], "x"), (public["a"], "é"), ("U", "AAAA"), ("", ""), ("ü", "")):
        assert not verify(key, text, b"nonce")


def test_without_pynacl_nobody_has_signed_and_names_are_the_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("nacl", "nacl.signing", "nacl.exceptions"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    assert not verify("UA", "x", b"nonce")
    monkeypatch.setattr(identities, "find_spec", lambda _name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert identities.ensure(tmp_path / "keys", ["a"]) == {"a": "a"}
    assert json.loads((tmp_path / "keys" / "public.json").read_bytes()) == {"a": "a"}
    assert not (tmp_path / "keys" / "a.nk").exists()
