"""The subjects of power: what the machine runs on, its lid and buttons, its sleep."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (
    Domain(
        "power",
        "power",
        "What the machine runs on, its lid and buttons, and its sleep.",
        item="power.Part",
        gone=frozenset({"removed"}),
        passing=frozenset({"suspending", "resumed", "pressed"}),
    ),
)

SUBJECTS = (
    event(
        "power.ac.<event>",
        "power",
        "power.PartEvent",
        "A mains adapter or another charger went `online` or `offline`, or was `added` or `removed`.",
    ),
    event(
        "power.battery.<event>",
        "power",
        "power.PartEvent",
        "A battery is `charging`, `discharging`, `full` or `idle`, has become `low` or `critical`, has another charge "
        "(`changed`), or was `added` or `removed`.",
    ),
    event(
        "power.lid.<event>",
        "power",
        "power.PartEvent",
        "The lid is `open` or `closed`, or its switch was `added` or `removed`.",
    ),
    event("power.button.pressed", "power", "power.Pressed", "Somebody pressed the power button or the sleep button."),
    event("power.suspending", "power", "power.Suspending", "The machine is about to sleep."),
    event("power.resumed", "power", "power.Resumed", "The machine is awake again."),
    Subject(
        "power.list",
        Kind.QUERY,
        "power",
        "power.ListRequest",
        "Adapters, batteries and lids, as they were told last.",
        reply="power.PartList",
        bare="kind",
    ),
    Subject(
        "power.suspend",
        Kind.COMMAND,
        "power",
        "power.SuspendRequest",
        "Have the machine sleep; answered when that has begun.",
        reply="power.Begun",
        role=Role.ADMIN,
        bare="mode",
    ),
)
