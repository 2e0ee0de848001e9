"""The subjects of wm: windows of the session, and programs that are started in it."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (
    Domain(
        "wm",
        "wm",
        "Windows of the session, and programs that are started in it.",
        item="wm.Window",
        gone=frozenset({"closed"}),
        passing=frozenset({"exited"}),
    ),
)

SUBJECTS = (
    event("wm.window.opened", "wm", "wm.WindowEvent", "There is a new window.", Role.USER),
    event("wm.window.closed", "wm", "wm.WindowEvent", "A window is gone; as it was last.", Role.USER),
    event("wm.window.focused", "wm", "wm.WindowEvent", "A window has the focus now.", Role.USER),
    event(
        "wm.window.changed",
        "wm",
        "wm.WindowEvent",
        "A window has another title, place, workspace or state, or lost the focus.",
        Role.USER,
    ),
    event("wm.exited", "wm", "wm.Exited", "A program that `wm.exec` started has ended.", Role.USER),
    Subject(
        "wm.list",
        Kind.QUERY,
        "wm",
        "wm.ListRequest",
        "The windows of the session.",
        reply="wm.WindowList",
        role=Role.USER,
        bare="app",
    ),
    Subject(
        "wm.focus",
        Kind.COMMAND,
        "wm",
        "wm.WindowRequest",
        "Have a window come to the front and take the focus.",
        reply="wm.Asked",
        role=Role.USER,
        bare="id",
    ),
    Subject(
        "wm.close",
        Kind.COMMAND,
        "wm",
        "wm.WindowRequest",
        "Ask a window to close, as a click on its button does: its program may ask first.",
        reply="wm.Asked",
        role=Role.USER,
        bare="id",
    ),
    Subject(
        "wm.move",
        Kind.COMMAND,
        "wm",
        "wm.MoveRequest",
        "Move or resize a window, or put it on another workspace.",
        reply="wm.Asked",
        role=Role.USER,
    ),
    Subject(
        "wm.exec",
        Kind.COMMAND,
        "wm",
        "wm.ExecRequest",
        "Start a program in the session; answered when it runs.",
        reply="wm.Started",
        role=Role.GRANT,
        bare="command",
    ),
)
