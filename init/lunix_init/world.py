"""All of a running init, put together: what it opens, in which order, and its loop.

Open the run directory (under a lock), the signals, the cgroups, the watches, the units, the control
socket; tell that it is ready; loop. After a re-exec the same things are taken over instead. Nothing
is ever polled: an idle init sleeps in one epoll without a timeout.
"""

import contextlib
import fcntl
import gc
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lunix_init import os_libc, os_spawn, os_tree, reexec, server, unit_dir
from lunix_init.commands import Commands, Plant
from lunix_init.journal import Journal
from lunix_init.leftovers import Leftovers
from lunix_init.log import Log
from lunix_init.loop import Loop, Signals
from lunix_init.machine import Event
from lunix_init.os_cgroup import Group, base_of
from lunix_init.os_machine import HardwareWatchdog
from lunix_init.os_taskstats import Peaks
from lunix_init.os_watch import Watches
from lunix_init.reaper import Context
from lunix_init.runner import Runner
from lunix_init.service import Service
from lunix_init.supervisor import Supervisor
from lunix_init.unit import Unit
from lunix_init.zygote import Zygote

UNITS = "units:"
HARDWARE = "hardware:"


class Options(NamedTuple):
    """How init was started."""

    units: tuple[str, ...]
    run: str
    fallback: str = ""
    cgroups: bool = True
    signals: Mapping[int, str] = {  # which signal ends everything, and how
        signal.SIGTERM: "exit",
        signal.SIGINT: "exit",
    }
    builtin: Mapping[str, Unit] = {}  # units beside those in the directories
    watchdog: str = ""  # the device of the hardware watchdog
    watchdog_s: int = 0


class UsageError(Exception):
    """Init was started in a way that cannot work: exit code 100."""


class Ending(NamedTuple):
    """How everything ends: poweroff, reboot, halt or exit (with a code)."""

    kind: str
    code: int = 0


def _nothing() -> None:
    pass


def _peaks(base: Group | None, inherited: int) -> Peaks | None:
    """Hear from the kernel how much memory a child held, where its cgroup will not tell."""
    if inherited >= 0:
        return Peaks.inherited(inherited)
    return None if base and base.tells_peaks() else Peaks.open()


class World:
    """A running init."""

    def __init__(self, options: Options, log: Log, state: Mapping[str, Any] | None) -> None:
        self.options, self.log = options, log
        self.crashes: list[float] = state["crashes"] if state else reexec.known_faults()
        self.ending: Ending | None = Ending(*state["ending"]) if state and state["ending"] else None
        self.hardware: HardwareWatchdog | None = None
        self.on_hardware: Callable[[], None] = _nothing  # the device has appeared
        self._reexec_asked = False
        self._lock = state["lock"] if state else self._open_run()
        self.loop = Loop()
        heard = (signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE, *options.signals)
        self.signals = Signals(heard)
        self.loop.add(self.signals.fd, self._on_signal)
        os_libc.prctl(os_libc.PR_SET_CHILD_SUBREAPER, 1)
        self.watches = Watches()
        self.loop.add(self.watches.fd, self._on_watch)
        self.journal = Journal()
        self.zygote = Zygote(log, self._modules)
        self.leftovers = Leftovers(self.loop, log)
        self._queue: deque[tuple[str, Event]] = deque()
        self.supervisor = self._supervisor(state)
        if state:
            self._take_over(state)
            listener = socket.socket(fileno=state["listener"])
        else:
            listener = server.listen(f"{options.run}/control.sock")
        plant = Plant(self.status, self.reload, self._ask_reexec, self.end)
        commands = Commands(self.supervisor, plant)
        self.server = server.Server(self.loop, self.journal, commands, listener)
        self.reload()
        # From here on every signal is a byte on a pipe: those that waited come now.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self.supervisor.runner.reap()
        for number in state["signals"] if state else ():
            self._heed(number)
        gc.collect()
        gc.freeze()

    # --- opening -------------------------------------------------------------------------------

    def _open_run(self) -> int:
        run = Path(self.options.run)
        try:
            (run / "n").mkdir(parents=True, exist_ok=True)
            # Whatever the umask was: services of other users tell their readiness here.
            for folder in (run, run / "n"):
                folder.chmod(0o755)
            fd = os.open(run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(f"{run}: {error.strerror}") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise UsageError(f"another lunix-init runs on {run}") from None
        return fd

    def _supervisor(self, state: Mapping[str, Any] | None) -> Supervisor:
        found = Path(self.options.run).stat()
        key = f"{found.st_dev:x}-{found.st_ino:x}"
        if state:
            base = Group(state["base"]) if state["base"] else None
            files = state["files"]
        else:
            base = base_of(key) if self.options.cgroups else None
            files = os_spawn.raise_file_limit()
            self._end_strangers(key)
        outer = os.environ.get(os_tree.MARK, "")
        ours = (os_tree.MARK, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LUNIX_UNIT")
        context = Context(
            loop=self.loop,
            log=self.log,
            journal=self.journal,
            services={},
            watches=self.watches,
            send=self._send,
            base=base,
            run=self.options.run,
            key=key,
            outer=f"{outer}/" if outer else "",
            env={name: value for name, value in os.environ.items() if name not in ours},
            files=files,
            bears=base is not None and base.bears(),
            peaks=_peaks(base, state.get("peaks", -1) if state else -1),
        )
        runner = Runner(context)
        runner.forker = self.zygote
        return Supervisor(context, runner, self._queue)

    def _modules(self) -> list[str]:
        """Return what the zygote will be asked for."""
        return sorted({service.unit.python for service in self.supervisor.services.values()} - {""})

    def _end_strangers(self, key: str) -> None:
        """Kill what an init of this run directory left behind when it was killed itself."""
        strangers = os_tree.carriers(f"{key}:")
        if strangers:
            pids = [proc.pid for proc in strangers]
            self.log.warning("kills what an earlier lunix-init left behind", pids=pids)
            os_tree.kill_all(strangers, signal.SIGKILL)

    def _send(self, service: Service, event: Event) -> None:
        self._queue.append((service.name, event))

    # --- the loop ------------------------------------------------------------------------------

    def run(self) -> Ending:
        """Run until everything is stopped; returns how it ends. Raises whatever went wrong."""
        self.supervisor.settle()
        while True:
            if self.ending and self.supervisor.ended():
                self.zygote.stop()
                self.leftovers.begin()
                if self.leftovers.over:
                    break
            if self._reexec_asked:
                self._reexec_asked = False
                self.server.drain(0.5)
                self.again()
            self.loop.run_once()
            self.supervisor.settle()
        if self.supervisor.c.base:
            self.supervisor.c.base.remove()
        self.journal.tell("shutdown.done", ending=self.ending.kind, code=self.ending.code)
        self.server.drain(0.5)
        return self.ending

    def _on_signal(self) -> None:
        for number in sorted(self.signals.read()):
            self._heed(number)

    def _heed(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self.supervisor.runner.reap()
        elif number == signal.SIGHUP:
            self.reload()
        elif number in self.options.signals:
            self.end(self.options.signals[number], 0)

    def _on_watch(self) -> None:
        for key in self.watches.read():
            kind, _, name = key.partition(":")
            if kind == "ready" and name in self.supervisor.services:
                self.supervisor.runner.on_path(self.supervisor.services[name])
            elif key.startswith(UNITS):
                self.reload()
            elif key == HARDWARE and not self.hardware:
                self.on_hardware()

    # --- what can be asked ---------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Tell about init itself."""
        return {
            "pid": os.getpid(),
            "boot": self.journal.boot,
            "seq": self.journal.seq,
            "units": list(self.options.units),
            "run": self.options.run,
            "services": len(self.supervisor.services),
            "errors": self.supervisor.errors,
            "cgroup": self.supervisor.c.base.path if self.supervisor.c.base else None,
            "orphans_reaped": self.supervisor.runner.orphans,
            "wakeups": self.loop.wakeups,
            "faults": len(self.crashes),
            "ending": self.ending.kind if self.ending else None,
        }

    def reload(self) -> dict[str, Any]:
        """Read the unit directories again; returns what changed."""
        # The watches come first: what changes after them is told, what changed before is read.
        for number, folder in enumerate(self.options.units):
            self.watches.watch(f"{UNITS}{number}", folder, contents=True)
        read = unit_dir.read(self.options.units)
        read.units.update(self.options.builtin)
        change = self.supervisor.load(read)
        found: dict[str, Any] = {key: list(value) for key, value in change._asdict().items()}
        return {**found, "errors": self.supervisor.errors}

    def end(self, kind: str, code: int) -> None:
        """Stop everything, and then init."""
        if self.ending is None:
            self.zygote.stop()
            self.log.info("stops everything", ending=kind)
            self.journal.tell("shutdown", ending=kind)
        self.ending = Ending(kind, code)
        self.supervisor.end()

    # --- running again -------------------------------------------------------------------------

    def _ask_reexec(self) -> None:
        # Not at once: the answer is to be written first.
        self._reexec_asked = True

    def again(self) -> None:
        """Run the program of init again in place; returns only when that failed."""
        services = self.supervisor.services.values()
        listener = self.server.listener.fileno()
        handed = [fd for service in services for fd in service.descriptors()]
        # From here on signals wait for the new image. Those that came before are in the pipe, and
        # go along in the state.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        heard = sorted(self.signals.read())
        try:
            hardware = [self.hardware.fd] if self.hardware else []
            peaks = [self.supervisor.c.peaks.fileno()] if self.supervisor.c.peaks else []
            handed += [listener, self._lock, *hardware, *peaks]
            if self.hardware:
                with contextlib.suppress(OSError):
                    self.hardware.pet()  # the whole period is for the new image to begin
            reexec.run_again({**self._save(), "signals": heard}, handed)
        except OSError as error:
            self.log.error("cannot run again", error=str(error))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for number in heard:
            self._heed(number)

    def _save(self) -> dict[str, Any]:
        base = self.supervisor.c.base
        return {
            "services": [service.save() for service in self.supervisor.services.values()],
            "queue": [(name, event.value) for name, event in self._queue],
            "journal": self.journal.save(),
            "errors": self.supervisor.errors,
            "orphans": self.supervisor.runner.orphans,
            "base": base.path if base else "",
            "files": self.supervisor.c.files,
            "peaks": self.supervisor.c.peaks.fileno() if self.supervisor.c.peaks else -1,
            "ending": self.ending,
            "hardware": self.hardware and (self.hardware.fd, self.hardware.period_s),
            "crashes": [at for at in self.crashes if time.monotonic() - at < reexec.WINDOW_S],
            "lock": self._lock,
            "listener": self.server.listener.fileno(),
        }

    def _take_over(self, state: Mapping[str, Any]) -> None:
        """Take over what an older image left, and what happened since."""
        self.journal.load(state["journal"])
        self.supervisor.errors = state["errors"]
        self.supervisor.runner.orphans = state["orphans"]
        self.supervisor.ending = self.ending is not None
        for saved in state["services"]:
            service = Service.load(saved)
            self.supervisor.services[service.name] = service
            for fd in service.descriptors():
                os.set_inheritable(fd, False)
        for fd in (self._lock, state["listener"]):
            os.set_inheritable(fd, False)
        self._queue.extend((name, Event(value)) for name, value in state["queue"])
        self.supervisor.audit()
        self.log.info("runs again", services=len(self.supervisor.services))
        self.journal.tell("reexeced", faults=len(self.crashes))
