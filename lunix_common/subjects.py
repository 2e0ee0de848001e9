"""The one declared table of subjects: what there is on the bus, who publishes it, who may ask for it.

The calls of the daemons, the server's accounts and permissions, ``lunix subjects``, the JSON Schemas, the AsyncAPI
document and the reference pages are all computed from ``TABLE``. Nothing else in the project spells a subject out.
What a row can say is in ``table``.
"""

from lunix_common.table import MAX_SUBJECT_BYTES, Domain, Kind, Role, Subject, Table, lost, token, untoken

__all__ = ["MAX_SUBJECT_BYTES", "TABLE", "Domain", "Kind", "Role", "Subject", "Table", "lost", "token", "untoken"]


def _event(pattern: str, daemon: str, payload: str, doc: str, role: Role = Role.OBSERVER) -> Subject:
    return Subject(pattern, Kind.EVENT, daemon, payload, doc, role=role)


_DOMAINS = (
    Domain(
        "init",
        "init",
        "The services of this machine, or of one user.",
        item="init.Service",
        gone=frozenset({"removed"}),
        passing=frozenset({"high", "line", "last", "shutdown"}),
    ),
    Domain("hardware", "natsdev", "Devices of this machine.", item="hardware.Device", gone=frozenset({"remove"})),
    Domain(
        "toast",
        "toast",
        "Short messages shown to the person in front of the machine.",
        item="toast.Toast",
        gone=frozenset({"closed"}),
        passing=frozenset({"action", "paused", "resumed"}),
    ),
    Domain("process", "ps", "Programs that begin and processes that end."),
    Domain("ps", "ps", "Whether a program runs."),
)

_SUBJECTS = (
    _event(
        "hardware.<subsystem>.<action>",
        "natsdev",
        "hardware.DeviceEvent",
        "A device was added, removed, changed, moved, bound to a driver or unbound, or went online or offline.",
    ),
    Subject(
        "hardware.list",
        Kind.QUERY,
        "natsdev",
        "hardware.ListRequest",
        "The devices that are present, filtered and in pages.",
        reply="hardware.DeviceList",
        bare="subsystem",
    ),
    Subject(
        "hardware.get",
        Kind.QUERY,
        "natsdev",
        "hardware.GetRequest",
        "One device, by id, sysfs path or device node.",
        reply="hardware.Device",
        bare="device",
    ),
    Subject(
        "hardware.settle",
        Kind.QUERY,
        "natsdev",
        "hardware.SettleRequest",
        "Answered when every kernel event from before the request has been published.",
        reply="hardware.Settled",
    ),
    Subject(
        "hardware.trigger",
        Kind.COMMAND,
        "natsdev",
        "hardware.TriggerRequest",
        "Ask the kernel to send a device's event again.",
        reply="hardware.Triggered",
        role=Role.ADMIN,
        bare="device",
    ),
    _event("toast.shown", "toast", "toast.ToastEvent", "A toast is on the screen.", Role.USER),
    _event("toast.held", "toast", "toast.ToastEvent", "A toast waits for a pause to end.", Role.USER),
    _event("toast.closed", "toast", "toast.ToastClosed", "A toast is gone, and why.", Role.USER),
    _event("toast.action", "toast", "toast.ToastAction", "A person chose one of a toast's actions.", Role.USER),
    _event("toast.paused", "toast", "toast.Paused", "From now on toasts are held back.", Role.USER),
    _event("toast.resumed", "toast", "toast.Paused", "The pause is over; what it held back follows.", Role.USER),
    Subject(
        "toast.in",
        Kind.COMMAND,
        "toast",
        "toast.ToastRequest",
        "Show a toast.",
        reply="toast.ToastAccepted",
        role=Role.USER,
        bare="summary",
    ),
    Subject(
        "toast.list",
        Kind.QUERY,
        "toast",
        "toast.ListRequest",
        "The toasts on the screen or waiting for a pause to end.",
        reply="toast.ToastList",
        role=Role.USER,
    ),
    Subject(
        "toast.close",
        Kind.COMMAND,
        "toast",
        "toast.CloseRequest",
        "Take a toast from the screen, or choose one of its actions.",
        reply="toast.ToastClosed",
        role=Role.USER,
        bare="id",
    ),
    Subject(
        "toast.pause",
        Kind.COMMAND,
        "toast",
        "toast.PauseRequest",
        "Hold toasts back until the pause ends; critical ones are shown all the same.",
        reply="toast.Paused",
        role=Role.USER,
    ),
    _event(
        "init.service.<id>.<event>",
        "init",
        "init.ServiceEvent",
        "A service was added, changed or removed, is starting, started, ready or stopping, exited, or failed for good.",
    ),
    _event(
        "init.log.<service>.last",
        "init",
        "init.LastLines",
        "The last lines that a service wrote before it ended; told before its `exited`.",
        Role.ADMIN,
    ),
    _event(
        "init.log.<service>.line",
        "init",
        "init.ServiceLine",
        "A service wrote a line; only of the services that the setting `log` names.",
        Role.ADMIN,
    ),
    _event("init.usage.<service>.high", "init", "init.UsageHigh", "A service crossed a threshold of its unit."),
    _event("init.shutdown", "init", "init.Shutdown", "Everything is being stopped."),
    Subject(
        "init.list",
        Kind.QUERY,
        "init",
        "init.ListRequest",
        "The services and their states.",
        reply="init.ServiceList",
        bare="id",
    ),
    Subject("init.get", Kind.QUERY, "init", "init.NameRequest", "One service.", reply="init.Service", bare="name"),
    Subject(
        "init.usage",
        Kind.QUERY,
        "init",
        "init.UsageRequest",
        "What services use: processor time, memory, processes, input and output.",
        reply="init.UsageList",
        bare="name",
    ),
    Subject(
        "init.logs",
        Kind.QUERY,
        "init",
        "init.LogsRequest",
        "The last lines that a service wrote.",
        reply="init.Logs",
        role=Role.ADMIN,
        bare="name",
    ),
    *(
        Subject(
            f"init.{verb}",
            Kind.COMMAND,
            "init",
            "init.ActRequest",
            doc,
            reply="init.Service",
            role=Role.ADMIN,
            bare="name",
        )
        for verb, doc in (
            ("start", "Start a service, and what it needs."),
            ("stop", "Stop a service, and keep it stopped."),
            ("restart", "Stop a service and start it again; those that need it stay."),
        )
    ),
    Subject(
        "init.reload",
        Kind.COMMAND,
        "init",
        "init.ReloadRequest",
        "Have a service read its configuration again, or init its unit files.",
        reply="init.Reloaded",
        role=Role.ADMIN,
        bare="name",
    ),
    *(
        Subject(
            f"init.{verb}",
            Kind.COMMAND,
            "init",
            "init.EndRequest",
            doc,
            reply="init.Begun",
            role=Role.ADMIN,
        )
        for verb, doc in (
            ("reexec", "Run init's own program again in place; every service keeps running."),
            ("poweroff", "Stop everything and turn the machine off, or end init where it is not the machine's."),
            ("reboot", "Stop everything and start the machine again."),
        )
    ),
    Subject(
        "process.list",
        Kind.QUERY,
        "ps",
        "process.ListRequest",
        "The processes of this machine, filtered and in pages; their command lines for the role admin alone.",
        reply="process.ProcessList",
        role=Role.USER,
        bare="name",
    ),
    Subject(
        "ps.<name...>",
        Kind.QUERY,
        "ps",
        "ps.PresenceRequest",
        "Whether a program runs: its name as it is typed, dots and all; any other byte may be written as `%XX`.",
        reply="ps.Presence",
        role=Role.USER,
    ),
    _event("process.exec.<name>", "ps", "process.Executed", "A process began a program.", Role.USER),
    _event("process.exit.<name>", "ps", "process.Exited", "A process ended.", Role.USER),
)

_PUBLISHERS = {row.domain for row in _SUBJECTS if row.kind is Kind.EVENT}

TABLE = Table(_SUBJECTS + tuple(lost(domain) for domain in _DOMAINS if domain.name in _PUBLISHERS), _DOMAINS)
"""What lunix itself declares."""
