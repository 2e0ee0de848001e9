"""Who a client is and what it may do: users, their accounts and permissions, and the check of what a client shows.

Names are those of nats-server's configuration: https://docs.nats.io/running-a-nats-service/configuration.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from lunix_bus.subject import ANY, REST

CACHED = 4096
Rule = tuple[bytes, bytes]
"""A pattern of subjects and, for subscriptions, a pattern of queue groups or nothing."""


def _takes(pattern: bytes, subject: bytes) -> bool:
    """Whether the pattern takes in a subject, of which ``*`` and ``>`` are tokens like others.

    So a subscription to a pattern is allowed where one to any of its subjects is; as in nats-server, ``a.*`` does take
    in the subscription ``a.*`` and ``>`` all of them.
    """
    wide, narrow = pattern.split(b"."), subject.split(b".")
    for index, own in enumerate(wide):
        if own == REST:
            return len(narrow) > index
        if index >= len(narrow) or own not in (ANY, narrow[index]) or (own == ANY and narrow[index] == REST):
            return False
    return len(wide) == len(narrow)


@dataclass
class Rules:
    """What is allowed, ``None`` for everything, and what of it is not."""

    allow: tuple[Rule, ...] | None = None
    deny: tuple[Rule, ...] = ()
    _known: dict[tuple[bytes, bytes], bool] = field(default_factory=dict[tuple[bytes, bytes], bool])

    def allows(self, subject: bytes, queue: bytes = b"") -> bool:
        """Whether one may publish or subscribe to it."""
        key = subject, queue
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= CACHED:
                self._known.clear()
            allowed = self.allow is None or _allowed(self.allow, subject, queue)
            found = self._known[key] = allowed and not self.denies(subject, queue)
        return found

    def denies(self, subject: bytes, queue: bytes = b"") -> bool:
        """Whether a message on this subject is kept from a subscriber."""
        matching = [group for pattern, group in self.deny if _takes(pattern, subject)]
        return b"" in matching or bool(queue and any(_takes_group(group, queue) for group in matching))


def _allowed(rules: Iterable[Rule], subject: bytes, queue: bytes) -> bool:
    matching = [group for pattern, group in rules if _takes(pattern, subject)]
    groups = [group for group in matching if group]
    if queue and groups:
        return any(_takes_group(group, queue) for group in groups)
    return b"" in matching


def _takes_group(pattern: bytes, group: bytes) -> bool:
    return pattern == group or _takes(pattern, group)


@dataclass(frozen=True)
class User:
    """Somebody who may connect."""

    account: str
    name: str = ""
    password: str = ""
    nkey: str = ""
    publish: Rules = field(default_factory=Rules)
    subscribe: Rules = field(default_factory=Rules)


@dataclass(frozen=True)
class Credentials:
    """What a client shows in its CONNECT, and what its connection tells of it."""

    user: str = ""
    password: str = ""
    token: str = ""
    nkey: str = ""
    signature: str = ""
    nonce: bytes = b""
    vouched: Callable[[str], bool] | None = None
    """Whether the kernel's word on the other end of a unix socket makes this identity its own."""


class Users:
    """Everybody who may connect. ``verify(nkey, signature, nonce)`` checks what was signed with a key."""

    def __init__(
        self,
        users: Iterable[User] = (),
        *,
        token: str = "",
        nobody: str = "",
        identities: Mapping[str, str] | None = None,
        verify: Callable[[str, str, bytes], bool],
    ) -> None:
        """``nobody`` is who those are that show nothing; ``identities`` are the nkeys of the names of people."""
        self._named = {user.name: user for user in users if user.name}
        self._keyed = {user.nkey: user for user in users if user.nkey}
        self._token, self._nobody = token, nobody
        self._identities = identities or {}
        self._verify = verify
        self.required = bool(self._named or self._keyed or token)
        """Whether one has to show something at all; ``identify`` finds nobody where not."""

    @property
    def signs(self) -> bool:
        """Whether somebody has a key and so needs a nonce."""
        return bool(self._keyed)

    @property
    def nobody(self) -> User | None:
        """Who one is that shows nothing."""
        return self._named.get(self._nobody)

    def identify(self, shown: Credentials) -> User | None:
        """Who this is, ``None`` for somebody who may not connect."""
        if shown.nkey:
            user = self._keyed.get(shown.nkey)
            return user if user and self._verify(shown.nkey, shown.signature, shown.nonce) else None
        if shown.vouched and shown.user and shown.vouched(shown.user):
            return self._keyed.get(self._identities.get(shown.user, shown.user))
        if self._token:
            return User("$G") if _same(self._token, shown.token) else None
        if not (shown.user or shown.password or shown.token):
            return self.nobody
        user = self._named.get(shown.user)
        return user if user and user.password and _same(user.password, shown.password) else None

    def again(self, user: User) -> User | None:
        """The user of the same name or key, as it may be after the configuration was read again."""
        if user.nkey:
            return self._keyed.get(user.nkey)
        return self._named.get(user.name) if user.name else user


def _same(one: str, other: str) -> bool:
    import hmac  # brings OpenSSL, 4 MB: only where somebody has a password

    return hmac.compare_digest(one.encode(), other.encode("utf-8", "replace"))


def rules(found: Any) -> Rules:
    """Rules from a configuration: ``"a.b"``, ``["a.b", "c.> group"]`` or ``{"allow": …, "deny": …}``."""
    if found is None:
        return Rules()
    given = cast("dict[str, Any]", found) if isinstance(found, dict) else {"allow": found}
    allow = given.get("allow")
    return Rules(None if allow is None else _rules(allow), _rules(given.get("deny", ())))


def _rules(found: str | Iterable[str]) -> tuple[Rule, ...]:
    made: list[Rule] = []
    for text in [found] if isinstance(found, str) else found:
        subject, _, queue = text.partition(" ")
        made.append((subject.encode(), queue.strip().encode()))
    return tuple(made)
