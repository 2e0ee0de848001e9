"""The thin library that every lunix daemon stands on: subjects, schemas, bus, daemon, config, access.

Nothing is imported here: each part costs start-up time and memory, so a program imports the parts it needs.
"""

__version__ = "0.1.0"
