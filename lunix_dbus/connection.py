"""``Dbus``: a place on a message bus that outlives it.

A session begins with the match rules, learns who owns the watched names, exports, and asks for the names to own. What
happens in it is told by plain callbacks, in the order in which the message bus told it.
"""

import asyncio
import logging
import os
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from dbus_fast import Message, MessageType, NameFlag, RequestNameReply, unpack_variants
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError

from lunix_dbus.address import SocketWatch, resolve
from lunix_dbus.errors import DbusAway, DbusError, silent, told
from lunix_dbus.interface import Call, Interface, Match, Method, Signal, introspection

log = logging.getLogger("lunix.dbus")

DAEMON, DAEMON_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
FIRST_RETRY_S, MOST_RETRY_S, MOST_WATCHED_S = 0.05, 30.0, 3600.0
"""Nothing has to be tried often where the kernel tells that the socket appears."""
OPEN_S = 10.0

T = TypeVar("T")


def _tell(callback: Callable[[T], None], fact: T) -> None:
    """A defect of one who listens is nobody else's."""
    try:
        callback(fact)
    except Exception:
        log.exception("a listener met a defect")


class Wire(MessageBus):
    """One that keeps to itself that it could not send: its end tells that, and nobody waits for what this returns."""

    def send(self, msg: Message) -> "asyncio.Future[Any]":  # type: ignore[override]
        """Send a message, or drop it where the connection is over."""
        writer, descriptor, lives = self._writer, self._fd, self.connected
        assert writer is not None, "connect() makes it"
        assert descriptor is not None, "connect() makes it"
        if not msg.serial:
            msg.serial = self.next_serial()
        sent: asyncio.Future[Any] = self._loop.create_future()
        sent.add_done_callback(_forget)
        # dbus-fast may find here that the connection is broken, close it, and watch the closed descriptor all the same.
        with suppress(OSError):
            writer.schedule_write(msg, sent)  # pyright: ignore[reportUnknownMemberType]
        if lives and not self.connected:
            self._loop.remove_writer(descriptor)
        return sent


class _Owned(NamedTuple):
    name: str
    flags: NameFlag
    changed: Callable[[bool], None]


class Dbus:
    """A connection to a message bus. Declare everything, then use it as an async context manager."""

    def __init__(self, bus: str, *, descriptors: bool = False) -> None:
        """``bus`` is ``system``, ``session`` or an address; with ``descriptors`` answers may bring some."""
        self._bus = bus
        self._descriptors = descriptors
        self._session: Wire | None = None
        self._matches: list[tuple[Match, Callable[[Signal], None]]] = []
        self._watched: dict[str, list[Callable[[str | None], None]]] = {}
        self._owners: dict[str, str] = {}
        self._asked: set[str] = set()
        self._owned: list[_Owned] = []
        self._holds: set[str] = set()
        self._exported: list[Interface] = []
        self._tried = asyncio.Event()
        self._stack = AsyncExitStack()
        self.why = "no attempt was made yet"
        """Why there is no connection, while there is none."""

    # --- declare ----------------------------------------------------------------------------------------------------

    def subscribe(self, match: Match, handler: Callable[[Signal], None]) -> None:
        """Hand each such signal of the sender's owner to ``handler``."""
        self._matches.append((match, handler))
        self._watched.setdefault(match.sender, [])

    def watch(self, name: str, changed: Callable[[str | None], None]) -> None:
        """Call ``changed`` with the unique name of who owns ``name`` when that is known or changes.

        ``None`` is nobody; it is also told when the message bus is lost. Signals that are subscribed to are heard
        from before the call on.
        """
        self._watched.setdefault(name, []).append(changed)

    def own(self, name: str, changed: Callable[[bool], None], *, replace: bool = False, yields: bool = False) -> None:
        """Own a well-known name in each session, and call ``changed`` when we have it and when we have it not.

        Behind another owner we wait in its queue. ``replace`` takes it from one that allows it, ``yields`` allows it.
        """
        flags = NameFlag.REPLACE_EXISTING if replace else NameFlag.NONE
        flags |= NameFlag.ALLOW_REPLACEMENT if yields else NameFlag.NONE
        self._owned.append(_Owned(name, flags, changed))

    def export(self, interface: Interface) -> None:
        """Answer the calls of these methods. Each runs in a task of its own."""
        self._exported.append(interface)

    # --- use --------------------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether there is a session, with everything that was declared, at this moment."""
        return self._session is not None

    @property
    def unique_name(self) -> str | None:
        """By what the message bus knows us, such as ``:1.7``; ``None`` while there is no session."""
        return self._session.unique_name if self._session is not None else None

    async def tried(self) -> None:
        """Return when the first attempt has found the message bus, or has not."""
        await self._tried.wait()

    async def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[object] = (),
        *,
        timeout: float = 10.0,
    ) -> list[Any]:
        """Call a method and return the values that it gives, variants unpacked.

        Raises ``DbusError``, ``DbusAway``. A descriptor among the values is the caller's to close.
        """
        if self._session is None:
            raise DbusAway(self.why)
        message = Message(destination, path, interface, member, signature=signature, body=list(body))
        return await ask(self._session, message, timeout)

    def emit(
        self, path: str, interface: str, member: str, signature: str, body: Sequence[object], to: str | None = None
    ) -> None:
        """Send a signal, to one connection alone where ``to`` names it; to nobody while the message bus is away."""
        message = Message.new_signal(path, interface, member, signature, list(body))
        message.destination = to
        self._post(message)

    # --- life -------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._living = self._tasks.create_task(self._live(), name="dbus")
        self._working: set[asyncio.Task[None]] = set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in (self._living, *self._working):
            task.cancel()
        await self._stack.__aexit__(None, None, None)

    async def _live(self) -> None:
        delay = FIRST_RETRY_S
        while True:
            try:
                address = resolve(self._bus)
            except DbusAway as error:
                self._missed(error)
                return
            with SocketWatch(address) as watch:
                try:
                    await self._one_session(address, watch)
                    delay = FIRST_RETRY_S
                except (DBusFastError, DbusError, DbusAway, OSError, EOFError, TimeoutError) as error:
                    self._missed(f"no D-Bus at {address}: {error}")
                    if isinstance(error, FileNotFoundError) and watch.watching:
                        # The kernel tells when it is there.
                        delay = MOST_WATCHED_S
                # Jitter, so that the daemons of a machine do not all come back in one moment.
                wait = delay * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
                appeared = await watch.wait(wait)
                most = MOST_WATCHED_S if watch.watching else MOST_RETRY_S
                delay = FIRST_RETRY_S if appeared else min(delay * 2, most)

    def _missed(self, why: object) -> None:
        if self.why != str(why):
            self.why = str(why)
            log.info("no D-Bus", extra={"why": self.why})
        self._tried.set()

    async def _one_session(self, address: str, watch: SocketWatch) -> None:
        """Open a session and return when it is over; raise where it cannot be opened."""
        session = Wire(address, negotiate_unix_fd=self._descriptors)
        async with asyncio.timeout(OPEN_S):
            await session.connect()
        gone = asyncio.ensure_future(session.wait_for_disconnect())  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(OPEN_S):
                await self._begin(session)
            watch.stop()
            self._tried.set()
            await asyncio.wait({gone})
            log.warning("D-Bus is away", extra={"bus": self._bus})
        finally:
            if not gone.done():
                session.disconnect()
                await asyncio.wait({gone})
            gone.exception()
            self._over()

    async def _begin(self, session: Wire) -> None:
        self._owners.clear()
        self._asked.clear()
        session.add_message_handler(self._heard)
        owners = [Match(DAEMON, DAEMON, "NameOwnerChanged", arg0=name).rule for name in self._watched]
        # Owners last: one may be told as soon as its rule is there, and its signals have to be heard from then on.
        for rule in dict.fromkeys([match.rule for match, _handler in self._matches] + owners):
            await self._daemon(session, "AddMatch", "s", rule)
        self._session = session
        log.info("on D-Bus", extra={"bus": self._bus})
        for name in self._watched:
            await self._learn(session, name)
        for owned in self._owned:
            await self._request(session, owned)

    async def _learn(self, session: Wire, name: str) -> None:
        try:
            [owner] = await self._daemon(session, "GetNameOwner", "s", name)
        except DbusError:
            owner = None
        # What NameOwnerChanged told meanwhile is newer.
        self._owner(name, self._owners.get(name) if name in self._asked else owner)

    async def _request(self, session: Wire, owned: _Owned) -> None:
        try:
            [reply] = await self._daemon(session, "RequestName", "su", owned.name, owned.flags.value)
        except DbusError as error:
            log.error("this name is refused to us", extra={"owned": owned.name, "error": str(error)})
            reply = None
        # That we have it is told by a signal.
        if reply != RequestNameReply.PRIMARY_OWNER.value:
            _tell(owned.changed, False)

    async def _daemon(self, session: Wire, member: str, signature: str, *body: object) -> list[Any]:
        message = Message(DAEMON, DAEMON_PATH, DAEMON, member, signature=signature, body=list(body))
        return await ask(session, message, OPEN_S)

    def _over(self) -> None:
        self._session = None
        self.why = "the connection to D-Bus broke"
        for name in tuple(self._owners):
            self._owner(name, None)
        for owned in self._owned:
            if owned.name in self._holds:
                self._holds.discard(owned.name)
                _tell(owned.changed, False)

    # --- what is heard ----------------------------------------------------------------------------------------------

    def _heard(self, message: Message) -> bool | Message | None:
        """dbus-fast shows us every message; what we return ``True`` or an answer for goes no further."""
        kind = message.message_type
        if kind in (MessageType.SIGNAL, MessageType.METHOD_CALL):
            # Anybody may send descriptors along, and nobody would close them.
            _close(message)
        if kind is MessageType.SIGNAL:
            self._signal(message)
        elif kind is MessageType.METHOD_CALL:
            return self._called(message)
        return None

    def _signal(self, message: Message) -> None:
        body = unpack_variants(message.body)
        signal = Signal(message.path or "", message.interface or "", message.member or "", body)
        if message.sender == DAEMON:
            self._of_the_daemon(signal)
        for match, handler in self._matches:
            if self._owners.get(match.sender) == message.sender and match.takes(signal):
                _tell(handler, signal)

    def _of_the_daemon(self, signal: Signal) -> None:
        if signal.member == "NameOwnerChanged" and signal.body[0] in self._watched:
            self._asked.add(signal.body[0])
            self._owner(signal.body[0], signal.body[2] or None)
        for owned in self._owned:
            if signal.member in ("NameAcquired", "NameLost") and signal.body == [owned.name]:
                has = signal.member == "NameAcquired"
                (self._holds.add if has else self._holds.discard)(owned.name)
                _tell(owned.changed, has)

    def _owner(self, name: str, owner: str | None) -> None:
        if owner is None:
            self._owners.pop(name, None)
        else:
            self._owners[name] = owner
        for changed in self._watched[name]:
            _tell(changed, owner)

    def _called(self, message: Message) -> bool | Message | None:
        path, member = message.path or "", message.member or ""
        if (message.interface, member) == ("org.freedesktop.DBus.Introspectable", "Introspect"):
            xml = introspection(path, self._exported)
            return Message.new_method_return(message, "s", [xml]) if xml else None
        for one in self._exported:
            method = one.methods.get(member)
            if method and path == one.path and message.interface in (None, one.name):
                if message.signature != method.takes:
                    text = f"{member} takes {method.takes!r} and not {message.signature!r}"
                    return Message.new_error(message, f"{DAEMON}.Error.InvalidArgs", text)
                task = self._tasks.create_task(self._answer(message, method), name=f"dbus.{member}")
                self._working.add(task)
                task.add_done_callback(self._working.discard)
                return True
        return None

    async def _answer(self, message: Message, method: Method) -> None:
        call = Call(message.sender or "", message.path or "", message.member or "", unpack_variants(message.body))
        try:
            values = list(await method.handler(call))
            self._post(Message.new_method_return(message, method.gives, values))
        except DbusError as error:
            self._post(Message.new_error(message, error.name, str(error)))
        except Exception:
            log.exception("a method met a defect", extra={"member": call.member})
            self._post(Message.new_error(message, f"{DAEMON}.Error.Failed", "an internal error, see the log"))

    def _post(self, message: Message) -> None:
        if self._session is not None:
            self._session.send(message)


async def ask(session: Wire, message: Message, timeout: float) -> list[Any]:
    """``Dbus.call`` of one message on one connection."""
    destination, member = message.destination or "", message.member or ""
    if not session.connected:
        raise DbusAway(f"the connection to D-Bus broke before {member}")
    asked: asyncio.Task[Message | None] = asyncio.ensure_future(session.call(message))
    try:
        await asyncio.wait({asked}, timeout=timeout)
    finally:
        if not asked.done():
            asked.add_done_callback(_too_late)
    if not asked.done():
        raise silent(destination, member, timeout)
    answer = None if isinstance(asked.exception(), EOFError | OSError) else asked.result()
    if answer is None:
        raise DbusAway(f"the connection to D-Bus broke during {member}") from asked.exception()
    if answer.message_type is MessageType.ERROR:
        text = answer.body[0] if answer.body and isinstance(answer.body[0], str) else ""
        raise told(answer.error_name or "", text, destination, member)
    values = unpack_variants(answer.body)
    # What stands in the body for a descriptor is its place among those that came along.
    if answer.signature == "h":
        return [answer.unix_fds[values[0]]]
    return list(values)


def _forget(sent: "asyncio.Future[Any]") -> None:
    sent.exception()


def _too_late(asked: "asyncio.Task[Message | None]") -> None:
    """Nobody waits for this answer any more: close what came with it, as a lock that would be held for ever."""
    _close(None if asked.cancelled() or asked.exception() else asked.result())


def _close(message: Message | None) -> None:
    for descriptor in message.unix_fds if message else ():
        with suppress(OSError):
            os.close(descriptor)
