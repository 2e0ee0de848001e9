"""Programs of the host for one test's guest: with their libraries and their loader, beside what the guest has."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from lunix_testing.vm.machine import GuestFile


def host_programs(folder: str, programs: Iterable[Path]) -> dict[str, GuestFile | bytes | str]:
    """Files for a ``Machine``: ``<folder>/bin/<name>`` starts each program."""
    found: dict[str, GuestFile | bytes | str] = {}
    for program in programs:
        linked = subprocess.run(("ldd", program), capture_output=True, text=True, check=True).stdout
        paths = [Path(word) for word in linked.split() if word.startswith("/")]
        loader = next(path.name for path in paths if path.name.startswith("ld-"))
        for path in paths:
            found[f"{folder}/lib/{path.name}"] = GuestFile(path.read_bytes(), 0o755)
        found[f"{folder}/{program.name}"] = GuestFile(program.read_bytes(), 0o755)
        start = f'#!/bin/sh\nexec {folder}/lib/{loader} --library-path {folder}/lib {folder}/{program.name} "$@"\n'
        found[f"{folder}/bin/{program.name}"] = GuestFile(start, 0o755)
    return found
