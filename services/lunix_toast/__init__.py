"""lunix-toast: short messages for the person in front of the machine.

Answers ``toast.in``, ``toast.list``, ``toast.close`` and ``toast.pause``; publishes ``toast.shown``, ``toast.held``,
``toast.closed``, ``toast.action``, ``toast.paused`` and ``toast.resumed``.

    request → service → store → facts → the bus, and a renderer (popups, the terminal)

Pure core: `store`, `layout`, `position`, `paint.markup`, `paint.pixels`, `paint.theme`, `paint.zones`,
`pictures.icons`, `x11.wire`, `x11.greeting`, `x11.display`, `x11.stack`.
"""
