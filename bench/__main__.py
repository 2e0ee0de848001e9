"""All benchmarks, one after the other; ``--quick`` for a short look."""

import argparse
import subprocess
import sys

from bench.report import RESULTS

BENCHMARKS = (
    "uevent_latency",
    "uevent_flood",
    "cli_start",
    "memory",
    "forked",
    "idle",
    "init_vs_s6_runit",
    "mqtt_bridge",
    "websocket_vs_native",
    "bus_servers",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench")
    parser.add_argument("--quick", action="store_true", help="fewer events, runs and seconds")
    parser.add_argument("only", nargs="*", help=f"which of {', '.join(BENCHMARKS)}")
    arguments = parser.parse_args()
    if unknown := set(arguments.only) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    failed: list[str] = []
    for name in arguments.only or BENCHMARKS:
        # Each in an interpreter of its own: what one leaves in memory does not slow the next.
        command = [sys.executable, "-m", f"bench.{name}", *(["--quick"] if arguments.quick else [])]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    print(f"\nresults as JSON: {RESULTS}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
