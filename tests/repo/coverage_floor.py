"""Tell what the measured coverage is short of; with ``--enforce`` exit 1 when it is. ``make coverage`` calls it.

All of ``lunix_common``, ``lunix_dbus`` and the pure cores is covered, lines and branches; of the rest of each package
90 %, but for the modules of which the package says that they run where nothing is measured.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lunix_testing import tree

FLOOR = 90.0


def _percent(covered: int, all_there_is: int) -> float:
    return 100.0 * covered / all_there_is if all_there_is else 100.0


def _counted(summary: dict[str, Any]) -> tuple[int, int]:
    """Statements and branches: how many were run, how many there are."""
    return (
        summary["covered_lines"] + summary["covered_branches"],
        summary["num_statements"] + summary["num_branches"],
    )


def shortfalls(files: dict[str, Any]) -> list[str]:
    """One line for each file or package below its floor, from the ``files`` of coverage's JSON report."""
    lines: list[str] = []
    rest: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for module in tree.modules():
        if module.name in tree.run_by_machines():
            continue
        measured = files.get(module.shown)
        if measured is None:
            lines.append(f"{module.shown}: not measured")
            continue
        counted = _counted(measured["summary"])
        if module.package in {"lunix_common", "lunix_dbus"} or module.name in tree.pure_cores():
            if counted[0] < counted[1]:
                missing = [*measured["missing_lines"], *(tuple(branch) for branch in measured["missing_branches"])]
                lines.append(f"{module.shown}: {_percent(*counted):.1f} % of 100; not run: {missing}")
        else:
            rest[module.package].append(counted)
    for package, counts in rest.items():
        percent = _percent(sum(run for run, _ in counts), sum(total for _, total in counts))
        if percent < FLOOR:
            lines.append(f"{package} beside its pure core: {percent:.1f} % of {FLOOR:g}")
    return lines


def main() -> int:
    """Read the combined data file of the working directory."""
    subprocess.run((sys.executable, "-m", "coverage", "report", "--skip-covered"), cwd=tree.ROOT, check=False)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        command = (sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report))
        subprocess.run(command, cwd=tree.ROOT, check=True)
        short = shortfalls(json.loads(report.read_text(encoding="utf-8"))["files"])
    sys.stdout.writelines(f"below its floor: {line}\n" for line in short)
    return 1 if short and "--enforce" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
