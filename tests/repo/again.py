"""Run the tests that failed in the parts of ``make test`` once more, alone: ``again.py OUTCOME… -- PYTEST-COMMAND``.

The parts share two processors, some with emulated machines that stand still for seconds when the others compute. What
fails alone as well is broken, and a part that ended otherwise, or more than ``MOST`` failures, are not tried again.
What passes alone is told: a race or a deadline that is too short is a defect of its own.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

MOST = 3


class Hopeless(Exception):
    """Another run would prove nothing; the reason."""


def failed(outcomes: Iterable[Path]) -> list[str]:
    """The tests to run again; raise `Hopeless`."""
    found: list[str] = []
    for file in outcomes:
        try:
            outcome = json.loads(file.read_text())
        except OSError:
            raise Hopeless(f"the part {file.stem} did not come to its end") from None
        if outcome["status"] not in (0, 1) or (outcome["status"] == 1 and not outcome["failed"]):
            raise Hopeless(f"the part {file.stem} ended with {outcome['status']}, and not by a test that failed")
        found += outcome["failed"]
    if len(found) > MOST:
        raise Hopeless(f"{len(found)} tests failed")
    if not found:
        raise Hopeless("no test failed")
    return found


def main(words: list[str]) -> int:
    """Exit as pytest does, or with 1."""
    split = words.index("--")
    try:
        tests = failed(map(Path, words[:split]))
    except Hopeless as why:
        sys.stderr.write(f"nothing is run again: {why}\n")
        return 1
    _tell("run again, alone:", tests)
    status = subprocess.run([*words[split + 1 :], *tests], check=False).returncode
    if status == 0:
        _tell("failed beside other tests and passed alone, which is a defect to mend:", tests)
    return status


def _tell(what: str, tests: list[str]) -> None:
    sys.stdout.write("\n  ".join((what, *tests)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
