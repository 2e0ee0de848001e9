"""What PAM's helper sends, and what the helper makes of its environment."""

import os
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_login import pam_helper
from lunix_login.pam_record import Began, Ended, Malformed, Refused, parse

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OPEN = {
    "PAM_TYPE": "open_session", "PAM_USER": "ada", "PAM_SERVICE": "sshd", "PAM_TTY": "ssh", "PAM_RHOST": "192.0.2.7",
    "XDG_SESSION_ID": "4", "XDG_SESSION_TYPE": "tty", "XDG_SESSION_CLASS": "user", "LEADER": "812", "UID": "1000",
}  # fmt: skip


def sent(told: dict[str, str]) -> bytes:
    return b"".join(f"{name}={value}\0".encode() for name, value in told.items())


def test_a_session_is_opened() -> None:
    fact = parse(sent(OPEN), NOW)
    assert isinstance(fact, Began)
    one = fact.sighting
    assert (one.source, one.key, one.user, one.uid, one.service) == ("pam", "812:ada", "ada", 1000, "sshd")
    assert (one.tty, one.remote_host, one.leader_pid, one.logind_id) == (None, "192.0.2.7", 812, "4")
    assert (one.type, one.kind, one.seat, one.at) == ("tty", "user", None, NOW)


def test_a_session_is_closed() -> None:
    assert parse(sent(OPEN | {"PAM_TYPE": "close_session"}), NOW) == Ended("812:ada")


def test_a_login_is_refused() -> None:
    told = {"PAM_TYPE": "auth", "PAM_USER": "hunter2", "PAM_SERVICE": "login", "PAM_TTY": "/dev/tty1"}
    assert parse(sent(told), NOW) == Refused("hunter2", "login", "tty1", None)
    assert parse(sent({"PAM_TYPE": "auth"}), NOW) == Refused("", None, None, None)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\0",
        b"PAM_TYPE=auth",
        sent(OPEN | {"PAM_TYPE": "account"}),
        sent(OPEN | {"LEADER": "x"}),
        sent(OPEN | {"LEADER": "1" * 11}),
        sent({"PAM_TYPE": "open_session", "LEADER": "1"}),
        b"PAM_TYPE=auth" + b"\0" * 9000,
    ],
)
def test_what_is_none_is_refused(datagram: bytes) -> None:
    with pytest.raises(Malformed):
        parse(datagram, NOW)


@given(st.binary(max_size=200), st.sampled_from([b"auth", b"open_session", b"close_session"]))
def test_no_message_is_too_strange(rest: bytes, kind: bytes) -> None:
    for datagram in (rest, b"PAM_TYPE=%s\0LEADER=7\0PAM_USER=%s\0" % (kind, rest.replace(b"\0", b""))):
        with suppress(Malformed):
            parse(datagram, NOW)


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith(("PAM_", "XDG_SESSION"))]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_the_helper_sends_what_the_daemon_reads(environ: pytest.MonkeyPatch) -> None:
    for name, value in {"PAM_TYPE": "open_session", "PAM_USER": "root", "PAM_SERVICE": "su"}.items():
        environ.setenv(name, value)
    fact = parse(pam_helper.message(), NOW)
    assert isinstance(fact, Began)
    assert (fact.sighting.user, fact.sighting.uid, fact.sighting.leader_pid) == ("root", 0, os.getppid())


def test_an_unknown_user_has_no_number(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("PAM_TYPE", "open_session")
    environ.setenv("PAM_USER", "nobody-at-all")
    fact = parse(pam_helper.message(), NOW)
    assert isinstance(fact, Began)
    assert fact.sighting.uid is None


def test_a_long_environment_is_cut(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("PAM_TYPE", "auth")
    environ.setenv("PAM_USER", "x" * 100_000)
    environ.setenv("PAM_RHOST", "y" * 100_000)
    fact = parse(pam_helper.message(), NOW)
    assert isinstance(fact, Refused)
    assert len(fact.user) == len(fact.remote_host or "") == 256
