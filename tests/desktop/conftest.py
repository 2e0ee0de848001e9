"""What the tests on a desktop share."""

from collections.abc import AsyncIterator

import pytest

from lunix_testing.dbus import dbus_daemon as dbus_daemon
from lunix_testing.desktop import Desktop, Eyes, looking
from lunix_testing.desktop import desktop as desktop
from lunix_testing.desktop import lasting_desktop as lasting_desktop
from lunix_testing.sway import sway as sway
from lunix_testing.toasts import Person


@pytest.fixture
async def eyes(desktop: Desktop) -> AsyncIterator[Eyes]:
    async with looking(desktop) as one:
        yield one


@pytest.fixture
async def person(bus_server: object, request: pytest.FixtureRequest) -> AsyncIterator[Person]:
    """Somebody on the bus who asks for toasts and hears what becomes of them."""
    one = Person(request.getfixturevalue("bus_server"))
    await one.open()
    yield one
    await one.client.close()
