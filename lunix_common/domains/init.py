"""The subjects of lunix-init: services."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (
    Domain(
        "init",
        "init",
        "The services of this machine, or of one user.",
        item="init.Service",
        gone=frozenset({"removed"}),
        passing=frozenset({"high", "line", "last", "shutdown"}),
    ),
)

SUBJECTS = (
    event(
        "init.service.<id>.<event>",
        "init",
        "init.ServiceEvent",
        "A service was added, changed or removed, is starting, started, ready or stopping, exited, or failed for good.",
    ),
    event(
        "init.log.<service>.last",
        "init",
        "init.LastLines",
        "The last lines that a service wrote before it ended; told before its `exited`.",
        Role.ADMIN,
    ),
    event(
        "init.log.<service>.line",
        "init",
        "init.ServiceLine",
        "A service wrote a line; only of the services that the setting `log` names.",
        Role.ADMIN,
    ),
    event("init.usage.<service>.high", "init", "init.UsageHigh", "A service crossed a threshold of its unit."),
    event("init.shutdown", "init", "init.Shutdown", "Everything is being stopped."),
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
)
