"""``lunix request``: ask and print the answer, indented on a terminal and as one line of JSON for programs."""

import asyncio
import json
import sys
from argparse import Namespace
from typing import Any

from lunix_cli.client import ask, payload, visit
from lunix_cli.literal import checked
from lunix_common.errors import UsageError
from lunix_common.journal import safe


def run(arguments: Namespace) -> int:
    """Print the answer; raise ``RequestError`` where it is an error, ``TimeoutError`` where there was none."""
    if arguments.timeout <= 0:
        raise UsageError(f"--timeout {arguments.timeout:g}: a request needs some time")
    answer = asyncio.run(_request(arguments, checked(arguments.subject), payload(arguments.payload)))
    print(pretty(answer) if sys.stdout.isatty() else json.dumps(answer))
    return 0


async def _request(arguments: Namespace, subject: str, data: bytes) -> Any:
    async with visit(arguments, "request") as visiting:
        return await ask(visiting, subject, data, arguments.timeout)


def pretty(answer: Any) -> str:
    """JSON for a person's eyes; what a terminal would obey is escaped."""
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    return "\n".join(safe(line) for line in text.split("\n"))
