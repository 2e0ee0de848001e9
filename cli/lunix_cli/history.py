"""``lunix history``: what this machine told, or those of a fleet, while nobody listened, in the order of time."""

import asyncio
import json
import sys
from argparse import Namespace
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import date, datetime

from lunix_cli import declared, moments, terminal
from lunix_cli.client import Visit, ask, visit
from lunix_cli.kept_events import Kept, Pages, Source, concerns, events, merged, of_machine, of_role
from lunix_cli.literal import checked
from lunix_cli.show import line
from lunix_cli.sub import as_object
from lunix_common.access.history import WHAT
from lunix_common.bus.errors import BusAway, RequestError
from lunix_common.errors import UsageError
from lunix_common.subjects import token

_WAIT_S = 10.0
_HUB = "`lunix fleet hub --history` makes one, and `lunix fleet login` says how to reach it"
_KEEPS = "`lunix up --history` keeps this machine's, and `lunix fleet hub --history` a fleet's"


def run(arguments: Namespace) -> int:
    """Show what is kept of these subjects and is of this time; raise ``UsageError`` or what a visit raises."""
    if arguments.count is not None and arguments.count < 1:
        raise UsageError(f"--count {arguments.count}: give a number above 0")
    subjects = [checked(subject, wildcards=True) for subject in arguments.subject]
    now = datetime.now().astimezone()
    since, until = _moment(arguments.since, now), _moment(arguments.until, now) or now
    if since is not None and since > until:
        raise UsageError(f"--since {arguments.since} is after the end, {until.isoformat(timespec='seconds')}")
    try:
        asyncio.run(_show(arguments, subjects, since, until))
    except BusAway as away:
        if not str(away).startswith("no bus at tls:"):
            raise
        where = str(away).removeprefix("no bus at ").partition(": ")[0]
        raise BusAway(f"no hub at {where}: {_HUB}") from away
    return 0


def _moment(text: str | None, now: datetime) -> datetime | None:
    try:
        return None if text is None else moments.moment(text, now)
    except ValueError as error:
        raise UsageError(str(error)) from error


async def _show(arguments: Namespace, subjects: list[str], since: datetime | None, until: datetime) -> None:
    async with visit(arguments, "history") as visiting:
        sources = await _sources(visiting, subjects)
        pages = Pages(visiting)
        await pages.open()
        streams = [events(pages, source, subject, since, until) for source, subject in sources]
        async with aclosing(merged(streams)) as found:
            await _print(arguments, found)


async def _sources(visiting: Visit, subjects: list[str]) -> list[tuple[Source, str]]:
    """What there is to read, and the subjects to read of each; raise ``UsageError`` for a subject that is of none."""
    try:
        answer = await ask(visiting, WHAT, b"", _WAIT_S)
        if "roles" in answer:
            table = declared.table()
            return [(of_role(str(role), table), subject) for role in answer["roles"] for subject in subjects]
        machines = [token(str(name)) for name in answer["machines"]]
    except (KeyError, TypeError, RequestError) as error:
        if isinstance(error, RequestError) and error.code not in (403, 503):
            raise
        code = error.code if isinstance(error, RequestError) else 502
        text = f"the bus at {visiting.options.url} keeps no history that you may read: {_KEEPS}"
        raise RequestError(code, text) from error
    for subject in subjects:
        if subject.split(".")[0] not in ("host", "fleet", "*", ">"):
            raise UsageError(f"{subject}: a fleet's subjects begin with its machine, as host.box1.{subject}")
    return [(of_machine(one), subject) for one in machines for subject in subjects if concerns(subject, one)]


async def _print(arguments: Namespace, found: AsyncIterator[Kept]) -> None:
    day = datetime.now().astimezone().date()
    if arguments.count is None:
        async for event in found:
            day = _print_one(event, day, json_lines=arguments.json)
        return
    newest: deque[Kept] = deque(maxlen=arguments.count)
    async for event in found:
        newest.append(event)
    for event in newest:
        day = _print_one(event, day, json_lines=arguments.json)


def _print_one(event: Kept, day: date, *, json_lines: bool) -> date:
    """Print one event, below its day where that is another than the last one's; return its day."""
    moment = event.moment.astimezone()
    if json_lines:
        print(json.dumps(as_object(event.subject, event.data, event.headers, moment)))
        return day
    if moment.date() != day:
        print(terminal.painted(f"-- {moment.date().isoformat()}", terminal.DIM))
    print(line(event.subject, event.data, moment, colour=terminal.colour(sys.stdout)))
    return moment.date()
