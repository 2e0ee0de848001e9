"""The memory of eight daemons under lunix-init: forked from its zygote, and each exec'd as a program of its own.

Four daemons on each of two buses, all connected and at rest. PSS shares each page among those who have it mapped, so
the sum over all of them is what they take together; the zygote and init itself are counted too.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bench.peers import Bus, start_bus
from bench.proc import descendants, memory
from bench.report import Row, median, publish
from bench.room import Process, Room
from lunix_init.control import Control

READY_S = 60.0
DAEMONS = {
    "natsdev": ("lunix_natsdev", "", "--source", "kernel"),
    "toast": ("lunix_toast", '[toast]\nrenderer = "none"\n'),
    "ps": ("lunix_ps", "[ps]\nevents = false\n"),
    "init": ("lunix_init_bus", ""),
}
BUSES = ("a", "b")


def write_units(folder: Path, run: Path, bus: str, state: Path, *, forked: bool) -> None:
    """A unit for each daemon on one bus."""
    for name, (module, config, *more) in DAEMONS.items():
        file = folder / f"{name}-{bus}.conf"
        file.write_text(config, encoding="utf-8")
        words = ["--state", str(state), "--config", str(file), *more]
        words += ["--run", str(run)] if name == "init" else []
        program = f"python = '{module}'\nargs = " if forked else "exec = "
        words = words if forked else [sys.executable, "-m", module, *words]
        (folder / f"{name}-{bus}.toml").write_text(
            f"{program}{json.dumps(words)}\nready = 'notify'\n", encoding="utf-8"
        )


@contextmanager
def suite(*, forked: bool) -> Generator[tuple[int, dict[str, int], list[Bus]]]:
    """Run them; gives the pid of init, those of the daemons when all are ready, and the buses."""
    with tempfile.TemporaryDirectory(prefix="bf", dir="/tmp") as text, Room("eight", Path(text)) as room:
        units, run = Path(text) / "u", Path(text) / "r"
        units.mkdir()
        buses = [start_bus(room, bus) for bus in BUSES]
        for name, bus in zip(BUSES, buses, strict=True):
            write_units(units, run, name, bus.state, forked=forked)
        init = room.start(sys.executable, "-m", "lunix_init", "--units", units, "--run", run, "--no-cgroups")
        # nsenter becomes the program that it runs, so this pid is init's.
        yield init.pid, wait_until_up(run, init), buses


def wait_until_up(run: Path, init: Process) -> dict[str, int]:
    """Return the pid of each daemon, when all are ready."""
    with connect(run, init) as events, Control.connect(run) as control:
        stream = events.events()
        while True:
            items = control.do("list")["items"]
            if len(items) == len(DAEMONS) * len(BUSES) and all(item["state"] == "up" for item in items):
                return {item["name"]: item["pid"] for item in items}
            next(stream)


def connect(run: Path, init: Process) -> Control:
    """Connect to init as soon as it listens."""
    end = time.monotonic() + READY_S
    while True:
        try:
            return Control.connect(run, READY_S)
        except OSError:
            if time.monotonic() > end or init.process.poll() is not None:
                raise
            time.sleep(0.01)


def measure(*, forked: bool) -> Row:
    """Sums in MiB over the daemons, and over all that is needed for them."""
    with suite(forked=forked) as (init, daemons, buses):
        each = [memory(pid) for pid in daemons.values()]
        others = [memory(pid) for pid in descendants(init) if pid not in daemons.values()]
        servers = [memory(bus.pid) for bus in buses]
    return {
        "eight daemons": "forked" if forked else "exec'd",
        "PSS MiB": sum(one["Pss"] for one in each) / 1024,
        "of one, median": median([one["Pss"] for one in each]) / 1024,
        "private dirty": sum(one["Private_Dirty"] for one in each) / 1024,
        "of one, private": median([one["Private_Dirty"] for one in each]) / 1024,
        "init and zygote, PSS": sum(one["Pss"] for one in others) / 1024,
        "with one nats-server": sum(one["Pss"] for one in (*each, *others, servers[0])) / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="nothing to shorten: it takes some seconds")
    parser.parse_args()
    publish("forked", "eight daemons at rest", [measure(forked=True), measure(forked=False)])


if __name__ == "__main__":
    main()
