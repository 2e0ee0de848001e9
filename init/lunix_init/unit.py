"""Units: what one TOML file says about one service.

A unit is a frozen value; two files that say the same give equal units, so a directory that was
swapped as a whole restarts only what changed. Every mistake is told as `file:line: sentence`, with
the nearest key where one was mistyped.

    description = "the bus"            needs = ["network"]      # started before, stopped after
    exec = ["nats-server", "-c", ...]  after = ["clock"]        # order alone
    kind = "daemon"                    ready = "notify"         # fd | none | a path to appear
    restart = "always"                 watchdog = "10s"
    [stop] signal = "TERM", timeout = "5s"
    [backoff] first = "5ms", factor = 2, cap = "60s", give_up = 0, reset = "60s"
    [limits] memory = "64M", pids = 50, nofile = 1024
    [pressure] cpu = 50                # percent of 2 s without a processor: usage.high
    [env] LANG = "C.UTF-8"
"""

import re
import signal
import tomllib
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, cast

from lunix_init import values
from lunix_init.capabilities import CAPABILITIES

MAX_BYTES = 1 << 16
MAX_LINES = 2000


class Kind(StrEnum):
    """What a service is: one that stays, one that ends, one that owns a terminal."""

    DAEMON = "daemon"
    ONESHOT = "oneshot"
    GETTY = "getty"


class Ready(StrEnum):
    """How a service tells that it is ready."""

    NOTIFY = "notify"
    FD = "fd"
    NONE = "none"
    PATH = "path"


class Restart(StrEnum):
    """After which exits a service is started again."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class Backoff(NamedTuple):
    """The delays between restarts, in seconds, and after how many failures in a row to give up."""

    first: float = 0.005
    factor: float = 2.0
    cap: float = 60.0
    give_up: int = 0
    reset: float = 60.0


class Stop(NamedTuple):
    """How a service is asked to stop, and how long it may take (seconds)."""

    signal: int = signal.SIGTERM
    timeout: float = 5.0


class Log(NamedTuple):
    """How many lines of a service's output are kept in memory."""

    lines: int = 200


class Unit(NamedTuple):
    """One service as its file describes it. Times are seconds; 0 is "never"."""

    name: str
    exec: tuple[str, ...] = ()
    python: str = ""
    args: tuple[str, ...] = ()
    description: str = ""
    kind: Kind = Kind.DAEMON
    autostart: bool = True
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    ready: Ready = Ready.NONE
    ready_path: str = ""
    ready_fd: int = 3
    restart: Restart = Restart.ALWAYS
    final_codes: tuple[int, ...] = (100,)
    start_timeout: float = 60.0
    watchdog: float = 0.0
    reload_signal: int = signal.SIGHUP
    user: str = ""
    group: str = ""
    cwd: str = "/"
    umask: int = 0o022
    nice: int = 0
    tty: str = ""
    capabilities: tuple[str, ...] | None = None
    env: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    pressure: tuple[tuple[str, int], ...] = ()  # percent of stalled time that is worth an event
    backoff: Backoff = Backoff()
    stop: Stop = Stop()
    log: Log = Log()


class UnitError(Exception):
    """A unit file that cannot be used: which file, which line (from 1), and why."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")
        self.file, self.line, self.reason = file, line, reason


class _BadKeyError(Exception):
    """A value that its reader refused, with the path of its key."""

    def __init__(self, path: tuple[str, ...], reason: str) -> None:
        super().__init__(reason)
        self.path, self.reason = path, reason


Reader = Callable[[object], object]
RLIMITS = ("as", "core", "cpu", "data", "fsize", "memlock", "nofile", "nproc", "stack")
CGROUP_LIMITS = ("memory", "pids", "cpu_percent")


def _capabilities(value: object) -> tuple[str, ...]:
    found = tuple(item.lower().removeprefix("cap_") for item in values.words(value))
    for item in found:
        if item not in CAPABILITIES:
            raise ValueError(f"{item!r} is not a capability{_nearest(item, CAPABILITIES)}")
    return found


def _ready(value: object) -> str:
    found = values.text(value)
    if found.startswith("/") or found in ("notify", "fd", "none"):
        return found
    raise ValueError(f"{values.shown(found)} is none of 'notify', 'fd', 'none' or an absolute path")


def _module(value: object) -> str:
    found = values.text(value)
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", found, re.ASCII):
        raise ValueError(f"{values.shown(found)} is not the name of a Python module")
    return found


def _codes(value: object) -> tuple[int, ...]:
    return tuple(values.integer(0, 255)(item) for item in values.items(value))


KEYS: Mapping[str, Reader] = {
    "exec": values.command,
    "python": _module,
    "args": values.words,
    "description": values.text,
    "kind": values.choice(Kind),
    "autostart": values.flag,
    "needs": values.names,
    "after": values.names,
    "ready": _ready,
    "ready_fd": values.integer(3, 255),
    "restart": values.choice(Restart),
    "final_codes": _codes,
    "start_timeout": values.seconds,
    "watchdog": values.seconds,
    "reload_signal": values.signal_number,
    "user": values.text,
    "group": values.text,
    "cwd": values.absolute,
    "umask": values.mode,
    "nice": values.integer(-20, 19),
    "tty": values.absolute,
    "capabilities": _capabilities,
    "env": values.environment,
}
TABLES: Mapping[str, Mapping[str, Reader]] = {
    "backoff": {
        "first": values.seconds,
        "factor": values.factor,
        "cap": values.seconds,
        "give_up": values.integer(0, 1_000_000),
        "reset": values.seconds,
    },
    "stop": {"signal": values.signal_number, "timeout": values.seconds},
    "log": {"lines": values.integer(0, 10_000)},
    "limits": dict.fromkeys((*RLIMITS, *CGROUP_LIMITS), values.limit),
    "pressure": dict.fromkeys(("cpu", "memory", "io"), values.integer(1, 100)),
}
_RECORDS: Mapping[str, Callable[..., object]] = {"backoff": Backoff, "stop": Stop, "log": Log}


def parse(name: str, data: bytes, file: str = "") -> Unit:
    """Read one unit file; `name` is its stem. Raises `UnitError`."""
    file = file or f"{name}.toml"
    if not values.NAME.fullmatch(name):
        raise UnitError(file, 1, f"{values.shown(name)} is not a unit name (A-Za-z0-9_.@-)")
    if len(data) > MAX_BYTES or data.count(b"\n") > MAX_LINES:
        raise UnitError(file, 1, f"longer than {MAX_LINES} lines or {MAX_BYTES} bytes")
    try:
        source = data.decode()
    except UnicodeDecodeError as error:
        raise UnitError(file, data.count(b"\n", 0, error.start) + 1, "not UTF-8") from None
    try:
        found: dict[str, Any] = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise UnitError(file, _told_line(str(error), source), str(error)) from None
    except (RecursionError, ValueError) as error:
        raise UnitError(file, 1, f"not TOML that can be read: {error}") from None
    try:
        return _build(name, found)
    except _BadKeyError as bad:
        raise UnitError(file, line_of(source, bad.path), bad.reason) from None


def _build(name: str, found: Mapping[str, Any]) -> Unit:
    fields: dict[str, Any] = {}
    for key, value in found.items():
        if key in TABLES:
            fields[key] = _table(key, value)
        elif key in KEYS:
            fields[key] = _read((key,), KEYS[key], value)
        else:
            raise _BadKeyError((key,), f"unknown key {key!r}{_nearest(key, (*KEYS, *TABLES))}")
    ready = fields.pop("ready", None)
    if ready is not None:
        fields["ready"] = Ready.PATH if ready.startswith("/") else Ready(ready)
        fields["ready_path"] = ready if ready.startswith("/") else ""
    unit = Unit(name, **fields)
    _judge(unit, found)
    if unit.kind is Kind.ONESHOT:
        # A oneshot that fails is not run for ever, and may take as long as it takes (fsck).
        return unit._replace(
            restart=fields.get("restart", Restart.NEVER),
            start_timeout=fields.get("start_timeout", 0.0),
        )
    return unit


def _judge(unit: Unit, found: Mapping[str, Any]) -> None:
    """Refuse what is well formed and still makes no sense."""
    if not unit.exec and not unit.python:
        raise _BadKeyError((), "neither 'exec' nor 'python' says what to run")
    if unit.exec and unit.python:
        raise _BadKeyError(("python",), "'exec' and 'python' exclude each other")
    if unit.exec and unit.args:
        raise _BadKeyError(("args",), "'args' belongs to 'python'; put them into 'exec'")
    if unit.name in (*unit.needs, *unit.after):
        key = "needs" if unit.name in unit.needs else "after"
        raise _BadKeyError((key,), "a unit cannot depend on itself")
    if unit.kind is Kind.ONESHOT and unit.restart is Restart.ALWAYS and "restart" in found:
        raise _BadKeyError(("restart",), "a oneshot that always restarts would run for ever")
    if unit.kind is Kind.ONESHOT and unit.ready is not Ready.NONE:
        raise _BadKeyError(("ready",), "a oneshot is ready when it has ended well")
    if (unit.kind is Kind.GETTY) != bool(unit.tty):
        raise _BadKeyError(("tty",), "'tty' and kind = \"getty\" go together")
    if unit.backoff.cap < unit.backoff.first:
        raise _BadKeyError(("backoff", "cap"), "'cap' is below 'first'")


def _table(key: str, value: object) -> object:
    readers = TABLES[key]
    fields: dict[str, Any] = {}
    for inner, item in cast("dict[str, Any]", _read((key,), values.table, value)).items():
        if inner not in readers:
            raise _BadKeyError((key, inner), f"unknown key {inner!r}{_nearest(inner, tuple(readers))}")
        fields[inner] = _read((key, inner), readers[inner], item)
    if key in _RECORDS:
        return _RECORDS[key](**fields)
    return tuple(sorted(fields.items()))


def _read(path: tuple[str, ...], reader: Reader, value: object) -> object:
    try:
        return reader(value)
    except ValueError as error:
        raise _BadKeyError(path, f"{'.'.join(path)}: {error}") from None


def _nearest(word: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # costs 2 ms, and only a mistake needs it

    near = get_close_matches(word[:64], known, 1)
    return f": did you mean {near[0]!r}?" if near else ""


def _told_line(message: str, source: str) -> int:
    match = re.search(r"at line ([0-9]+)", message)
    return int(match[1]) if match else source.count("\n") + 1


def line_of(source: str, path: tuple[str, ...]) -> int:
    """Find the line (from 1) where a key stands; 1 when it stands nowhere by itself."""
    table: tuple[str, ...] = ()
    best = 1
    for number, line in enumerate(source.splitlines(), 1):
        if match := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            table = tuple(match[1].split("."))
            if table == path[:1]:
                best = number
        elif match := re.match(r"\s*([\w.-]+)\s*=", line):
            here = (*table, *match[1].split("."))
            if here == path:
                return number
            if here == path[:1]:
                best = number
    return best
