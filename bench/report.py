"""Tables for people, JSON for machines, and what the machine was like meanwhile."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

Cell = str | float | int | None
Row = Mapping[str, Cell]


def machine() -> dict[str, object]:
    """What the figures were taken on. The load says how busy others kept it: then only ratios within one run count."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": model[0].partition(":")[2].strip() if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "nats-py": version("nats-py"),
        "load": os.getloadavg()[0],
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def table(rows: Sequence[Row]) -> str:
    """Rows of like keys as text; numbers to the right, ``-`` for what is not known."""
    heads = list(rows[0])
    cells = [[_shown(row.get(head)) for head in heads] for row in rows]
    widths = [max(len(head), *(len(line[column]) for line in cells)) for column, head in enumerate(heads)]
    lines = [heads, ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    )


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
    return str(cell)


def publish(name: str, title: str, rows: Sequence[Row], more: Mapping[str, object] | None = None) -> None:
    """Print the table and write the results."""
    about = machine()
    sys.stdout.write(f"\n{title}\n({', '.join(f'{key} {value}' for key, value in about.items())})\n\n")
    sys.stdout.write(table(rows) + "\n")
    sys.stdout.flush()
    RESULTS.mkdir(exist_ok=True)
    result = {"benchmark": name, "title": title, "machine": about, "rows": list(rows), **(more or {})}
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
