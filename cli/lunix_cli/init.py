"""``lunix init``: the services of a lunix-init, over its own socket, so that it works when the bus is down."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lunix_cli import logline, place, record, terminal
from lunix_cli.show import duration, size
from lunix_cli.table import fitted
from lunix_common.bus.errors import RequestError
from lunix_common.journal import safe
from lunix_init import unit_dir
from lunix_init.control import SOCKET, Control, Refused

FAILED = 1
GOOD = frozenset({"up", "done", "down"})
"""The states in which a service may rest after what was asked."""

Service = Mapping[str, Any]
NOTHING: Service = {}


def run(arguments: Namespace) -> int:
    """Do one verb and return the exit code; raise ``RequestError`` or ``OSError``."""
    if arguments.verb == "check":
        return _check([Path(name) for name in arguments.name])
    where = run_directory(arguments.run, arguments.state)
    with _connected(where) as control:
        try:
            return _VERBS[arguments.verb](control, arguments)
        except Refused as refused:
            more = ": `lunix init list` shows those that are there" if refused.code == 404 else ""
            raise RequestError(refused.code, f"{refused}{more}") from refused


def run_directory(named: Path | None, state: Path | None) -> Path:
    """The run directory of the lunix-init that is meant: the one named, that of `lunix up`, or the machine's."""
    if named is not None:
        return named
    runtime = place.runtime_directory(state)
    known = record.read(runtime)
    if known and (found := known.get("init", {}).get("run")):
        return Path(found)
    return runtime


def _connected(where: Path) -> Control:
    try:
        return Control.connect(where, None)
    except OSError as error:
        # What the system says of a socket that is not there tells a person nothing.
        raise OSError(
            f"no lunix-init answers at {where / SOCKET} ({error.strerror}): start one with `lunix up`, "
            "or name its run directory with --run"
        ) from error


def _check(folders: Sequence[Path]) -> int:
    errors, warnings = unit_dir.check([str(folder.absolute()) for folder in folders])
    for line in [*errors, *(f"warning: {line}" for line in warnings)]:
        print(safe(line))
    if not errors:
        print(f"{len(unit_dir.read([str(folder.absolute()) for folder in folders]).units)} units are in order")
    return FAILED if errors else 0


def _list(control: Control, arguments: Namespace) -> int:
    found = control.do("list")
    if arguments.json:
        print(json.dumps(found))
        return 0
    rows = [["SERVICE", "STATE", "PID", "UP", "STARTS", "WHY"], *map(_row, found["items"])]
    _print(rows)
    for error in found["errors"].values():
        print(f"refused: {safe(error)}")
    return 0


def _row(one: Service) -> list[str]:
    up = duration(one["uptime_s"]) if one.get("uptime_s") is not None else ""
    return [one["name"], one["state"], str(one["pid"] or ""), up, str(one["starts"]), safe(why(one))]


def why(one: Service) -> str:
    """Why a service is as it is, in a few words. Pure."""
    last: Service = one.get("last_exit") or NOTHING
    if one["state"] == "waiting":
        return str(one["why"])
    if one["state"] == "backoff":
        return f"{ended(last)}; starts again in {duration(one['next_start_s'] or 0)}"
    if one["state"] == "failed":
        return ended(last)
    if one["state"] == "down":
        return "stopped by hand" if one["manual"] is False else ended(last)
    return "pinned" if one["pinned"] else str(one["status"])


def ended(last: Service) -> str:
    """How a run ended, in a few words. Pure."""
    if not last:
        return ""
    how = f"exit code {last['code']}" if last["code"] is not None else str(last["signal"] or "")
    said = last["message"] or (last["lines"][-1] if last["lines"] else "")
    words = [last["cause"], *([f"({how})"] if how else [])]
    return " ".join(words) + (f": {said}" if said else "")


def _status(control: Control, arguments: Namespace) -> int:
    if not arguments.name:
        found = control.do("status")
        _tell(found, arguments)
        return 0
    code = 0
    for name in arguments.name:
        one = control.do("get", name=name)
        _tell(one, arguments)
        code = code or (0 if one["state"] in GOOD else FAILED)
    return code


def _tell(found: Mapping[str, Any], arguments: Namespace) -> None:
    if arguments.json:
        print(json.dumps(found))
        return
    rows = [[key, _text(value)] for key, value in found.items() if value not in (None, "", [], {}, False)]
    print("\n".join(fitted(rows, terminal.columns())))


def _text(value: object) -> str:
    return safe(value if isinstance(value, str) else json.dumps(value))


def _act(control: Control, arguments: Namespace) -> int:
    """Start, stop or restart; wait until each has come to rest, and fail where it does not do what was asked."""
    code = 0
    for name in arguments.name:
        one = control.do(arguments.verb, name=name, wait=not arguments.no_wait)
        if arguments.json:
            print(json.dumps(one))
        else:
            print(f"{name} is {one['state']}" + (f": {safe(text)}" if (text := why(one)) else ""))
        if not arguments.no_wait and one["state"] not in GOOD:
            code = FAILED
    return code


def _reload(control: Control, arguments: Namespace) -> int:
    if arguments.name:
        for name in arguments.name:
            control.do("reload", name=name)
        return 0
    found = control.do("reload")
    if arguments.json:
        print(json.dumps(found))
        return FAILED if found["errors"] else 0
    for key in ("added", "changed", "removed"):
        if found[key]:
            print(f"{key}: {', '.join(found[key])}")
    if not any(found.values()):
        print("nothing has changed")
    for error in found["errors"].values():
        print(f"refused: {safe(error)}")
    return FAILED if found["errors"] else 0


def _reexec(control: Control, _arguments: Namespace) -> int:
    control.do("reexec")
    print("lunix-init runs its program again; every service keeps running")
    return 0


def _graph(control: Control, _arguments: Namespace) -> int:
    print(control.do("graph"))
    return 0


def _logs(control: Control, arguments: Namespace) -> int:
    for name in arguments.name:
        found = control.do("logs", name=name, most=arguments.lines, follow=arguments.follow)
        for line in found["lines"]:
            _line(name, line, arguments)
    if arguments.follow:
        following: dict[str, int] = {}
        for message in control.messages():
            if "log" in message:
                line = message["log"]
                name = line["service"]
                missing = line["number"] - following.get(name, line["number"] - 1) - 1
                if missing:
                    sys.stderr.write(f"lunix: {missing} lines of {name} went past\n")
                following[name] = line["number"]
                _line(name, line, arguments)
    return 0


def _line(name: str, line: Mapping[str, Any], arguments: Namespace) -> None:
    if arguments.json:
        shown = json.dumps({"service": name, **line})
    else:
        moment = time.strftime("%H:%M:%S", time.localtime(line["at"]))
        head = f"{moment} {name}: " if len(arguments.name) > 1 else f"{moment} "
        text: str = line["text"]
        for_people = sys.stdout.isatty()
        shown = logline.behind(head, text, colour=terminal.colour(sys.stdout)) if for_people else head + safe(text)
    print(shown, flush=True)


def _usage(control: Control, arguments: Namespace) -> int:
    found = control.do("usage") if not arguments.name else _usage_of(control, arguments.name)
    if arguments.json:
        print(json.dumps(found))
        return 0
    head = ["SERVICE", "CPU", "MEMORY", "PEAK", "PROCESSES", "READ", "WRITTEN"]
    total = [["in all", *_figures(found["total"])]] if "total" in found else []
    _print([head, *([one["name"], *_figures(one)] for one in found["items"]), *total])
    return 0


def _usage_of(control: Control, names: Sequence[str]) -> dict[str, Any]:
    return {"items": [control.do("usage", name=name) for name in names]}


def _figures(one: Mapping[str, int | None]) -> list[str]:
    def text(key: str, form: Callable[[int], str]) -> str:
        value = one.get(key)
        return "-" if value is None else form(value)

    sizes = [text(key, size) for key in ("memory_bytes", "memory_peak_bytes")]
    moved = [text(key, size) for key in ("io_read_bytes", "io_write_bytes")]
    return [text("cpu_us", lambda value: duration(value / 1e6)), *sizes, text("pids", str), *moved]


def _print(rows: Sequence[Sequence[str]]) -> None:
    head, *lines = fitted(rows, terminal.columns())
    print(terminal.painted(head, terminal.BOLD))
    for line in lines:
        print(line)


_VERBS: Mapping[str, Callable[[Control, Namespace], int]] = {
    "list": _list,
    "status": _status,
    "start": _act,
    "stop": _act,
    "restart": _act,
    "reload": _reload,
    "reexec": _reexec,
    "logs": _logs,
    "usage": _usage,
    "graph": _graph,
}
