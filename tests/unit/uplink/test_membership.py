"""What ``fleet.json`` says, as the command writes it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_cli.fleet import joined
from lunix_cli.fleet.members import Credential
from lunix_common.subjects import Role
from lunix_uplink import membership
from lunix_uplink.settings import Settings

SEEDS = {Role.OBSERVER: "SUA", Role.USER: "SUB"}


def text(url: str = "tls://hub", **more: object) -> bytes:
    credential = json.loads(Credential("machine", "box 1", Role.USER, SEEDS, "PEM").to_json())
    return json.dumps({"url": url, "credential": credential | more}).encode()


def test_it_is_read_as_it_was_written() -> None:
    found = membership.parse(text())
    assert (found.hub, found.prefix, found.authority) == ("tls://hub:4223", "host.box%201", "PEM")
    assert dict(found.seeds) == SEEDS
    assert "SUA" not in repr(found)
    assert [membership.identity(role) for role in SEEDS] == [joined.client(role).name for role in SEEDS]


@pytest.mark.parametrize("url", ["tls://hub:1", "tls://[::1]:7", "tls://10.0.0.1:4223"])
def test_an_address_stays_what_it_is(url: str) -> None:
    assert membership.parse(text(url)).hub == url


@pytest.mark.parametrize("url", ["nats://hub", "tls://", "tls://hub:x", "tls://[", "hub"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(ValueError, match=membership.NAME):
        membership.parse(text(url))


json_values: Any = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


def described(credential: object) -> object:
    return {"url": "tls://h", "credential": credential}


@given(json_values | st.builds(described, json_values))
def test_what_makes_no_sense_is_told(found: object) -> None:
    with pytest.raises(ValueError, match=membership.NAME):
        membership.parse(json.dumps(found).encode())


def test_settings_hold_subjects_and_nothing_else() -> None:
    assert Settings(events=["a.*.>", ">", "x"]).events == ["a.*.>", ">", "x"]
    for wrong in ("", "a b", "a..b", ">.a", "a.>.b", "a\r\nPUB", "a*"):
        with pytest.raises(ValueError, match="no subject"):
            Settings(requests=[wrong])
