"""lunix-wm: windows of the session, and programs that are started in it.

Answers ``wm.list``, ``wm.focus``, ``wm.close``, ``wm.move`` and ``wm.exec``; publishes ``wm.window.opened``,
``wm.window.closed``, ``wm.window.focused``, ``wm.window.changed`` and, of what it started, ``wm.exited``.

    the display → ewmh_desk → windows (what has changed) → the bus
    i3 or sway → ipc_desk → ipc, tree → the same
    request → service → the desk → the window manager
    wm.exec → command → os_spawn → the program → programs → wm.exited

Pure core: `command`, `windows`, `text`, `ewmh`, `ipc`, `tree`.

Run by machines, where coverage is not measured, or by an interpreter without its packages: `exec_child`.
"""
