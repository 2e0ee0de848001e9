"""A subscription for people: what arrives, in the order of its arrival, through every restart of the bus."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime

from lunix_cli.client import Visit
from lunix_common.bus.connection import Msg
from lunix_common.bus.errors import BusAway

FIRST_RETRY_S, MOST_RETRY_S = 0.05, 2.0

Arrival = tuple[datetime, Msg]


async def messages(
    connect: Callable[[], Visit], subjects: Sequence[str], said: Callable[[str], None], *, patient: bool
) -> AsyncGenerator[Arrival]:
    """Yield each message with the local time of its arrival, for ever.

    ``said`` is told when the subscription stands, and when the bus goes away. Raises ``BusAway`` where there is no bus
    at first (never when ``patient``) and ``RequestError`` where the role may not see one of the subjects.
    """
    delay = FIRST_RETRY_S
    while True:
        visiting = connect()
        queue: asyncio.Queue[Arrival | None] = asyncio.Queue()
        try:
            await _subscribe(visiting, subjects, queue)
            said(f"listening for {' '.join(subjects)} at {visiting.options.url} as {visiting.role}")
            patient, delay = True, FIRST_RETRY_S
            while (arrival := await queue.get()) is not None:
                yield arrival
            said(f"the bus at {visiting.options.url} is away; waiting for it")
        except BusAway:
            if not patient:
                raise
        finally:
            await visiting.session.close()
        await asyncio.sleep(delay)
        delay = min(delay * 2, MOST_RETRY_S)


async def _subscribe(visiting: Visit, subjects: Sequence[str], queue: "asyncio.Queue[Arrival | None]") -> None:
    def arrived(message: Msg) -> None:
        queue.put_nowait((datetime.now().astimezone(), message))

    session = visiting.session
    await session.open()
    session.ended.add_done_callback(lambda _: queue.put_nowait(None))
    for subject in subjects:
        await session.subscribe(subject, arrived, at_once=True)
    await session.flush()
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        # nats-py, and wait_for before Python 3.12, may swallow a cancellation that meets them at the wrong moment.
        raise asyncio.CancelledError
    visiting.check()
