"""What each program of lunix needs of a machine, declared once; everything else is closed to it.

From these rows come the units of systemd (``units_systemd``) and of lunix-init (``units_init``), the users and folders
of the machine (``files``), the modules for NixOS and the reference page. Pure.

``capabilities``, ``devices``, ``calls`` and ``opens`` each have their reason beside them: what nobody can give a reason
for is not opened. The words are systemd's (systemd.exec(5)), because they name what the kernel can do best.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lunix_common.bus.options import state_directory
from lunix_common.subjects import TABLE

STATE = str(state_directory({}, uid=0))
"""Of the machine's own bus."""
MOST_EXPOSURE = 3.0
"""What ``systemd-analyze security`` may say of a unit at most, where its row names no other figure."""

SESSION_EXPOSURE = 6.5
"""The same for a session's: most protections need root, and a person's systemd has no more rights than the person."""

BUFFER = {"CAP_NET_ADMIN": "a buffer for the kernel's events that is larger than net.core.rmem_max"}


def _none() -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Needs:
    """One program, as a service of a machine (``session``: of a user's session)."""

    name: str
    doc: str
    command: tuple[str, ...]
    """The program and its arguments."""
    module: str
    """What ``python -m`` runs, and lunix-init's zygote."""
    user: str = "root"
    groups: tuple[str, ...] = ()
    """Groups of the machine that open something to a user who is not root; one that is missing is made."""
    capabilities: Mapping[str, str] = field(default_factory=_none)
    families: tuple[str, ...] = ()
    """Address families beside those of the bus and of readiness: AF_INET, AF_INET6 and AF_UNIX."""
    writes: tuple[str, ...] = ()
    """Paths that it writes below; all others are read-only for it."""
    run: str = ""
    """Its folder below /run, which is kept while it restarts."""
    env: Mapping[str, str] = field(default_factory=_none)
    far: str = ""
    """Why it speaks to other machines; without a reason it reaches this one alone."""
    devices: Mapping[str, str] = field(default_factory=_none)
    """Device nodes as in ``DeviceAllow=``; a row without any sees none but /dev/null and its like."""
    calls: Mapping[str, str] = field(default_factory=_none)
    """System calls beside @system-service without @privileged and @resources."""
    opens: Mapping[str, str] = field(default_factory=_none)
    """Protections of ``units_systemd.CLOSED`` that it cannot have."""
    keys: tuple[str, ...] = ()
    """Identities beside its own that it speaks with."""
    umask: str = "0077"
    children: str = ""
    """Why its children stay when it ends, where they do."""
    session: bool = False
    by_default: bool = True
    """Whether an installation enables it; a bridge to other machines waits for somebody to want it."""
    exec_only: bool = False
    """Never forked from lunix-init's zygote: it faces the network, and shares no address layout with the others."""
    init_args: tuple[str, ...] = ()
    """More arguments under lunix-init, where there is no systemd and no udevd."""
    systemd: bool = True
    """Whether it has anything to do beside systemd."""
    start_s: int = 120
    """A slow board imports Python for half a minute when all begin at once; what waits for the bus asks for more."""
    stop_s: int = 5
    watchdog_s: int = 300
    """It has to tell that it is alive this often, and wakes up for it twice as often; so this is long. 0: it cannot."""
    exposure: float = MOST_EXPOSURE
    """What ``systemd-analyze security`` may say of it at most."""

    @property
    def unit(self) -> str:
        """The name of its unit beside those of others, without a suffix."""
        return f"lunix-{self.name}"

    @property
    def identities(self) -> tuple[str, ...]:
        """Whose keys it reads; none for who reads them all."""
        return () if self.user == "root" else (self.name, *self.keys)


def _daemon(name: str, doc: str, **more: object) -> Needs:
    """A row with the names that follow from the daemon's."""
    program = "natsdev" if name == "natsdev" else f"lunix-{name}"
    return Needs(name, doc, (program,), f"lunix_{name}", **more)  # type: ignore[arg-type]


_ROWS = (
    Needs(
        "bus",
        "the bus: its keys, its configuration, and nats-server",
        ("lunix", "serve"),
        "lunix_cli",
        capabilities={
            "CAP_CHOWN": "keys belong to the group or the person who may use them",
            "CAP_DAC_READ_SEARCH": "it reads the keys that belong to people, to tell the server whose they are",
            "CAP_FOWNER": "it sets the mode of a key that it has given away",
        },
        writes=(STATE,),
        far="the buses of a fleet",
        calls={"@chown": "as CAP_CHOWN"},
        stop_s=10,
        start_s=180,
        watchdog_s=0,
    ),
    Needs(
        "init",  # the supervisor itself is no daemon on the bus; its bus side is
        "the services on the bus",
        ("lunix-init-bus",),
        "lunix_init_bus",
        systemd=False,
    ),
    _daemon(
        "natsdev",
        "devices: what comes, goes and is there",
        capabilities=BUFFER,
        families=("AF_NETLINK",),
        devices={"block-* r": "it looks at what is on a disk, where udevd does not tell"},
        opens={"ProtectKernelTunables": "hardware.trigger writes to uevent files in /sys"},
        init_args=("--manage",),
        start_s=300,
    ),
    _daemon(
        "network",
        "links, addresses, routes and whether one is online",
        user="lunix-network",
        capabilities={"CAP_NET_ADMIN": f"{BUFFER['CAP_NET_ADMIN']}, and the threshold of a wireless signal"},
        families=("AF_NETLINK",),
        opens={"ProtectHostname": "a host name of its own would not change with the machine's"},
    ),
    _daemon(
        "mount",
        "what is mounted where, and mounting",
        capabilities={
            "CAP_SYS_ADMIN": "mount(2) and umount(2)",
            "CAP_CHOWN": "file systems without owners are given one",
            "CAP_DAC_OVERRIDE": "mount points lie in folders of others",
            "CAP_FOWNER": "as CAP_CHOWN",
            "CAP_SETGID": "FUSE drivers change to whom the files belong",
            "CAP_SETUID": "as CAP_SETGID",
        },
        run="lunix-mount",
        devices={"block-* rw": "it opens what it mounts", "/dev/fuse rw": "drivers such as ntfs-3g"},
        calls={"@mount": "its work", "@privileged": "as CAP_CHOWN and CAP_SETUID", "@resources": "drivers set limits"},
        opens=dict.fromkeys(
            (
                "PrivateTmp",
                "PrivateDevices",
                "ProtectControlGroups",
                "ProtectHome",
                "ProtectKernelLogs",
                "ProtectKernelModules",
                "ProtectKernelTunables",
                "ProtectProc",
                "ProtectSystem",
            ),
            "it needs a file system namespace of its own, and what is mounted there nobody else would see",
        ),
        umask="0022",
        children="a driver such as ntfs-3g serves its file system as long as that is mounted",
        exposure=5.5,
    ),
    _daemon(
        "ps",
        "what runs, begins and ends",
        user="lunix-ps",
        capabilities={"CAP_NET_ADMIN": "the kernel's process connector, and a large buffer for it"},
        families=("AF_NETLINK",),
        opens={"ProtectProc": "it tells of everybody's processes"},
    ),
    _daemon(
        "log",
        "syslog, the journal and the kernel's messages",
        user="lunix-log",
        groups=("systemd-journal", "adm"),
        capabilities={
            "CAP_SYSLOG": "the kernel's messages",
            "CAP_NET_BIND_SERVICE": "port 514, where it is asked to listen there",
            **BUFFER,
        },
        devices={"/dev/kmsg r": "the kernel's messages"},
        opens={"ProtectKernelLogs": "they are its work"},
        far="syslog by the network, where it is asked to listen",
        run="lunix-log",
        env={"LUNIX_LOG_STATE_FILE": "/run/lunix-log/log.json"},
        exec_only=True,
    ),
    _daemon(
        "login",
        "who comes, goes and fails to",
        writes=("/run",),
        opens={"ProtectProc": "it waits for the end of a session's first process"},
    ),
    _daemon(
        "power",
        "mains, batteries, the lid, and the machine's sleep",
        families=("AF_NETLINK",),
        devices={"char-input r": "lids and buttons"},
        capabilities=BUFFER,
    ),
    _daemon(
        "bluetooth",
        "adapters and devices of Bluetooth, by BlueZ",
        user="lunix-bluetooth",
        groups=("bluetooth",),
    ),
    _daemon(
        "mqtt",
        "an MQTT broker, both ways",
        user="lunix-mqtt",
        keys=("bridge-mqtt",),
        far="the broker",
        by_default=False,
        exec_only=True,
    ),
    _daemon(
        "websocket",
        "the page, and websockets for browsers, scripts and Node-RED",
        writes=(STATE,),
        far="browsers, where it is asked to listen",
        by_default=False,
        exec_only=True,
    ),
    _daemon(
        "uplink",
        "a machine on lunix-bus as a member of a fleet",
        far="the hub of the fleet",
        by_default=False,
        exec_only=True,
    ),
    _daemon(
        "toast",
        "short messages to the person in front of the machine",
        session=True,
        exposure=SESSION_EXPOSURE,
    ),
    _daemon(
        "wm",
        "the windows of the session, and programs in it",
        session=True,
        opens=dict.fromkeys(
            (
                "LockPersonality",
                "MemoryDenyWriteExecute",
                "NoNewPrivileges",
                "RestrictAddressFamilies",
                "RestrictNamespaces",
                "RestrictRealtime",
                "RestrictSUIDSGID",
                "SystemCallArchitectures",
                "SystemCallFilter",
            ),
            "wm.exec starts programs of every sort, and they would inherit it",
        ),
        umask="0022",
        children="they are the person's programs",
        exposure=10.0,
    ),
)

ROWS: Mapping[str, Needs] = {row.name: row for row in _ROWS if row.name == "bus" or row.name in TABLE.daemons}
"""By name, in the order in which they are started: the bus, and each daemon that this lunix has."""

SYSTEM = tuple(row for row in ROWS.values() if row.systemd and not row.session)
SESSION = tuple(row for row in ROWS.values() if row.systemd and row.session)
"""They belong to whoever sits in front of the machine."""
