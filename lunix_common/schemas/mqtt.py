"""Payloads of ``mqtt.*``: messages of an MQTT broker."""

from typing import Literal

from lunix_common.schemas.common import Model, Page, PageRequest, Time


class Message(Model):
    """Not an object: the payload has the bytes of the MQTT message, untouched, be they text, JSON or neither.

    What MQTT tells beside them stands in headers whose names begin with ``Mqtt-``.
    """

    bytes: str


class Sent(Model):
    """The answer to who asked for one when publishing: the broker has the message."""

    topic: str
    qos: int


class ListRequest(PageRequest):
    """Which retained values."""

    topic: str | None = None
    """A topic filter as in MQTT, with ``+`` and ``#``; all where nothing is said."""


class Retained(Model):
    """The retained value of a topic."""

    topic: str
    subject: str
    """On which it is published here."""
    text: str | None = None
    """The payload, where it is UTF-8."""
    base64: str | None = None
    """The payload, where it is not."""
    content_type: str | None = None
    received_at: Time


class RetainedList(Page):
    """Retained values; ``forgotten`` of them had to make room since the daemon began."""

    items: list[Retained]
    forgotten: int
    broker: Literal["off", "away", "connected"]
    """Whether a broker is configured, and there. What is listed may be old while it is away."""
