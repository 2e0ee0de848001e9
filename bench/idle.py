"""What wakes a quiet daemon: how often each one is woken, and by what it calls the kernel.

First the kernel's own count of voluntary context switches, with nothing attached; then the system calls that strace
sees. A daemon of lunix should show nothing but the bus's PING, once in two minutes each way. Whoever else plugs or
triggers devices on the machine meanwhile wakes the device managers too, so the uevents that came are counted beside.
"""

import argparse
import re
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.peers import QUIET, Peer, peers
from bench.proc import wakeups
from bench.report import Row, publish

PEERS = ["natsdev-kernel", "natsdev-udev", "mdev", *QUIET, "mount-without-natsdev", "toast-popups"]

SECONDS, SECONDS_QUICK = 60, 5
STRACE_SECONDS = 20
SETTLE_S = 5.0
"""A server measures each new connection once, a second or two after it began."""
_CALL = re.compile(r"^\d+ +(?:<\.\.\. )?([a-z_0-9]+)[( ]")


def strace(pids: list[int], seconds: float, folder: Path) -> list[Counter[str]]:
    """The system calls that end within so many seconds, of each process."""
    files = [folder / f"{pid}.strace" for pid in pids]
    tracers = [
        subprocess.Popen(["strace", "-f", "-qq", "-p", str(pid), "-o", str(file)], stderr=subprocess.DEVNULL)
        for pid, file in zip(pids, files, strict=True)
    ]
    time.sleep(seconds)
    for tracer in tracers:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
    return [Counter(calls(file.read_text(errors="replace").splitlines())) for file in files]


def calls(lines: list[str]) -> list[str]:
    """The names in strace's lines that begin in its sight: what it found unfinished was called before."""
    found = (_CALL.match(line) for line in lines if "resumed>" not in line and "restart_syscall" not in line)
    names = [match[1] for match in found if match]
    return [name for name in names if name not in ("exit", "exit_group")]


def uevents() -> int:
    """How many uevents the machine has made so far, in all namespaces."""
    return int(Path("/sys/kernel/uevent_seqnum").read_text())


def measure(who: list[Peer], seconds: float, traced: float, folder: Path) -> list[Row]:
    """A row for each daemon of each peer."""
    daemons = [(peer, name, pid) for peer in who for name, pid in peer.daemons.items()]
    pids = [pid for _, _, pid in daemons]
    time.sleep(SETTLE_S)
    plugged, before = uevents(), [wakeups(pid) for pid in pids]
    time.sleep(seconds)
    woken = [wakeups(pid) - count for pid, count in zip(pids, before, strict=True)]
    plugged = uevents() - plugged
    seen = strace(pids, traced, folder)
    return [
        {
            "daemon": f"{name} ({peer.name})",
            "wake-ups": count,
            "a second": count / seconds,
            "uevents of others": plugged,
            "calls traced": sum(called.values()),
            "most of them": ", ".join(f"{call} {times}" for call, times in called.most_common(3)) or "none",
        }
        for (peer, name, _), count, called in zip(daemons, woken, seen, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{SECONDS_QUICK} s of each")
    parser.add_argument("--seconds", type=float, help=f"how long to look on (default: {SECONDS})")
    parser.add_argument("who", nargs="*", choices=[*PEERS, []], help="whom to look at (default: all)", metavar="peer")
    arguments = parser.parse_args()
    seconds = arguments.seconds or (SECONDS_QUICK if arguments.quick else SECONDS)
    traced = min(seconds, STRACE_SECONDS)
    with tempfile.TemporaryDirectory() as text, peers(arguments.who or PEERS, Path(text)) as who:
        rows = measure(who, seconds, traced, Path(text))
    publish("idle", f"wake-ups in {seconds:g} s of quiet, and system calls in {traced:g} s", rows)


if __name__ == "__main__":
    main()
