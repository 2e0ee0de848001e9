"""Rules for device nodes, from TOML: which devices, then owner, group, mode, links and whether to load their modules.

A file holds ``[[rule]]`` tables. Each of ``subsystem``, ``devtype``, ``name``, ``driver``, ``properties`` and
``attributes`` is a shell pattern or a list of them, and all that are given have to match. Every rule that matches
counts, in order: a later one overrides what it sets and adds its links. Pure: text in, decisions out.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import cast

from lunix_common.errors import did_you_mean
from lunix_natsdev.manage.link_names import Ancestor
from lunix_natsdev.manage.links import encode

_MATCHES = ("subsystem", "devtype", "name", "driver")
_TABLES = ("properties", "attributes")
_SETS = ("owner", "group", "mode", "symlinks", "link_priority", "modalias")
_PLACE = re.compile(r"\{([^{}]*)\}")
_PLACES = ("name", "number", "subsystem", "driver", "major", "minor")

Look = Callable[[str], int]
"""Turns the name of a user or group into its number; raises ``KeyError``."""


class RuleError(ValueError):
    """A rule that cannot be meant; says the file, the key, and what may have been meant."""


@dataclass(frozen=True)
class Found:
    """A device as rules see it."""

    device: Ancestor
    properties: Mapping[str, str]


@dataclass(frozen=True)
class Rule:
    """One ``[[rule]]``."""

    patterns: Mapping[str, tuple[str, ...]]
    properties: Mapping[str, tuple[str, ...]]
    attributes: Mapping[str, tuple[str, ...]]
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    symlinks: tuple[str, ...] = ()
    link_priority: int | None = None
    modalias: bool | None = None

    def matches(self, found: Found) -> bool:
        """Whether all that is given matches."""
        device = found.device
        return (
            all(_any(patterns, getattr(device, key)) for key, patterns in self.patterns.items())
            and all(_any(patterns, found.properties.get(key)) for key, patterns in self.properties.items())
            and all(
                _any(patterns, device.text(key) if key in device.attributes else None)
                for key, patterns in self.attributes.items()
            )
        )


def _any(patterns: Iterable[str], value: str | None) -> bool:
    return value is not None and any(fnmatchcase(value, pattern) for pattern in patterns)


@dataclass(frozen=True)
class Verdict:
    """What the rules say about one device; ``None`` leaves it as the kernel made it."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    symlinks: tuple[str, ...] = ()
    link_priority: int = 0
    modalias: bool = True


@dataclass(frozen=True)
class Rules:
    """All rules, in order."""

    rules: tuple[Rule, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    """What was let pass: a group that this system does not have."""

    def decide(self, found: Found) -> Verdict:
        """What to do about this device."""
        verdict = _kernel_says(found.properties)
        for rule in self.rules:
            if rule.matches(found):
                verdict = Verdict(
                    uid=verdict.uid if rule.uid is None else rule.uid,
                    gid=verdict.gid if rule.gid is None else rule.gid,
                    mode=verdict.mode if rule.mode is None else rule.mode,
                    symlinks=verdict.symlinks + tuple([_fill(link, found) for link in rule.symlinks]),
                    link_priority=verdict.link_priority if rule.link_priority is None else rule.link_priority,
                    modalias=verdict.modalias if rule.modalias is None else rule.modalias,
                )
        return verdict


def _kernel_says(properties: Mapping[str, str]) -> Verdict:
    """The owner and mode that a driver asks for; the kernel gives them to devtmpfs and writes them into the event."""
    uid, gid, mode = (properties.get(key, "") for key in ("DEVUID", "DEVGID", "DEVMODE"))
    return Verdict(uid=_kernel_number(uid, 10), gid=_kernel_number(gid, 10), mode=_kernel_number(mode, 8))


def _kernel_number(text: str, base: int) -> int | None:
    try:
        return int(text, base)
    except ValueError:
        return None


def _fill(link: str, found: Found) -> str:
    """Put the device's values into a link's template; what they hold cannot begin a new path component."""

    def value(place: re.Match[str]) -> str:
        kind, _, key = place[1].partition(".")
        if kind == "property":
            return encode(found.properties.get(key, ""))
        if kind == "attribute":
            return encode(found.device.text(key))
        if kind == "number":
            return found.device.name[len(found.device.name.rstrip("0123456789")) :]
        return encode(
            found.properties.get(kind.upper(), "") if kind in {"major", "minor"} else getattr(found.device, kind)
        )

    return _PLACE.sub(value, link)


def parse(text: str, file: str, *, user: Look, group: Look, strict: bool = True) -> Rules:
    """Read one file; raise ``RuleError``. Where not ``strict``, an unknown user or group is only a warning."""
    try:
        declared = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{file}: {error}") from error
    for key in declared:
        _known(file, key, ("rule",))
    tables = declared.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in cast("list[object]", tables)):
        raise RuleError(f"{file}: rule is an array of tables: [[rule]]")
    reader = _Reader(file, user, group, strict)
    rules = tuple(
        reader.rule(f"{file}: rule {number}", table)
        for number, table in enumerate(cast("list[dict[str, object]]", tables), 1)
    )
    return Rules(rules, tuple(reader.warnings))


def joined(parts: Iterable[Rules]) -> Rules:
    """The rules of several files, one after the other."""
    kept = list(parts)
    return Rules(
        tuple(rule for part in kept for rule in part.rules), tuple(line for part in kept for line in part.warnings)
    )


def _known(where: str, key: str, keys: Iterable[str]) -> None:
    if key not in keys:
        raise RuleError(f"{where}: unknown key {key!r}; {did_you_mean(key, list(keys), shown='{!r}')}")


class _Reader:
    """Checks the values of one file."""

    def __init__(self, file: str, user: Look, group: Look, strict: bool) -> None:
        self._file = file
        self._user = user
        self._group = group
        self._strict = strict
        self.warnings: list[str] = []

    def rule(self, where: str, table: Mapping[str, object]) -> Rule:
        for key in table:
            _known(where, key, (*_MATCHES, *_TABLES, *_SETS))
        if not any(key in table for key in _SETS):
            raise RuleError(f"{where}: it sets nothing; it may set {', '.join(_SETS)}")
        return Rule(
            patterns={key: _patterns(f"{where}: {key}", table[key]) for key in _MATCHES if key in table},
            properties=_pattern_table(f"{where}: properties", table.get("properties", {})),
            attributes=_pattern_table(f"{where}: attributes", table.get("attributes", {})),
            uid=self._number(where, "owner", table.get("owner"), self._user),
            gid=self._number(where, "group", table.get("group"), self._group),
            mode=_mode(f"{where}: mode", table.get("mode")),
            symlinks=_links(f"{where}: symlinks", table.get("symlinks", ())),
            link_priority=_integer(f"{where}: link_priority", table.get("link_priority")),
            modalias=_boolean(f"{where}: modalias", table.get("modalias")),
        )

    def _number(self, where: str, key: str, value: object, look: Look) -> int | None:
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 - 1:
            return value
        if not isinstance(value, str):
            raise RuleError(f"{where}: {key} is a name or a number")
        try:
            return look(value)
        except KeyError:
            if self._strict:
                raise RuleError(f"{where}: {key} {value!r} is not known on this system") from None
            self.warnings.append(f"{where}: {key} {value!r} is not known on this system")
            return None


def _patterns(where: str, value: object) -> tuple[str, ...]:
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) for item in items):
        raise RuleError(f"{where}: a pattern such as 'ttyUSB*', or a list of them")
    return tuple(cast("list[str]", items))


def _pattern_table(where: str, value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise RuleError(f"{where}: a table of names and patterns")
    return {key: _patterns(f"{where}.{key}", item) for key, item in cast("dict[str, object]", value).items()}


def _mode(where: str, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"0?[0-7]{3}", value):
        # TOML's 0660 is an error and its 660 a decimal number: both are not what was meant.
        raise RuleError(f"{where}: three octal digits in quotes, '0660'")
    return int(value, 8)


def _links(where: str, value: object) -> tuple[str, ...]:
    if not value:
        return ()
    links = _patterns(where, value)
    for link in links:
        for place in _PLACE.finditer(link):
            kind, dot, _key = place[1].partition(".")
            if not (dot and kind in {"property", "attribute"}):
                _known(where, place[1], (*_PLACES, "property.NAME", "attribute.NAME"))
        plain = _PLACE.sub("x", link)
        if plain.startswith("/") or any(part in {"", ".", ".."} for part in plain.split("/")):
            raise RuleError(f"{where}: {link!r} is not a path below /dev")
    return links


def _integer(where: str, value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise RuleError(f"{where}: a whole number")
    return value


def _boolean(where: str, value: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise RuleError(f"{where}: true or false")
    return value
