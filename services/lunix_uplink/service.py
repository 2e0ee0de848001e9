"""The daemon: what the machine joined is read, each role of its operators gets a relay, and that again on a change."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lunix_common import declarations
from lunix_common.access import identities, serverconf
from lunix_common.access.roles import Client
from lunix_common.bus.options import state_directory
from lunix_common.daemon import Context
from lunix_common.schemas.uplink import Dropped, Link, LinkEvent, ListRequest
from lunix_common.subjects import Table
from lunix_uplink import membership
from lunix_uplink.buffer import Losses
from lunix_uplink.chosen import chosen
from lunix_uplink.line import Way
from lunix_uplink.membership import Membership
from lunix_uplink.os_watch import files_watched
from lunix_uplink.relay import Relay
from lunix_uplink.settings import Settings

log = logging.getLogger("uplink")

PART = "fleet"


async def serve(context: Context[Settings]) -> None:
    """Belong to the fleet that the machine joined, until the daemon is asked to stop."""
    uplink = Uplink(context)
    context.stack.enter_context(files_watched(uplink.state, (membership.NAME, serverconf.CLIENTS), uplink.changed.set))
    context.bus.serve_list("uplink", uplink.listed)
    await context.ready()
    await uplink.run()


@dataclass(frozen=True)
class Joined:
    """What is joined, and the identities by which its operators act on this machine."""

    membership: Membership
    clients: tuple[Client, ...]


def read(state: Path) -> Joined | None:
    """What this machine joined, ``None`` for nothing; raise ``OSError`` or ``ValueError`` where that cannot be told."""
    try:
        found = membership.parse((state / membership.NAME).read_bytes())
    except FileNotFoundError:
        return None
    known = {client.name: client for client in serverconf.load_clients(state)}
    names = (membership.identity(role) for role in found.seeds)
    return Joined(found, tuple(known[name] for name in names if name in known))


class Uplink:
    """The relays of this moment."""

    def __init__(self, context: Context[Settings]) -> None:
        self._context = context
        self._bus, self._options = context.bus, context.options
        self.state = context.options.state or state_directory()
        self.changed = asyncio.Event()
        """Set when the files may say something else."""
        self._relays: list[Relay] = []

    def listed(self, _asked: ListRequest) -> Iterator[Link]:
        """What ``uplink.list`` tells."""
        return (relay.state() for relay in self._relays)

    async def run(self) -> None:
        """Follow the files for ever."""
        while True:
            joined = self._read()
            relaying = self._context.tasks.create_task(self._relay(joined), name="uplink.relays")
            try:
                while self._read() == joined:
                    await self.changed.wait()
                    self.changed.clear()
            finally:
                relaying.cancel()
                await asyncio.wait({relaying})

    def _read(self) -> Joined | str:
        """What this machine joined, or why it is in no fleet."""
        try:
            return read(self.state) or "this machine belongs to no fleet: `lunix fleet join` makes it one of one"
        except (OSError, ValueError) as error:
            return str(error)

    async def _relay(self, joined: Joined | str) -> None:
        if isinstance(joined, str):
            self._bus.part_is_off(PART, joined)
            return
        table = declarations.load(declarations.directory())
        self._relays = [self._made(joined.membership, client, table) for client in joined.clients]
        for relay in self._relays:
            self._tell("uplink.added", relay)
        self._look()
        try:
            async with asyncio.TaskGroup() as tasks:
                for relay in self._relays:
                    tasks.create_task(relay.run(), name=f"uplink.{relay.role}")
        finally:
            relays, self._relays = self._relays, []
            for relay in relays:
                self._tell("uplink.removed", relay)

    def _made(self, joined: Membership, client: Client, table: Table) -> Relay:
        settings, options = self._context.settings, self._options
        key = identities.path_of(self.state / "keys", client.name)
        vouched = options.address.scheme == "unix"
        here = Way(
            options.url,
            client.name,
            seed=None if vouched else lambda: identities.read(key).decode("ascii"),
            uids=options.server_uids,
        )
        seed = joined.seeds[client.role]
        hub = Way(joined.hub, joined.prefix, seed=lambda: seed, authority=joined.authority)
        passes = chosen(table, client, settings.events, settings.requests)
        relay = Relay(client.role, here, hub, passes, settings.buffer_bytes)
        relay.on_change, relay.on_look, relay.on_loss = self._changed, self._look, self._lost
        return relay

    def _changed(self, relay: Relay) -> None:
        self._tell("uplink.connected" if relay.state().connected else "uplink.disconnected", relay)
        self._look()

    def _look(self) -> None:
        """Say in ``lunix status`` what does not work."""
        self._bus.part_is_off(PART, next((relay.why for relay in self._relays if relay.why), None))

    def _tell(self, pattern: str, relay: Relay) -> None:
        self._bus.emit(pattern, LinkEvent(happened_at=datetime.now(UTC), **relay.state().model_dump()))

    def _lost(self, relay: Relay, losses: Losses) -> None:
        counts = {"dropped": dict(losses.dropped), "uncertain": dict(losses.uncertain)}
        log.warning("the hub did not get events", extra={"role": relay.role, **counts})
        self._bus.emit("uplink.dropped", Dropped(id=relay.role, happened_at=datetime.now(UTC), **counts))
