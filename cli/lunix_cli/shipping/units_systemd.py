"""Units of systemd from the rows of ``needs``: systemd.unit(5), systemd.service(5), systemd.exec(5). Pure."""

from collections.abc import Iterable, Mapping

from lunix_cli.shipping.needs import ROWS, SESSION, STATE, SYSTEM, Needs

TARGET = "lunix.target"
USER_TARGET = "graphical-session.target"
"""What a desktop starts when its session is there; toasts and windows make no sense before it."""

CLOSED: Mapping[str, str] = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "RemoveIPC": "yes",
    "KeyringMode": "private",
    "SystemCallArchitectures": "native",
}
"""What a system service is denied unless its row opens it. /proc/net tells who serves the bus: no ``ProcSubset=``."""
_OF_SESSIONS = (
    "NoNewPrivileges", "LockPersonality", "MemoryDenyWriteExecute", "RestrictNamespaces", "RestrictRealtime",
    "RestrictSUIDSGID", "SystemCallArchitectures",
)  # fmt: skip
"""What a person's own systemd can deny; the others need root."""
_CALLS = ("@system-service", "~@privileged @resources")
_FAMILIES = ("AF_UNIX", "AF_INET", "AF_INET6")

Section = list[tuple[str, str]]


def service(row: Needs, program: str) -> str:
    """The unit of one row; ``program`` is the path of what it runs."""
    return _text(sections(row, program))


def sections(row: Needs, program: str) -> dict[str, Section]:
    """The same, line by line."""
    command = " ".join((program, *row.command[1:]))
    return {"Unit": _unit(row), "Service": [*_service(row, command), *_closed(row)], "Install": _install(row)}


def target() -> str:
    """All of them together."""
    return _text(
        {
            "Unit": [("Description", "lunix: all that this machine tells and does on its bus")],
            "Install": [("WantedBy", "multi-user.target")],
        }
    )


def files(programs: Mapping[str, str]) -> dict[str, str]:
    """The system's units by name; ``programs`` are the paths of the rows' programs, by their names."""
    made = {f"{row.unit}.service": service(row, programs[row.command[0]]) for row in SYSTEM}
    return {TARGET: target(), **made}


def session_files(programs: Mapping[str, str]) -> dict[str, str]:
    """The units of a person's session, likewise."""
    return {f"{row.unit}.service": service(row, programs[row.command[0]]) for row in SESSION}


def enabled() -> tuple[str, ...]:
    """The units that an installation enables."""
    return (TARGET, *(f"{row.unit}.service" for row in SYSTEM if row.by_default))


def _unit(row: Needs) -> Section:
    lines = [("Description", f"lunix: {row.doc}")]
    if row.session:
        return [*lines, ("PartOf", USER_TARGET), ("After", USER_TARGET), ("StartLimitIntervalSec", "0")]
    if row.name != "bus":
        # Wanted and not required: a daemon outlives its bus, and is there when that comes back.
        bus = f"{ROWS['bus'].unit}.service"
        lines += [("Wants", bus), ("After", f"{bus} dbus.service")]
    return [*lines, ("PartOf", TARGET), ("StartLimitIntervalSec", "0")]


def _service(row: Needs, command: str) -> Section:
    lines: Section = [
        ("Type", "notify"),
        # nats-server itself tells nothing: a process beside it does.
        ("NotifyAccess", "main" if row.watchdog_s else "all"),
        ("ExecStart", command),
        # The shell's own kill: a small machine has no other.
        ("ExecReload", "sh -c 'kill -HUP $MAINPID'"),
        ("Restart", "on-failure"),
        ("RestartSec", "2s"),
        # Wrong configuration does not mend itself.
        ("RestartPreventExitStatus", "100"),
        ("TimeoutStartSec", f"{row.start_s}s"),
        ("TimeoutStopSec", f"{row.stop_s}s"),
    ]
    if row.watchdog_s:
        lines.append(("WatchdogSec", f"{row.watchdog_s}s"))
    if row.children:
        lines.append(("KillMode", "process"))
    env = dict(row.env)
    if row.session:
        env |= {"LUNIX_STATE": STATE}
    elif row.user != "root":
        lines.append(("User", row.user))
        env |= {"LUNIX_STATE": STATE, "NATS_NKEY": f"%d/{row.name}.nk"}
        # Keys are root's: systemd shows the service its own, and no other.
        lines += [("LoadCredential", f"{one}.nk:{STATE}/keys/{one}.nk") for one in row.identities]
    if not row.session:
        # A machine's settings are its only ones: homes are closed, and a file that cannot be read there is an error.
        env |= {"XDG_CONFIG_HOME": "/etc"}
    lines += [("Environment", f"{name}={value}") for name, value in env.items()]
    if row.run:
        lines += [("RuntimeDirectory", row.run), ("RuntimeDirectoryPreserve", "yes")]
    if STATE in row.writes:
        lines += [("StateDirectory", STATE.rpartition("/")[2]), ("StateDirectoryMode", "0755")]
    return [*lines, ("UMask", row.umask)]


def _closed(row: Needs) -> Section:
    if row.session:
        closed = {name: CLOSED[name] for name in _OF_SESSIONS if name not in row.opens}
        return [*closed.items(), *_filters(row)]
    closed = {name: value for name, value in CLOSED.items() if name not in row.opens}
    if row.devices:
        closed.pop("PrivateDevices", None)
        closed["DevicePolicy"] = "closed"
    words = " ".join(row.capabilities)
    lines: Section = [("CapabilityBoundingSet", words)]
    if row.user != "root" and words:
        lines.append(("AmbientCapabilities", words))
    lines += closed.items()
    lines += [("DeviceAllow", device) for device in row.devices]
    others = [path for path in row.writes if path != STATE]
    if others:
        lines.append(("ReadWritePaths", " ".join(others)))
    if not row.far:
        # The bus is here, and nobody else is spoken to.
        lines += [("IPAddressDeny", "any"), ("IPAddressAllow", "localhost")]
    return [*lines, *_filters(row)]


def _filters(row: Needs) -> Section:
    lines: Section = []
    if "RestrictAddressFamilies" not in row.opens:
        lines.append(("RestrictAddressFamilies", " ".join((*_FAMILIES, *row.families))))
    if "SystemCallFilter" not in row.opens:
        lines += [("SystemCallFilter", words) for words in (*_CALLS, " ".join(row.calls)) if words]
        # A call that is not there is an error that a daemon can tell of, and no death.
        lines.append(("SystemCallErrorNumber", "EPERM"))
    return lines


def _install(row: Needs) -> Section:
    return [("WantedBy", USER_TARGET if row.session else TARGET)]


def _text(sections: Mapping[str, Iterable[tuple[str, str]]]) -> str:
    parts = ["\n".join([f"[{name}]", *(f"{key}={value}" for key, value in lines)]) for name, lines in sections.items()]
    return "\n\n".join(parts) + "\n"
