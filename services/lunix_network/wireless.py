"""Wireless connections on the bus: nl80211's events, the table that has the links, and the moment of roaming."""

import asyncio
import logging
from collections.abc import Iterable

from lunix_common.alarm import Alarm
from lunix_common.bus import Bus
from lunix_common.os_netlink import Overflow, Reader
from lunix_common.schemas.network import WifiSignal
from lunix_network import genl, items, netlink, nl80211
from lunix_network.nl80211 import Connected, Crossed, Disconnected, Moved
from lunix_network.os_wifi import WifiSocket
from lunix_network.roaming import Roaming
from lunix_network.settings import Settings
from lunix_network.table import Table, Told

log = logging.getLogger("network")

AT_ONCE = 64


class Wireless:
    """Publishes what the socket tells."""

    def __init__(self, bus: Bus, table: Table, opened: WifiSocket, settings: Settings) -> None:
        self._bus = bus
        self._table = table
        self._socket = opened
        self._settings = settings
        self._reader = Reader(opened.fileno(), self._readable)
        self._roaming = Roaming(settings.roam_ms / 1000)
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._expire)
        self._lost = False

    def open(self) -> None:
        """Take in what is connected, before the table has its links."""
        self._all(resync=False)
        self._reader.resume()

    def close(self) -> None:
        """End it; idempotent. Call it before the socket is closed."""
        self._reader.close()
        self._alarm.set(None)

    def _readable(self) -> bool:
        more = False
        try:
            more = self._read()
        except OSError as error:
            # Nobody stands above a callback of the loop. What was not heard is looked up with the next event.
            log.error("wireless connections could not be read", extra={"error": str(error)})
            self._lost = True
        self._alarm.set(self._roaming.deadline)
        return more

    def _read(self) -> bool:
        """Take some of what waits, and tell whether there may be more."""
        for _ in range(AT_ONCE):
            received = self._socket.receive()
            if received is None:
                if self._lost:
                    self._lost = False
                    self._all(resync=True)
                    self._bus.lost("network", "kernel overflow")
                    log.warning("the kernel dropped messages; its wireless connections were compared")
                return False
            if isinstance(received, Overflow):
                self._lost = True
            elif isinstance(received, bytes):
                self._take(received)
            else:
                log.warning("a message counts for nothing: it is not the kernel's", extra={"what": repr(received)})
        return True

    def _take(self, datagram: bytes) -> None:
        try:
            for message in netlink.messages(datagram):
                number, data = genl.told(message)
                if message.type == genl.CONTROL:
                    if number == genl.NEWFAMILY and self._socket.look():
                        self._all(resync=False)
                elif message.type == self._socket.family:
                    self._happened(nl80211.event(number, data))
        except netlink.Malformed as error:
            log.warning("a message counts for nothing", extra={"error": str(error)})

    def _happened(self, event: nl80211.Event | None) -> None:
        if isinstance(event, Disconnected):
            self._roaming.ended(event, self._loop.time())
        elif isinstance(event, Connected):
            # One that ended again meanwhile is connected to nothing: the end is told next.
            if (wifi := self._socket.connection(event.ifindex, event.bssid)) is not None:
                self._tell(self._table.connected(event.ifindex, wifi, self._roaming.began(event.ifindex)))
                self._set_threshold(event.ifindex)
        elif isinstance(event, Moved):
            if self._table.wifi(event.ifindex) and (wifi := self._socket.connection(event.ifindex, None)) is not None:
                self._tell(self._table.connected(event.ifindex, wifi))
        elif isinstance(event, Crossed):
            self._crossed(event)

    def _set_threshold(self, ifindex: int) -> None:
        low_dbm = self._settings.wifi_signal_low_dbm
        if low_dbm is None:
            return
        try:
            self._socket.set_threshold(ifindex, low_dbm, self._settings.wifi_signal_hysteresis_db)
        except OSError as error:
            self._bus.part_is_off("wifi-signal", f"the kernel sets no threshold for the signal: {error.strerror}")
            log.warning("no threshold for the signal", extra={"error": error.strerror})

    def _crossed(self, event: Crossed) -> None:
        name = self._table.name(event.ifindex)
        if name is not None:
            signal = WifiSignal(
                link=items.link_id(event.ifindex),
                interface=name,
                signal_dbm=event.signal_dbm,
                wifi=self._table.wifi(event.ifindex),
            )
            self._bus.emit(f"network.wifi.signal.{'low' if event.low else 'high'}", signal)

    def _all(self, *, resync: bool) -> None:
        """Take over what the kernel says of all interfaces, and tell what differs."""
        found = self._socket.connections()
        for ifindex, wifi in found.items():
            self._roaming.began(ifindex)
            if wifi is not None:
                self._set_threshold(ifindex)
        self._tell(self._table.connections(found, resync=resync))

    def _tell(self, told: Iterable[Told]) -> None:
        for pattern, payload in told:
            self._bus.emit(pattern, payload)

    def _expire(self, now: float) -> None:
        """Tell the connections as ended that none has followed by now."""
        for how in self._roaming.expire(now):
            self._tell(self._table.connected(how.ifindex, None, how))
        self._alarm.set(self._roaming.deadline)
