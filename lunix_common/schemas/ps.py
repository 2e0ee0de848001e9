"""Payloads of ``ps.*``: whether a program runs."""

from lunix_common.schemas.common import Model


class PresenceRequest(Model):
    """Nothing: the subject names the program."""


class Presence(Model):
    """Whether a program runs."""

    name: str
    running: bool
    pids: list[int]
    """In rising order. Zombies do not run."""
