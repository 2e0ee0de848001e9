"""lunix-ps: whether a program runs, what runs, and what begins and ends.

Answers ``ps.<name...>`` and ``process.list`` from ``/proc`` when it is asked; publishes ``process.exec.<name>`` and
``process.exit.<name>`` as the kernel's process connector tells them, and ``process.lost`` for what that dropped.

    process connector → proc_event → listener (with the names in known) → the bus
    request → os_proc → proc_text, naming → answer

Pure core: `proc_event`, `proc_text`, `naming`, `known`.
"""
