"""``lunix sub``: messages as they arrive, for people or, with ``--json``, for programs."""

import asyncio
import json
import sys
from argparse import Namespace
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from lunix_cli import declared, hints, terminal
from lunix_cli.client import Visit
from lunix_cli.literal import checked
from lunix_cli.show import line
from lunix_cli.stream import messages
from lunix_common.bus.connection import Msg
from lunix_common.errors import UsageError
from lunix_common.journal import safe


def run(arguments: Namespace) -> int:
    """Show until ``--count`` messages came, or for ever."""
    if arguments.count is not None and arguments.count < 1:
        raise UsageError(f"--count {arguments.count}: give a number above 0")
    subjects = [checked(subject, wildcards=True) for subject in arguments.subject]
    table = declared.table()
    for subject in subjects:
        if doubt := hints.unknown(subject, table):
            _say(f"{subject}: {doubt}")
    asyncio.run(_show(arguments, subjects))
    return 0


async def _show(arguments: Namespace, subjects: list[str]) -> None:
    left = arguments.count
    # Requests and answers of others with our role pass through its account as well: only who asks for them sees them.
    inner = any(subject.startswith(("_", "$")) for subject in subjects)
    arrivals = messages(lambda: Visit(arguments, "sub"), subjects, _say, patient=False)
    async with aclosing(arrivals) as stream:
        async for moment, message in stream:
            if message.subject.startswith(("_INBOX.", "_R_.")) and not inner:
                continue
            _print(arguments, message, moment)
            if left is not None:
                left -= 1
                if not left:
                    return


def _say(text: str) -> None:
    sys.stderr.write(f"lunix: {text}\n")
    sys.stderr.flush()


def _print(arguments: Namespace, message: Msg, moment: datetime) -> None:
    if arguments.json:
        print(json.dumps(as_object(message.subject, message.data, message.headers or {}, moment)), flush=True)
        return
    colour = terminal.colour(sys.stdout)
    print(line(message.subject, message.data, moment, colour=colour), flush=not arguments.headers)
    if arguments.headers:
        for name, value in (message.headers or {}).items():
            print(terminal.painted(f"    {safe(name)}: {safe(value)}", terminal.DIM))
        sys.stdout.flush()


def as_object(subject: str, data: bytes, headers: dict[str, str], moment: datetime) -> dict[str, Any]:
    """What ``--json`` prints: the payload decoded, or as ``text`` where it is not JSON."""
    time = moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    head: dict[str, Any] = {"subject": subject, "time": time, "headers": headers}
    try:
        return head | {"payload": json.loads(data)}
    except (ValueError, RecursionError):
        return head | {"text": data.decode("utf-8", "backslashreplace")}
