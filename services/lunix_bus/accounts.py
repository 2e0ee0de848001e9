"""Accounts: who hears whom, what one account imports from another, and the way back of an answer.

A subscription reaches into the accounts from which its own one imports streams: it is entered there too, under the
subject that it has there. An imported service is an entry of its own in the importing account. It hands a request over
to the exporting one, under a reply subject that is made for this request and leads back.
"""

import os
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from lunix_bus.subject import covers, is_pattern, meet, transform, wildcards
from lunix_bus.sublist import Sublist

GLOBAL = "$G"
REPLY = b"_R_."
MOST_REPLIES = 2048
"""So many requests of one account may wait for their answers; the oldest is given up for the next."""


class Service:
    """An imported service, or the way back of the answer to one request."""

    __slots__ = ("account", "export", "is_reply", "share", "source", "stream", "target")

    def __init__(self, account: "Account", export: object, source: bytes, target: bytes) -> None:
        self.account = account
        """Where it leads."""
        self.export = export
        """What it imports: a request passes no export twice."""
        self.source, self.target = source, target
        self.share = self.stream = self.is_reply = False

    def named(self, subject: bytes) -> bytes:
        """The subject in the account that it leads to."""
        return self.target if self.is_reply else transform(self.source, self.target, subject)


class Stream:
    """An imported stream: ``source`` in the exporting account is ``target`` here."""

    __slots__ = ("account", "source", "target")

    def __init__(self, account: "Account", source: bytes, target: bytes) -> None:
        self.account, self.source, self.target = account, source, target

    def shadow(self, pattern: bytes) -> bytes | None:
        """What a subscription to ``pattern`` is in the exporting account, ``None`` where it hears nothing of it."""
        common = meet(pattern, self.target)
        return None if common is None else transform(self.target, self.source, common)

    def named(self, subject: bytes) -> bytes:
        """A subject of the exporting account as it is called here."""
        return transform(self.source, self.target, subject)


class Entry:
    """What stands in an account's list: a subscription, its shadow in another account, a service or all replies."""

    __slots__ = ("client", "closed", "count", "most", "own", "queue", "service", "shadows", "sid", "stream", "subject")

    def __init__(self, subject: bytes, client: Any = None, sid: bytes = b"", queue: bytes = b"") -> None:
        self.subject, self.client, self.sid, self.queue = subject, client, sid, queue
        self.own = self
        """The subscription whose shadow it is; that one counts and has a limit."""
        self.count = self.most = 0
        self.closed = False
        self.stream: Stream | None = None
        self.service: Service | None = None
        self.shadows: list[tuple[Account, Entry]] = []


class Account:
    """One account of the configuration."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries: Sublist[Entry] = Sublist()
        self.mappings: list[tuple[bytes, bytes]] = []
        self.streams: list[Stream] = []
        self.replies: dict[bytes, Service] = {}
        """Ways back from here, by the subject of the answer."""
        self.waiting: OrderedDict[bytes, tuple[Account, bytes]] = OrderedDict()
        """Answers that come here: the other account, by the subject there, and the reply subject here."""
        self._prefix = b""

    def mapped(self, subject: bytes) -> bytes:
        """The subject under which a message is published that somebody publishes on ``subject``."""
        for source, target in self.mappings:
            if covers(source, subject):
                return transform(source, target, subject)
        return subject

    def subscribe(self, entry: Entry) -> None:
        """Enter a subscription, here and wherever streams are imported from."""
        self.entries.insert(entry.subject, entry)
        for stream in self.streams:
            subject = stream.shadow(entry.subject)
            if subject is not None:
                shadow = Entry(subject, entry.client, entry.sid, entry.queue)
                shadow.stream, shadow.own = stream, entry
                stream.account.entries.insert(subject, shadow)
                entry.shadows.append((stream.account, shadow))

    def unsubscribe(self, entry: Entry) -> None:
        """The opposite; answers that this one alone would have heard are not waited for any more."""
        entry.closed = True
        self.entries.remove(entry.subject, entry)
        for account, shadow in entry.shadows:
            account.entries.remove(shadow.subject, shadow)
        entry.shadows = []
        plain = entry.subject.partition(b"*")[0].partition(b">")[0]
        waiting = [way for way, (_, reply) in self.waiting.items() if reply.startswith(plain)]
        for way in waiting:
            if not self.entries.match(self.waiting[way][1]):
                self.forget(way)

    def reply_prefix(self, known: bytes = b"") -> bytes:
        """With what the subjects of answers begin here; the first call decides, and hears them from then on."""
        if not self._prefix:
            self._prefix = known or REPLY + os.urandom(3).hex().encode() + b"."
            self.entries.insert(self._prefix + b">", Entry(self._prefix + b">"))
        return self._prefix

    def await_reply(self, service: Service, reply: bytes) -> bytes:
        """Make the way back of the answer to a request through ``service``; return the reply subject there."""
        other = service.account
        subject = other.reply_prefix() + os.urandom(10).hex().encode()
        back = Service(self, service.export, subject, reply)
        back.is_reply, back.share, back.stream = True, service.share, service.stream
        other.replies[subject] = back
        self.waiting[subject] = other, reply
        if len(self.waiting) > MOST_REPLIES:
            self.forget(next(iter(self.waiting)))
        return subject

    def forget(self, subject: bytes) -> None:
        """Give up the way back of an answer that would come from this subject elsewhere; idempotent."""
        found = self.waiting.pop(subject, None)
        if found is not None:
            found[0].replies.pop(subject, None)

    def adopt(self, older: "Account", accounts: Mapping[str, "Account"]) -> None:
        """Take over the answers that an account of the same name waited for before the configuration changed."""
        for subject, (other, reply) in older.waiting.items():
            there, back = accounts.get(other.name), other.replies.get(subject)
            if there is None or back is None:
                continue
            there.reply_prefix(subject[: subject.rindex(b".") + 1])
            back.account = self
            there.replies[subject] = back
            self.waiting[subject] = there, reply


def build(found: Mapping[str, Any]) -> dict[str, Account]:
    """The accounts of a configuration; raise ``ValueError`` for what cannot be, as an import that is not exported."""
    accounts = {name: Account(name) for name in (GLOBAL, *found)}
    for name, one in found.items():
        account = accounts[name]
        for source, target in one.get("mappings", {}).items():
            if not isinstance(target, str):
                raise ValueError(f"a mapping to {target!r}: only one to a single subject is known")
            _check(name, source.encode(), target.encode())
            account.mappings.append((source.encode(), target.encode()))
        for given in one.get("imports", ()):
            _import(accounts, found, account, given)
    return accounts


def _import(accounts: Mapping[str, Account], found: Mapping[str, Any], account: Account, given: Any) -> None:
    kind = "stream" if "stream" in given else "service"
    origin, subject = given[kind]["account"], given[kind]["subject"].encode()
    export = _export(found.get(origin, {}), kind, subject, account.name)
    if export is None:
        raise ValueError(f"{account.name} imports {subject.decode()} from {origin}, which does not export it there")
    here = given["to"].encode() if "to" in given else subject
    _check(account.name, subject, here)
    if kind == "stream":
        account.streams.append(Stream(accounts[origin], subject, here))
        return
    # The exports of one account are told apart by their place in the configuration, which outlives this function.
    service = Service(accounts[origin], (origin, export["service"]), here, subject)
    service.share = bool(given.get("share"))
    service.stream = export.get("response_type", "singleton").lower() != "singleton"
    entry = Entry(here)
    entry.service = service
    account.entries.insert(here, entry)


def _export(origin: Mapping[str, Any], kind: str, subject: bytes, importer: str) -> Any:
    """The export of this subject to this account: of the very subject, or else one that takes it in."""
    exports = [one for one in origin.get("exports", ()) if kind in one]
    exports.sort(key=lambda one: one[kind].encode() != subject)
    for one in exports:
        if covers(one[kind].encode(), subject) and ("accounts" not in one or importer in one["accounts"]):
            return one
    return None


def _check(name: str, one: bytes, other: bytes) -> None:
    if not (is_pattern(one) and is_pattern(other)) or wildcards(one) != wildcards(other):
        raise ValueError(f"{name}: {one.decode()} cannot become {other.decode()}")
