"""lunix-init beside s6 and runit: starting many services, restarting one that died, and being quiet.

Each supervises the same programs: a shell that writes its pid into a FIFO and becomes ``sleep``. So the clock stops
when the program itself runs, whoever started it. The three take turns, round by round, on the same machine.
"""

import argparse
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.proc import descendants, memory, wakeups
from bench.report import Row, median, publish, quantile

SERVICES = 100
WAIT_S = 60.0


class Peer(NamedTuple):
    """A supervisor: its label, its command for a folder, and how a folder is filled with services."""

    label: str
    command: Callable[[Path], list[str]]
    fill: Callable[[Path, str, str], None]


def fill_runscript(folder: Path, name: str, script: str) -> None:
    """A service directory as s6 and runit have it."""
    run = folder / "scan" / name / "run"
    run.parent.mkdir(parents=True)
    run.write_text(f"#!/bin/sh\n{script}\n")
    run.chmod(0o755)


def fill_unit(folder: Path, name: str, script: str) -> None:
    """A unit file."""
    (folder / "scan").mkdir(exist_ok=True)
    (folder / "scan" / f"{name}.toml").write_text(f"exec = ['sh', '-c', '{script}']\n")


def lunix_command(folder: Path) -> list[str]:
    """The command of lunix-init, as a console script would start it."""
    return [sys.executable, "-m", "lunix_init", "--units", str(folder / "scan"), "--run", str(folder / "r")]


def s6_command(folder: Path) -> list[str]:
    """The command of s6."""
    return ["s6-svscan", str(folder / "scan")]


def runit_command(folder: Path) -> list[str]:
    """The command of runit."""
    return ["runsvdir", "-P", str(folder / "scan")]


PEERS = (
    Peer("lunix-init", lunix_command, fill_unit),
    Peer("s6-svscan", s6_command, fill_runscript),
    Peer("runsvdir", runit_command, fill_runscript),
)


class Room:
    """One supervisor that runs, and the FIFO on which its services tell that they run."""

    def __init__(self, peer: Peer, services: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ib", dir="/tmp"))
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        self._fifo = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""
        for number in range(services):
            peer.fill(self.folder, f"s{number:03}", f"echo $$ > {fifo}; exec sleep 100000")
        self._log = (self.folder / "log").open("wb")
        self.began = time.monotonic()
        self._command = peer.command(self.folder)
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)

    def told(self, count: int) -> list[int]:
        """Wait until so many services have told their pids."""
        pids: list[int] = []
        deadline = time.monotonic() + WAIT_S
        while len(pids) < count:
            if not select.select([self._fifo], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"{self._command[0]}: {len(pids)} of {count} within {WAIT_S} s")
            *lines, self._rest = (self._rest + os.read(self._fifo, 1 << 16)).split(b"\n")
            pids += [int(line) for line in lines]
        return pids

    def supervisors(self) -> list[int]:
        """The processes of the supervisor's side: all but the services themselves."""
        pids = descendants(self.process.pid)
        return [pid for pid in pids if Path(f"/proc/{pid}/comm").read_text() != "sleep\n"]

    def close(self) -> None:
        """End it all, and wait until it has ended."""
        pids = list(descendants(self.process.pid))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        # What was started while the list was made: a supervisor that died cannot start any more.
        self._log.close()
        os.close(self._fifo)
        shutil.rmtree(self.folder)


def start(peer: Peer) -> float:
    """Return the seconds from starting the supervisor until all services run."""
    room = Room(peer, SERVICES)
    try:
        room.told(SERVICES)
        return time.monotonic() - room.began
    finally:
        room.close()


def restart(peer: Peer, rounds: int) -> list[float]:
    """Return the seconds from a service's death until its program runs again; each the first in a run."""
    found: list[float] = []
    for _ in range(rounds):
        room = Room(peer, 1)
        try:
            (pid,) = room.told(1)
            # s6 and runit restart at once what has run for a second, and wait with what has not.
            time.sleep(1.1)
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            room.told(1)
            found.append(time.monotonic() - began)
        finally:
            room.close()
    return found


def restart_young(peer: Peer) -> float:
    """The same for a service that had only just started."""
    room = Room(peer, 1)
    try:
        (pid,) = room.told(1)
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        room.told(1)
        return time.monotonic() - began
    finally:
        room.close()


def quiet(peer: Peer, idle_s: float) -> dict[str, float]:
    """Return the wake-ups of the supervisor's side in a quiet time, its processes and its memory."""
    room = Room(peer, SERVICES)
    try:
        room.told(SERVICES)
        time.sleep(2)  # all that follows a start is over
        pids = room.supervisors()
        before = sum(wakeups(pid) for pid in pids)
        time.sleep(idle_s)
        return {
            "wake-ups": sum(wakeups(pid) for pid in pids) - before,
            "processes": len(pids),
            "PSS KiB": sum(memory(pid).get("Pss", 0) for pid in pids),
            "private KiB": sum(memory(pid).get("Private_Dirty", 0) for pid in pids),
        }
    finally:
        room.close()


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and a shorter quiet time")
    quick = parser.parse_args().quick
    rounds, idle_s = (2, 5.0) if quick else (7, 60.0)
    peers = [peer for peer in PEERS if shutil.which(peer.command(Path("/"))[0])]
    starts: dict[str, list[float]] = {peer.label: [] for peer in peers}
    restarts: dict[str, list[float]] = {peer.label: [] for peer in peers}
    young: dict[str, list[float]] = {peer.label: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            starts[peer.label].append(start(peer))
            restarts[peer.label] += restart(peer, 1)
            young[peer.label].append(restart_young(peer))
    rows: list[Row] = []
    for peer in peers:
        label, silence = peer.label, quiet(peer, idle_s)
        rows.append(
            {
                "supervisor": label,
                f"{SERVICES} up, ms": median(starts[label]) * 1000,
                "restart p50, ms": median(restarts[label]) * 1000,
                "worst": quantile(restarts[label], 1.0) * 1000,
                "of a young one, ms": median(young[label]) * 1000,
                f"wake-ups in {idle_s:g} s": silence["wake-ups"],
                "processes": silence["processes"],
                "PSS, KiB": silence["PSS KiB"],
                "private dirty, KiB": silence["private KiB"],
            }
        )
    publish("init_vs_s6_runit", f"Supervisors with {SERVICES} services", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
