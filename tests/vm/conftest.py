"""The image of the tree, built once a run, and machines that boot from it: one for all, or one of a test's own."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from lunix_testing.vm import Boot, Image, Machine, build_image
from lunix_testing.vm.machine import voices


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell with a failure what the daemons of a shared machine said; those of the test's own note it at their ends."""
    report = yield
    if report.failed:
        report.sections += voices()
    return report


@pytest.fixture(scope="session")
def vm_image() -> Image:
    return build_image()


@pytest.fixture
def machine(vm_image: Image, tmp_path: Path) -> Boot:
    """Make a machine with the keyword arguments of ``Machine``; its console is written to the test's folder."""
    return partial(Machine, vm_image, folder=tmp_path)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _the_one(
    vm_image: Image, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Callable[[], Awaitable[Machine]]]:
    """Boot at the first call; again after a test has ended the machine."""
    async with AsyncExitStack() as stack:
        booted: list[Machine] = []

        async def running() -> Machine:
            if not booted or booted[-1].ended:
                new = Machine(vm_image, memory=384, folder=tmp_path_factory.mktemp("shared"))
                booted.append(await stack.enter_async_context(new))
            return booted[-1]

        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def shared_machine(_the_one: Callable[[], Awaitable[Machine]]) -> Machine:
    """The machine that all tests share which leave nothing behind in it; see ``lunix_testing.vm``."""
    return await _the_one()
