"""A flood of uevents as fast as they can be written: what is lost, how long until the last has come, and what the
daemon pays, side by side with udevd and mdev.

The peers stand ready in rooms of their own and are flooded one after the other, in several rounds. All events are for
``lo`` unless ``--devices`` names more: udevd works on the events of one device one after the other.
"""

import argparse
import tempfile
import time
from pathlib import Path

from bench.peers import WAYS, Listener, Peer, peers
from bench.report import Cell, Row, median, publish

EVENTS, EVENTS_QUICK = 5000, 1000
ROUNDS, ROUNDS_QUICK = 3, 1
QUIET_S = 3.0
"""What has not come after so long a silence is lost."""


def flood(peer: Peer, events: int) -> list[dict[str, Cell]]:
    """One flood; a row for each listener, with times from the first write on."""
    peer.warm_up()
    spent, overflows, resyncs = peer.cpu_s(), peer.overflows, peer.resyncs
    begin = peer.ask(0)
    for number in range(1, events):
        peer.ask(number)
    written = time.monotonic_ns()
    for one in peer.listeners:
        one.heard_all(events, QUIET_S)
    spent = {name: seconds - spent[name] for name, seconds in peer.cpu_s().items()}
    return [
        _row(one, begin, written, events)
        | {
            "cpu s": spent[one.daemon],
            "bus cpu s": spent.get("nats-server") if one.daemon == "natsdev" else None,
            "overflows": peer.overflows - overflows,
            "resyncs": peer.resyncs - resyncs if one.daemon == "natsdev" else None,
        }
        for one in peer.listeners
    ]


def _row(one: Listener, begin: int, written: int, events: int) -> dict[str, Cell]:
    last = max(one.arrivals.values(), default=begin)
    return {
        f"{events} uevents to": one.label,
        "lost": events - len(one.arrivals),
        "written s": (written - begin) / 1e9,
        "last came s": (last - begin) / 1e9,
        "µs/event": (last - begin) / 1e3 / events,
    }


def middle(rounds: list[dict[str, Cell]]) -> Row:
    """The medians of several floods; losses, overflows and resynchronisations are added up."""
    sums = ("lost", "overflows", "resyncs")
    merged: dict[str, Cell] = {}
    for name, first in rounds[0].items():
        values = [value for one in rounds if isinstance(value := one[name], int | float)]
        if isinstance(first, int | float):
            merged[name] = sum(values) if name in sums else median(values)
        else:
            merged[name] = first
    return merged


def ratios(rows: list[Row]) -> dict[str, float]:
    """What the aims are about."""
    wall = {row[name]: row["last came s"] for row in rows for name in list(row)[:1]}
    udevd = wall.get("udevd → netlink reader")
    found: dict[str, float] = {}
    for label, seconds in wall.items():
        if isinstance(seconds, float) and isinstance(udevd, float) and str(label).startswith("natsdev"):
            found[f"{label}: wall / udevd's wall"] = seconds / udevd
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{EVENTS_QUICK} events, {ROUNDS_QUICK} round")
    parser.add_argument("--events", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--devices", type=int, default=1, help="lo, and so many less one veth interfaces")
    parser.add_argument("--peers", default=",".join(WAYS), help="which, with commas: %(default)s")
    arguments = parser.parse_args()
    events = arguments.events or (EVENTS_QUICK if arguments.quick else EVENTS)
    rounds = arguments.rounds or (ROUNDS_QUICK if arguments.quick else ROUNDS)
    gathered: dict[str, list[dict[str, Cell]]] = {}
    with tempfile.TemporaryDirectory() as folder, peers(arguments.peers.split(","), Path(folder)) as who:
        for peer in who:
            peer.add_devices(arguments.devices - 1)
        for _ in range(rounds):
            for peer in who:
                for row in flood(peer, events):
                    gathered.setdefault(str(next(iter(row.values()))), []).append(row)
    rows = [middle(several) for several in gathered.values()]
    aims = ratios(rows)
    title = f"a flood of {events} uevents of {arguments.devices} device(s), median of {rounds} round(s)"
    publish("uevent_flood", title, rows, {"ratios": aims, "rounds": gathered})
    print("\n".join(["", *(f"{name}: {value:.2f}" for name, value in aims.items())]))


if __name__ == "__main__":
    main()
