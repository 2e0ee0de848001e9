"""Payloads of ``uplink.*``: the connections of a machine to the hub of its fleet."""

from lunix_common.schemas.common import Model, Page, PageRequest, Time


class Link(Model):
    """What connects one role of operators with this machine."""

    id: str
    """The role: ``observer``, ``user`` or ``admin``."""
    hub: str
    connected: bool
    since: Time
    """When that began."""
    waiting: int
    """Events that wait for the hub."""
    reason: str | None = None
    """Why it is not connected."""


class LinkEvent(Link):
    """It is another than it was."""

    happened_at: Time


class Dropped(Model):
    """Events that the hub did not get, or may not have got."""

    id: str
    """The role of the connection."""
    dropped: dict[str, int]
    """By domain: those for which there was no room, the oldest first."""
    uncertain: dict[str, int]
    """By domain: those that were on their way when a connection broke. They are not sent twice."""
    happened_at: Time


class ListRequest(PageRequest):
    """The payload of ``uplink.list``."""


class LinkList(Page):
    """The answer to ``uplink.list``."""

    items: list[Link]
