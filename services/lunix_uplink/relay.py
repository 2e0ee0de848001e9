"""One role of operators: a connection to the machine's bus as its local identity, one to the hub, and what passes.

    bus ── events ──> buffer ──> hub            in order; while the hub is away they wait
    bus <── requests ── hub                     a request while the bus is away has no responders
    bus ── answers ──> hub                      by the way that each request left

The role of a request is that of the account in which our connection is on this machine's bus, and the bus's server
writes it: nothing that a hub or an operator says of a role is looked at.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from lunix_common.schemas.uplink import Link
from lunix_common.subjects import Role
from lunix_uplink import mapping, protocol
from lunix_uplink.buffer import Buffer, Losses
from lunix_uplink.chosen import Chosen
from lunix_uplink.line import Away, Line, Refused, Way
from lunix_uplink.mapping import Ways
from lunix_uplink.protocol import Message

log = logging.getLogger("uplink")

FIRST_RETRY_S, MOST_RETRY_S, MOST_LOCAL_RETRY_S = 0.05, 30.0, 5.0
BATCH_BYTES = 64 * 1024


class Relay:
    """What an uplink does for one role."""

    def __init__(self, role: Role, here: Way, hub: Way, chosen: Chosen, buffer_bytes: int) -> None:
        self.role = role
        self._room = buffer_bytes
        self._chosen = chosen
        self._buffer = Buffer(buffer_bytes)
        self._here, self._hub = Line(here, self._heard), Line(hub, self._asked)
        inbox = f"_INBOX.{here.identity}.{secrets.token_hex(8)}"
        self._ways = Ways(inbox)
        self._here.subjects = (*chosen.events, f"{inbox}.*")
        self._hub.subjects = chosen.requests
        self._hub.on_pong = self._confirmed
        self._hub.on_refused = self._not_allowed
        self._here.on_up = self._at_home
        self._here.on_refused = self._not_allowed
        self._hub.pressed = self._here.drain
        self._news = asyncio.Event()
        self._told: set[str] = set()
        self._since = datetime.now(UTC)
        self._why: str | None = "not connected yet"
        self._why_here: str | None = "not connected to this machine's bus yet"
        self.on_change: Callable[[Relay], None] = lambda _relay: None
        """Called when the hub is reached, and when it is not any more."""
        self.on_look: Callable[[], None] = lambda: None
        """Called when ``why`` may be another."""
        self.on_loss: Callable[[Relay, Losses], None] = lambda _relay, _losses: None

    def state(self) -> Link:
        """As it is listed."""
        return Link(
            id=self.role,
            hub=self._hub.url,
            connected=self._hub.up.is_set(),
            since=self._since,
            waiting=len(self._buffer),
            reason=self._why,
        )

    @property
    def why(self) -> str | None:
        """Why it does not work, if it does not."""
        return self._why or self._why_here

    async def run(self) -> None:
        """Go on until it is cancelled; what waits then is lost."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_here(), name=f"uplink.{self.role}.bus")
                tasks.create_task(self._keep_hub(), name=f"uplink.{self.role}.hub")
        finally:
            if self._buffer:
                log.warning("ended with events left", extra={"role": self.role, "events": len(self._buffer)})

    # --- connections ------------------------------------------------------------------------------------------------

    async def _keep_here(self) -> None:
        delay = FIRST_RETRY_S
        while True:
            try:
                await self._here.run()
            except (Away, Refused) as error:
                if str(error) != self._why_here:
                    log.warning("no way to this machine's bus", extra={"role": self.role, "error": str(error)})
                self._why_here = str(error)
                self.on_look()
            delay = FIRST_RETRY_S if self._here.was_up else min(delay * 2, MOST_LOCAL_RETRY_S)
            self._ways.clear()
            await asyncio.sleep(_jitter(delay))

    def _at_home(self) -> None:
        self._why_here = None
        self.on_look()

    async def _keep_hub(self) -> None:
        delay = FIRST_RETRY_S
        while True:
            pumping = asyncio.create_task(self._pump(), name=f"uplink.{self.role}.pump")
            try:
                await self._hub.run()
            except (Away, Refused) as error:
                self._lost(error)
            finally:
                pumping.cancel()
                await asyncio.wait({pumping})
                if not pumping.cancelled():
                    pumping.result()
            delay = FIRST_RETRY_S if self._hub.was_up else min(delay * 2, MOST_RETRY_S)
            await asyncio.sleep(_jitter(delay))

    def _lost(self, error: Away | Refused) -> None:
        self._buffer.interrupted()
        refused = isinstance(error, Refused)
        if str(error) != self._why:
            log.log(logging.ERROR if refused else logging.WARNING, str(error), extra={"role": self.role})
        was, self._why = self._why, str(error)
        if self._hub.was_up:
            self._since = datetime.now(UTC)
        if self._hub.was_up or was != self._why:
            self.on_change(self)

    async def _pump(self) -> None:
        """Bring to the hub what waits for it, while there is a connection."""
        await self._hub.up.wait()
        self._told.clear()
        self._since, self._why = datetime.now(UTC), None
        log.info("joined the hub", extra={"hub": self._hub.url, "role": self.role})
        self.on_change(self)
        while True:
            while self._buffer:
                self._hub.write(self._buffer.take(BATCH_BYTES))
                self._confirm()
                await self._hub.drain()
            if (losses := self._buffer.losses()) is not None:
                self.on_loss(self, losses)
            self._news.clear()
            await self._news.wait()

    def _confirm(self) -> None:
        if not self._hub.asking:
            self._buffer.ask()
            self._hub.ask()

    def _confirmed(self) -> None:
        self._buffer.confirm()
        if self._buffer.unasked:
            self._confirm()

    def _not_allowed(self, text: str) -> None:
        """Something is declared here and not there, or granted there and not here."""
        if text not in self._told and len(self._told) < 64:  # what a device could say without end
            self._told.add(text)
            log.warning("refused", extra={"role": self.role, "what": text})

    # --- messages ---------------------------------------------------------------------------------------------------

    def _heard(self, message: Message) -> None:
        """From the machine's bus: an event, or an answer."""
        if message.sid == b"%d" % len(self._chosen.events):
            self._answered(message)
            return
        domain = message.subject.partition(b".")[0].decode("utf-8", "replace")
        head = mapping.without_role(message.head)
        if self._hub.max_payload and len(head) + len(message.data) > self._hub.max_payload:
            self._buffer.refuse(domain)
        else:
            # Without its reply subject: whoever answered it would act for who named a command there.
            self._buffer.put(domain, protocol.publish(message.subject, b"", head, message.data))
        self._news.set()

    def _answered(self, message: Message) -> None:
        reply = self._ways.back(message.subject)
        if reply is None:
            return
        if self._hub.waiting_bytes > self._room:
            self._not_allowed("an answer: the hub is too slow for it")
        elif len(message.head) + len(message.data) > self._hub.max_payload:
            self._hub.write(protocol.publish(reply, b"", *mapping.refusal(413, "the answer is too big for the hub")))
        else:
            # Some libraries answer with the headers that they were asked with.
            self._hub.write(protocol.publish(reply, b"", mapping.without_role(message.head), message.data))

    def _asked(self, message: Message) -> None:
        """From the hub: a request. What it names that was not subscribed to is nothing that an operator asked."""
        patterns = self._chosen.requests
        number = int(message.sid) if message.sid.isdigit() else len(patterns)
        if number >= len(patterns) or not mapping.takes_in(patterns[number], message.subject):
            self._not_allowed("a message on a subject that was not asked for")
        elif not self._here.up.is_set():
            self._refuse(message.reply, mapping.NO_RESPONDERS, b"")
        elif len(message.head) + len(message.data) > self._here.max_payload:
            self._refuse(message.reply, *mapping.refusal(413, "the request is too big for this machine's bus"))
        else:
            reply = self._ways.out(message.subject, message.reply) if message.reply else b""
            head = mapping.without_role(message.head)
            self._here.write(protocol.publish(message.subject, reply, head, message.data))

    def _refuse(self, reply: bytes, head: bytes, data: bytes) -> None:
        if reply:
            self._hub.write(protocol.publish(reply, b"", head, data))


def _jitter(delay_s: float) -> float:
    """Machines that lost their hub together do not come back in one moment."""
    return delay_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
