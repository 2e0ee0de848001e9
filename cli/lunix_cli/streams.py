"""The streams of a nats-server that keeps a history: made, changed and removed by an identity that may nothing else.

Requests: https://docs.nats.io/reference/reference-protocols/nats_api_reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lunix_cli import server_requests
from lunix_common.access import history
from lunix_common.bus.options import BusOptions
from lunix_common.bus.session import Session

NO_BOUND = 1 << 60
"""What bounds a history are its streams: the server's bound, a part of the free disk, would refuse what is there."""


@dataclass(frozen=True)
class Bounds:
    """How much is kept, where nothing else is said."""

    max_bytes: int = 1_000_000_000
    """Of all streams together; each has the same share."""
    max_age_s: int = 30 * 86_400


def setting(folder: str) -> dict[str, Any]:
    """What the server's configuration says besides, to keep them in this folder."""
    return {history.SETTING: {"store_dir": folder, "max_file_store": NO_BOUND}}


def configurations(subjects: Mapping[str, str], bounds: Bounds) -> dict[str, dict[str, Any]]:
    """The streams, by name: of each the subjects, before which stands a role that it takes away; and their index."""
    index = history.INDEX
    found = {index: _plain(index, f"{index}.*") | {"max_msgs_per_subject": 1}}
    for name, subject in subjects.items():
        found[name] = _plain(name, subject) | {
            "max_bytes": max(1, bounds.max_bytes // len(subjects)),
            "max_age": bounds.max_age_s * 1_000_000_000,
            "no_ack": True,  # nobody else's subject is answered on
            "subject_transform": {"src": f"{subject.partition('.')[0]}.>", "dest": ">"},
        }
    return found


def _plain(name: str, subject: str) -> dict[str, Any]:
    return {
        "name": name,
        "subjects": [subject],
        "retention": "limits",
        "discard": "old",
        "storage": "file",
        "num_replicas": 1,
        "allow_direct": True,
    }


async def settle(where: BusOptions, wanted: Mapping[str, dict[str, Any]], told: Mapping[str, dict[str, Any]]) -> None:
    """Have the ``wanted`` streams, by name, and no others, and the messages ``told`` in them, by subject.

    Raises ``OSError``, ``RequestError`` or ``ValueError``.
    """
    session = Session(where, "lunix-history", lambda _number: None)
    try:
        await session.open()
        there = await _names(session)
        # In this order: what is given up makes room for what comes.
        for name in sorted(there - wanted.keys()):
            await server_requests.ask(session, f"$JS.API.STREAM.DELETE.{name}", {})
        for name in sorted(wanted, key=lambda one: one not in there):
            verb = "UPDATE" if name in there else "CREATE"
            await server_requests.ask(session, f"$JS.API.STREAM.{verb}.{name}", wanted[name])
        for subject, message in told.items():
            await server_requests.ask(session, subject, message)
    finally:
        await session.close()


async def _names(session: Session) -> set[str]:
    found: set[str] = set()
    while True:
        page = await server_requests.ask(session, "$JS.API.STREAM.NAMES", {"offset": len(found)})
        names = {str(name) for name in page.get("streams") or ()}
        found |= names
        if not names or len(found) >= page["total"]:
            return found
