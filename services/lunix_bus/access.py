"""Who a client is and what it may do: users, their accounts and permissions, and the check of what a client shows.

Names are those of nats-server's configuration: https://docs.nats.io/running-a-nats-service/configuration.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from lunix_bus.accounts import GLOBAL
from lunix_bus.options import Options
from lunix_bus.subject import covers

CACHED = 1024
Rule = tuple[bytes, bytes]
"""A pattern of subjects and, for subscriptions, a pattern of queue groups or nothing."""


@dataclass
class Rules:
    """What is allowed, ``None`` for everything, and what of it is not.

    A subscription to a pattern is allowed where one to any of its subjects is: ``a.*`` takes in the subscription
    ``a.*``, and ``>`` all of them.
    """

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
        matching = [group for pattern, group in self.deny if covers(pattern, subject)]
        return b"" in matching or bool(queue and any(covers(group, queue) for group in matching))


def _allowed(rules: Iterable[Rule], subject: bytes, queue: bytes) -> bool:
    matching = [group for pattern, group in rules if covers(pattern, subject)]
    groups = [group for group in matching if group]
    if queue and groups:
        return any(covers(group, queue) for group in groups)
    return b"" in matching


@dataclass(frozen=True)
class User:
    """Somebody who may connect."""

    account: str
    name: str = ""
    password: str = ""
    nkey: str = ""
    publish: Rules = field(default_factory=Rules)
    subscribe: Rules = field(default_factory=Rules)


Vouched = Callable[[str], bool]
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
        self._token = token
        self._identities = identities or {}
        self._verify = verify
        self.required = bool(self._named or self._keyed or token)
        """Whether one has to show something at all; ``identify`` finds nobody where not."""
        self.signs = bool(self._keyed)
        """Whether somebody has a key and so needs a nonce."""
        self.nobody = self._named.get(nobody)
        """Who one is that shows nothing."""

    def identify(self, shown: Options, nonce: bytes = b"", vouched: Vouched | None = None) -> User | None:
        """Who this is, ``None`` for somebody who may not connect; ``nonce`` is what a key has to have signed."""
        if shown.nkey:
            user = self._keyed.get(shown.nkey)
            return user if user and self._verify(shown.nkey, shown.sig, nonce) else None
        if vouched and shown.user and vouched(shown.user):
            return self._keyed.get(self._identities.get(shown.user, shown.user))
        if self._token:
            return User(GLOBAL) if _same(self._token, shown.auth_token) else None
        if not (shown.user or shown.password or shown.auth_token):
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
    given = cast("dict[str, Any]", found) if isinstance(found, dict) else {"allow": found}
    allow = given.get("allow")
    return Rules(None if allow is None else _rules(allow), _rules(given.get("deny", ())))


def _rules(found: str | Iterable[str]) -> tuple[Rule, ...]:
    texts = [found] if isinstance(found, str) else found
    parts = [text.encode().partition(b" ") for text in texts]
    return tuple((subject, queue.strip()) for subject, _, queue in parts)
