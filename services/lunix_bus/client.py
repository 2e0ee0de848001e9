"""One client of the server: what it said it is, its subscriptions, and what waits to be sent to it. Pure.

Bytes go in by ``receive`` and come out of ``out``; ``ended`` tells that it must be closed once those are sent.
"""

import json
from typing import Any, NamedTuple

from lunix_bus.access import Rules, User, Vouched
from lunix_bus.accounts import GLOBAL, Entry
from lunix_bus.hub import Hub
from lunix_bus.options import Options
from lunix_bus.parser import NOT_A_SIZE, Parser, Publication, Violation
from lunix_bus.subject import is_pattern, quoted

_EVERYTHING = Rules()


class Origin(NamedTuple):
    """What the connection itself tells."""

    number: int
    host: str
    port: int
    start: str
    """When it was accepted, as RFC 3339 writes it."""
    opened_ns: int
    """The same on a clock that only goes forward."""
    nonce: bytes
    vouched: Vouched | None = None


class Client:
    """A connection, from the moment it was accepted."""

    def __init__(self, hub: Hub, origin: Origin) -> None:
        self.hub, self.origin = hub, origin
        self.options = Options()
        self.account = hub.accounts[GLOBAL]
        self.user: User | None = None
        self.publish_rules = self.subscribe_rules = _EVERYTHING
        self.wire: Any = None
        """What sends ``out``; ours to carry, not to know."""
        self.out: list[bytes] = []
        self.ended: str | None = None
        """Why it is over, for the log."""
        self._pings = 0
        """Sent and not answered yet."""
        self.rtt_ns = 0
        self.awaited = hub.users.required and hub.users.nobody is None
        self._greeted = False
        self._subscriptions: dict[bytes, Entry] = {}
        self._parser = Parser(self, hub.limits.max_control_line)
        if hub.users.nobody is not None:
            self._become(hub.users.nobody)

    def __str__(self) -> str:
        return f"{self.origin.host or 'unix'}:{self.origin.port} - cid:{self.origin.number}"

    def receive(self, data: bytes, now_ns: int = 0) -> None:
        """Take in what was read."""
        self.rtt_ns = self.rtt_ns or max(1, now_ns - self.origin.opened_ns)
        try:
            self._parser.feed(data)
        except Violation as violation:
            self.end(str(violation), violation.told)

    def send(self, *pieces: bytes) -> None:
        """Have something sent."""
        if not self.out:
            self.hub.touched.append(self)
        self.out += pieces

    def error(self, text: str) -> None:
        """Tell the client that something was refused."""
        self.send(f"-ERR '{text}'\r\n".encode("utf-8", "surrogateescape"))

    def end(self, why: str, told: str | None = None) -> None:
        """End it: it hears nothing more, but what was sent before. Idempotent."""
        if self.ended is not None:
            return
        if told:
            self.error(told)
        if told == "Authorization Violation":
            self.hub.log.append(("ERR", f"{self} - authentication error - {why}"))
        self.ended = why
        self.clear()
        self._parser.known.clear()
        if not self.out:
            self.hub.touched.append(self)

    def clear(self) -> None:
        """End all its subscriptions."""
        for entry in list(self._subscriptions.values()):
            self.drop(entry)

    def drop(self, entry: Entry) -> None:
        """End a subscription."""
        self._subscriptions.pop(entry.sid, None)
        self.account.unsubscribe(entry)
        self.hub.stamp += 1

    # --- what the parser calls --------------------------------------------------------------------------------------

    def publication(self, publication: Publication) -> None:
        """Refuse what nobody may send."""
        if publication.has_header and not self.options.headers:
            raise Violation(None, "headers without having said so in CONNECT")
        if publication.size == NOT_A_SIZE or publication.header == NOT_A_SIZE or publication.header > publication.size:
            raise Violation(None, "sizes that make no sense")
        if publication.size > self.hub.limits.max_payload:
            raise Violation("Maximum Payload Violation", f"{publication.size} bytes")

    def publish(self, publication: Publication, body: bytes) -> None:
        """Deliver a message."""
        hub = self.hub
        if publication.stamp != hub.stamp:
            if publication.stamp >= 0:  # so is each other line that is known: what has gone since is let go
                self._parser.known.clear()
            hub.resolve(self, publication)
        if (targets := publication.targets) is None:
            hub.publish(self, publication, body)
            return
        for entry, out, head in targets:
            entry.count += 1  # type: ignore[attr-defined]
            if not out:
                hub.touched.append(entry.client)  # type: ignore[attr-defined]
            out += (head, body)

    def connect(self, options: bytes) -> None:
        """Learn who it is and what it wants."""
        try:
            self.options = self.options.updated(options)
        except ValueError as error:
            raise Violation(None, f"CONNECT with {error}") from error
        self.clear()
        if self.hub.users.required:
            self._authenticate()
        self.awaited = False
        if self.options.account or self.options.new_account:
            raise Violation("Authorization Violation", "asked for an account")
        if self.options.protocol not in (0, 1):
            raise Violation("invalid client protocol")
        if self.options.no_responders and not self.options.headers:
            raise Violation("no responders requires headers support")
        self.hub.stamp += 1
        if self.options.verbose:
            self.send(b"+OK\r\n")

    def _authenticate(self) -> None:
        shown = self.options
        user = self.hub.users.identify(shown, self.origin.nonce, self.origin.vouched)
        if user is None:
            raise Violation("Authorization Violation", quoted((shown.nkey or shown.user or "nobody").encode()))
        self._become(user)

    def _become(self, user: User) -> None:
        self.user, self.account = user, self.hub.accounts[user.account]
        self.publish_rules, self.subscribe_rules = user.publish, user.subscribe

    def subscribe(self, subject: bytes, queue: bytes, sid: bytes) -> None:
        """Subscribe; a number that is taken stays as it is."""
        if not self.subscribe_rules.allows(subject, queue):
            using = f" using queue {quoted(queue)}" if queue else ""
            self.error(f"Permissions Violation for Subscription to {quoted(subject)}{using}")
            text = f"Subscription Violation - Subject {quoted(subject)}, SID {quoted(sid)}"
            self.hub.log.append(("ERR", f"{self} - {text}"))
            return
        if not is_pattern(subject):
            self.error("Invalid Subject")
            return
        if sid not in self._subscriptions:
            self._enter(Entry(subject, self, sid, queue))
        if self.options.verbose:
            self.send(b"+OK\r\n")

    def _enter(self, entry: Entry) -> None:
        self._subscriptions[entry.sid] = entry
        self.account.subscribe(entry)
        self.hub.stamp += 1

    def unsubscribe(self, sid: bytes, most: int) -> None:
        """Unsubscribe, or do so after so many messages."""
        entry = self._subscriptions.get(sid)
        if entry is not None:
            if most > entry.count:
                entry.most = most
                self.hub.stamp += 1
            else:
                self.drop(entry)
        if self.options.verbose:
            self.send(b"+OK\r\n")

    def ping(self) -> None:
        """Answer; after the first one a client of our days is told where it has arrived."""
        self.send(b"PONG\r\n")
        if not self._greeted and self.options.protocol >= 1:
            self.send(self.greeting(connect_info=True, remote_account=self.account.name))
        self._greeted = True

    def probe(self, most: int) -> None:
        """Ask whether it lives; end it where so many of these were not answered."""
        if self._pings >= most:
            self.end("stale", "Stale Connection")
            return
        self._pings += 1
        self.send(b"PING\r\n")

    def pong(self) -> None:
        """Take note that it lives."""
        self._pings = 0

    # --- what it is told and what others are told of it -------------------------------------------------------------

    def greeting(self, **more: object) -> bytes:
        """The line of INFO."""
        known: dict[str, object] = {**self.hub.info, "client_id": self.origin.number}
        if self.origin.host:
            known["client_ip"] = self.origin.host
        if self.origin.nonce:
            known["nonce"] = self.origin.nonce.decode()
        return b"INFO " + json.dumps({**known, **more}, separators=(",", ":")).encode() + b" \r\n"

    def described(self, share: bool) -> dict[str, Any]:
        """Who it is, for those whose service it asks; more than its account where it agreed to ``share``."""
        info: dict[str, Any] = {"acc": self.account.name, "rtt": self.rtt_ns}
        if share:
            options = self.options
            info |= {"server": self.hub.info["server_name"], "start": self.origin.start, "host": self.origin.host}
            info |= {"id": self.origin.number, "user": self.user and (self.user.nkey or self.user.name)}
            info |= {"name": options.name, "lang": options.lang, "ver": options.version}
            info |= {"kind": "Client", "client_type": "nats"}
        return info

    def renew(self) -> None:
        """Take up all that it has in the accounts that the hub has now; end it where it has lost its user."""
        if self.ended is not None:
            return
        subscriptions, self._subscriptions = self._subscriptions, {}
        user = self.user and self.hub.users.again(self.user)
        if user is None and self.hub.users.required and not self.awaited:
            self.end("its user is gone", "Authorization Violation")
            return
        if user is None:
            self.account = self.hub.accounts[GLOBAL]
        else:
            self._become(user)
        for entry in subscriptions.values():
            entry.shadows = []
            if self.subscribe_rules.allows(entry.subject, entry.queue):
                self._enter(entry)
            else:
                self.error(f"Permissions Violation for Subscription to {quoted(entry.subject)}")
