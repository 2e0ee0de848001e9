"""The machine's name servers and its own name: told when they are others than before."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lunix_common.bus import Bus
from lunix_common.schemas.network import Dns, Hostname, Item
from lunix_network.os_hostname import HostnameFile
from lunix_network.os_resolv import ResolvFile


class Names:
    """Publishes ``network.dns.changed`` and ``network.hostname.changed``, and has the items of both."""

    def __init__(self, bus: Bus, path: Path, closing: Callable[[Callable[[], None]], object]) -> None:
        """Begin to watch; ``closing`` takes what ends it. Where a thing cannot be watched the bus tells so."""
        self._bus = bus
        self._resolv: ResolvFile | None = None
        self._hostname: HostnameFile | None = None
        try:
            self._resolv = ResolvFile(path, self._resolv_changed)
            closing(self._resolv.close)
        except OSError as error:
            bus.part_is_off("dns", f"{path} cannot be watched: {error.strerror}")
        try:
            self._hostname = HostnameFile(self._hostname_changed)
            closing(self._hostname.close)
        except OSError as error:
            bus.part_is_off("hostname", f"the name cannot be watched: {error.strerror}")
        self._told = {item.id: item for item in (self._dns(), self._named()) if item is not None}

    def __iter__(self) -> Iterator[Item]:
        """The items."""
        return iter(self._told.values())

    def _dns(self) -> Item | None:
        if self._resolv is None:
            return None
        found = self._resolv.read()
        return Dns(id="dns", servers=list(found.servers), search=list(found.search), options=list(found.options))

    def _named(self) -> Item | None:
        return None if self._hostname is None else Hostname(id="hostname", name=self._hostname.read())

    def _resolv_changed(self) -> None:
        self._tell("network.dns.changed", self._dns())

    def _hostname_changed(self) -> None:
        self._tell("network.hostname.changed", self._named())

    def _tell(self, pattern: str, item: Item | None) -> None:
        if item is not None and self._told.get(item.id) != item:
            self._told[item.id] = item
            self._bus.emit(pattern, item)
