"""The process side of a service: making it, and hearing what it says and how it ends.

Every callback only records what it saw and queues an event for the machine (`send`); nothing here
decides what a service becomes. `reaper` ends what was begun here.
"""

import os
import select
import signal
import time
from typing import Protocol

from lunix_init import notify, os_pressure, os_spawn, os_tree
from lunix_init.machine import Event, State
from lunix_init.os_cgroup import Group
from lunix_init.os_notify import bind, receive, unlink_quietly
from lunix_init.os_spawn import Born, Recipe
from lunix_init.reaper import GROUP_LIMITS, Context, Reaper
from lunix_init.service import Service
from lunix_init.unit import Kind, Ready


class Forker(Protocol):
    """What makes a process for a `python` unit: the zygote."""

    pid: int

    def fork(self, recipe: Recipe) -> tuple[int, int]:
        """Ask for a process; returns its report pipe, and the pipe on which its pid will come."""
        ...

    def stop(self) -> None:
        """End it, until it is needed again."""
        ...


class Runner(Reaper):
    """Makes processes and hears them."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.forker: Forker | None = None
        self.orphans = 0

    def zygote_pid(self) -> int:
        """Return what forks, or 0 where there is none."""
        return self.forker.pid if self.forker else 0

    def open(self, service: Service) -> None:
        """Open what a service keeps over its restarts, and listen to it."""
        if service.output < 0:
            service.output, service.input = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            # Only init's end may not block: the service's own writes must wait for init.
            os.set_blocking(service.input, True)
        self.c.loop.add(service.output, lambda: self.on_output(service))
        if service.notify >= 0:
            self.c.loop.add(service.notify, lambda: self.on_notify(service))
        else:
            self.open_notify(service)
        if self.c.base:
            service.group = Group(f"{self.c.base.path}/{service.name}.unit")

    def open_notify(self, service: Service) -> None:
        """Make the notification socket of a service that wants one and has none."""
        if service.notify < 0 and wants_notify(service):
            service.notify = self._notify_socket(service)
            if service.notify >= 0:
                self.c.loop.add(service.notify, lambda: self.on_notify(service))

    def close(self, service: Service) -> None:
        """Let go of all that a service held."""
        self.settle_start(service)
        for fd in service.descriptors():
            self.c.loop.remove(fd)
            os.close(fd)
        service.output = service.input = service.notify = service.pidfd = -1
        unlink_quietly(self._notify_path(service))
        if service.group:
            service.group.remove()

    def spawn(self, service: Service) -> None:
        """Make the main process."""
        unit = service.unit
        service.starts += 1
        service.asked, service.cause, service.wait_status = False, "", None
        service.status, service.reloading = "", False
        service.ready_at = service.cpu_s = 0.0
        service.peak_bytes = None
        service.left, service.first_line = 0, service.ring.next
        service.started_at = time.monotonic()
        if service.group:
            try:
                service.group.make()
                service.unenforced = service.group.limit(unit.limits)
            except OSError as error:
                self.c.log.warning("no cgroup", service=service.name, error=str(error))
                service.group = None
        if service.group:
            self.watch_pressure(service)
        else:
            service.unenforced = [x for x, _ in unit.limits if x in GROUP_LIMITS]
            service.unenforced += [f"pressure.{x}" for x, _ in unit.pressure]
        ready = -1
        try:
            if unit.ready is Ready.FD:
                service.ready_fd, ready = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
                os.set_blocking(ready, True)
            recipe = self._recipe(service, ready)
            if unit.python and self.forker:
                service.report, service.birth = self.forker.fork(recipe)
                self.listen(service)
            else:
                self.adopt(service, os_spawn.spawn(recipe))
        except OSError as error:
            service.cause = f"spawn-failed: {error}"
            self.c.send(service, Event.EXITED)
        finally:
            if ready >= 0:
                os.close(ready)

    def adopt(self, service: Service, born: Born) -> None:
        """Take a new process as the main one, and listen for how its start goes."""
        service.pid, service.pidfd, service.report = born
        service.session = born.pid
        self.listen(service)

    def listen(self, service: Service) -> None:
        """Listen to what a start left open (again after a re-exec)."""
        if service.birth >= 0:
            self.c.loop.add(service.birth, lambda: self.on_birth(service))
        elif service.report >= 0:
            self.c.loop.add(service.report, lambda: self.on_report(service))
        if service.ready_fd >= 0:
            self.c.loop.add(service.ready_fd, lambda: self.on_ready_fd(service))

    def watch_pressure(self, service: Service) -> None:
        """Ask the kernel to tell of the thresholds of a service's use (again after a re-exec)."""
        wanted = dict(service.unit.pressure)
        for resource, percent in wanted.items():
            self._watch_file(service, resource, percent)
        if "memory" in dict(service.unit.limits):
            self._watch_file(service, "memory", 0)

    def _watch_file(self, service: Service, resource: str, percent: int) -> None:
        path = service.group.path if service.group else "/nonexistent"
        name = f"pressure.{resource}"
        try:
            if percent:  # noqa: SIM108
                fd = os_pressure.open_trigger(path, resource, percent)
            else:
                fd = os_pressure.open_memory_events(path)
        except OSError:
            if percent and name not in service.unenforced:
                service.unenforced.append(name)
            return
        service.pressure[fd] = resource
        self.c.loop.add(fd, lambda: self.on_pressure(service, fd), select.EPOLLPRI)

    def on_pressure(self, service: Service, fd: int) -> None:
        """Tell that a threshold was crossed; the kernel does so at most once a window."""
        try:
            told = os_pressure.figures(fd)
        except OSError:
            return
        resource = service.pressure[fd]
        self.c.journal.tell("usage.high", service=service.name, resource=resource, **told)

    def _recipe(self, service: Service, ready: int) -> Recipe:
        unit = service.unit
        own = {os_tree.MARK: f"{self.c.outer}{self.c.key}:{service.name}"}
        own["LUNIX_UNIT"] = service.name
        if service.notify >= 0:
            own["NOTIFY_SOCKET"] = self._notify_path(service)
        if unit.watchdog:
            own["WATCHDOG_USEC"] = str(int(unit.watchdog * 1e6))
        return Recipe(
            argv=unit.exec or (unit.python, *unit.args),
            env=self.c.env,
            own={**own, **dict(unit.env)},
            output=service.input,
            cwd=unit.cwd,
            umask=unit.umask,
            nice=unit.nice,
            user=unit.user,
            group=unit.group,
            limits=tuple((x, y) for x, y in unit.limits if x not in GROUP_LIMITS),
            files=self.c.files,
            capabilities=unit.capabilities,
            tty=unit.tty,
            cgroup=service.group.path if service.group else "",
            born=self.c.bears and service.group is not None and service.group.fresh,
            keep=((unit.ready_fd, ready),) if ready >= 0 else (),
        )

    def _notify_path(self, service: Service) -> str:
        return f"{self.c.run}/n/{service.name}"

    def _notify_socket(self, service: Service) -> int:
        try:
            return bind(self._notify_path(service))
        except OSError as error:
            self.c.log.error("no notification socket", service=service.name, error=str(error))
            return -1

    # --- hearing

    def on_birth(self, service: Service) -> None:
        """Hear the pid of what the zygote forked; it may be unwanted by now."""
        if service.birth < 0:
            return
        try:
            text = os.read(service.birth, 32)
        except BlockingIOError:
            return
        self.shut(service, "birth")
        if not text:
            self.shut(service, "report")
            service.cause = "spawn-failed: the zygote has died"
            self.c.send(service, Event.EXITED)
            return
        pid = int(text)
        self.adopt(service, Born(pid, os.pidfd_open(pid), service.report))
        if service.state is State.STOPPING:
            self.signal_main(service, service.unit.stop.signal)
        elif service.state is State.KILLING:
            self.signal_main(service, signal.SIGKILL)

    def on_report(self, service: Service) -> None:
        """Hear how the exec went: end of file means that the program runs."""
        if service.report < 0:
            return
        try:
            data = os.read(service.report, 1024)
        except BlockingIOError:
            return
        self.shut(service, "report")
        if data:
            _, text = os_spawn.parse_report(data)
            service.cause = f"exec-failed: {text}"
            return
        self.c.send(service, Event.EXECED)
        if service.unit.ready is Ready.NONE and service.unit.kind is not Kind.ONESHOT:
            self.c.send(service, Event.READY)
        elif service.unit.ready is Ready.PATH:
            self.on_path(service)

    def on_ready_fd(self, service: Service) -> None:
        """Hear an s6 readiness: a newline; end of file without one says nothing."""
        if service.ready_fd < 0:
            return
        try:
            data = os.read(service.ready_fd, 1024)
        except BlockingIOError:
            return
        if b"\n" in data:
            self.on_report(service)
            self.c.send(service, Event.READY)
        if not data or b"\n" in data:
            self.shut(service, "ready_fd")

    def on_path(self, service: Service) -> None:
        """Look whether the path that tells readiness is there; wait for it otherwise."""
        key = f"ready:{service.name}"
        if service.state is not State.STARTING:
            self.c.watches.drop(key)
        elif self.c.watches.watch(key, service.unit.ready_path):
            self.c.watches.drop(key)
            self.c.send(service, Event.READY)

    def on_notify(self, service: Service) -> None:
        """Hear sd_notify messages; those of strangers do not count."""
        while service.notify >= 0:
            message = receive(service.notify)
            if message is None:
                return
            data, pid, uid = message
            if uid in (0, os.geteuid()) or self._is_its(service, pid):
                self._heed(service, notify.parse(data), pid)

    def _is_its(self, service: Service, pid: int) -> bool:
        if pid == service.pid:
            return True
        proc = os_tree.process(pid)
        return proc is not None and proc.session == service.session

    def _heed(self, service: Service, said: notify.Notice, pid: int) -> None:
        now = time.monotonic()
        if said.status is not None and said.status != service.status:
            service.status = said.status
            if not (said.ready or said.stopping):  # else the event of that tells it
                self.c.journal.tell("service.changed", service=service.name)
        if said.main_pid and said.main_pid != service.pid:
            self._change_main(service, said.main_pid)
        if said.extend_s is not None and service.deadline:
            service.deadline = max(service.deadline, now + said.extend_s)
        if said.watchdog_s is not None:
            service.watchdog = said.watchdog_s
        if said.pet and service.watchdog:
            service.watchdog_at = now + service.watchdog
        if said.reloading:
            service.reloading = True
        if said.ready:
            service.reloading = False
            if service.unit.ready is Ready.NOTIFY:
                self.on_report(service)
                self.c.send(service, Event.READY)
        if said.stopping:
            self.c.send(service, Event.QUITTING)
        if said.trigger:
            service.cause = "watchdog"
            self.c.send(service, Event.WATCHDOG)

    def _change_main(self, service: Service, pid: int) -> None:
        """Follow a daemon that forked; only to a process that is its own."""
        procs = {proc.pid for proc in self.members(service)}
        if pid not in procs:
            self.c.log.warning("MAINPID of a stranger", service=service.name, pid=pid)
            return
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return
        self.shut(service, "pidfd")
        service.pid, service.pidfd = pid, pidfd
        # It may be the child of another process still, which reaps it: then only this tells.
        self.c.loop.add(pidfd, lambda: self.on_foreign_exit(service, pid))

    def on_foreign_exit(self, service: Service, pid: int) -> None:
        """A main process that init did not make has ended, maybe reaped by somebody else."""
        if service.pid != pid:
            return
        self.reap()
        self._hear_the_last(service)
        if service.pid == pid:
            self._ended(service, None, 0.0)

    def lost(self, service: Service) -> bool:
        """After a re-exec: whether the main process was reaped without a word; else watch it."""
        try:
            os.waitid(os.P_PID, service.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            if service.pidfd < 0 or select.select([service.pidfd], [], [], 0)[0]:
                self.shut(service, "pidfd")
                return True
            pid = service.pid
            self.c.loop.add(service.pidfd, lambda: self.on_foreign_exit(service, pid))
        return False

    def reap(self) -> None:
        """Reap every child that has ended: main processes, and orphans of anybody."""
        for service in self.c.services.values():
            self.on_birth(service)  # the pid of a child comes before the child can be reaped
        by_pid = {service.pid: service for service in self.c.services.values() if service.pid}
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            ended = by_pid.pop(pid, None)
            peak = self.c.peaks.take(pid) if self.c.peaks else None
            if ended:
                self._hear_the_last(ended)
            if ended and ended.pid == pid:
                ended.peak_bytes = peak
                self._ended(ended, status, usage.ru_utime + usage.ru_stime)
            else:
                self.orphans += 1

    def _hear_the_last(self, service: Service) -> None:
        """What was said before an end comes first: it may be that another process is the main one now."""
        self.on_report(service)
        if service.notify >= 0:
            self.on_notify(service)

    def _ended(self, service: Service, status: int | None, cpu_s: float) -> None:
        self.settle_start(service)
        service.wait_status, service.cpu_s = status, cpu_s
        service.pid = 0
        self.shut(service, "pidfd")
        self.c.send(service, Event.EXITED)

    def settle_start(self, service: Service) -> None:
        """Hear the last of how the start went, and stop listening for more."""
        if service.ready_fd >= 0:
            self.on_ready_fd(service)
        if service.report >= 0:
            self.on_report(service)
        self.shut(service, "ready_fd")
        self.shut(service, "report")
        self.c.watches.drop(f"ready:{service.name}")


def wants_notify(service: Service) -> bool:
    """Whether a service gets a notification socket."""
    return service.unit.ready is Ready.NOTIFY or service.unit.watchdog > 0
