r"""Payloads of ``login.*``: who comes and goes. Bytes of names that are no UTF-8 are written as ``\xNN``."""

from typing import Literal

from pydantic import Field

from lunix_common.schemas.common import Model, Page, PageRequest, Time

Source = Literal["pam", "logind", "utmp"]
"""Who told: a program that logs people in, by PAM; systemd-logind; or the files ``utmp`` and ``btmp``."""


class Session(Model):
    """A session that is open, as it was when it was told first."""

    id: str
    """``logind:4``, ``pam:2174`` or ``utmp:tty1:812``: as the one called it who told it first."""
    user: str
    uid: int | None = None
    service: str | None = None
    """The program that let the person in: ``sshd``, ``login``, ``su``."""
    tty: str | None = None
    """Without ``/dev/``: ``tty1``, ``pts/0``."""
    remote_host: str | None = None
    """Where the person is: a name or an address, as the program says. Nobody vouches for it."""
    seat: str | None = None
    type: str | None = None
    """``tty``, ``x11``, ``wayland``, ``mir`` or ``unspecified``, where logind knows."""
    kind: str | None = None
    """logind's class: ``user``, ``greeter``, ``lock-screen``, ``background``, ``manager``."""
    leader_pid: int | None = None
    """The process with which it ends."""
    opened_at: Time
    source: Source


class Opened(Session):
    """A session that was opened."""

    resync: bool = False
    """It was found when what there is was read again: its beginning had not been told."""


class Closed(Session):
    """A session that is over."""

    closed_at: Time
    resync: bool = False


class Failed(Model):
    """A login that was refused."""

    service: str | None = None
    tty: str | None = None
    remote_host: str | None = None
    failed_at: Time
    source: Source


class FailedName(Failed):
    """The same, with what was typed as the name. People type their password there at times."""

    user: str


class ListRequest(PageRequest):
    """Filters for ``login.list``."""

    user: str | None = Field(default=None, max_length=256)


class SessionList(Page):
    """The answer to ``login.list``, the oldest first."""

    items: list[Session]
