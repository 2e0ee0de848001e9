"""What services write, as init tells it of those that it was asked to."""

import logging
import os
from datetime import UTC, datetime

from pydantic import ValidationError

from lunix_common.bus.messages import Message
from lunix_common.schemas.init import ServiceLine
from lunix_log.intake import Intake, Origin
from lunix_log.numbers import Rows
from lunix_log.parsed import Parsed
from lunix_log.priority import Priority
from lunix_log.visible import shown

log = logging.getLogger("log")

LINES = "init.log.*.line"
_PRIORITY = Priority("daemon", "info")


class ServiceLines:
    """Takes the lines from the bus."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._numbers = Rows()
        self._own = os.environ.get("LUNIX_UNIT") or "log"

    def take(self, message: Message) -> None:
        """One line, but none of our own: each would make another."""
        try:
            line = ServiceLine.model_validate_json(message.data)
        except ValidationError:
            log.warning("a line of init counts for nothing", extra={"subject": message.subject})
            return
        if line.service == self._own:
            return
        service = shown(line.service)
        if missing := self._numbers.missing(line.service, line.number):
            self._intake.lost("init", service, missing, "not told")
        parsed = Parsed(shown(line.text), "line", _PRIORITY, _moment(line.at), app=service, service=service)
        self._intake.take(parsed, Origin("init", service))


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
