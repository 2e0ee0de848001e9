"""lunix_dbus: D-Bus, for the daemons that need it: the one place that knows dbus-fast. Who imports this pays for it.

    dbus = Dbus("system")
    dbus.watch("org.freedesktop.login1", owner_changed)                                   # declare first
    dbus.subscribe(Match("org.freedesktop.login1", "org.freedesktop.login1.Manager", "SessionNew"), session_new)
    async with dbus:                                                                      # then live
        [sessions] = await dbus.call("org.freedesktop.login1", PATH, INTERFACE, "ListSessions")

A bus that is away is looked for again for ever; that it came or went is told by ``watch``, and ends nobody.

It stands above ``lunix_common`` and below the services that need it; nothing else imports it.

Pure core: `interface`, `errors`.
"""

from dbus_fast import Message as Message
from dbus_fast import MessageType as MessageType
from dbus_fast import Variant as Variant
from dbus_fast import unpack_variants as unpack_variants

from lunix_dbus.address import resolve as resolve
from lunix_dbus.connection import Dbus as Dbus
from lunix_dbus.errors import DbusAway as DbusAway
from lunix_dbus.errors import DbusError as DbusError
from lunix_dbus.interface import Call as Call
from lunix_dbus.interface import Interface as Interface
from lunix_dbus.interface import Match as Match
from lunix_dbus.interface import Method as Method
from lunix_dbus.interface import Signal as Signal
from lunix_dbus.monitor import overhear as overhear
