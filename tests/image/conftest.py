"""The image that `make image` has built, one board that boots it for all tests, and what was measured on it."""

import json
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from image.boot import MEMORY_MB
from image.place import CACHE, IMAGE
from lunix_testing.board import Board

Seen = Callable[..., None]


@pytest.fixture(scope="session")
def image() -> Path:
    assert IMAGE.exists(), "there is no image: make image"
    return IMAGE


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter of the image, which runs on the machine that built it, too."""
    return max(CACHE.glob("python-*/bin/python3"), key=lambda program: program.stat().st_mtime)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def board(image: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Board]:
    """Up, with every service ready."""
    async with Board(tmp_path_factory.mktemp("board"), MEMORY_MB) as running:
        running.ready_after_s = await running.up()
        yield running


@pytest.fixture(scope="session")
def seen(pytestconfig: pytest.Config) -> Generator[Seen]:
    """Keep a number: all of them are in .cache/image/seen.json, and printed at the end."""
    numbers: dict[str, object] = {}
    yield numbers.update
    text = json.dumps(numbers, indent=1)
    (CACHE / "seen.json").write_text(f"{text}\n")
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    if reporter:
        reporter.write_line(f"\nseen: {text}")
