"""lunix-toast: short messages for the person in front of the machine.

Answers ``toast.in``, ``toast.list``, ``toast.close``, ``toast.snooze``, ``toast.pause`` and ``toast.history``, of which
it takes ``pop`` and ``clear``, too; publishes ``toast.shown``, ``toast.held``, ``toast.closed``, ``toast.action``,
``toast.paused``, ``toast.resumed`` and ``toast.limited``.

    request → service → store → facts → the bus, and a renderer (popups, the terminal, another notification server)
    notification → server → service
    notification → another server: overhear → service

Pure core: `store`, `history`, `pausing`, `sizes`, `rate`, `sender`, `layout`, `position`,
`paint.markup`, `paint.pixels`, `paint.theme`, `paint.zones`, `pictures.icons`, `x11.stack`,
`desktop.image`, `desktop.notify`, `desktop.ids`, `desktop.others`.
"""
