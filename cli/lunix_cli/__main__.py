"""``lunix``: find the sub-command, run it, and turn errors into a sentence and an exit code, all in this one place."""

import sys
from collections.abc import Sequence
from importlib import import_module

from lunix_cli import terminal
from lunix_cli.arguments import parser
from lunix_common.errors import SYSTEM, USAGE, UsageError, leaves

FAILED = 1
"""The bus was there, and the answer was an error, a refusal or none in time."""
INTERRUPTED = 130
"""Ended by Ctrl-C, as a shell would say it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, ``FAILED``, ``INTERRUPTED``, 100 for usage, 111 for the system."""
    if not (sys.argv[1:] if argv is None else argv):
        parser().print_help(sys.stderr)
        return _flushed(USAGE)
    try:
        arguments = parser().parse_args(argv)
        code: int = import_module(f"lunix_cli.{arguments.module}").run(arguments)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a defect is raised again
        told = leaves(error)
        if any(isinstance(leaf, BrokenPipeError) for leaf in told):
            terminal.silence()
            return FAILED
        code = max(_told(leaf) for leaf in told)
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


def _told(error: BaseException) -> int:
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
        # What the system says of a port where nobody listens tells a person nothing.
        where = text.partition(": ")[0]
        if not where.startswith("no bus"):
            text = f"{text}; try again"
        elif isinstance(error.__cause__, TimeoutError):
            text = f"{where.replace('no bus', 'the bus', 1)} does not answer; try again"
        else:
            text = f"{where}: start it with `lunix up`"
    elif isinstance(error, TimeoutError):
        code = FAILED
    elif isinstance(error, BusRefused):
        text = f"{error}. `lunix doctor` looks for the cause"
    elif isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename else text
    else:
        raise error
    sys.stderr.write(f"lunix: {safe(text)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
