"""What a machine keeps over its boots: a seed for the random numbers, and a floor for the clock.

A machine without a battery starts in 1970 and with few random numbers. This daemon gives the kernel
the seed of the last run, and never lets the clock be earlier than when that run ended; it writes a
new seed at once (so that none is used twice) and again when it is asked to stop. As a unit:

    exec = ["python3", "-m", "lunix_init.keep", "--dir", "/var/lib/lunix"]
    ready = "notify"
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from lunix_init.os_machine import add_entropy
from lunix_init.os_notify import send_ready

SEED_BYTES = 512


def load_seed(path: Path, *, credit: bool) -> bool:
    """Give the kernel the seed, and remove it from the disk first: it must not be used twice."""
    try:
        seed = path.read_bytes()[:SEED_BYTES]
        path.unlink()
    except OSError:
        return False
    _sync(path.parent)
    if credit and len(seed) == SEED_BYTES:
        try:
            add_entropy(seed, SEED_BYTES * 4)  # half of it, to be modest
        except PermissionError:
            credit = False
    if not credit:
        Path("/dev/urandom").write_bytes(seed)
    return True


def save_seed(path: Path) -> None:
    """Write a new seed, whole or not at all."""
    draft = path.with_suffix(".draft")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, os.urandom(SEED_BYTES))
        os.fsync(fd)
    finally:
        os.close(fd)
    draft.rename(path)
    _sync(path.parent)


def raise_clock(path: Path) -> float:
    """Set the clock to when the last run ended, if it is earlier; returns by how many seconds."""
    try:
        floor = path.stat().st_mtime
    except OSError:
        return 0.0
    behind = floor - time.time()
    if behind <= 0:
        return 0.0
    time.clock_settime(time.CLOCK_REALTIME, floor)
    return behind


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def main() -> int:
    """Run until asked to stop. Exit codes: 0, 100 wrong usage, 111 refused by the system."""
    parser = argparse.ArgumentParser(prog="lunix-init-keep")
    parser.add_argument("--dir", required=True, type=Path, help="a folder that outlives the boot")
    parser.add_argument("--no-credit", action="store_true", help="do not count the seed as entropy")
    try:
        given = parser.parse_args()
    except SystemExit as leaving:
        return 100 if leaving.code else 0
    seed, stamp = given.dir / "random.seed", given.dir / "clock"
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        given.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        raised = raise_clock(stamp)
        known = load_seed(seed, credit=not given.no_credit)
        save_seed(seed)
        stamp.touch()
        sys.stderr.write(f"seed {'loaded' if known else 'absent'}, clock raised by {raised:.0f} s\n")
        send_ready()
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        save_seed(seed)
        stamp.touch()
    except OSError as error:
        sys.stderr.write(f"lunix-init-keep: {error}\n")
        return 111
    return 0


if __name__ == "__main__":
    sys.exit(main())
