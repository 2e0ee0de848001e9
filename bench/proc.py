"""What the kernel says about a process: its time, its wake-ups, its memory. proc(5)."""

import os
from collections.abc import Iterator
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """The processor time of a process and its descendants, dead ones that were waited for included; ticks of 10 ms."""
    return sum(_cpu_of(one) for one in descendants(pid))


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) * _TICK_S


def descendants(pid: int) -> Iterator[int]:
    """The process and all below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from descendants(int(child))


def wakeups(pid: int) -> int:
    """How often the threads of a process went to sleep by themselves, which is how often they were woken."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def memory(pid: int, file: str = "smaps_rollup") -> dict[str, int]:
    """Sums in KiB over all mappings: ``Rss``, ``Pss``, ``Private_Dirty``, …, of ``smaps_rollup`` or of ``smaps``."""
    sums: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            sums[name] = sums.get(name, 0) + int(words[0])
    return sums
