"""What the client of nats-py reads in the headers of every message."""

from enum import Enum


class Header(str, Enum):  # noqa: UP042 (as nats-py has it)
    """The headers of a status, as NATS names them."""

    CONSUMER_STALLED = "Nats-Consumer-Stalled"
    DESCRIPTION = "Description"
    STATUS = "Status"
