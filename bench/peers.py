"""Who is compared: each with its daemons in a room, and the listeners that tell when an event has come to its end."""

import fcntl
import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.listener import OVERFLOW, READY, RECORD
from bench.proc import cpu_s
from bench.room import DEADLINE_S, Process, Room
from lunix_cli import server
from lunix_common.access import identities, serverconf
from lunix_common.subjects import TABLE

MOSQUITTO = Path("/usr/sbin/mosquitto")
UDEVD = Path("/lib/systemd/systemd-udevd")
MARK = b"00000000-0000-4000-8000-00000000be4c"
_PIPE_BYTES = 1024 * 1024
_AGAIN_S = 0.5


class Listener:
    """The records of one listening process."""

    def __init__(self, label: str, process: Process, daemon: str) -> None:
        self.label = label
        self.daemon = daemon
        """Who is at work on this way."""
        self.arrivals: dict[int, int] = {}
        """When each event came for the first time, CLOCK_MONOTONIC in nanoseconds."""
        self.signs: list[int] = []
        """``LOST`` and ``OVERFLOW``, as they came."""
        self._descriptor = process.stdout.fileno()
        fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(self._descriptor, False)
        self._rest = b""
        if not self.wait(lambda: READY in self.signs, DEADLINE_S):
            raise RuntimeError(f"{process.command} does not listen")
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.arrivals.clear()
        self.signs.clear()

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Take in what comes until ``done``; ``False`` when nothing came for so many seconds, or it has ended."""
        while not done():
            readable, _, _ = select.select([self._descriptor], [], [], seconds)
            data = os.read(self._descriptor, _PIPE_BYTES) if readable else b""
            if not data:
                return False
            self._take(data)
        return True

    def heard(self, number: int, seconds: float) -> bool:
        """Whether this event comes before a silence of so many seconds."""
        return self.wait(lambda: number in self.arrivals, seconds)

    def heard_all(self, events: int, seconds: float) -> bool:
        """Whether so many events come before a silence of so many seconds."""
        return self.wait(lambda: len(self.arrivals) >= events, seconds)

    def _take(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) - len(data) % RECORD.size
        self._rest = data[whole:]
        for number, moment in RECORD.iter_unpack(data[:whole]):
            if number < 0:
                self.signs.append(number)
            else:
                self.arrivals.setdefault(number, moment)


@dataclass
class Peer:
    """A way from the kernel to a listener."""

    name: str
    room: Room
    listeners: list[Listener] = field(default_factory=list[Listener])
    daemons: dict[str, int] = field(default_factory=dict[str, int])
    """The process of each daemon."""
    uevents: list[int] = field(default_factory=list[int])
    """The ``uevent`` files of the devices that are asked in turn."""

    def listen(self, label: str, process: Process, daemon: str) -> None:
        """Add a listener, which counts when this returns."""
        self.listeners.append(Listener(label, process, daemon))

    def add_devices(self, number: int) -> None:
        """Make so many (an even number of) veth interfaces, and ask them for events as well."""
        for pair in range(0, number, 2):
            names = f"bench{pair}", f"bench{pair + 1}"
            self.room.run("ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1])
            self.uevents += [self.room.trigger(f"/devices/virtual/net/{name}") for name in names]

    def ask(self, number: int) -> int:
        """Make an event with this number and return the time right before."""
        text = b"change %s N=%d" % (MARK, number)
        descriptor = self.uevents[number % len(self.uevents)]
        moment = time.monotonic_ns()
        os.write(descriptor, text)
        return moment

    def warm_up(self, events: int = 20) -> None:
        """Return when everybody hears events, and forget those."""
        for number in range(events):
            self.ask(number)
            end = time.monotonic() + DEADLINE_S
            while not all(one.heard(number, _AGAIN_S) for one in self.listeners):
                # Daemons that do not tell when they are ready may not have listened yet.
                if time.monotonic() > end:
                    raise RuntimeError(f"{self.name} hears no events:\n{self.room.logs()}")
                self.ask(number)
        for one in self.listeners:
            one.forget()

    def cpu_s(self) -> dict[str, float]:
        """The processor time of each daemon so far."""
        return {name: cpu_s(pid) for name, pid in self.daemons.items()}

    @property
    def overflows(self) -> int:
        """How often a socket overflowed, as far as it is told: udevd and mdev do not."""
        told = self.room.logs().count("the kernel dropped events")
        return told + sum(one.signs.count(OVERFLOW) for one in self.listeners)

    @property
    def resyncs(self) -> int:
        """How often sysfs was compared after that, and told."""
        return self.room.logs().count("sysfs was compared")


@dataclass(frozen=True)
class Bus:
    """A running server, closed as lunix closes it."""

    url: str
    state: Path
    pid: int

    def key(self, identity: str) -> Path:
        """The seed file of a role or daemon."""
        return identities.path_of(self.state / "keys", identity)


def start_bus(room: Room, name: str = "state") -> Bus:
    """Start nats-server in the room with lunix's accounts, and return when it serves; ``name`` is its folder's."""
    state = room.folder / name
    program = server.find()
    configuration = serverconf.write(state, TABLE, serverconf.Settings())
    log = state / "server.log"
    process = room.start(program.path, "-c", configuration, "-l", log)
    started = server.Started()
    end = time.monotonic() + DEADLINE_S
    while not started.ready:
        if time.monotonic() > end or process.process.poll() is not None:
            raise RuntimeError(f"nats-server did not start: {started.complaints}")
        time.sleep(0.01)
        started = server.Started()
        for line in log.read_text().splitlines() if log.exists() else ():
            started.read(line)
    server.announce(state, started.url, program.text, process.pid)
    return Bus(started.url, state, process.pid)


def start_daemon(room: Room, bus: Bus, package: str, *arguments: str, config: str = "") -> Process:
    """Start a daemon of ours in the room and return when it is ready."""
    file = room.folder / f"{package}.toml"
    file.write_text(config, encoding="utf-8")
    return room.start_ready(sys.executable, "-m", package, "--state", bus.state, "--config", file, *arguments)


def start_udevd(room: Room) -> Process:
    """Start systemd-udevd in the room and return when it has its control socket."""
    process = room.start(UDEVD)
    end = time.monotonic() + DEADLINE_S
    while not room.exists("/run/udev/control"):
        if time.monotonic() > end or process.process.poll() is not None:
            raise RuntimeError(f"systemd-udevd did not start:\n{room.logs()}")
        time.sleep(0.01)
    return process


# --- the peers ----------------------------------------------------------------------------------------------------


def raw(peer: Peer) -> None:
    """A netlink socket and nothing else: what the kernel itself takes."""
    process = peer.room.python("bench.listener", "netlink", "1")
    peer.daemons["reader"] = process.pid
    peer.listen("raw netlink reader", process, "reader")


def udevd(peer: Peer) -> None:
    """systemd-udevd with Debian's rules, heard on its netlink group, as libudev's programs do."""
    peer.daemons["udevd"] = start_udevd(peer.room).pid
    peer.listen("udevd → netlink reader", peer.room.python("bench.listener", "netlink", "2"), "udevd")


def udevadm(peer: Peer) -> None:
    """The same, heard through its own tool."""
    peer.daemons["udevd"] = start_udevd(peer.room).pid
    monitor = ("udevadm", "monitor", "--udev", "--property")
    peer.listen("udevd → udevadm monitor", peer.room.python("bench.listener", "lines", *monitor), "udevd")


def mdev(peer: Peer) -> None:
    """busybox mdev as a daemon; its rule runs the smallest possible script."""
    fifo = "/run/events"
    peer.listen("mdev -d → script", peer.room.python("bench.listener", "fifo", fifo), "mdev")
    peer.daemons["mdev"] = peer.room.start("busybox", "mdev", "-d", "-f").pid


_MDEV_ETC = {
    "mdev.conf": "lo 0:0 660 *echo $SYNTH_ARG_N >/run/events\n",
    "passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "group": "root:x:0:\n",
}


def natsdev(source: str, loop: str = "asyncio") -> Callable[[Peer], None]:
    """natsdev with this source, the bus, and a subscriber with this event loop."""

    def build(peer: Peer) -> None:
        room = peer.room
        if source == "udev":
            peer.daemons["udevd"] = start_udevd(room).pid
            peer.listen("  the same udevd → netlink reader", room.python("bench.listener", "netlink", "2"), "udevd")
        bus = start_bus(room)
        peer.daemons["nats-server"] = bus.pid
        peer.daemons["natsdev"] = start_daemon(room, bus, "lunix_natsdev", "--source", source).pid
        process = room.python("bench.listener", "nats", bus.url, bus.key("observer"), loop)
        client = "nats-py" if loop == "asyncio" else f"nats-py, {loop}"
        peer.listen(f"natsdev ({source}) → {client}", process, "natsdev")

    return build


QUIET = {
    "bluetooth": "",
    "mount": "",
    "toast": '[toast]\nrenderer = "none"\nnotifications = "off"\n',
    "network": "",
    # With its events it is woken by whatever begins and ends on the machine.
    "ps": "[ps]\nevents = false\n",
    "log": '[log]\nlocal = "socket"\nstate_file = "/run/log.json"\n',
    "login": "",
    "mqtt": '[mqtt]\nbroker = "mqtt://127.0.0.1"\n',
    "power": "",
    # It belongs to no fleet there; in one, the hub's pings are what wakes it.
    "uplink": "",
    "websocket": "[websocket]\nport = 0\n",
    "wm": "",
}
"""Daemons that are no way for a uevent, and are looked at in quiet: each with its configuration."""


def quiet(name: str) -> Callable[[Peer], None]:
    """One of ``QUIET``."""

    def build(peer: Peer) -> None:
        bus = start_bus(peer.room)
        peer.daemons["nats-server"] = bus.pid
        if "hardware.list" in TABLE.uses.get(name, ()):
            peer.daemons["natsdev"] = start_daemon(peer.room, bus, "lunix_natsdev", "--source", "kernel").pid
        if name == "mqtt":
            peer.daemons["mosquitto"] = peer.room.start(MOSQUITTO).pid
        peer.daemons[name] = start_daemon(peer.room, bus, f"lunix_{name}", config=QUIET[name]).pid

    return build


def without_natsdev(peer: Peer) -> None:
    """mount without the daemon whose state it follows: it waits for that one."""
    bus = start_bus(peer.room)
    peer.daemons["mount"] = start_daemon(peer.room, bus, "lunix_mount").pid


def popups(peer: Peer) -> None:
    """toast with three popups open on a display, as the notification server of a session bus."""
    room = peer.room
    bus = start_bus(room)
    peer.daemons["nats-server"] = bus.pid
    display = room.start("Xvfb", "-displayfd", "1", "-nolisten", "tcp").stdout.readline().decode().strip()
    dbus = room.start("dbus-daemon", "--session", "--nofork", "--print-address").stdout.readline().decode().strip()
    session = ("env", f"DISPLAY=:{display}", f"DBUS_SESSION_BUS_ADDRESS={dbus}")
    toast = (sys.executable, "-m", "lunix_toast", "--state", bus.state, "--config", "/dev/null")
    peer.daemons["toast"] = room.start_ready(*session, *toast).pid
    key = f"NATS_NKEY={bus.key('user')}"
    for number in range(3):
        said = f'{{"summary": "toast {number}", "icon": "folder", "timeout_ms": 3600000}}'
        program = (sys.executable, "-m", "lunix_cli", "request", "toast.in", said)
        room.run("env", key, f"LUNIX_BUS={bus.url}", *program)


BUILDERS: dict[str, Callable[[Peer], None]] = {
    "raw": raw,
    "udevd": udevd,
    "udevadm": udevadm,
    "mdev": mdev,
    "natsdev-kernel": natsdev("kernel"),
    "natsdev-kernel-uvloop": natsdev("kernel", "uvloop"),
    "natsdev-udev": natsdev("udev"),
    **{name: quiet(name) for name in QUIET},
    "mount-without-natsdev": without_natsdev,
    "toast-popups": popups,
}
WAYS = tuple(name for name in BUILDERS if name not in (*QUIET, "mount-without-natsdev", "toast-popups"))


def missing(name: str) -> str | None:
    """What this machine lacks for a peer."""
    if name in ("udevd", "udevadm", "natsdev-udev") and not UDEVD.exists():
        return "systemd-udevd is not installed (Debian: udev)"
    if name == "mqtt" and not MOSQUITTO.exists():
        return "mosquitto is not installed"
    if name == "mdev" and shutil.which("busybox") is None:
        return "busybox is not installed"
    if name == "toast-popups" and not (shutil.which("Xvfb") and shutil.which("dbus-daemon")):
        return "Xvfb or dbus-daemon is not installed"
    return None


@contextmanager
def peers(names: list[str], folder: Path) -> Generator[list[Peer]]:
    """Start these peers, each in a room of its own, and end them all."""
    with ExitStack() as stack:
        started: list[Peer] = []
        for name in names:
            if reason := missing(name):
                sys.stderr.write(f"{name} is left out: {reason}\n")
                continue
            room = stack.enter_context(Room(name, folder, etc=_MDEV_ETC if name == "mdev" else None))
            peer = Peer(name, room)
            BUILDERS[name](peer)
            peer.uevents.append(room.trigger())
            started.append(peer)
        yield started
