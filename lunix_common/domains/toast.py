"""The subjects of toast: short messages for the person in front of the machine."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (
    Domain(
        "toast",
        "toast",
        "Short messages shown to the person in front of the machine.",
        item="toast.Toast",
        gone=frozenset({"closed"}),
        passing=frozenset({"action", "paused", "resumed"}),
    ),
)

SUBJECTS = (
    event("toast.shown", "toast", "toast.ToastEvent", "A toast is on the screen.", Role.USER),
    event("toast.held", "toast", "toast.ToastEvent", "A toast waits for a pause to end.", Role.USER),
    event("toast.closed", "toast", "toast.ToastClosed", "A toast is gone, and why.", Role.USER),
    event("toast.action", "toast", "toast.ToastAction", "A person chose one of a toast's actions.", Role.USER),
    event("toast.paused", "toast", "toast.Paused", "From now on toasts are held back.", Role.USER),
    event("toast.resumed", "toast", "toast.Paused", "The pause is over; what it held back follows.", Role.USER),
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
)
