"""The subjects of ps: what runs, begins and ends."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (
    Domain("process", "ps", "Programs that begin and processes that end."),
    Domain("ps", "ps", "Whether a program runs."),
)

SUBJECTS = (
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
    event("process.exec.<name>", "ps", "process.Executed", "A process began a program.", Role.USER),
    event("process.exit.<name>", "ps", "process.Exited", "A process ended.", Role.USER),
)
