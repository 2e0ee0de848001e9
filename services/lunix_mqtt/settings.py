"""The section ``[mqtt]`` of the configuration."""

import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from lunix_common.config import Settings as BaseSettings
from lunix_mqtt import topics
from lunix_mqtt.discovery import descriptions
from lunix_mqtt.route import Routes

_DAY_S = 86_400
_SUBJECT = re.compile(r"[a-z][a-z0-9_-]*(?:\.(?:[A-Za-z0-9_%-]+|\*))*(?:\.>)?")
_PORTS = {"mqtt": 1883, "mqtts": 8883}


class Broker(NamedTuple):
    """Where it is."""

    host: str
    port: int
    tls: bool


class Settings(BaseSettings):
    """Which broker, and what it and the bus tell each other."""

    broker: str = ""
    """``mqtt://HOST``, or ``mqtts://HOST`` for TLS, with ``:PORT`` where it is not 1883 or 8883. Without it nothing is
    connected."""
    protocol: Literal["5", "3.1.1"] = "5"
    """3.1.1 carries no properties, and does not tell whether a message is retained unless it is old."""
    client_id: str = ""
    """By which the broker knows us, and keeps what we miss; ``lunix-`` and the machine's name where nothing is said.
    Two bridges need two."""
    username: str = ""
    password_file: Path | None = None
    """Its first line is the password."""
    ca_file: Path | None = None
    """Certificates that the broker's is signed by; the system's where nothing is said."""
    certificate_file: Path | None = None
    """Our own, for a broker that wants one."""
    key_file: Path | None = None
    """The key of our own certificate."""
    keepalive_s: int = Field(default=120, ge=5, le=65_535)
    """Each side learns after at most so long twice that the other one is gone; a quiet bridge wakes that often."""
    session_expiry_s: int = Field(default=_DAY_S, ge=0, le=0xFFFF_FFFF)
    """So long the broker keeps what we miss; 0 for nothing. With 3.1.1 it decides itself."""
    subscribe: list[str] = Field(default=["#"])
    """Topic filters of MQTT: what the bus is told of, as ``mqtt.…``."""
    qos: Literal[0, 1] = 1
    """At most, for what the broker sends; and for what is published with no ``Mqtt-Qos``."""
    prefix: str = "lunix"
    """The first levels of the topics of lunix's own subjects."""
    publish: list[str] = Field(default=["hardware.usb.*", "bluetooth.*", "network.*", "power.>"])
    """Events of lunix that are published below the prefix, as on the bus with ``*`` and ``>``."""
    commands: list[str] = Field(default=["toast.in"])
    """Commands and queries of lunix that are taken from below the prefix, each by its name. The server refuses what the
    bridge's identity has no grant for: ``init``, ``mount`` and ``wm.exec``."""
    home_assistant: str = ""
    """The discovery prefix of Home Assistant, ``homeassistant`` there unless it was changed. Without it nothing is
    described."""
    queue: int = Field(default=1000, ge=1, le=65_000)
    """So many messages wait for the broker while it is away or slow."""
    most_retained: int = Field(default=1000, ge=0, le=1_000_000)
    """``mqtt.list`` keeps so many retained values, of 1 MB together."""

    @field_validator("broker")
    @classmethod
    def _is_address(cls, broker: str) -> str:
        parts = urlsplit(broker)
        if broker and (parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query):
            raise ValueError("write mqtt://HOST, mqtts://HOST or one of them with :PORT")
        if parts.username or parts.password:
            raise ValueError("write the name as username, and the password into a file that password_file names")
        if broker and parts.port == 0:
            raise ValueError("0 is no port")
        return broker

    @field_validator("subscribe")
    @classmethod
    def _are_filters(cls, subscribe: list[str]) -> list[str]:
        for one in subscribe:
            topics.check_filter(one)
        return subscribe

    @field_validator("prefix", "home_assistant", "client_id")
    @classmethod
    def _is_topic(cls, value: str) -> str:
        if value:
            topics.check(value)
        return value

    @field_validator("publish", "commands")
    @classmethod
    def _are_subjects(cls, subjects: list[str]) -> list[str]:
        for one in subjects:
            if not _SUBJECT.fullmatch(one):
                raise ValueError(f"{one!r} is no subject of lunix")
            if one.split(".")[0] == topics.DOMAIN:
                raise ValueError(f"{one!r} would go round in circles: those come from the broker")
        return subjects

    @field_validator("commands")
    @classmethod
    def _are_literal(cls, commands: list[str]) -> list[str]:
        for one in commands:
            if "*" in one or ">" in one:
                raise ValueError(f"{one!r}: name each command")
        return commands

    @property
    def address(self) -> Broker | None:
        """Where the broker is, ``None`` where none is configured."""
        if not self.broker:
            return None
        parts = urlsplit(self.broker)
        return Broker(parts.hostname or "", parts.port or _PORTS[parts.scheme], parts.scheme == "mqtts")

    @property
    def routes(self) -> Routes:
        """What a message meets."""
        bare = Routes(
            client_id=self.client_id or f"lunix-{socket.gethostname()}",
            prefix=self.prefix or "lunix",
            subscribe=tuple(self.subscribe),
            publish=tuple(self.publish),
            commands=frozenset(self.commands),
            marks=self.protocol == "5",
        )
        described = frozenset(topic for topic, _ in self.described(bare))
        return replace(bare, described=described)

    def described(self, routes: Routes) -> list[tuple[str, bytes]]:
        """The descriptions for Home Assistant."""
        if not self.home_assistant:
            return []
        return list(descriptions(self.home_assistant, routes, socket.gethostname()))
