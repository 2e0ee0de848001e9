"""``lunix install`` and ``lunix uninstall``: the services of lunix in this machine, and out of it again.

What will be done is shown, then done; ``--dry-run`` ends in between. What an installation wrote is remembered, so that
it can be undone, and so that nothing is overwritten or removed that somebody else wrote or changed.
"""

import json
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lunix_cli.shipping import files, units_systemd
from lunix_cli.shipping.files import Action, Step
from lunix_cli.shipping.needs import STATE
from lunix_common.access.identities import replace
from lunix_common.errors import UsageError

Command = tuple[str, ...]

_HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ``ProtectHome=`` hides from a service, and with it the programs there."""


def run(arguments: Namespace) -> int:
    """Do it and return the exit code; raise ``UsageError`` or ``OSError``."""
    root = (arguments.root or Path("/")).absolute()
    if not arguments.dry_run and arguments.root is None and os.geteuid() != 0:
        raise UsageError(
            "this changes the machine: run it with sudo, look with --dry-run, or name a folder with --root"
        )
    if arguments.undo:
        return _uninstall(root, arguments)
    return _install(root, arguments)


def _install(root: Path, arguments: Namespace) -> int:
    wanted = files.init() if arguments.init else _for_systemd(arguments)
    ours = {} if arguments.vendor else _remembered(root, arguments.init)
    steps = files.install(wanted, _present(root, {*wanted, *ours}), ours)
    foreign = [step.path for step in steps if step.action is Action.FOREIGN]
    if foreign:
        raise UsageError(f"{', '.join(foreign)}: somebody else's, and left alone; move it away first")
    commands = [] if arguments.init or arguments.root else _begin()
    _show(steps, commands)
    if arguments.dry_run:
        return 0
    _do(root, steps)
    if not arguments.vendor:
        _remember(root, arguments.init, files.owned(steps, ours))
    return _call(commands)


def _for_systemd(arguments: Namespace) -> dict[str, str]:
    folder = arguments.bin or Path(sys.executable).parent
    programs = files.programs(str(folder))
    if arguments.root is None:
        missing = sorted(path for path in programs.values() if not os.access(path, os.X_OK))
        if missing:
            raise UsageError(f"{', '.join(missing)}: not there; name the folder of lunix's programs with --bin")
        hidden = next((one for one in _HIDDEN if Path(os.path.realpath(folder)).is_relative_to(one)), None)
        if hidden is not None:
            raise UsageError(
                f"lunix is installed below {hidden}, which its services may not see: "
                "docs/howto/install.md tells how to have it for the whole machine, by pipx or as a Debian package"
            )
    return files.systemd(programs, files.VENDOR if arguments.vendor else files.ADMIN)


def _uninstall(root: Path, arguments: Namespace) -> int:
    ours = _remembered(root, arguments.init)
    if not ours:
        raise UsageError(f"nothing was installed here by `lunix install` ({_memory(root, arguments.init)})")
    steps = files.uninstall(ours, _present(root, ours))
    before, after = ([], []) if arguments.init or arguments.root else _end(ours)
    _show(steps, [*before, *after])
    if arguments.dry_run:
        return 0
    code = _call(before)
    _do(root, steps)
    _memory(root, arguments.init).unlink()
    print(f"users, keys and configuration stay: {STATE}, /etc/lunix", file=sys.stderr)
    return _call(after) or code


def _begin() -> list[Command]:
    return [
        ("systemd-sysusers", "lunix.conf"),
        ("systemd-tmpfiles", "--create", "lunix.conf"),
        ("systemctl", "daemon-reload"),
        ("systemctl", "enable", "--now", *units_systemd.enabled()),
    ]


def _end(ours: Iterable[str]) -> tuple[list[Command], list[Command]]:
    """What is done before the files go, and after."""
    units = sorted(Path(path).name for path in ours if "/systemd/system/" in path)
    return [("systemctl", "disable", "--now", *units)], [("systemctl", "daemon-reload")]


def _show(steps: Sequence[Step], commands: Iterable[Command]) -> None:
    words: Mapping[Action, str] = {
        Action.SAME: "is there",
        Action.KEEP: "leave, it was changed by hand:",
        Action.GONE: "is gone already",
    }
    for step in steps:
        print(f"{words.get(step.action, step.action)} {step.path}")
    for command in commands:
        print(f"run {' '.join(command)}")
    # What the commands say comes below it, into a file as well.
    sys.stdout.flush()


def _do(root: Path, steps: Iterable[Step]) -> None:
    for step in steps:
        path = _below(root, step.path)
        if step.action is Action.WRITE:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            replace(path, step.text.encode(), 0o644)
        elif step.action is Action.REMOVE:
            path.unlink()


def _call(commands: Iterable[Command]) -> int:
    for command in commands:
        program = shutil.which(command[0])
        if program is None:
            raise UsageError(f"{command[0]} is not there: is this a machine that systemd runs?")
        done = subprocess.run([program, *command[1:]], check=False)  # noqa: S603 - as it was shown
        if done.returncode != 0:
            print(f"lunix: {' '.join(command)} ended with {done.returncode}", file=sys.stderr)
            return 1
    return 0


def _present(root: Path, paths: Iterable[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in paths:
        here = _below(root, path)
        if here.is_file():
            found[path] = here.read_bytes()
    return found


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _memory(root: Path, init: bool) -> Path:
    return _below(root, STATE) / f"installed-{'init' if init else 'systemd'}.json"


def _remembered(root: Path, init: bool) -> dict[str, str]:
    path = _memory(root, init)
    try:
        found: dict[str, str] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    return found


def _remember(root: Path, init: bool, ours: Mapping[str, str]) -> None:
    path = _memory(root, init)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    replace(path, json.dumps(ours, indent=1, sort_keys=True).encode() + b"\n", 0o644)
