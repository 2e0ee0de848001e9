"""``lunix``: find the sub-command, run it, and turn errors into a sentence and an exit code, all in this one place."""

import errno
import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module

from lunix_cli import terminal
from lunix_cli.arguments import parser
from lunix_common.errors import SYSTEM, USAGE, UsageError, leaves

FAILED = 1
"""The bus was there, and the answer was an error, a refusal or none in time."""
INTERRUPTED = 130
"""Ended by Ctrl-C, as a shell would say it."""
_ELSEWHERE = "--state, or LUNIX_STATE, names another folder for keys and state"
_MEND = {
    errno.ENOSPC: f"make room there; {_ELSEWHERE}",
    errno.EDQUOT: f"make room there; {_ELSEWHERE}",
    errno.EROFS: _ELSEWHERE,
}
"""What to do about what the system refuses to write."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, ``FAILED``, ``INTERRUPTED``, 100 for usage, 111 for the system."""
    words = [*(sys.argv[1:] if argv is None else argv)]
    if words[:1] == ["help"]:  # as git has it
        words = [*words[1:], "--help"]
    if not words:
        parser().print_help(sys.stderr)
        return _flushed(USAGE)
    arguments = Namespace()
    try:
        arguments = parser().parse_args(words)
        code: int = import_module(f"lunix_cli.{arguments.module}").run(arguments)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a defect is raised again
        told = leaves(error)
        if any(isinstance(leaf, BrokenPipeError) for leaf in told):
            terminal.silence()
            return FAILED
        code = max(_told(leaf, arguments) for leaf in told)
    return _flushed(code)


def _flushed(code: int) -> int:
    """Write out what is buffered, and return the exit code: a reader that went away too soon has not got everything."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        terminal.silence()
        return code or FAILED
    except OSError:
        # A terminal that was closed is no failure: it was what asked us to end. Python would exit with 120.
        terminal.silence()
    return code


def _told(error: BaseException, arguments: Namespace) -> int:
    """Say what went wrong and what to do next; return the exit code. A defect keeps its traceback."""
    # Imported here: a command that works does not pay for them.
    from lunix_common.bus.errors import BusAway, BusRefused, RequestError
    from lunix_common.journal import safe

    code, text = SYSTEM, str(error)
    if isinstance(error, UsageError):
        code = USAGE
    elif isinstance(error, RequestError):
        code = FAILED
    elif isinstance(error, BusAway):
        text = _away(error, arguments)
    elif isinstance(error, TimeoutError):
        code = FAILED
    elif isinstance(error, BusRefused):
        text = f"{error}. `lunix doctor` looks for the cause"
    elif isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or text
        if hint := _MEND.get(error.errno or 0):
            text = f"{text}: {hint}"
    else:
        raise error
    sys.stderr.write(f"lunix: {safe(text)}\n")
    return code


def _away(error: BaseException, arguments: Namespace) -> str:
    """What to say of a bus that is not there, and what to do."""
    from lunix_cli import place

    # What the system says of a port where nobody listens tells a person nothing.
    where = str(error).partition(": ")[0]
    if not where.startswith("no bus"):
        return f"{error}; try again"
    if moved := place.moved(getattr(arguments, "bus", None), getattr(arguments, "state", None)):
        return f"{where}: {moved}"
    if isinstance(error.__cause__, TimeoutError):
        return f"{where.replace('no bus', 'the bus', 1)} does not answer; try again"
    return f"{where}: start it with `lunix up`"


if __name__ == "__main__":
    sys.exit(main())
