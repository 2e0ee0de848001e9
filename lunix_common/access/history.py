"""The account that keeps a machine's events, where its own nats-server is asked to: plain data in and out.

    LUNIX ── events, their least role before the subject ──> HISTORY: a stream a role ── reads ──> who has that role

So whoever hears an event finds it again, and nobody else does. What needs a grant is not kept, and neither bridges nor
who may use some subjects alone read: a reader of a stream names what it wants where the server cannot look.
Streams: https://docs.nats.io/nats-concepts/jetstream/streams.
"""

from collections.abc import Iterable
from typing import Any

from lunix_common.access.accounts import DAEMONS
from lunix_common.access.roles import Client
from lunix_common.role import RANKED, up_to
from lunix_common.subjects import Kind, Table

ACCOUNT = "HISTORY"
KEEPER = "history"
"""The identity that makes the streams."""
SETTING = "jetstream"
"""The server's setting by which it keeps anything."""
INDEX = "index"
"""The stream that tells each role what it may read."""
WHAT = "history.machines"
"""Where a reader asks for that."""
_GET = "$JS.API.DIRECT.GET"


def add(accounts: dict[str, Any], table: Table, clients: Iterable[Client], key: str) -> dict[str, Any]:
    """The accounts with the one that keeps; ``key`` is the public key of who makes its streams."""
    kept = {row.wildcard: row.role for row in table if row.kind is Kind.EVENT and row.role in RANKED}
    for export in accounts[DAEMONS]["exports"]:
        if export.get("stream") in kept:
            export["accounts"].append(ACCOUNT)
    readers = [client for client in clients if client.only is None and not client.bridge]
    for client in readers:
        own = {f"{INDEX}.{INDEX}.{client.role}": WHAT} | {str(one): f"history.of.{one}" for one in up_to(client.role)}
        account = accounts[client.account]
        account["imports"] += [
            {"service": {"account": ACCOUNT, "subject": f"{_GET}.{stream}"}, "to": to} for stream, to in own.items()
        ]
        account["users"][0]["permissions"]["publish"]["allow"] += own.values()
    permissions = {
        "publish": {"allow": ["$JS.API.STREAM.>", f"{INDEX}.>"]},
        "subscribe": {"allow": ["_INBOX.>"]},
    }
    keeping = {
        "jetstream": "enabled",
        "users": [{"nkey": key, "allowed_connection_types": ["STANDARD"], "permissions": permissions}],
        "imports": [
            {"stream": {"account": DAEMONS, "subject": subject}, "prefix": str(role)} for subject, role in kept.items()
        ],
        "exports": _exports(readers),
    }
    return {**accounts, ACCOUNT: keeping}


def _exports(readers: Iterable[Client]) -> list[dict[str, Any]]:
    allowed: dict[str, list[str]] = {}
    for client in readers:
        for stream in (f"{INDEX}.{INDEX}.{client.role}", *up_to(client.role)):
            allowed.setdefault(str(stream), []).append(client.account)
    return [
        {"service": f"{_GET}.{stream}", "response_type": "stream", "accounts": names}
        for stream, names in allowed.items()
    ]
