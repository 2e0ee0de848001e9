"""What others say to each other on a message bus: a connection that only listens.

``org.freedesktop.DBus.Monitoring.BecomeMonitor``, https://dbus.freedesktop.org/doc/dbus-specification.html. A session
bus lets its user monitor; a monitor that sends anything is thrown out, so it has a connection of its own.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from dbus_fast import Message, MessageType
from dbus_fast.errors import DBusFastError

from lunix_dbus.address import resolve
from lunix_dbus.connection import DAEMON, DAEMON_PATH, OPEN_S, Wire, ask
from lunix_dbus.errors import DbusAway

log = logging.getLogger("lunix.dbus")


async def overhear(bus: str, rules: Sequence[str], began: Callable[[], None], heard: Callable[[Message], None]) -> None:
    """Hand over what the rules take in, but for what the message bus says itself, until the connection ends.

    ``began`` is called when nothing is missed any more. Raises ``DbusError`` where it is not allowed, and ``DbusAway``
    where there is no connection.
    """
    wire = Wire(resolve(bus))
    wire.add_message_handler(lambda message: _take(message, heard))
    try:
        async with asyncio.timeout(OPEN_S):
            await wire.connect()
    except (DBusFastError, OSError, EOFError, TimeoutError) as error:
        raise DbusAway(f"no D-Bus: {error}") from error
    gone = asyncio.ensure_future(wire.wait_for_disconnect())  # type: ignore[no-untyped-call]
    try:
        become = Message(DAEMON, DAEMON_PATH, f"{DAEMON}.Monitoring", "BecomeMonitor", signature="asu", body=[rules, 0])
        await ask(wire, become, OPEN_S)
        began()
        await asyncio.wait({gone})
    finally:
        if not gone.done():
            wire.disconnect()
            await asyncio.wait({gone})
        gone.exception()


def _take(message: Message, heard: Callable[[Message], None]) -> bool:
    if message.sender == DAEMON:  # to us, while we become a monitor
        return False
    try:
        heard(message)
    except Exception:
        log.exception("a listener met a defect")
    # dbus-fast would answer a call that nobody here takes.
    return message.message_type is MessageType.METHOD_CALL
