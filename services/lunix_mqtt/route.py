"""What a message that the broker sends is about, by its topic and by who published it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property, lru_cache

from lunix_mqtt import topics
from lunix_mqtt.message import Message


class Kind(Enum):
    """What to do with it."""

    EVENT = auto()
    """The bus is told."""
    COMMAND = auto()
    """It is a request to lunix."""
    STATE = auto()
    """Our own state, which we have published ourselves."""
    OURS = auto()
    """A subject of lunix or a description that we have published ourselves: the bus knows."""
    HIDDEN = auto()
    """The broker's own, or nothing that was asked for."""


@dataclass(frozen=True)
class Routes:
    """What is configured, as a message meets it."""

    client_id: str
    prefix: str
    subscribe: tuple[str, ...]
    publish: tuple[str, ...]
    """Subjects of lunix that are published, as on the bus: ``hardware.usb.*``."""
    commands: frozenset[str]
    marks: bool
    """Whether the protocol carries who published a message: MQTT 5 does."""
    described: frozenset[str] = field(default_factory=frozenset[str])
    """Topics of descriptions for Home Assistant that we publish."""

    @property
    def state_topic(self) -> str:
        """Where we tell whether we are there."""
        return f"{self.prefix}/bridge/{self.client_id}"

    @property
    def filters(self) -> list[str]:
        """What to subscribe to."""
        commands = (topics.relayed(self.prefix, command) for command in sorted(self.commands))
        return topics.fewest([*self.subscribe, *commands, self.state_topic])

    def kind(self, message: Message) -> Kind:
        """What a message is about."""
        return self._known(message.topic, not self.marks or message.origin == self.client_id)

    @cached_property
    def _known(self) -> Callable[[str, bool], Kind]:
        """Many messages come on few topics."""
        return lru_cache(1024)(self._kind)

    def _kind(self, topic: str, ours: bool) -> Kind:
        if topic == self.state_topic:
            return Kind.STATE
        subject = topics.asked(self.prefix, topic)
        if subject in self.commands:
            return Kind.COMMAND
        if ours and (topic in self.described or any(topics.takes_in(one, subject or "") for one in self.publish)):
            return Kind.OURS
        return Kind.EVENT if any(topics.matches(one, topic) for one in self.subscribe) else Kind.HIDDEN
