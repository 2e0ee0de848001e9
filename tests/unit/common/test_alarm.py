"""The alarm, on both loops."""

import asyncio
import time
from collections.abc import Callable

import pytest
import uvloop

from lunix_common.alarm import Alarm

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@pytest.fixture(params=LOOPS)
def runner(request: pytest.FixtureRequest) -> Callable[..., object]:
    def run(story: Callable[[], object]) -> object:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(story())  # type: ignore[arg-type]

    return run


def test_it_rings_once_with_the_deadline_that_came(runner: Callable[..., object]) -> None:
    async def story() -> None:
        rung: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        alarm = Alarm(rung.set_result)
        deadline = asyncio.get_running_loop().time() + 0.01
        alarm.set(deadline + 100)
        alarm.set(deadline)
        alarm.set(deadline)
        async with asyncio.timeout(5):
            assert await rung >= deadline

    runner(story)


def test_a_deadline_that_has_passed_rings_and_can_be_moved(runner: Callable[..., object]) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        rung: list[float] = []
        told = asyncio.Event()

        def ring(now: float) -> None:
            rung.append(now)
            told.set()

        alarm = Alarm(ring)
        past = loop.time()
        time.sleep(0.002)  # noqa: ASYNC251 - the loop's clock has to go on past the deadline
        alarm.set(past)
        alarm.set(past - 1)
        async with asyncio.timeout(5):
            await told.wait()
        assert len(rung) == 1

    runner(story)


def test_without_a_deadline_nothing_rings(runner: Callable[..., object]) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        rung: list[float] = []
        last = asyncio.Event()
        alarm, other = Alarm(rung.append), Alarm(lambda _now: last.set())
        alarm.set(loop.time() + 0.001)
        alarm.set(None)
        other.set(loop.time() + 0.005)
        async with asyncio.timeout(5):
            await last.wait()
        assert not rung

    runner(story)
