"""The program `lunix-init`.

Exit codes: 0 everything was stopped as asked, 100 wrong usage or units that `--check` refuses, 111
the system refused something. A fault in the loop never ends it: it runs itself again in place, and
the third time within a minute runs the fallback instead.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from lunix_init import os_libc, os_tree, reexec, unit_dir
from lunix_init.log import Log
from lunix_init.os_notify import send_ready
from lunix_init.world import Ending, Options, UsageError, World

USAGE, REFUSED = 100, 111


def main() -> int:
    """Run init; returns its exit code."""
    state = None
    log = Log()
    try:
        state = reexec.inherited()
    except (OSError, ValueError) as error:
        log.error("the state of the older image is lost", error=str(error))
    if os.getpid() == 1:
        return main_pid_1(state)
    try:
        options, check = arguments(sys.argv[1:])
        if check:
            return report(options.units)
        if state is None:
            close_strangers()
        return supervise(options, log, state).code
    except UsageError as error:
        log.error(str(error))
        return USAGE
    except OSError as error:
        log.error("refused by the system", error=str(error))
        return REFUSED


def main_pid_1(state: dict[str, Any] | None) -> int:
    """Run init as PID 1; nothing that goes wrong may end it."""
    from lunix_init import pid1

    fallback = "/bin/sh"
    if state is None:
        close_strangers()
    log = pid1.open_log()
    try:
        # The kernel hands on what it does not know ("quiet", "single"): only our own words count.
        given = arguments(sys.argv[1:], strict=False)[0] if "--units" in sys.argv else None
        options = pid1.prepare(log, given, fresh=state is None)
        fallback = options.fallback
        ending = supervise(options, log, state)
    except Exception as error:  # noqa: BLE001 (PID 1 must not die of any of them)
        log.error("init cannot begin", error=repr(error), trace=trace_of(error))
        pid1.shell(log, fallback)
    return pid1.leave(log, ending)


def supervise(options: Options, log: Log, state: dict[str, Any] | None) -> Ending:
    """Run the loop, and run again when it fails; returns how it ends."""
    world = begin(options, log, state)
    if options.watchdog or (state and state["hardware"]):
        from lunix_init.pid1 import start_watchdog

        start_watchdog(world, state and state["hardware"])
    if state is None:
        send_ready()
    while True:
        try:
            return world.run()
        except Exception as error:  # noqa: BLE001 (a supervisor must not die of any of them)
            survive(world, error)


def begin(options: Options, log: Log, state: dict[str, Any] | None) -> World:  # noqa: RET503 (`start_anew`)
    """Put the world together; in a new image, when what an older one left cannot be taken over."""
    try:
        return World(options, log, state)
    except Exception as error:
        if state is None:
            raise
        log.error("cannot take over, starts anew", error=repr(error), trace=trace_of(error))
        os_tree.kill_all(os_tree.descendants(os.getpid()), signal.SIGKILL)
        faults = [*state["crashes"], time.monotonic()]
        if reexec.too_often(faults, time.monotonic()):
            raise
    # Not in this image: objects of the failed attempt still hold numbers of descriptors.
    reexec.start_anew(faults)


def trace_of(error: BaseException) -> str:
    """Say where a fault was, as file:line in name; the module `traceback` costs 0.5 MB."""
    places: list[str] = []
    here = error.__traceback__
    while here:
        code = here.tb_frame.f_code
        places.append(f"{code.co_filename}:{here.tb_lineno} in {code.co_name}")
        here = here.tb_next
    return "; ".join(places[-5:])


def survive(world: World, error: BaseException) -> None:
    """Run again after a fault, or the fallback when there were too many."""
    world.log.error("a fault in init", error=repr(error), trace=trace_of(error))
    world.crashes.append(time.monotonic())
    if reexec.too_often(world.crashes, time.monotonic()):
        fall_back(world)
    try:
        world.journal.tell("fault", error=repr(error)[:500])
        world.again()
    except Exception as second:  # noqa: BLE001 (then the old image goes on as well as it can)
        world.log.error("cannot run again", error=repr(second), trace=trace_of(second))


def fall_back(world: World) -> NoReturn:
    """Give up on running the loop: run what the command line names, or end it all."""
    command = world.options.fallback
    world.log.error("too many faults", fallback=command)
    if os.getpid() == 1:
        from lunix_init import pid1

        pid1.shell(world.log, command)
    if command:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execv(command, [command])  # noqa: S606
    for _ in range(10):
        left = os_tree.descendants(os.getpid())
        if not left:
            break
        os_tree.kill_all(left, signal.SIGKILL)
    os._exit(REFUSED)


def report(folders: tuple[str, ...]) -> int:
    """Print what `--check` finds; returns the exit code."""
    errors, warnings = unit_dir.check(folders)
    for line in errors:
        sys.stderr.write(f"{line}\n")
    for line in warnings:
        sys.stderr.write(f"warning: {line}\n")
    sys.stderr.write(f"{len(errors)} errors, {len(warnings)} warnings\n")
    return USAGE if errors else 0


def arguments(words: list[str], *, strict: bool = True) -> tuple[Options, bool]:
    """Read the command line; raises `UsageError`."""
    from argparse import ArgumentError, ArgumentParser

    parser = ArgumentParser(prog="lunix-init", exit_on_error=False)
    parser.add_argument("--units", action="append", metavar="DIR", help="a directory of units")
    parser.add_argument("--run", metavar="DIR", help="where sockets and the lock stand")
    parser.add_argument("--check", action="store_true", help="check the units and exit")
    parser.add_argument("--fallback", default="", help="run this after too many faults")
    parser.add_argument("--with-parent", action="store_true", help="end when the caller has ended")
    parser.add_argument("--no-cgroups", action="store_true", help="do not use control groups")
    try:
        given, unknown = parser.parse_known_args(words)
    except ArgumentError as error:
        raise UsageError(str(error)) from None
    if unknown and strict:
        raise UsageError(f"unknown arguments: {' '.join(unknown)}")
    units = tuple(str(Path(folder).absolute()) for folder in given.units or default_units())
    # Units are looked at without one.
    run = "" if given.check and not given.run else str(Path(given.run or default_run()).absolute())
    if given.fallback and not os.access(given.fallback, os.X_OK):
        raise UsageError(f"{given.fallback} cannot be run")
    if len(run) > 40:
        # A socket's path holds 107 bytes, and a unit's name up to 64.
        raise UsageError(f"{run}: a run directory has at most 40 characters")
    if given.with_parent:
        os_libc.prctl(os_libc.PR_SET_PDEATHSIG, signal.SIGTERM)
    return Options(units, run, given.fallback, not given.no_cgroups), given.check


def default_units() -> list[str]:
    """Return the directories of units for this user."""
    if os.geteuid() == 0:
        return ["/etc/lunix/units"]
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return [f"{home}/lunix/units"]


def default_run() -> str:
    """Return the run directory for this user; raises `UsageError`."""
    if os.geteuid() == 0:
        return "/run/lunix"
    base = os.environ.get("XDG_RUNTIME_DIR")
    if not base:
        raise UsageError("XDG_RUNTIME_DIR is not set: say --run DIR")
    return f"{base}/lunix"


def close_strangers(kept: int = 2) -> None:
    """Close what the caller left open, so that no service inherits it; open what is missing."""
    os_libc.close_all_but({kept})
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open("/dev/null", os.O_RDWR)


if __name__ == "__main__":
    sys.exit(main())
