"""The subjects of log: what the machine, its services and its network say."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (Domain("log", "log", "What the kernel, programs, services and other machines write down."),)

SUBJECTS = (
    event(
        "log.<facility>.<severity>",
        "log",
        "log.Entry",
        "A message was written: by a program, a service, the kernel or another machine.",
        Role.ADMIN,
    ),
    event(
        "log.dropped",
        "log",
        "log.Dropped",
        "Messages of one sender were not told, how many and why.",
        Role.ADMIN,
    ),
    Subject(
        "log.tail",
        Kind.QUERY,
        "log",
        "log.TailRequest",
        "The last messages, filtered; of those that are still kept.",
        reply="log.Tail",
        role=Role.ADMIN,
        bare="app",
    ),
)

USES = {"log": ("init.log.<service>.line",)}
