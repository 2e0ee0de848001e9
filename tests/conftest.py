"""For all tests: the order of the tiers, and what the reference pages are fed with."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lunix_testing.examples import Recorder

pytest_plugins = ["lunix_testing.server", "lunix_testing.daemon", "lunix_testing.skips", "lunix_testing.outcome"]

# What is made by `make image`, in an hour or less: `make test-image` names this folder itself.
collect_ignore = ["image"]

TIERS = ("repo", "unit", "bus", "process", "kernel", "desktop", "languages", "vm")
_TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-examples",
        action="store_true",
        help="write the messages that the tests see to docs/reference/examples, for the reference pages",
    )


def pytest_configure() -> None:
    # A shell starts what it puts into the background with SIGINT ignored, and every process of a test would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # On a busy machine a test that does next to nothing takes a second: how long it takes says nothing.
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")
    # Without buffers, or without compiled modules, programs behave otherwise than they do for a user.
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tiers first: a plain mistake shows before a kernel boots."""
    items.sort(key=lambda item: _tier(item.path))


def _tier(path: Path) -> int:
    folder = path.relative_to(_TESTS).parts[0] if path.is_relative_to(_TESTS) else ""
    return TIERS.index(folder) if folder in TIERS else len(TIERS)


@pytest.fixture
def record_example(request: pytest.FixtureRequest) -> Recorder:
    """Call it with a message that the test saw: it is checked, and kept for the reference with --record-examples."""
    return Recorder(writes=bool(request.config.getoption("--record-examples")))
