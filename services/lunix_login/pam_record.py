"""What the helper of PAM sends: variables of its environment, each ``NAME=value`` and a zero byte. pam_exec(8)."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from lunix_login.sessions import Sighting
from lunix_login.words import clean, terminal

MOST_BYTES = 8192


class Malformed(ValueError):
    """No message of the helper."""


class Began(NamedTuple):
    """A session was opened."""

    sighting: Sighting


class Ended(NamedTuple):
    """A session was closed."""

    key: str


class Refused(NamedTuple):
    """Nobody vouched for who wanted to log in."""

    user: str
    service: str | None
    tty: str | None
    remote_host: str | None


def parse(datagram: bytes, now: datetime) -> Began | Ended | Refused:
    """The fact in a message; raise ``Malformed``."""
    if len(datagram) > MOST_BYTES or not datagram.endswith(b"\0"):
        raise Malformed(f"{len(datagram)} bytes are no message of the helper")
    pairs = [piece.partition(b"=") for piece in datagram[:-1].split(b"\0")]
    told = {name.decode("ascii", "replace"): value for name, _equals, value in pairs}
    kind = told.get("PAM_TYPE", b"")
    if kind == b"auth":
        return Refused(
            clean(told.get("PAM_USER")) or "",
            clean(told.get("PAM_SERVICE")),
            terminal(told.get("PAM_TTY")),
            clean(told.get("PAM_RHOST")),
        )
    leader = _number(told, "LEADER")
    if kind not in (b"open_session", b"close_session") or leader is None or "PAM_USER" not in told:
        raise Malformed(f"PAM_TYPE {kind!r} with {sorted(told)[:20]} tells nothing")
    # A program may hold several sessions in one process, each of another user.
    key = f"{leader}:{clean(told['PAM_USER'])}"
    return Ended(key) if kind == b"close_session" else Began(_sighting(told, key, leader, now))


def _sighting(told: Mapping[str, bytes], key: str, leader: int, now: datetime) -> Sighting:
    return Sighting(
        source="pam",
        key=key,
        user=clean(told["PAM_USER"]) or "",
        uid=_number(told, "UID"),
        service=clean(told.get("PAM_SERVICE")),
        tty=terminal(told.get("PAM_TTY")),
        remote_host=clean(told.get("PAM_RHOST")),
        seat=clean(told.get("XDG_SEAT")),
        type=clean(told.get("XDG_SESSION_TYPE")),
        kind=clean(told.get("XDG_SESSION_CLASS")),
        leader_pid=leader,
        logind_id=clean(told.get("XDG_SESSION_ID")),
        at=now,
    )


def _number(told: Mapping[str, bytes], name: str) -> int | None:
    text = told.get(name, b"")
    return int(text) if text.isdigit() and len(text) <= 10 else None
