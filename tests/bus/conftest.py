"""What the tests on a real server share."""

from collections.abc import AsyncIterator

import pytest

from lunix_common.subjects import TABLE
from lunix_dbus import Dbus
from lunix_testing.dbus import DbusDaemon
from lunix_testing.dbus import dbus_daemon as dbus_daemon
from lunix_testing.dbus_notes import Server, serving
from lunix_testing.deadline import deadline
from lunix_testing.peers import peers as peers
from lunix_testing.server import SERVERS


@pytest.fixture
async def notes(dbus_daemon: DbusDaemon) -> AsyncIterator[Server]:
    async with serving(dbus_daemon.address) as server:
        yield server


@pytest.fixture
async def dbus_client(dbus_daemon: DbusDaemon) -> AsyncIterator[Dbus]:
    async with Dbus(dbus_daemon.address) as dbus:
        async with deadline("a connection to D-Bus"):
            await dbus.tried()
        yield dbus


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What keeps the bus closed is tried on both servers."""
    if metafunc.definition.path.stem.startswith("test_security_") and "bus_server" in metafunc.fixturenames:
        metafunc.parametrize("bus_server", SERVERS, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the pairs of daemons, the second server is tried with one for each: the rule is one, and pairs are many."""
    names = list(TABLE.daemons)
    neighbours = set(zip(names, [*names[1:], *names[:1]], strict=True))

    def spared(item: pytest.Item) -> bool:
        given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        pair = given.get("name"), given.get("other")
        return given.get("bus_server") == "embedded" and "other" in given and pair not in neighbours

    dropped = [item for item in items if spared(item)]
    items[:] = [item for item in items if not spared(item)]
    config.hook.pytest_deselected(items=dropped)
