"""Waiting in tests: for an event, with a deadline, never for a time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Generic, TypeVar

T = TypeVar("T")

SECONDS = 30.0
"""Long enough for a busy machine; a test that meets it has failed."""


@asynccontextmanager
async def deadline(what: str | Callable[[], str], seconds: float = SECONDS) -> AsyncGenerator[None]:
    """Fail with a sentence that says what did not happen, when the block takes longer than ``seconds``."""
    timer = asyncio.timeout(seconds)
    try:
        async with timer:
            yield
    except TimeoutError:
        if not timer.expired():
            raise
        sentence = what if isinstance(what, str) else what()
        raise AssertionError(f"{sentence} did not happen within {seconds:g} s") from None


class Inbox(Generic[T]):
    """What arrived, in order, and a way to wait for what is to come. ``put`` is the callback to hand out."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self._arrival = asyncio.Event()
        self._read = 0

    def put(self, item: T) -> None:
        """Take an item in and wake who waits."""
        self.items.append(item)
        self._arrival.set()

    async def put_async(self, item: T) -> None:
        """``put`` for those that want a coroutine function, as nats-py does."""
        self.put(item)

    async def next(self, seconds: float = SECONDS) -> T:
        """The first item that ``next`` has not returned yet."""
        position = self._read
        await self.count(position + 1, seconds)
        self._read = position + 1
        return self.items[position]

    async def count(self, number: int, seconds: float = SECONDS) -> list[T]:
        """The first ``number`` items, once there are so many."""
        async with deadline(lambda: f"the arrival of {number} items, after {self.items!r},", seconds):
            while len(self.items) < number:
                await self._wait()
        return self.items[:number]

    async def until(self, wanted: Callable[[T], bool], seconds: float = SECONDS) -> T:
        """The first item of all that arrived or will arrive for which ``wanted`` is true."""
        looked = 0
        async with deadline(lambda: f"the arrival of what was waited for, among {self.items!r},", seconds):
            while True:
                for item in self.items[looked:]:
                    if wanted(item):
                        return item
                looked = len(self.items)
                await self._wait()

    async def provoke(
        self, act: Callable[[], Awaitable[object]], wanted: Callable[[T], bool] = lambda _: True, seconds: float = 60
    ) -> T:
        """Do it until there is such an item, for those who tell nobody when they listen; return that.

        Not at once again: who is only slow would be flooded.
        """
        async with deadline(lambda: f"the arrival of what was provoked, among {self.items!r},", seconds):
            while True:
                await act()
                with suppress(AssertionError):
                    return await self.until(wanted, 0.3)

    async def _wait(self) -> None:
        self._arrival.clear()
        await self._arrival.wait()
