"""AF_NETLINK, NETLINK_GENERIC: the kernel's nl80211, where there is one, and its news. linux/nl80211.h."""

import errno

from lunix_common.os_netlink import NetlinkSocket, Received
from lunix_common.schemas.network import Wifi
from lunix_network import genl, netlink, nl80211
from lunix_network.os_rtnl import DATAGRAM_BYTES, Asked

NETLINK_GENERIC = 16
_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1


class WifiSocket:
    """A socket that hears of wireless connections, and of the coming of nl80211; and one to ask."""

    def __init__(self, receive_buffer_bytes: int) -> None:
        """Open both; raise ``OSError``. Every user may listen."""
        self.family: int | None = None
        """The kernel's number of nl80211; ``None`` while it is not loaded."""
        self._news = NetlinkSocket(NETLINK_GENERIC)
        self._asked = Asked(NETLINK_GENERIC)
        try:
            self._news.enlarge(receive_buffer_bytes)
            self._news.bind((0, 0))
            self._join(genl.CONTROL)
            self.look()
        except BaseException:
            self.close()
            raise

    def look(self) -> bool:
        """Join nl80211 where it is there; whether it was not before."""
        if self.family is not None:
            return False
        try:
            answer = self._asked.ask(genl.CONTROL, netlink.F_ACK, genl.ask_family(nl80211.NAME))
        except FileNotFoundError:
            return False
        family = genl.family(genl.told(answer[0])[1])
        self._join(family.groups[nl80211.GROUP])
        self.family = family.id
        return True

    def _join(self, group: int) -> None:
        self._news.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._news.fileno()

    def receive(self) -> Received:
        """The next datagram of news, or what stands in its place; ``None`` when nothing waits."""
        return self._news.receive(DATAGRAM_BYTES)

    def connections(self) -> dict[int, Wifi | None]:
        """Every interface that connects, and what to."""
        if self.family is None:
            return {}
        answer = self._asked.ask(self.family, netlink.F_DUMP, genl.command(nl80211.GET_INTERFACE))
        found = dict(each for message in answer if (each := nl80211.interface(genl.told(message)[1])) is not None)
        return {ifindex: self._whole(ifindex, wifi, None) for ifindex, wifi in found.items()}

    def connection(self, ifindex: int, bssid: str | None) -> Wifi | None:
        """What an interface is connected to, by its number; ``None`` where it is not, or gone."""
        try:
            answer = self._ask(netlink.F_ACK, genl.command(nl80211.GET_INTERFACE, nl80211.of_interface(ifindex)))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
        found = nl80211.interface(answer[0])
        return None if found is None else self._whole(ifindex, found[1], bssid)

    def _whole(self, ifindex: int, wifi: Wifi | None, bssid: str | None) -> Wifi | None:
        if wifi is None:
            results = self._ask(netlink.F_DUMP, genl.command(nl80211.GET_SCAN, nl80211.of_interface(ifindex)))
            return next(filter(None, map(nl80211.access_point, results)), None)
        if bssid is None:
            stations = self._ask(netlink.F_DUMP, genl.command(nl80211.GET_STATION, nl80211.of_interface(ifindex)))
            bssid = next(map(nl80211.station, stations), None)
        return wifi.model_copy(update={"bssid": bssid})

    def set_threshold(self, ifindex: int, low_dbm: int, hysteresis_db: int) -> None:
        """Have the kernel tell when the signal crosses this; raise ``OSError``."""
        self._ask(netlink.F_ACK, nl80211.set_threshold(ifindex, low_dbm, hysteresis_db))

    def _ask(self, flags: int, body: bytes) -> list[bytes]:
        assert self.family is not None, "who has heard of an interface has heard of the family"
        return [genl.told(message)[1] for message in self._asked.ask(self.family, flags, body)]

    def close(self) -> None:
        """Close both; idempotent."""
        self._news.close()
        self._asked.close()
