"""The agent that BlueZ asks when a device pairs: each question is an event, and a request is its answer.

https://github.com/bluez/bluez/blob/master/doc/org.bluez.Agent.rst. BlueZ has one question at a time; ``Cancel`` has no
arguments and ends whatever is open. What nobody answers in time is refused.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from lunix_bluetooth.bluez import Bluez
from lunix_bluetooth.names import AGENT, AGENT_MANAGER, BASE, CANCELED, REJECTED
from lunix_bluetooth.settings import Settings
from lunix_common.bus import Request, RequestError
from lunix_common.daemon import Context
from lunix_common.schemas.bluetooth import Outcome, PairAnswer, PairEnded, PairKind, PairRequested, Part
from lunix_dbus import Call, DbusAway, DbusError, Interface, Method

log = logging.getLogger("bluetooth")

PATH = "/org/lunix/agent"


class _Open(NamedTuple):
    asked: PairRequested
    answer: "asyncio.Future[PairAnswer] | None"
    """``None`` where something is shown alone."""


class Agent:
    """Answers BlueZ with what the bus answers."""

    def __init__(self, context: Context[Settings], bluez: Bluez, seen_at: Callable[[str], Part | None]) -> None:
        self._context = context
        self._bus = context.bus
        self._bluez = bluez
        self._seen_at = seen_at
        self._open: dict[str, _Open] = {}
        bluez.dbus.export(Interface(PATH, AGENT, self._methods()))

    @property
    def open(self) -> list[dict[str, Any]]:
        """What is open, as JSON has it."""
        return [one.asked.model_dump(mode="json", exclude_none=True) for one in self._open.values()]

    async def register(self) -> None:
        """Tell BlueZ of us."""
        settings = self._context.settings
        if settings.agent == "off":
            return
        try:
            await self._bluez.call(BASE, AGENT_MANAGER, "RegisterAgent", "os", (PATH, settings.capability))
            if settings.agent == "default":
                await self._bluez.call(BASE, AGENT_MANAGER, "RequestDefaultAgent", "o", (PATH,))
        except (DbusError, DbusAway) as error:
            log.warning("BlueZ will not ask us about pairings", extra={"error": str(error)})
            self._bus.part_is_off("agent", str(error))
        else:
            self._bus.part_is_off("agent", None)

    async def answer(self, request: Request[PairAnswer]) -> PairEnded:
        """Answer ``bluetooth.pair.answer``."""
        answer = request.payload
        found = self._open.get(answer.id)
        if found is None or found.answer is None:
            raise RequestError(404, f"nothing waits for an answer as {answer.id}: it was answered, or is over")
        missing = {"enter_pin": answer.pin, "enter_passkey": answer.passkey}.get(found.asked.kind, "")
        if answer.accept and missing is None:
            raise RequestError(400, f"what was asked for is missing: {found.asked.kind.removeprefix('enter_')}")
        ended = self._end(answer.id, "accepted" if answer.accept else "refused")
        found.answer.set_result(answer)
        return ended

    def over(self, address: str, outcome: Outcome) -> None:
        """What is shown for a device need not be shown any more."""
        for one in [one for one in self._open.values() if one.answer is None and one.asked.device == address]:
            self._end(one.asked.id, outcome)

    def cancel(self) -> None:
        """Nothing of what is open is wanted any more."""
        for one in list(self._open.values()):
            self._end(one.asked.id, "cancelled")
            if one.answer is not None:
                one.answer.cancel()

    # --- what BlueZ calls -------------------------------------------------------------------------------------------

    def _methods(self) -> dict[str, Method]:
        return {
            "Release": Method("", "", self._cancelled),
            "RequestPinCode": Method("o", "s", lambda call: self._ask(call, "enter_pin")),
            "DisplayPinCode": Method("os", "", lambda call: self._show(call, "show_pin", pin=call.body[1][:16])),
            "RequestPasskey": Method("o", "u", lambda call: self._ask(call, "enter_passkey")),
            "DisplayPasskey": Method("ouq", "", self._show_passkey),
            "RequestConfirmation": Method(
                "ou", "", lambda call: self._ask(call, "confirm", passkey=_six(call.body[1]))
            ),
            "RequestAuthorization": Method("o", "", lambda call: self._ask(call, "authorize")),
            "AuthorizeService": Method("os", "", lambda call: self._ask(call, "service", service=call.body[1][:64])),
            "Cancel": Method("", "", self._cancelled),
        }

    async def _ask(self, call: Call, kind: PairKind, **shown: Any) -> Sequence[object]:
        self._only_bluez(call)
        within = timedelta(seconds=self._context.settings.answer_s)
        asked = self._asked(call, kind, until=datetime.now(UTC) + within, **shown)
        future: asyncio.Future[PairAnswer] = asyncio.get_running_loop().create_future()
        self._begin(_Open(asked, future))
        await asyncio.wait({future}, timeout=within.total_seconds())
        if not future.done():
            self._end(asked.id, "expired")
            raise DbusError(REJECTED, "nobody answered in time")
        if future.cancelled():
            raise DbusError(CANCELED, "BlueZ gave up")
        answer = future.result()
        if not answer.accept:
            raise DbusError(REJECTED, "it was refused")
        return [answer.pin] if kind == "enter_pin" else [int(answer.passkey or 0)] if kind == "enter_passkey" else []

    async def _show_passkey(self, call: Call) -> Sequence[object]:
        return await self._show(call, "show_passkey", passkey=_six(call.body[1]), entered=call.body[2])

    async def _show(self, call: Call, kind: PairKind, **shown: Any) -> Sequence[object]:
        self._only_bluez(call)
        asked = self._asked(call, kind, **shown)
        before = next((one.asked for one in self._open.values() if one.asked.device == asked.device), None)
        if before is not None and (before.kind, before.passkey, before.pin) == (kind, asked.passkey, asked.pin):
            # Told again for each digit that is typed.
            asked = asked.model_copy(update={"id": before.id})
        else:
            self.over(asked.device, "cancelled")
        self._begin(_Open(asked, None))
        return []

    async def _cancelled(self, call: Call) -> Sequence[object]:
        self._only_bluez(call)
        self.cancel()
        return []

    def _only_bluez(self, call: Call) -> None:
        if call.sender != self._bluez.owner:
            log.warning("somebody else than BlueZ asks for a pairing", extra={"sender": call.sender})
            raise DbusError("org.freedesktop.DBus.Error.AccessDenied", "this agent answers BlueZ alone")

    def _asked(self, call: Call, kind: PairKind, **shown: Any) -> PairRequested:
        device = self._seen_at(call.body[0])
        if device is None:
            raise DbusError(REJECTED, "this device is not known")
        known = {"device": device.address, "name": device.name, "icon": device.icon}
        return PairRequested(id=secrets.token_hex(4), kind=kind, **known, **shown)

    def _begin(self, opened: _Open) -> None:
        self._open[opened.asked.id] = opened
        self._bus.emit("bluetooth.pair.requested", opened.asked)

    def _end(self, id_: str, outcome: Outcome) -> PairEnded:
        ended = PairEnded(id=id_, device=self._open.pop(id_).asked.device, outcome=outcome)
        self._bus.emit("bluetooth.pair.ended", ended)
        log.info("a question about a pairing is over", extra={"device": ended.device, "outcome": outcome})
        return ended


def _six(passkey: int) -> str:
    return f"{passkey:06d}"
