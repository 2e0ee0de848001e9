"""A message of syslog in whichever of the two RFCs it is written, or in none."""

from datetime import datetime, tzinfo

from lunix_log import rfc3164, rfc5424
from lunix_log.parsed import Parsed

_MARK = b"\xef\xbb\xbf"


def parse(raw: bytes, received: datetime, zone: tzinfo | None, *, local: bool) -> Parsed:
    """Take a message apart; ``zone`` (``None``: this machine's) is that of times that name none."""
    raw = raw.removeprefix(_MARK)
    return rfc5424.parse(raw, zone) or rfc3164.parse(raw, received, zone, local=local)
