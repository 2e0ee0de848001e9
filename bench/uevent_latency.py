"""From a uevent to who subscribed to it: how long it takes, side by side with udevd and mdev.

Each peer stands ready in a room of its own. The rooms take turns: some events in a row, each waited for until it has
come through, then the next room; so noise of the machine meets all alike. With ``--in-a-row 1`` each event finds the
processor's caches full of what the other peers did. The clock starts right before the write to ``lo``'s ``uevent`` file
and stops when the listener, a process of its own, has the event in hand.
"""

import argparse
import tempfile
import time
from pathlib import Path

from bench.peers import WAYS, Peer, peers
from bench.report import Row, median, publish, quantile

EVENTS, EVENTS_QUICK = 1000, 100
LOST_S = 5.0
IN_A_ROW = 50
PAUSE_S = 0.002
"""Between two events, so that what a daemon does after an event does not delay the next."""


def measure(who: list[Peer], events: int, in_a_row: int) -> dict[str, list[float]]:
    """The latencies in microseconds of each listener, event by event; infinite where it never came."""
    found: dict[str, list[float]] = {one.label: [] for peer in who for one in peer.listeners}
    for peer in who:
        peer.warm_up()
    for begin in range(0, events, in_a_row):
        for peer in who:
            for number in range(begin, min(begin + in_a_row, events)):
                asked = peer.ask(number)
                for one in peer.listeners:
                    came = one.heard(number, LOST_S)
                    found[one.label].append((one.arrivals[number] - asked) / 1000 if came else float("inf"))
                time.sleep(PAUSE_S)
    return found


def summary(found: dict[str, list[float]]) -> list[Row]:
    """One row a listener."""
    rows: list[Row] = []
    for label, values in found.items():
        came = [value for value in values if value != float("inf")]
        rows.append(
            {
                "from uevent to": label,
                "events": len(values),
                "lost": len(values) - len(came),
                "p50 µs": quantile(came, 0.5),
                "p90 µs": quantile(came, 0.9),
                "p99 µs": quantile(came, 0.99),
                "max µs": max(came),
            }
        )
    return rows


def ratios(found: dict[str, list[float]]) -> dict[str, float]:
    """What the aims are about; pairs are of the same round, or of the same event."""
    values: dict[str, float] = {}
    for theirs in ("udevd → netlink reader", "udevd → udevadm monitor"):
        for ours in found:
            if theirs in found and ours.startswith("natsdev (kernel)"):
                values[f"p50 of {ours} / {theirs}"] = quantile(found[ours], 0.5) / quantile(found[theirs], 0.5)
    same = found.get("  the same udevd → netlink reader")
    if (udev := found.get("natsdev (udev) → nats-py")) and same:
        values["natsdev (udev) after udevd, same event, p50 µs"] = median(
            [after - before for after, before in zip(udev, same, strict=True)]
        )
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{EVENTS_QUICK} events and not {EVENTS}")
    parser.add_argument("--events", type=int)
    parser.add_argument("--in-a-row", type=int, default=IN_A_ROW, help="events before the next peer: %(default)s")
    parser.add_argument("--peers", default=",".join(WAYS), help="which, with commas: %(default)s")
    arguments = parser.parse_args()
    events = arguments.events or (EVENTS_QUICK if arguments.quick else EVENTS)
    with tempfile.TemporaryDirectory() as folder, peers(arguments.peers.split(","), Path(folder)) as who:
        found = measure(who, events, arguments.in_a_row)
    aims = ratios(found)
    title = f"uevent → subscriber, {arguments.in_a_row} in a row"
    publish("uevent_latency", title, summary(found), {"ratios": aims, "latencies_us": found})
    print("\n".join(["", *(f"{name}: {value:.2f}" for name, value in aims.items())]))


if __name__ == "__main__":
    main()
