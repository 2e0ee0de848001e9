"""How long the ``lunix`` command takes from its start to its end, beside an empty Python and a plain nats-py client."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.peers import start_bus, start_daemon
from bench.report import Row, median, publish, quantile
from bench.room import Room

RUNS, RUNS_QUICK = 20, 5

_PLAIN = """
import asyncio, os, nats
async def main():
    client = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    await client.publish("user.bench", b"hello")
    await client.flush()
    await client.close()
asyncio.run(main())
"""


def commands() -> dict[str, list[str]]:
    """What is compared, by what it is called in the table."""
    lunix = str(Path(sys.executable).parent / "lunix")
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python, import asyncio": [sys.executable, "-c", "import asyncio"],
        "python, nats-py publishes": [sys.executable, "-c", _PLAIN],
        "lunix --version": [lunix, "--version"],
        "lunix pub": [lunix, "pub", "user.bench", "hello"],
        "lunix request": [lunix, "request", "hardware.list", '{"subsystem": "net"}'],
        "lunix subjects": [lunix, "subjects"],
    }


def measure(environ: Mapping[str, str], runs: int) -> dict[str, list[float]]:
    """Milliseconds of each run; the commands take turns, so that noise meets all alike."""
    found: dict[str, list[float]] = {name: [] for name in commands()}
    for turn in range(runs + 1):
        for name, command in commands().items():
            begin = time.perf_counter()
            done = subprocess.run(command, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            spent = (time.perf_counter() - begin) * 1000
            if done.returncode:
                raise RuntimeError(f"{name} failed: {done.stderr}")
            if turn:
                # The first turn fills caches and writes byte code.
                found[name].append(spent)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{RUNS_QUICK} runs and not {RUNS}")
    parser.add_argument("--runs", type=int)
    arguments = parser.parse_args()
    runs = arguments.runs or (RUNS_QUICK if arguments.quick else RUNS)
    with tempfile.TemporaryDirectory() as text, Room(None, Path(text)) as room:
        bus = start_bus(room)
        start_daemon(room, bus, "lunix_natsdev", "--source", "kernel")
        mine = {"LUNIX_STATE": str(bus.state), "NATS_URL": bus.url, "NATS_NKEY": str(bus.key("user"))}
        found = measure(os.environ | mine, runs)
    rows: list[Row] = [
        {"command": name, "runs": len(spent), "median ms": median(spent), "p90 ms": quantile(spent, 0.9)}
        for name, spent in found.items()
    ]
    publish("cli_start", "from the start of a command to its end", rows, {"milliseconds": found})


if __name__ == "__main__":
    main()
