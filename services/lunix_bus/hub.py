"""Where a message goes: through mappings, permissions, subscriptions, queue groups, streams and services.

A line of PUB that comes again finds its way worked out already: its targets are kept until any subscription, account or
permission changes (``stamp``). What is not that simple (a service, a queue group, a limit) goes the long way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from lunix_bus import headers
from lunix_bus.access import Users
from lunix_bus.accounts import REPLY, Account, Entry, Service
from lunix_bus.parser import Publication
from lunix_bus.subject import is_literal, quoted

if TYPE_CHECKING:
    from lunix_bus.client import Client


class Message(NamedTuple):
    """A message on its way; ``body`` is its headers, its payload and the end of the line."""

    client: "Client"
    """Who has published it."""
    subject: bytes
    reply: bytes
    header: int
    body: bytes
    sizes: bytes
    """As ``Publication`` has them."""
    chain: tuple[Service, ...] = ()
    """The services through which it came."""


@dataclass(frozen=True)
class Limits:
    """What nobody may exceed, in bytes and seconds."""

    max_payload: int = 1024 * 1024
    max_control_line: int = 4096
    max_pending: int = 64 * 1024 * 1024
    max_connections: int = 65536
    ping_interval_s: float = 120.0
    ping_max: int = 2
    auth_timeout_s: float = 2.0
    write_deadline_s: float = 10.0


class Hub:
    """What all clients share."""

    def __init__(self, users: Users, accounts: dict[str, Account], limits: Limits, info: Mapping[str, Any]) -> None:
        self.users, self.accounts, self.limits, self.info = users, accounts, limits, info
        self.stamp = 0
        """Grows whenever a message might go another way than before."""
        self.touched: list[Client] = []
        """Who has something to send that was not sent yet."""
        self.log: list[tuple[str, str]] = []
        """Level and text of what a person should know."""
        self._turn = 0

    # --- the short way ----------------------------------------------------------------------------------------------

    def resolve(self, client: "Client", publication: Publication) -> None:
        """Work out where messages of this line go; its ``targets`` stay ``None`` where that differs each time."""
        publication.stamp, publication.targets = self.stamp, None
        options = client.options
        if options.verbose or options.pedantic or publication.reply:
            return
        if not client.publish_rules.allows(subject := client.account.mapped(publication.subject)):
            return
        targets: list[tuple[object, list[bytes], bytes]] = []
        for entry in client.account.entries.match(subject):
            ear = entry.client
            if ear is None or entry.queue or entry.own.most or (publication.header and not ear.options.headers):
                return
            named = entry.stream.named(subject) if entry.stream else subject
            if not (ear is client and not client.options.echo) and not ear.subscribe_rules.denies(named):
                head = _head(publication.header, named, entry.sid, b"", publication.sizes)
                targets.append((entry.own, ear.out, head))
        publication.targets = targets

    # --- the long way -----------------------------------------------------------------------------------------------

    def publish(self, client: "Client", publication: Publication, body: bytes) -> None:
        """Deliver one message with all that may have to be said to its publisher."""
        subject = client.account.mapped(publication.subject)
        if client.options.pedantic and not is_literal(publication.subject):
            client.error("Invalid Publish Subject")
        if not client.publish_rules.allows(subject):
            client.error(f"Permissions Violation for Publish to {quoted(subject)}")
            self.log.append(("ERR", f"{client} - Publish Violation - Subject {quoted(subject)}"))
            return
        reply = publication.reply
        if reply.startswith(REPLY):
            client.error(f"Permissions Violation for Publish with Reply of {quoted(reply)}")
            self.log.append(("ERR", f"{client} - Publish Violation - Reply {quoted(reply)}"))
            return
        if client.options.verbose:
            client.send(b"+OK\r\n")
        message = Message(client, subject, reply, publication.header, body, publication.sizes)
        if not self._route(client.account, message) and reply and client.options.no_responders:
            self._nobody(client, message)

    def _nobody(self, client: "Client", message: Message) -> None:
        for entry in client.account.entries.match(message.reply):
            if entry.client is client:
                block = b"NATS/1.0 503\r\nNats-Subject: " + message.subject + b"\r\n\r\n"
                size = b"%d" % len(block)
                client.send(b"HMSG %b %b %b %b\r\n%b\r\n" % (message.reply, entry.sid, size, size, block))
                return

    def _route(self, account: Account, message: Message) -> bool:
        """Deliver to all of an account, and to one of each queue group; return whether anybody got it."""
        delivered = False
        groups: dict[bytes, list[Entry]] = {}
        for entry in account.entries.match(message.subject):
            # What a service brought in is no part of a stream.
            if message.chain and entry.stream:
                continue
            if entry.queue:
                groups.setdefault(entry.queue, []).append(entry)
            else:
                delivered |= self._hand(account, entry, message)
        for group in groups.values():
            self._turn += 1
            start = self._turn % len(group)
            turns = (*group[start:], *group[:start])
            delivered |= any(self._hand(account, entry, message) for entry in turns)
        return delivered

    def _hand(self, account: Account, entry: Entry, message: Message) -> bool:
        if entry.client is not None:
            return self._deliver(entry, message)
        service = entry.service or account.replies.get(message.subject)
        return service is not None and self._serve(account, service, message)

    def _deliver(self, entry: Entry, message: Message) -> bool:
        ear, own = entry.client, entry.own
        if own.closed or (ear is message.client and not ear.options.echo):
            return False
        named = entry.stream.named(message.subject) if entry.stream else message.subject
        if ear.subscribe_rules.denies(message.subject if entry.queue else named, entry.queue):
            return False
        header, body, sizes = message.header, message.body, message.sizes
        if header and not ear.options.headers:
            header, body, sizes = 0, body[header:], b"%d" % (len(body) - header - 2)
        own.count += 1
        ear.send(_head(header, named, entry.sid, message.reply, sizes), body)
        if own.most and own.count >= own.most:
            ear.drop(own)
        return True

    def _serve(self, account: Account, service: Service, message: Message) -> bool:
        """Take a message over into the account of a service, or an answer back to the one who asked."""
        if any(link.export == service.export for link in message.chain):
            return False
        way = account.await_reply(service, message.reply) if message.reply else b""
        subject = service.account.mapped(service.named(message.subject))
        over = message if service.is_reply else self._introduced(account, service, message)
        over = Message(over.client, subject, way, over.header, over.body, over.sizes, (*message.chain, service))
        delivered = self._route(service.account, over)
        if service.is_reply:
            if not delivered or not service.stream or len(message.body) == 2:
                service.account.forget(message.subject)
        elif way and not delivered:
            account.forget(way)
        return delivered

    def _introduced(self, account: Account, service: Service, message: Message) -> Message:
        """Write into the message who sent it, over whatever its sender wrote there."""
        block, payload, chain = message.body[: message.header], message.body[message.header :], message.chain
        share = chain[-1].share if chain else service.share
        known = headers.read(headers.value(block, headers.REQUEST_INFO)) if chain else None
        if known is None:
            info = message.client.described(share)
        else:
            info = known | {"svc": account.name}
            if not share and service.share:
                info["server"] = self.info["server_name"]
        block = headers.put(block, headers.REQUEST_INFO, headers.written(info))
        sizes = b"%d %d" % (len(block), len(block) + len(payload) - 2)
        return Message(message.client, message.subject, message.reply, len(block), block + payload, sizes, chain)


def _head(header: int, subject: bytes, sid: bytes, reply: bytes, sizes: bytes) -> bytes:
    words = (subject, sid, reply, sizes) if reply else (subject, sid, sizes)
    return (b"HMSG " if header else b"MSG ") + b" ".join(words) + b"\r\n"
