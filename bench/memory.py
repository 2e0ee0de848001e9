"""The memory of each daemon at rest, and what its imports cost.

PSS shares each page among those who have it mapped, so it depends on who else runs; what a daemon has alone is private
dirty. Import costs are those of a fresh interpreter: milliseconds by ``-X importtime``, and the resident set after.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.peers import QUIET, Peer, peers
from bench.proc import memory
from bench.report import Cell, Row, publish, table

PEERS = ["natsdev-kernel", "natsdev-udev", "mdev", *QUIET, "toast-popups"]
PROGRAMS = (
    "lunix_natsdev.__main__",
    "lunix_toast.__main__",
    "lunix_ps.__main__",
    "lunix_mount.__main__",
    "lunix_log.__main__",
    "lunix_network.__main__",
    "lunix_login.__main__",
    "lunix_power.__main__",
    "lunix_uplink.__main__",
    "lunix_websocket.__main__",
    "lunix_cli.__main__",
)
TOP = 8
TOLERANCE_KIB = 64
_IMPORT = re.compile(r"^import time: +(\d+) \| +(\d+) \|( +)(\S+)$")


def daemons(who: list[Peer]) -> list[Row]:
    """A row for each daemon, in MiB."""
    rows: list[Row] = []
    for peer in who:
        for name, pid in peer.daemons.items():
            rolled = memory(pid)
            rows.append(
                {
                    "daemon": f"{name} ({peer.name})",
                    "PSS MiB": rolled["Pss"] / 1024,
                    "private dirty MiB": rolled["Private_Dirty"] / 1024,
                    "RSS MiB": rolled["Rss"] / 1024,
                    "smaps differs KiB": _difference(pid, rolled),
                }
            )
    return rows


def _difference(pid: int, rolled: dict[str, int]) -> Cell:
    """By how much the sum of ``smaps`` is another one than ``smaps_rollup``, which some kernels round wrongly."""
    difference = memory(pid, "smaps")["Pss"] - rolled["Pss"]
    return difference if abs(difference) > TOLERANCE_KIB else None


def imports(module: str) -> list[Row]:
    """The whole cost of a program's imports, and the modules below it that cost most; cumulated milliseconds."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"], check=True, capture_output=True, text=True
    ).stderr
    found = [match for line in said.splitlines() if (match := _IMPORT.match(line))]
    costs = {match[4]: (int(match[2]) / 1000, int(match[1]) / 1000) for match in found}
    ordered = sorted(costs, key=lambda name: costs[name][0], reverse=True)
    return [{"import": name, "with all below ms": costs[name][0], "alone ms": costs[name][1]} for name in ordered[:TOP]]


def after_import(module: str) -> Row:
    """The memory of an interpreter that has imported a program and done nothing."""
    code = f"import {module}\nprint(open('/proc/self/smaps_rollup').read())"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    found = {name: int(kib) / 1024 for name, kib in re.findall(r"^(\w+): +(\d+) kB$", said, re.MULTILINE)}
    return {"after import of": module, "PSS MiB": found["Pss"], "RSS MiB": found["Rss"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="nothing to shorten: it takes some seconds")
    parser.parse_args()
    with tempfile.TemporaryDirectory() as text, peers(PEERS, Path(text)) as who:
        rows = daemons(who)
    loaded = [after_import(module) for module in ("sys", *PROGRAMS)]
    costs = {module: imports(module) for module in PROGRAMS}
    publish("memory", "memory at rest", rows, {"after_import": loaded, "imports": costs})
    for rows in (loaded, *costs.values()):
        print("\n" + table(rows))


if __name__ == "__main__":
    main()
