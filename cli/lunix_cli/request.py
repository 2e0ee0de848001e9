"""``lunix request``: ask and print the answer, indented on a terminal and as one line of JSON for programs."""

import asyncio
import json
import sys
from argparse import Namespace
from typing import Any

from lunix_cli.client import ask, payload, visit
from lunix_cli.literal import checked
from lunix_common.bus.errors import RequestError
from lunix_common.errors import UsageError
from lunix_common.journal import safe
from lunix_common.subjects import TABLE
from lunix_common.table import PATIENCE_S

NOTICE_S = 2.0
"""A person at a terminal is told by then what is waited for, where that may take longer than most."""


def run(arguments: Namespace) -> int:
    """Print the answer; raise ``RequestError`` where it is an error, ``TimeoutError`` where there was none."""
    if arguments.timeout is not None and arguments.timeout <= 0:
        raise UsageError(f"--timeout {arguments.timeout:g}: a request needs some time")
    answer = asyncio.run(_request(arguments, checked(arguments.subject), payload(arguments.payload)))
    print(pretty(answer) if sys.stdout.isatty() else json.dumps(answer))
    return 0


async def _request(arguments: Namespace, subject: str, data: bytes) -> Any:
    timeout = arguments.timeout or TABLE.patience_s(subject, data)
    async with visit(arguments, "request") as visiting:
        notice = asyncio.get_running_loop().call_later(NOTICE_S, _tell_waiting, subject, timeout)
        try:
            return await ask(visiting, subject, data, timeout)
        except RequestError as error:
            if error.code != 400 or (row := TABLE.find(subject)) is None:
                raise
            hint = f"`lunix subjects --schema {row.pattern}` tells what it takes"
            raise RequestError(400, f"{error.message}; {hint}") from error
        except TimeoutError as error:
            hint = "--timeout waits longer, `lunix status` tells whether its daemon answers"
            raise TimeoutError(f"{error}: {hint}") from error
        finally:
            notice.cancel()


def _tell_waiting(subject: str, timeout: float) -> None:
    if timeout > PATIENCE_S and sys.stderr.isatty():
        sys.stderr.write(f"lunix: waiting for {subject}, {timeout:g} s at most: --timeout waits less, Ctrl-C ends it\n")


def pretty(answer: Any) -> str:
    """JSON for a person's eyes; what a terminal would obey is escaped."""
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    return "\n".join(safe(line) for line in text.split("\n"))
