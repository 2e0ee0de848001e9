"""``lunix pub``: one message, and the error where the server refuses it, or where nobody is there who could take it."""

import asyncio
import time
from argparse import Namespace

from nats.aio.msg import Msg

from lunix_cli.client import Visit, payload, visit
from lunix_cli.literal import checked
from lunix_common.bus.errors import RequestError
from lunix_common.errors import UsageError

HEARD_BY_CHANCE = "user"
"""What people tell each other below it may be heard by nobody."""


def run(arguments: Namespace) -> int:
    """Publish and return when the server has it; raise what went wrong."""
    asyncio.run(_publish(arguments, checked(arguments.subject), payload(arguments.payload)))
    return 0


async def _publish(arguments: Namespace, subject: str, data: bytes) -> None:
    async with visit(arguments, "pub") as visiting:
        try:
            alone = await _sent(visiting, subject, data)
        except ValueError as error:
            raise UsageError(str(error)) from error
        visiting.check()
    if alone and (who := _missing(subject)):
        raise RequestError(503, f"nobody takes {subject}: {who}")


async def _sent(visiting: Visit, subject: str, data: bytes) -> bool:
    """Publish, and return whether the server said that nobody was there.

    It says so where answers have somewhere to go to; answers themselves are not waited for.
    """
    session, alone = visiting.session, asyncio.Event()

    async def told(message: Msg) -> None:
        if (message.headers or {}).get("Status") == "503":
            alone.set()

    inbox = ""
    if subject.partition(".")[0] != HEARD_BY_CHANCE:
        # A daemon's identity may hear no inbox but its own.
        inbox = f"_INBOX.{visiting.options.identity}.{time.time_ns():x}"
        await session.subscribe(inbox, told)
    await session.publish(subject, data, reply=inbox)
    # The server tells a refusal, and that nobody was there, before it answers the PING of a flush. Another task takes
    # that in, and has had its turn when a second one is answered.
    await session.flush()
    await session.flush()
    return alone.is_set()


def _missing(subject: str) -> str:
    """Who should be there for a command or a way out of the machine; empty for what nobody has to hear."""
    # Imported here: a command that works does not pay for the table.
    from lunix_cli import declared
    from lunix_common.subjects import Kind

    row = declared.table().find(subject)
    if row is None:
        return "that machine is not there" if subject.startswith("host.") else ""
    runs = row.kind is not Kind.EVENT or row.senders
    return f"{row.daemon} does not run; `lunix status` tells why" if runs else ""
