"""Telling a supervisor: the sd_notify protocol and s6's readiness descriptor.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html and https://skarnet.org/software/s6/notifywhenup.html
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from select import select


class Notifier:
    """Speaks to whoever asked to be told; to nobody where none did. A supervisor that went away is no error."""

    def __init__(self, ready_fd: int | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self._ready_fd = ready_fd
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environ.get("WATCHDOG_USEC", "") if mine else ""
        self.watchdog_s = int(usec) / 1_000_000 if usec.isdecimal() else None
        """A supervisor wants to hear from us at least this often, in seconds."""

    def ready(self) -> None:
        """Say once that the daemon answers."""
        self._send("READY=1\nSTATUS=ready")
        if self._ready_fd is not None:
            with suppress(OSError):
                os.write(self._ready_fd, b"\n")
                os.close(self._ready_fd)
            self._ready_fd = None

    def waiting(self, status: str, extend_s: float) -> None:
        """Say what the start waits for, and that it may last so much longer."""
        self._send(f"STATUS={status}\nEXTEND_TIMEOUT_USEC={int(extend_s * 1_000_000)}")

    def reloading(self, monotonic_us: int) -> None:
        """Say that the configuration is being read again; ``ready`` says that it was."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_us}")

    def alive(self) -> None:
        """Pet the watchdog."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the daemon is on its way out."""
        self._send("STOPPING=1\nSTATUS=stopping")

    def barrier(self, timeout_s: float) -> None:
        """Return when all that was said is read, or the time is over: who ends at once is not known any more.

        systemd learns whose message it is from the process that sent it. ``sd_notify_barrier(3)``: a supervisor that
        has read what came before closes the descriptor.
        """
        ours, theirs = os.pipe()
        self._send("BARRIER=1", theirs)
        os.close(theirs)
        select([ours], [], [], timeout_s)
        os.close(ours)

    def _send(self, text: str, *descriptors: int) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(self._address)
            socket.send_fds(sender, [text.encode()], descriptors)
