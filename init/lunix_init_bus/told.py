"""What lunix-init tells, as payloads. Pure: what its socket gave goes in, models come out."""

from collections.abc import Iterator, Mapping
from typing import Any

from lunix_common.schemas.init import Exit, LastLines, Logs, Service, ServiceEvent, ServiceLine, UsageHigh

_FRAME_BYTES = 4096
"""For all that is around the lines in one message."""
_NOT_A_FIGURE = frozenset({"seq", "boot", "time", "kind", "service", "resource"})
_ENDS = frozenset({"exited", "failed"})

Services = Mapping[str, Service]


def service(described: Mapping[str, Any]) -> Service:
    """A service as ``get`` and ``list`` describe it, without what it wrote."""
    found = {"id": described["name"], **described}
    if last := described.get("last_exit"):
        found["last_exit"] = last | {"lines": None}
    return Service.model_validate(found)


def service_with_lines(described: Mapping[str, Any]) -> Service:
    """The same with what it wrote last, for those who may read logs."""
    return Service.model_validate({"id": described["name"], **described})


def event(now: Service, moment: str, exit_: Exit | None = None) -> ServiceEvent:
    """A service after something happened to it."""
    return ServiceEvent.model_validate(now.model_dump() | {"happened_at": moment, "exit": exit_})


def exit_of(happened: Mapping[str, Any], now: Service) -> Exit | None:
    """How the run ended that an event tells the end of, without what it wrote; ``failed`` tells only a part of it."""
    what = happened["kind"].rpartition(".")[2]
    if what not in _ENDS:
        return None
    return Exit.model_validate({**happened, "lines": None}) if what == "exited" else now.last_exit


def last_lines(happened: Mapping[str, Any]) -> LastLines | None:
    """What a service wrote last, of an event that tells its end; ``None`` where it wrote nothing."""
    if happened["kind"] != "service.exited" or not happened.get("lines"):
        return None
    return LastLines(service=happened["service"], happened_at=happened["time"], lines=happened["lines"])


def line(name: str, written: Mapping[str, Any]) -> ServiceLine:
    """A line that a service wrote."""
    return ServiceLine(service=name, number=written["number"], at=written["at"], text=written["text"])


def high(happened: Mapping[str, Any]) -> UsageHigh:
    """A threshold that was crossed, with what the kernel told with it."""
    figures = {key: value for key, value in happened.items() if key not in _NOT_A_FIGURE}
    return UsageHigh(
        service=happened["service"], resource=happened["resource"], happened_at=happened["time"], figures=figures
    )


def differences(before: Services, after: Services) -> Iterator[tuple[str, Service]]:
    """Which services are new in a reading, and which changed: ``added``, ``changed``."""
    for name, now in sorted(after.items()):
        if name not in before:
            yield "added", now
        elif before[name] != now:
            yield "changed", now


def first(logs: Logs, most: int) -> Logs:
    """The oldest ``most`` lines of an answer; ``next`` says where to go on."""
    if len(logs.lines) <= most:
        return logs
    return logs.model_copy(update={"lines": logs.lines[:most], "next": logs.lines[most].number})


def fitting(logs: Logs, most_bytes: int) -> Logs:
    """As many of the lines as one message takes; ``next`` says where to go on."""
    room = most_bytes - _FRAME_BYTES
    for count, line in enumerate(logs.lines):
        room -= len(line.to_json()) + 1
        if room < 0:
            return logs.model_copy(update={"lines": logs.lines[:count], "next": line.number})
    return logs
