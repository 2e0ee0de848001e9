"""lunix-init as PID 1, of a machine or of a container.

    mounts -> loopback, ctrl-alt-del, hostname -> hardware watchdog -> units -> ... -> unmount -> end

PID 1 must never die: the kernel panics, or kills all of the container. Whatever goes wrong before
the loop leads to the fallback (a shell on the console), and what goes wrong in it to a re-exec.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from lunix_init import boot, cmdline, os_machine
from lunix_init.log import Log
from lunix_init.unit import Kind, Unit
from lunix_init.world import HARDWARE, Ending, Options, World

SHELL = "emergency-shell"


def prepare(log: Log, given: Options | None, *, fresh: bool) -> Options:
    """Do the first steps (once, not after a re-exec) and return the options."""
    container = boot.in_container()
    asked = read_cmdline(container=container)
    if fresh:
        boot.mount_all(log)
        asked = read_cmdline(container=container)  # it may not have been readable before
        boot.begin(log, asked.hostname, container=container)
        for word in asked.told:
            log.warning("not understood on the kernel's command line", word=word)
        os.environ.update(dict(asked.env))
        os.environ.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    builtin: dict[str, Unit] = {}
    if asked.shell:
        builtin[SHELL] = Unit(SHELL, exec=(asked.fallback,), kind=Kind.GETTY, tty="/dev/console")
    units = given.units if given else (asked.units,)
    return Options(
        units=() if asked.shell else units,
        run=given.run if given else asked.run,
        fallback=(given.fallback if given else "") or asked.fallback,
        cgroups=given.cgroups if given else True,
        signals=boot.CONTAINER_SIGNALS if container else boot.MACHINE_SIGNALS,
        builtin=builtin,
        watchdog=asked.watchdog if asked.watchdog_s else "",
        watchdog_s=asked.watchdog_s,
    )


def read_cmdline(*, container: bool) -> cmdline.Options:
    """Read the kernel's command line; a container has its own, in a variable."""
    if container:
        return cmdline.parse(os.environ.get("LUNIX_CMDLINE", ""))
    try:
        return cmdline.parse(Path("/proc/cmdline").read_text(errors="replace"))
    except OSError:
        return cmdline.Options()


def start_watchdog(world: World, inherited: Any) -> None:
    """Start the hardware watchdog, or go on with the one that an older image has started."""
    if inherited:
        world.hardware = os_machine.HardwareWatchdog(*inherited)
        os.set_inheritable(world.hardware.fd, False)
        pet(world)
    else:
        world.on_hardware = lambda: open_watchdog(world)
        open_watchdog(world)


def open_watchdog(world: World) -> None:
    """Open the device, now or when it appears: its module may be loaded by a unit."""
    options = world.options
    if not world.watches.watch(HARDWARE, options.watchdog):
        return
    try:
        world.hardware = os_machine.HardwareWatchdog.open(options.watchdog, options.watchdog_s)
    except OSError as error:
        # Made, and not to be opened yet: its next change is looked at.
        world.log.error("no hardware watchdog", error=str(error))
        return
    world.watches.drop(HARDWARE)
    world.log.info("hardware watchdog", device=options.watchdog, period_s=options.watchdog_s)
    pet(world)


def pet(world: World) -> None:
    """Pet the hardware watchdog now, and again twice in each period: a real deadline."""
    if world.hardware:
        try:
            world.hardware.pet()
        except OSError as error:
            world.log.error("the hardware watchdog refuses", error=str(error))
        world.loop.at(time.monotonic() + world.hardware.period_s / 2, lambda: pet(world))


def leave(log: Log, ending: Ending) -> int:
    """End the machine, or return the exit code of the container."""
    boot.end(log, ending.kind, container=boot.in_container())
    return ending.code


def shell(log: Log, command: str) -> NoReturn:
    """Replace init by the fallback, on the console. Should even that fail, stay and reap."""
    log.error("PID 1 cannot go on", fallback=command)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os_machine.take_console()
    except OSError as error:
        log.warning("no console", error=str(error))
    try:
        os.execv(command, [command])  # noqa: S606
    except OSError as error:
        log.error("no fallback", error=str(error))
    while True:  # the kernel panics when PID 1 ends; like this somebody may still log in
        try:
            os.wait()
        except ChildProcessError:
            signal.pause()


def open_log() -> Log:
    """Return where PID 1 writes: the kernel's log on a machine, else standard error."""
    os_machine.open_console()
    if not boot.in_container():
        try:
            return Log(os.open("/dev/kmsg", os.O_WRONLY | os.O_CLOEXEC), kernel=True)
        except OSError:
            return Log()
    return Log(sys.stderr.fileno())
