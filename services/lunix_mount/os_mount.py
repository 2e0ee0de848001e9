"""Mounting one open block device at one place, by the kernel or by a helper program; blocking, for threads."""

import errno
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lunix_mount import policy
from lunix_mount.mountinfo import text
from lunix_mount.os_block import Block
from lunix_mount.os_place import Spot
from lunix_mount.policy import Owner
from lunix_mount.refusal import TOO_LATE, UNKNOWN, Refused, of_mount

HELPER_S = 60.0
_CAP_SYS_ADMIN = 21
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_TRY_NEXT = frozenset({errno.ENODEV, errno.EINVAL})


class How(NamedTuple):
    """How something is to be mounted."""

    drivers: Sequence[str]
    """What is tried, in this order."""
    owner: Owner
    read_only: bool
    noexec: bool
    options: tuple[str, ...]
    helpers: bool
    """A helper program may be asked, which is given the path of the place."""


def may_mount() -> bool:
    """Whether the kernel lets us: CAP_SYS_ADMIN, of capabilities in section 7 of the manual."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> _CAP_SYS_ADMIN & 1)


def mount(block: Block, spot: Spot, how: How) -> str:
    """Mount and return the driver that did; raise ``Refused``, of the driver that got farthest."""
    worst: Refused | None = None
    for driver in how.drivers:
        try:
            _mount(block, spot, driver, how)
        except OSError as error:
            refused = of_mount(error, block.node, driver)
            if worst is None or worst.code == UNKNOWN:
                worst = refused
            if error.errno not in _TRY_NEXT:
                raise refused from None
        else:
            return driver
    raise worst or Refused(UNKNOWN, f"nothing is known that could mount {block.node}")


def _mount(block: Block, spot: Spot, driver: str, how: How) -> None:
    options = policy.options(
        driver, how.owner, read_only=how.read_only or block.read_only, noexec=how.noexec, more=how.options
    )
    if driver in policy.HELPERS:
        _ask_helper(driver, block.node, spot, options.as_text, allowed=how.helpers)
    else:
        spot.mount(block.node, driver, options.flags, options.data)


def helper(driver: str) -> str | None:
    """The program for a driver that the kernel has not, where it is installed."""
    return shutil.which(driver, path=_PATH)


def _ask_helper(driver: str, node: str, spot: Spot, options: str, *, allowed: bool) -> None:
    program = helper(driver)
    if program is None or not allowed:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), driver)
    try:
        done = subprocess.run(  # noqa: S603 - a list, and no shell
            [program, "-o", options, node, text(spot.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=HELPER_S,
            check=False,
            env={"PATH": _PATH, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise Refused(TOO_LATE, f"{driver} on {node} has not ended after {HELPER_S:g} s") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "backslashreplace").split())[:300]
        raise Refused(_HELPER_CODES.get(done.returncode, 422), f"{driver} on {node}: {said}")


_HELPER_CODES = {21: 403, 12: 422, 13: 422, 14: 422, 15: 409, 16: 409, 17: 409}
"""Exit codes of ntfs-3g.probe(8) and ntfs-3g: denied; no NTFS, corrupt, hibernated; already mounted, in use."""
