"""Waiting in tests fails with a sentence, and never by itself."""

import asyncio

import pytest

from lunix_testing.deadline import Inbox, deadline


async def test_what_is_done_in_time_passes() -> None:
    async with deadline("nothing"):
        pass


async def test_what_takes_too_long_is_named() -> None:
    with pytest.raises(AssertionError, match=r"the end of time did not happen within 0\.01 s"):
        async with deadline("the end of time", 0.01):
            await asyncio.Event().wait()


async def test_a_timeout_inside_is_left_as_it_is() -> None:
    with pytest.raises(TimeoutError, match="my own"):
        async with deadline("nothing"):
            raise TimeoutError("my own")


async def test_an_inbox_gives_what_comes_in_order() -> None:
    inbox = Inbox[int]()
    inbox.put(1)
    asyncio.get_running_loop().call_soon(inbox.put, 2)
    assert [await inbox.next(), await inbox.next()] == [1, 2]


async def test_an_inbox_finds_what_arrived_before_and_what_is_to_come() -> None:
    inbox = Inbox[int]()
    await inbox.put_async(1)
    asyncio.get_running_loop().call_soon(inbox.put, 7)
    assert await inbox.until(lambda item: item > 0) == 1
    assert await inbox.until(lambda item: item > 5) == 7


async def test_two_may_wait_for_one_inbox() -> None:
    inbox = Inbox[int]()
    asyncio.get_running_loop().call_soon(inbox.put, 1)
    asyncio.get_running_loop().call_soon(inbox.put, 2)
    one, both = await asyncio.gather(inbox.count(1), inbox.count(2))
    assert (one, both) == ([1], [1, 2])


async def test_an_inbox_that_stays_empty_says_what_it_has() -> None:
    inbox = Inbox[str]()
    inbox.put("only this")
    with pytest.raises(AssertionError, match=r"arrival of 2 items, after \['only this'\]"):
        await inbox.count(2, 0.01)
    with pytest.raises(AssertionError, match=r"among \['only this'\]"):
        await inbox.until(lambda item: item == "that", 0.01)
