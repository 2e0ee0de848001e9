"""The files that an installation consists of, and what becomes of each of them. Pure.

Whoever manages the machine may change a file that was installed: it is left alone then, and told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from lunix_cli.shipping import units_init, units_systemd
from lunix_cli.shipping.needs import ROWS, STATE, SYSTEM
from lunix_common.access.roles import ROLES

VENDOR, ADMIN = "/usr/lib", "/etc"
"""Where a package puts units, users and folders, and where somebody does who has no package."""
UNITS_INIT = "/etc/lunix/units"


class Action(StrEnum):
    """What becomes of one file."""

    WRITE = "write"
    SAME = "same"
    """It is there as it should be."""
    KEEP = "keep"
    """It is ours, and somebody changed it."""
    REMOVE = "remove"
    GONE = "gone"
    """It is ours, and somebody removed it."""
    FOREIGN = "foreign"
    """Somebody else's is in its place."""


@dataclass(frozen=True)
class Step:
    """What becomes of the file at ``path``; ``text`` is what it should hold."""

    action: Action
    path: str
    text: str = ""


def digest(content: bytes) -> str:
    """By which a file that we wrote is known again."""
    return sha256(content).hexdigest()


def systemd(programs: Mapping[str, str], base: str) -> dict[str, str]:
    """Path and text of each file for a machine that systemd runs; ``base`` is ``VENDOR`` or ``ADMIN``."""
    made = {f"{base}/systemd/system/{name}": text for name, text in units_systemd.files(programs).items()}
    made |= {f"{base}/systemd/user/{name}": text for name, text in units_systemd.session_files(programs).items()}
    made[f"{base}/sysusers.d/lunix.conf"] = sysusers()
    made[f"{base}/tmpfiles.d/lunix.conf"] = tmpfiles()  # noqa: S108 - no temporary file
    return made


def init() -> dict[str, str]:
    """The same for one that lunix-init runs."""
    return {f"{UNITS_INIT}/{name}": text for name, text in units_init.files().items()}


def sysusers() -> str:
    """Users and groups: sysusers.d(5). A role's group may read the role's key."""
    users = [row for row in SYSTEM if row.user != "root"]
    lines = [f"g lunix-{role.name} -" for role in ROLES]
    lines += [f'u {row.user} - "lunix {row.name}"' for row in users]
    lines += [f"m {row.user} {group}" for row in users for group in row.groups]
    return "\n".join(lines) + "\n"


def tmpfiles() -> str:
    """Folders: tmpfiles.d(5)."""
    folders = ("/etc/lunix", "/etc/lunix/subjects.d", STATE)
    return "".join(f"d {folder} 0755 root root -\n" for folder in folders)


def programs(folder: str) -> dict[str, str]:
    """The path of each program that a row runs."""
    return {row.command[0]: f"{folder}/{row.command[0]}" for row in ROWS.values()}


def install(wanted: Mapping[str, str], present: Mapping[str, bytes], ours: Mapping[str, str]) -> list[Step]:
    """What has to happen so that ``wanted`` is there.

    ``present`` has the content of each file that exists, ``ours`` the digest of each that was written before.
    """
    steps = [Step(_installed(text.encode(), present.get(path), ours.get(path)), path, text)
             for path, text in wanted.items()]  # fmt: skip
    return [*steps, *uninstall({path: digest for path, digest in ours.items() if path not in wanted}, present)]


def uninstall(ours: Mapping[str, str], present: Mapping[str, bytes]) -> list[Step]:
    """What has to happen so that nothing of ours is there."""
    return [Step(_removed(present.get(path), known), path) for path, known in ours.items()]


def owned(steps: Iterable[Step], ours: Mapping[str, str]) -> dict[str, str]:
    """The digests to remember when these steps are done."""
    after: dict[str, str] = {}
    for step in steps:
        if step.action is Action.WRITE or (step.action is Action.SAME and step.path in ours):
            after[step.path] = digest(step.text.encode())
        elif step.action is Action.KEEP and step.text:
            after[step.path] = ours[step.path]
    return after


def _installed(text: bytes, there: bytes | None, known: str | None) -> Action:
    if there == text:
        return Action.SAME
    if there is None or digest(there) == known:
        return Action.WRITE
    return Action.FOREIGN if known is None else Action.KEEP


def _removed(there: bytes | None, known: str) -> Action:
    if there is None:
        return Action.GONE
    return Action.REMOVE if digest(there) == known else Action.KEEP
