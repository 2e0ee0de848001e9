"""The account that keeps a machine's events, where its own nats-server is asked to: plain data in and out.

    LUNIX ── events, their least role before the subject ──> HISTORY: a stream a role ── reads ──> who has that role

So whoever hears an event finds it again, and nobody else does. What needs a grant is not kept, and neither bridges nor
who may use some subjects alone read: a reader of a stream names what it wants where the server cannot look.
Streams: https://docs.nats.io/nats-concepts/jetstream/streams.
"""

from collections.abc import Iterable, Mapping
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
OF = "history.of."
"""Before the name of what is kept: where a reader asks for it."""
_GET = "$JS.API.DIRECT.GET"


def add(accounts: dict[str, Any], table: Table, clients: Iterable[Client], key: str) -> dict[str, Any]:
    """The accounts with the one that keeps; ``key`` is the public key of who makes its streams."""
    kept = {row.wildcard: row.role for row in table if row.kind is Kind.EVENT and row.role in RANKED}
    for export in accounts[DAEMONS]["exports"]:
        if export.get("stream") in kept:
            export["accounts"].append(ACCOUNT)
    readers: dict[str, list[str]] = {}
    for client in clients:
        if client.only is None and not client.bridge:
            own = {index_of(client.role): WHAT} | {str(one): f"{OF}{one}" for one in up_to(client.role)}
            accounts[client.account]["imports"] += offered(own)
            accounts[client.account]["users"][0]["permissions"]["publish"]["allow"] += own.values()
            for stream in own:
                readers.setdefault(stream, []).append(client.account)
    imports = [{"stream": {"account": DAEMONS, "subject": one}, "prefix": str(role)} for one, role in kept.items()]
    return {**accounts, ACCOUNT: keeping(key, imports, readers)}


def index_of(reader: str) -> str:
    """What of the index is for this one, as a stream is named to read it."""
    return f"{INDEX}.{INDEX}.{reader}"


def offered(streams: Mapping[str, str]) -> list[dict[str, Any]]:
    """What an account imports to read ``streams``, each on the subject that stands beside it."""
    subjects = {f"{_GET}.{stream}": to for stream, to in streams.items()}
    return [{"service": {"account": ACCOUNT, "subject": one}, "to": to} for one, to in subjects.items()]


def keeping(key: str, imports: Iterable[Mapping[str, Any]], readers: Mapping[str, list[str]]) -> dict[str, Any]:
    """The account that keeps what it imports: its one user makes the streams, and ``readers`` are those of each.

    A stream without a reader must not be named: an empty list would open it to every account.
    """
    permissions = {"publish": {"allow": ["$JS.API.STREAM.>", f"{INDEX}.>"]}, "subscribe": {"allow": ["_INBOX.>"]}}
    user = {"nkey": key, "allowed_connection_types": ["STANDARD"], "permissions": permissions}
    gets = {f"{_GET}.{stream}": names for stream, names in readers.items()}
    exports = [{"service": one, "response_type": "stream", "accounts": names} for one, names in gets.items()]
    return {"jetstream": "enabled", "users": [user], "imports": [*imports], "exports": exports}
