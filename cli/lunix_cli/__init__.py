"""The ``lunix`` command: it starts everything, and it is a person's hand on the bus.

Each sub-command is a module of its own, imported when it is asked for: ``lunix pub`` is used in scripts and must start
quickly, so nothing on its way imports the models of the payloads.

Pure core: `show`, `table`, `candidates`, `logline`.
"""
