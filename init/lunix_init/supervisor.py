"""The supervisor: moves every service along the machine's table, and does what each step says.

Events are queued by whoever sees something (`send`) and taken one after the other by `settle`, which
then asks `plan` what follows, until nothing does. So no callback runs inside another, and what was
queued when something went wrong is still there after a re-exec.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from lunix_init import backoff, graph, unit_dir
from lunix_init.machine import ACTIVE, BY_US, TABLE, Action, Event, State, Verdict, satisfies, verdict
from lunix_init.plan import View, plan, why
from lunix_init.reaper import Context
from lunix_init.rest import Rest
from lunix_init.runner import Runner
from lunix_init.service import Service
from lunix_init.unit import Restart, Unit

KILL_AGAIN_S = 5.0
GIVE_UP_S = 9.0  # at the end, what is not dead by now is left


class Supervisor:
    """All services."""

    def __init__(self, context: Context, runner: Runner, queue: deque[tuple[str, Event]]) -> None:
        self.c, self.runner, self.queue = context, runner, queue
        self.services = context.services
        runner.gone = self.gone
        self.errors: dict[str, str] = {}
        self.ending = False
        self.settled: list[Callable[[], None]] = []
        self.rest = Rest(context.loop, context.services, runner.zygote_pid)
        self._told: set[str] = set()
        self._dirty = True
        self._actions: Mapping[Action, Callable[[Service], None]] = {
            Action.SPAWN: runner.spawn,
            Action.ARM_START: lambda s: self._arm(s, s.unit.start_timeout),
            Action.ARM_STOP: lambda s: self._arm(s, s.unit.stop.timeout),
            Action.ARM_KILL: lambda s: self._arm(s, KILL_AGAIN_S),
            Action.ARM_BACKOFF: lambda s: self._arm(s, max(s.delay, 1e-6)),
            Action.ARM_WATCHDOG: self._arm_watchdog,
            Action.DISARM: self._disarm,
            Action.SIGNAL: lambda s: runner.signal_main(s, s.unit.stop.signal),
            Action.SWEEP: self._look,
            Action.KILL: self._kill,
            Action.FORGET_FAILURES: self._forget_failures,
            Action.TELL_STARTING: lambda s: self._tell(s, "starting", starts=s.starts + 1),
            Action.TELL_STARTED: lambda s: self._tell(s, "started", pid=s.pid or s.session),
            Action.TELL_READY: self._tell_ready,
            Action.TELL_STOPPING: lambda s: self._tell(s, "stopping", asked=s.asked),
            Action.TELL_FAILED: self._tell_failed,
        }

    # --- the machine ---------------------------------------------------------------------------

    def settle(self) -> None:
        """Take all events, and all that follows from them."""
        while True:
            while self.queue:
                # Taken before it is done: a fault in it must not meet it again after the re-exec.
                name, event = self.queue.popleft()
                if name in self.services:
                    self._step(self.services[name], event)
            if not self._dirty:
                break
            self._dirty = False
            views = self.views()
            self.queue.extend(plan(views))
            if not self.queue:
                self._tell_changes(views)
        for callback in self.settled:
            callback()

    def _step(self, service: Service, event: Event) -> None:
        if event in BY_US and service.state in ACTIVE:
            service.asked = True
        if event is Event.TIMEOUT and service.state is State.STARTING:
            service.cause = f"start-timeout: not ready within {service.unit.start_timeout:g} s"
        if event is Event.WATCHDOG:
            service.cause = "watchdog: it did not pet in time"
        step = TABLE[service.state, event]
        if step.state is not service.state:
            service.state, service.since = step.state, time.monotonic()
        self._dirty = True
        for action in step.actions:
            self._actions[action](service)
        if service.state is State.DOWN and service.forget:
            self._remove(service)

    def _tell_changes(self, views: Mapping[str, View]) -> None:
        """Tell of who stands elsewhere than before, where none of its own events has told so."""
        for name, service in self.services.items():
            seen = (service.state, views[name].wanted, service.manual, service.pinned)
            if service.seen and service.seen != seen and name not in self._told:
                self._tell(service, "changed")
            service.seen = seen
        self._told.clear()

    def views(self) -> dict[str, View]:
        """Show every service to the plan."""
        wanted = self.wanted()
        return {
            name: View(
                service.state,
                name in wanted,
                satisfies(service.unit, service.state),
                service.unit.needs,
                service.unit.after,
                service.pinned and not self.ending,
            )
            for name, service in self.services.items()
        }

    def wanted(self) -> set[str]:
        """Find what is wanted: started by hand or by itself, and what these need."""
        if self.ending:
            return set()
        units = {name: service.unit for name, service in self.services.items()}
        by_itself = {
            name
            for name, service in self.services.items()
            if not service.forget and (service.unit.autostart if service.manual is None else service.manual)
        }
        found = graph.closure(units, by_itself)
        return {name for name in found if not self.services[name].forget and self.services[name].manual is not False}

    def why(self, name: str) -> str:
        """Say what a service waits for; empty when it does not wait."""
        return why(self.views(), name)

    # --- what the steps do -----------------------------------------------------------------------

    def _arm(self, service: Service, after_s: float) -> None:
        self._disarm(service)
        if after_s:
            service.deadline = time.monotonic() + after_s
            self.watch_deadline(service)

    def watch_deadline(self, service: Service) -> None:
        """Set the timer of the state to its deadline (again after a re-exec)."""
        if service.deadline:
            service.timer = self.c.loop.at(service.deadline, lambda: self._on_deadline(service))

    def _on_deadline(self, service: Service) -> None:
        if service.deadline > time.monotonic():  # it was extended
            self.watch_deadline(service)
        elif service.deadline:
            service.deadline = 0.0
            self.c.send(service, Event.TIMEOUT)

    def _disarm(self, service: Service) -> None:
        service.deadline = service.watchdog_at = 0.0
        for timer in (service.timer, service.watchdog_timer):
            if timer:
                timer.cancel()
        service.timer = service.watchdog_timer = None

    def _arm_watchdog(self, service: Service) -> None:
        service.watchdog = service.watchdog or service.unit.watchdog
        if service.watchdog:
            service.watchdog_at = time.monotonic() + service.watchdog
            self.watch_watchdog(service)

    def watch_watchdog(self, service: Service) -> None:
        """Set the watchdog's timer to when it would bite (again after a re-exec)."""
        if service.watchdog_at:
            service.watchdog_timer = self.c.loop.at(service.watchdog_at, lambda: self._on_watchdog(service))

    def _on_watchdog(self, service: Service) -> None:
        if service.watchdog_at > time.monotonic():  # it was petted meanwhile
            self.watch_watchdog(service)
        elif service.watchdog_at:
            service.watchdog_at = 0.0
            self.c.send(service, Event.WATCHDOG)

    def _kill(self, service: Service) -> None:
        if service.dying and not service.asked:
            pids = sorted(service.dying.values())
            self.c.log.warning("kills again", service=service.name, pids=pids)
        self.runner.kill(service)
        self._look(service)

    def _look(self, service: Service) -> None:
        if self.runner.look(service):
            self.gone(service)

    def gone(self, service: Service) -> None:
        """Its last process is gone: tell the exit, and judge what it becomes."""
        unit = service.unit
        exit_ = self.runner.finish(service)
        code, asked = exit_["code"], service.asked
        clean = code == 0 and not service.cause
        gave_up = False
        if not asked and (unit.restart is Restart.ALWAYS or not clean):
            up_for = time.monotonic() - service.ready_at if service.ready_at else 0.0
            decided = backoff.after_exit(unit.backoff, service.failures, up_for)
            service.failures, gave_up = decided.failures, decided.delay is None
            service.delay = decided.delay or 0.0
        if not asked:
            self.c.log.info("exited", service=service.name, cause=exit_["cause"], code=code, signal=exit_["signal"])
        self._tell(service, "exited", **exit_)
        if service.next_unit:
            self._take_over(service)
        wanted = service.name in self.wanted()
        seen = Verdict(wanted, asked, clean, code if isinstance(code, int) else None, gave_up)
        service.watchdog = 0.0
        self.c.send(service, verdict(service.unit, seen))

    def _forget_failures(self, service: Service) -> None:
        service.failures, service.delay = 0, 0.0

    def _tell(self, service: Service, what: str, **fields: object) -> None:
        self._told.add(service.name)
        self.c.journal.tell(f"service.{what}", service=service.name, **fields)

    def _tell_ready(self, service: Service) -> None:
        service.ready_at = time.monotonic()
        took = round(service.ready_at - service.started_at, 4)
        pid = service.pid or service.session  # it may have ended since
        self.c.log.info("ready", service=service.name, pid=pid, after_s=took)
        self._tell(service, "ready", pid=pid, after_s=took)
        self.rest.after(service)

    def _tell_failed(self, service: Service) -> None:
        exit_ = service.last_exit or {}
        told = {key: exit_.get(key) for key in ("cause", "message", "code", "signal")}
        why = {("why" if key == "message" else key): value for key, value in told.items()}
        self.c.log.error("failed", service=service.name, failures=service.failures, **why)
        self._tell(service, "failed", failures=service.failures, **told)

    # --- the units -------------------------------------------------------------------------------

    def load(self, found: unit_dir.Found) -> unit_dir.Change:
        """Take over a reading of the unit directories: start, restart and stop what changed."""
        found = unit_dir.without_cycles(found)
        old = {name: service.next_unit or service.unit for name, service in self.services.items() if not service.forget}
        change = unit_dir.compare(old, found)
        for name, text in found.errors.items():
            if self.errors.get(name) != text:
                self.c.log.error("unit refused", unit=name, error=text)
        self.errors = found.errors
        for name in change.added:
            self._add(name, found.units[name])
        for name in change.changed:
            self._change(self.services[name], found.units[name])
        for name in change.removed:
            self.services[name].forget = True
        self._dirty = True
        if any(change):
            told: dict[str, Any] = {key: list(value) for key, value in change._asdict().items()}
            self.c.log.info("units changed", **told)
            self.c.journal.tell("units.changed", **told)
        for service in [x for x in self.services.values() if x.forget and x.state is State.DOWN]:
            self._remove(service)
        return change

    def _remove(self, service: Service) -> None:
        self.runner.close(service)
        del self.services[service.name]
        self._tell(service, "removed")

    def _add(self, name: str, unit: Unit) -> None:
        if name in self.services:  # removed and made again while the old one is still ending
            self.services[name].forget = False
            self._change(self.services[name], unit)
            return
        service = self.services[name] = Service(unit)
        self.runner.open(service)

    def _change(self, service: Service, unit: Unit) -> None:
        service.next_unit = unit
        if service.pinned:
            return
        if service.state not in ACTIVE:
            self._take_over(service)
        if service.state is not State.DOWN:
            self.c.send(service, Event.RESTART)

    def _take_over(self, service: Service) -> None:
        if service.next_unit:
            service.unit, service.next_unit = service.next_unit, None
            service.ring.resize(service.unit.log.lines)
            self.runner.open_notify(service)

    # --- commands --------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Want a service from now on, and what it needs."""
        units = {key: service.unit for key, service in self.services.items()}
        for need in graph.closure(units, [name]) - {name}:
            if self.services[need].manual is False:
                self.services[need].manual = None
        self.services[name].manual = True
        self.c.send(self.services[name], Event.START)

    def stop(self, name: str) -> None:
        """Do not want a service any more, until it is started by hand."""
        self.services[name].manual = False
        self._dirty = True

    def restart(self, name: str) -> None:
        """Stop and start a service in place; its dependents stay."""
        if self.services[name].manual is False:
            self.services[name].manual = True
        self.c.send(self.services[name], Event.RESTART)

    def pin(self, name: str, *, pinned: bool) -> None:
        """Keep a service as it is, or end that."""
        service = self.services[name]
        service.pinned = pinned
        self._dirty = True
        if not pinned and service.next_unit:
            self._change(service, service.next_unit)

    def end(self) -> None:
        """Stop everything, in reverse order."""
        self.ending = self._dirty = True

    def ended(self) -> bool:
        """Whether everything has stopped, but for what cannot be killed (a disk that hangs)."""
        late = time.monotonic() - GIVE_UP_S
        return self.ending and not any(
            x.state in ACTIVE and not (x.state is State.KILLING and x.since < late) for x in self.services.values()
        )

    def audit(self) -> None:
        """After a re-exec: listen again, and send what the old image could not send any more."""
        for service in self.services.values():
            self.runner.open(service)
            self.runner.listen(service)
            self.watch_deadline(service)
            self.watch_watchdog(service)
            if service.state in ACTIVE and service.group:
                self.runner.watch_pressure(service)
            if service.pid and self.runner.lost(service):
                service.pid = 0
            running = service.pid or service.birth >= 0
            if service.state in (State.STARTING, State.UP) and not running:
                service.cause = service.cause or "lost: its process is unknown after a fault"
                self.c.send(service, Event.EXITED)
            elif service.state in (State.STOPPING, State.KILLING, State.BACKOFF):
                if not service.deadline:
                    self.c.send(service, Event.TIMEOUT)
                elif service.state is not State.BACKOFF:
                    self._look(service)
            if service.unit.ready.value == "path" and service.state is State.STARTING:
                self.runner.on_path(service)
        self._dirty = True
