"""``lunix pub``: one message, and the error where the server refuses it."""

import asyncio
from argparse import Namespace

from lunix_cli.client import payload, visit
from lunix_cli.literal import checked
from lunix_common.errors import UsageError


def run(arguments: Namespace) -> int:
    """Publish and return when the server has it; raise what went wrong."""
    asyncio.run(_publish(arguments, checked(arguments.subject), payload(arguments.payload)))
    return 0


async def _publish(arguments: Namespace, subject: str, data: bytes) -> None:
    async with visit(arguments, "pub") as visiting:
        try:
            await visiting.session.publish(subject, data)
        except ValueError as error:
            raise UsageError(str(error)) from error
        # The server tells a refusal before it answers the PING of the flush.
        await visiting.session.flush()
        visiting.check()
