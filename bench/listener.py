"""Who waits for an event at the end of each way, each as a process of its own. It tells when which event came.

    python -m bench.listener netlink GROUP         a raw socket: group 1 is the kernel, 2 is udevd
    python -m bench.listener lines COMMAND…        a program that prints events (``udevadm monitor``)
    python -m bench.listener fifo PATH             a pipe that a helper script writes to (``mdev``)
    python -m bench.listener nats URL KEY [uvloop] a plain nats-py client

On stdout come records of two 64-bit numbers: the event's own number and CLOCK_MONOTONIC in nanoseconds, taken before
anything is done with the event. Negative numbers are signs: ``READY``, ``LOST``, ``OVERFLOW``.
"""

import asyncio
import errno
import os
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable

RECORD = struct.Struct("=qq")
READY, LOST, OVERFLOW = -1, -2, -3
"""It listens; the bus announced a loss; its own socket overflowed."""

_NUMBER = re.compile(rb"SYNTH_ARG_N=([0-9]+)")
_NUMBER_JSON = re.compile(rb'"SYNTH_ARG_N": ?"([0-9]+)"')
_RECEIVE_BUFFER_BYTES = 128 * 1024 * 1024
_SO_RCVBUFFORCE = 33
_NETLINK_KOBJECT_UEVENT = 15


def _tell(number: int, moment: int) -> None:
    os.write(1, RECORD.pack(number, moment))


def netlink(group: str) -> None:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, kind, _NETLINK_KOBJECT_UEVENT) as uevents:
        uevents.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
        uevents.bind((0, int(group)))
        _tell(READY, 0)
        while True:
            try:
                data = uevents.recv(65536)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                _tell(OVERFLOW, 0)
                continue
            moment = time.monotonic_ns()
            if found := _NUMBER.search(data):
                _tell(int(found[1]), moment)


def lines(*command: str) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as program:
        assert program.stdout is not None
        # udevadm begins with some lines about itself, and listens when it has written them.
        os.read(program.stdout.fileno(), 65536)
        _tell(READY, 0)
        _read_numbers(program.stdout.fileno(), _NUMBER)


def fifo(path: str) -> None:
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    _tell(READY, 0)
    _read_numbers(descriptor, re.compile(rb"([0-9]+)"))


def _read_numbers(descriptor: int, expression: re.Pattern[bytes]) -> None:
    rest = b""
    while data := os.read(descriptor, 65536):
        moment = time.monotonic_ns()
        whole, _, rest = (rest + data).rpartition(b"\n")
        for found in expression.finditer(whole):
            _tell(int(found[1]), moment)


async def _nats(url: str, key: str) -> None:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    client = Client()
    await client.connect(url, nkeys_seed=key)

    async def heard(message: Msg) -> None:
        moment = time.monotonic_ns()
        if found := _NUMBER_JSON.search(message.data):
            _tell(int(found[1]), moment)
        elif message.subject == "hardware.lost":
            _tell(LOST, moment)

    await client.subscribe("hardware.>", cb=heard)  # pyright: ignore[reportUnknownMemberType]
    await client.flush()
    _tell(READY, 0)
    await asyncio.Event().wait()


def nats(url: str, key: str, loop: str = "asyncio") -> None:
    if loop == "uvloop":
        import uvloop

        uvloop.run(_nats(url, key))
    else:
        asyncio.run(_nats(url, key))


LISTENERS: dict[str, Callable[..., None]] = {"netlink": netlink, "lines": lines, "fifo": fifo, "nats": nats}

if __name__ == "__main__":
    LISTENERS[sys.argv[1]](*sys.argv[2:])
