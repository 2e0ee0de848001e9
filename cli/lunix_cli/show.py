"""Messages as lines for people: when, which subject, and the fields that tell the most. Pure.

Everything in a payload is hostile: a label, a product name or a toast may hold what a terminal obeys. Nothing leaves
here without ``safe``.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from lunix_cli.terminal import DIM, END
from lunix_common.journal import safe

_DOMAINS = {
    "hardware": 36, "toast": 35, "network": 34, "bluetooth": 94, "init": 32, "process": 90, "mount": 33, "log": 37,
    "login": 91, "power": 93, "wm": 95, "mqtt": 92, "user": 96,
}  # fmt: skip
_OTHERS = (31, 32, 33, 34, 35, 36)
_TELLING = (
    "name", "old_name", "summary", "body", "vendor", "product", "serial", "devnode", "devtype", "driver", "size_bytes",
    "fs_type", "fs_label", "service", "state", "address", "ssid", "where", "user", "level", "percent", "text",
    "message", "urgency", "reason", "action", "key", "pid", "exit", "from_seq", "to_seq", "resync", "synthetic",
)  # fmt: skip
"""Fields in the order in which they are shown, where a payload has them."""
_BARE = {"name", "summary", "body", "vendor", "product", "devnode", "text", "message"}
"""Fields that tell what they are by themselves."""
_QUIET = {"id", "boot", "seq", "devpath", "parent", "shown", "major", "minor", "subsystem"}
"""Fields that tell a person little."""
_MOST = 6
_LONGEST = 60
_NO_SIZE = 1e21


def line(subject: str, data: bytes, moment: datetime, *, colour: bool) -> str:
    """One line, in the local time of ``moment``."""
    clock = moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
    name = safe(subject)
    if colour:
        clock, name = f"{DIM}{clock}{END}", f"\x1b[{hue(subject)}m{name}{END}"
    pad = " " * max(0, 28 - len(safe(subject)))
    return f"{clock} {name}{pad} {payload(subject, data)}".rstrip()


def hue(subject: str) -> int:
    """The colour of a subject's domain, as the number of its escape sequence."""
    domain = subject.partition(".")[0]
    return _DOMAINS.get(domain) or _OTHERS[zlib.crc32(domain.encode()) % len(_OTHERS)]


def payload(subject: str, data: bytes) -> str:
    """The most telling fields of a payload; text that is not a JSON object stands as it is."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return _short(data.decode("utf-8", "backslashreplace"), 4 * _LONGEST)
    return "  ".join(_facts(subject, cast("dict[str, Any]", fields)))


def _facts(subject: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """Telling fields first, then others, without what the subject says already."""
    said = set(subject.split("."))
    order = [key for key in _TELLING if key in fields]
    order += [key for key in fields if key not in _TELLING and key not in _QUIET and not key.endswith(("_at", "_ms"))]
    shown = 0
    if last := last_said(fields.get("lines")):  # what a service said before it ended
        shown += 1
        yield fact("text", last)
    for key in order:
        value = fields[key]
        if shown == _MOST:
            return
        # A zero tells something, and is equal to False.
        if value is None or value is False or value == "" or isinstance(value, dict | list):
            continue
        if key != "name" and value in said:
            continue
        shown += 1
        yield fact(key, value)


def last_said(lines: object) -> str:
    """The last line that says something; empty where there is none."""
    said = [one for one in cast("list[object]", lines) if isinstance(one, str)] if isinstance(lines, list) else []
    return next((one for one in reversed(said) if one.strip()), "")


def fact(key: str, value: object) -> str:
    """One field: ``sda1``, ``"a stick"``, ``size=8.0 GB``, ``reason=expired``."""
    # Beyond that, up to the 4 300 digits that JSON may have here, it is nobody's size.
    if key.endswith("_bytes") and isinstance(value, int | float) and abs(value) < _NO_SIZE:
        return f"{key.removesuffix('_bytes')}={size(value)}"
    if value is True:
        return safe(key)
    text = _short(str(value), _LONGEST)
    text = f'"{text}"' if " " in text or not text else text
    return text if key in _BARE else f"{safe(key)}={text}"


def size(number: float) -> str:
    """Bytes for people, in powers of 1 000: ``8.0 GB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(number) < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} PB"


def duration(seconds: float) -> str:
    """A time for people: ``0.42 s``, ``3 min``, ``5 h``, ``2 days``."""
    for limit, divisor, unit in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.2f} {unit}" if seconds < 10 else f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def _short(text: str, longest: int) -> str:
    safe_text = safe(text)
    return safe_text if len(safe_text) <= longest else safe_text[: longest - 1] + "…"
