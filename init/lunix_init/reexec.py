"""Running init's own program again, in place, without letting go of anything.

All that must live on is written as JSON into a memory file whose descriptor is handed over with all
others. Signals are blocked before execve and stay so until the new image hears them: one that comes
in between waits, where it would have killed (a signal that had a handler is default after execve).
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from lunix_init.os_spawn import program, run_exit_functions

VARIABLE = "LUNIX_INIT_STATE"
FAULTS = "LUNIX_INIT_FAULTS"
WINDOW_S = 60.0
MOST = 3


def run_again(state: Mapping[str, Any], descriptors: Iterable[int]) -> NoReturn:
    """Replace this image; raises `OSError` when that cannot be. The caller has blocked signals."""
    memory = os.memfd_create("lunix-init", 0)
    data = json.dumps(state).encode()
    while data:
        data = data[os.write(memory, data) :]
    handed = [*descriptors, memory]
    for fd in handed:
        os.set_inheritable(fd, True)
    command = program()
    run_exit_functions()
    try:
        os.execve(command[0], command, {**os.environ, VARIABLE: str(memory)})  # noqa: S606
    finally:
        # Only when it failed.
        for fd in handed:
            os.set_inheritable(fd, False)
        os.close(memory)


def start_anew(faults: Sequence[float]) -> NoReturn:
    """Replace this image by one that knows nothing but of the faults so far."""
    command = program()
    told = ",".join(f"{at:.3f}" for at in faults)
    run_exit_functions()
    os.execve(command[0], command, {**os.environ, FAULTS: told})  # noqa: S606


def known_faults() -> list[float]:
    """Return the faults that an older image has told of without leaving a state."""
    return [float(at) for at in os.environ.pop(FAULTS, "").split(",") if at]


def inherited() -> dict[str, Any] | None:
    """Return the state that an older image left, None when there was none."""
    text = os.environ.pop(VARIABLE, "")
    if not text:
        return None
    memory = int(text)
    os.lseek(memory, 0, os.SEEK_SET)
    data = b""
    while piece := os.read(memory, 1 << 20):
        data += piece
    os.close(memory)
    found: dict[str, Any] = json.loads(data)
    return found


def too_often(crashes: list[float], now: float) -> bool:
    """Whether the faults of the last minute are too many to go on."""
    return sum(1 for at in crashes if now - at < WINDOW_S) >= MOST
