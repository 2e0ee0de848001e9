"""Topics of MQTT and subjects of the bus, one to one. Source: MQTT 5.0, 4.7 and 1.5.4.

a/b            mqtt.a.b
/a             mqtt.%.a               an empty level is the token of the empty name
garden.pump    mqtt.garden%2Epump     every other byte is escaped as in all subjects
list           mqtt.%6Cist            the subjects of lunix itself stay free
"""

from collections.abc import Iterable
from functools import lru_cache

from lunix_common.subjects import MAX_SUBJECT_BYTES, token, untoken

DOMAIN = "mqtt"
_RESERVED = {"list": "%6Cist", "lost": "%6Cost"}
_RETURNED = {escaped: level for level, escaped in _RESERVED.items()}
_FORBIDDEN = frozenset("+#\0")


class Unmappable(ValueError):
    """A topic that has no subject, or a subject that has no topic; the text says why."""


def check(topic: str) -> None:
    """Raise ``Unmappable`` for what is no name of a topic, and for those that belong to the broker itself."""
    if not topic:
        raise Unmappable("a topic is not empty")
    if topic.startswith("$"):
        raise Unmappable("topics that begin with $ are the broker's own")
    if not _FORBIDDEN.isdisjoint(topic):
        raise Unmappable("a topic has no +, # and NUL")


@lru_cache(1024)
def subject_of(topic: str) -> str:
    """The subject of a topic; raise ``Unmappable``."""
    check(topic)
    tail = _RESERVED.get(topic) or ".".join(map(token, topic.split("/")))
    subject = f"{DOMAIN}.{tail}"
    if len(subject) > MAX_SUBJECT_BYTES:
        raise Unmappable(f"a topic whose subject is longer than {MAX_SUBJECT_BYTES} bytes")
    return subject


def topic_of(subject: str) -> str:
    """The topic of a subject; raise ``Unmappable`` where ``subject_of`` would not lead back."""
    tail = subject.removeprefix(f"{DOMAIN}.")
    try:
        topic = _RETURNED.get(tail) or "/".join(untoken(one).decode() for one in tail.split("."))
    except ValueError as error:
        raise Unmappable(f"not the tokens of a topic: {error}") from error
    if subject_of(topic) != subject:
        raise Unmappable(f"the topic {topic!r} is {subject_of(topic)}")
    return topic


def check_filter(wanted: str) -> None:
    """Raise ``Unmappable`` for what is no topic filter, and for a shared one or one of the broker's own topics."""
    levels = wanted.split("/")
    if not wanted or "\0" in wanted:
        raise Unmappable("a filter is not empty and has no NUL")
    if wanted.startswith("$"):
        raise Unmappable("topics that begin with $ are the broker's own")
    if any("#" in one and (one != "#" or place < len(levels) - 1) for place, one in enumerate(levels)):
        raise Unmappable("# stands alone, in the last level")
    if any("+" in one and one != "+" for one in levels):
        raise Unmappable("+ stands alone in its level")


def matches(wanted: str, topic: str) -> bool:
    """Whether a filter takes in a topic; also, as ``covers``, whether it takes in all that another filter does."""
    if topic.startswith("$"):
        return False
    levels, named = wanted.split("/"), topic.split("/")
    for place, one in enumerate(levels):
        if one == "#":  # `a/#` takes in `a` too
            return True
        if place >= len(named) or named[place] == "#" or one not in ("+", named[place]):
            return False
    return len(levels) == len(named)


def fewest(filters: Iterable[str]) -> list[str]:
    """The filters without those that another one covers: a broker may send what two take in twice."""
    distinct = list(dict.fromkeys(filters))
    return [one for one in distinct if not any(other != one and matches(other, one) for other in distinct)]


def takes_in(wildcard: str, subject: str) -> bool:
    """Whether a subject of the bus, with ``*`` and ``>``, takes in a literal one."""
    tokens, named = wildcard.split("."), subject.split(".")
    for place, one in enumerate(tokens):
        if place >= len(named):
            return False
        if one == ">":
            return True
        if one not in ("*", named[place]):
            return False
    return len(tokens) == len(named)


def relayed(prefix: str, subject: str) -> str:
    """The topic on which a subject of lunix is published: ``lunix/hardware/usb/add``.

    A token is written as the name that it escapes, where that is a name of a level and has no ``%``.
    """
    return "/".join((prefix, *map(_level, subject.split("."))))


def _level(escaped: str) -> str:
    try:
        name = untoken(escaped).decode()
    except ValueError:
        return escaped
    return escaped if not name or not _FORBIDDEN.isdisjoint(name) or "/" in name or "%" in name else name


def asked(prefix: str, topic: str) -> str | None:
    """The subject of lunix that a topic below the prefix stands for, as ``relayed`` has it; ``None`` elsewhere."""
    head = f"{prefix}/"
    if not topic.startswith(head):
        return None
    levels = topic.removeprefix(head).split("/")
    return ".".join(one if "%" in one else token(one) for one in levels)
