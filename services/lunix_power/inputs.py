"""The input devices that have a lid or a button, as they come and go."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from lunix_power import os_input, switches
from lunix_power.os_input import Device
from lunix_power.parts import Lid
from lunix_power.switches import Moved, Pressed

log = logging.getLogger("power")


class Inputs:
    """Listens to them; ``lids`` is called when a lid moved, came or went, ``pressed`` for each button."""

    def __init__(self, lids: Callable[[], None], pressed: Callable[[Pressed, str], None]) -> None:
        self.refused = 0
        """How many devices we may not open."""
        self._lids = lids
        self._pressed = pressed
        self._open: dict[Path, Device] = {}
        self._closed: dict[Path, bool] = {}

    def found(self) -> list[Lid]:
        """The lids of this moment."""
        return [Lid(self._open[path].name, closed) for path, closed in self._closed.items()]

    def scan(self) -> None:
        """Open all that there are."""
        if os_input.FOLDER.is_dir():
            for path in sorted(os_input.FOLDER.glob("event*")):
                self.add(path)

    def add(self, path: Path) -> None:
        """Listen to one, where it is of ours."""
        if path in self._open:
            return
        try:
            device = os_input.open_device(path)
        except PermissionError:
            self.refused += 1
            return
        except OSError as error:
            log.debug("an input device cannot be used", extra={"path": str(path), "error": str(error)})
            return
        if device is None:
            return
        self._open[path] = device
        asyncio.get_running_loop().add_reader(device.descriptor, self._readable, path)
        if device.abilities.lid:
            self._closed[path] = device.closed()
            self._lids()

    def remove(self, path: Path) -> None:
        """Listen to it no more; idempotent."""
        device = self._open.pop(path, None)
        if device is not None:
            asyncio.get_running_loop().remove_reader(device.descriptor)
            os.close(device.descriptor)
            if self._closed.pop(path, None) is not None:
                self._lids()

    def close(self) -> None:
        """Listen to none any more."""
        self._lids = lambda: None
        for path in tuple(self._open):
            self.remove(path)

    def _readable(self, path: Path) -> None:
        device = self._open[path]
        try:
            data = device.read()
            for event in switches.events(data):
                if isinstance(event, Pressed):
                    self._pressed(event, device.name)
                elif path in self._closed:
                    self._closed[path] = event.closed if isinstance(event, Moved) else device.closed()
                    self._lids()
        except OSError:
            self.remove(path)
