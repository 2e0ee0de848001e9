"""What PID 1 asks of the machine's devices: the loopback interface, the watchdog, the console."""

import errno
import fcntl
import os
import socket
import struct
import termios
from pathlib import Path

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_WDIOC_SETTIMEOUT = 0xC0045706
_RNDADDENTROPY = 0x40085203


def loopback_up() -> None:
    """Bring the interface `lo` up (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))


class HardwareWatchdog:
    """The watchdog of the machine: while init lives, it is petted; when init hangs, it resets."""

    def __init__(self, fd: int, period_s: int) -> None:
        self.fd, self.period_s = fd, period_s

    @classmethod
    def open(cls, path: str, period_s: int) -> "HardwareWatchdog":
        """Open and start it; raises `OSError`."""
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(fd, _WDIOC_SETTIMEOUT, struct.pack("i", period_s))
        except OSError as error:  # one with a fixed period: petted often enough all the same
            if error.errno not in (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL):
                os.close(fd)
                raise
        return cls(fd, period_s)

    def pet(self) -> None:
        """Say that init lives."""
        os.write(self.fd, b"1")


def take_console() -> None:
    """Make the console standard input, output and error, and the terminal of this session."""
    fd = os.open("/dev/console", os.O_RDWR | os.O_NOCTTY)
    for number in (0, 1, 2):
        os.dup2(fd, number)
    fcntl.ioctl(0, termios.TIOCSCTTY, 1)


def add_entropy(seed: bytes, bits: int) -> None:
    """Give the kernel random bytes that count as so many bits of entropy (random(4))."""
    with Path("/dev/urandom").open("wb", buffering=0) as device:
        fcntl.ioctl(device, _RNDADDENTROPY, struct.pack("ii", bits, len(seed)) + seed)


def open_console() -> None:
    """Let standard input, output and error be the console, where they are nothing yet."""
    try:
        fd = os.open("/dev/console", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        fd = os.open("/dev/null", os.O_RDWR) if Path("/dev/null").exists() else -1
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            if fd >= 0:
                os.dup2(fd, number)
    if fd > 2:
        os.close(fd)
