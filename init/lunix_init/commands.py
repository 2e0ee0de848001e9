"""What can be asked of init, and what it answers: one function a verb.

A verb gets the members of the request and returns what is answered as `result`, or raises
`Refusal`. `Waiting` is returned where the answer comes later: when the service has come to rest.
"""

import signal
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lunix_init import graph, plan, usage
from lunix_init.machine import State
from lunix_init.protocol import Refusal, flag_of, name_of, number_of
from lunix_init.service import Service
from lunix_init.supervisor import Supervisor

Args = Mapping[str, Any]
UP = frozenset({State.UP, State.DONE, State.FAILED, State.BACKOFF})
STOPPED = frozenset({State.DOWN})


class Waiting(NamedTuple):
    """An answer that is due when the service is in one of the states (and began anew)."""

    name: str
    states: frozenset[State]
    starts: int  # answered only when it was started more often than this


class Plant(NamedTuple):
    """What the verbs that concern init itself do; `program` gives them."""

    status: Callable[[], dict[str, Any]]
    reload: Callable[[], dict[str, Any]]
    reexec: Callable[[], None]
    end: Callable[[str, int], None]


class Commands:
    """The verbs."""

    def __init__(self, supervisor: Supervisor, plant: Plant) -> None:
        self.s, self.plant = supervisor, plant
        self.verbs: Mapping[str, Callable[[Args], object]] = {
            "list": self._list,
            "get": self._get,
            "status": lambda _: plant.status(),
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "reload": self._reload,
            "signal": self._signal,
            "pin": lambda args: self._pin(args, pinned=True),
            "unpin": lambda args: self._pin(args, pinned=False),
            "logs": self._logs,
            "usage": self._usage,
            "graph": lambda _: graph.dot({n: s.unit for n, s in self.s.services.items()}),
            "reexec": lambda _: plant.reexec(),
            **{kind: self._end(kind) for kind in ("poweroff", "reboot", "halt", "exit")},
        }

    def do(self, verb: str, args: Args) -> object:
        """Do what was asked; raises `Refusal`."""
        if verb not in self.verbs:
            known = ", ".join(sorted(self.verbs))
            raise Refusal(404, f"there is no verb {verb[:40]!r}; there are {known}")
        # What happened before the question counts in its answer: nothing runs that has ended, or without a pid.
        self.s.runner.reap()
        self.s.settle()
        return self.verbs[verb](args)

    def service(self, args: Args) -> Service:
        """Return the service that a request names; raises `Refusal`."""
        name = name_of(args)
        if name in self.s.services:
            return self.s.services[name]
        if name in self.s.errors:
            raise Refusal(409, f"the unit {name!r} was refused: {self.s.errors[name]}")
        raise Refusal(404, f"there is no unit {name!r}")

    def describe(self, name: str, views: Mapping[str, plan.View] | None = None) -> dict[str, Any]:
        """Return what is told about a service, with the reason when it waits."""
        views = views or self.s.views()
        found = self.s.services[name].describe()
        found["wanted"] = views[name].wanted
        found["why"] = plan.why(views, name)
        return found

    def _list(self, _: Args) -> object:
        journal, views = self.s.c.journal, self.s.views()
        items = [self.describe(name, views) for name in sorted(self.s.services)]
        head = {"boot": journal.boot, "seq": journal.seq}
        return {**head, "items": items, "errors": self.s.errors}

    def _get(self, args: Args) -> object:
        return self.describe(self.service(args).name)

    def _free(self, args: Args) -> Service:
        service = self.service(args)
        if service.pinned:
            raise Refusal(409, f"{service.name!r} is pinned")
        if self.s.ending:
            raise Refusal(409, "everything is being stopped")
        return service

    def _answer(self, args: Args, service: Service, states: frozenset[State], starts: int) -> object:
        if flag_of(args, "wait"):
            return Waiting(service.name, states, starts)
        return self.describe(service.name)

    def _start(self, args: Args) -> object:
        service = self._free(args)
        self.s.start(service.name)
        return self._answer(args, service, UP, -1)

    def _stop(self, args: Args) -> object:
        service = self._free(args)
        self.s.stop(service.name)
        return self._answer(args, service, STOPPED, -1)

    def _restart(self, args: Args) -> object:
        service = self._free(args)
        self.s.restart(service.name)
        return self._answer(args, service, UP, service.starts)

    def _reload(self, args: Args) -> object:
        if "name" not in args:
            return self.plant.reload()
        service = self.service(args)
        self._send_signal(service, service.unit.reload_signal)
        return self.describe(service.name)

    def _signal(self, args: Args) -> object:
        name = str(args.get("signal", "")).removeprefix("SIG")
        if f"SIG{name}" not in signal.Signals.__members__:
            raise Refusal(400, "'signal' is the name of a signal such as 'HUP'")
        service = self.service(args)
        self._send_signal(service, signal.Signals[f"SIG{name}"])
        return self.describe(service.name)

    def _send_signal(self, service: Service, number: int) -> None:
        if not service.pid:
            raise Refusal(409, f"{service.name!r} has no process")
        self.s.runner.signal_main(service, number)

    def _pin(self, args: Args, *, pinned: bool) -> object:
        service = self.service(args)
        self.s.pin(service.name, pinned=pinned)
        return self.describe(service.name)

    def _logs(self, args: Args) -> object:
        service = self.service(args)
        since, most = number_of(args, "since", 0), number_of(args, "most", 1000, 10_000)
        self.s.runner.on_output(service, all_of_it=True)
        lost, lines = service.ring.since(since, most)
        items = [line._asdict() for line in lines]
        return {"name": service.name, "lost": lost, "next": service.ring.next, "lines": items}

    def _usage(self, args: Args) -> object:
        runner = self.s.runner
        if "name" in args:
            service = self.service(args)
            return {"name": service.name, **usage.of_service(runner, service)}
        found = {x.name: usage.of_service(runner, x) for x in self.s.services.values()}
        items = [{"name": name, **one} for name, one in sorted(found.items())]
        return {"items": items, "total": usage.total(list(found.values()))}

    def _end(self, kind: str) -> Callable[[Args], object]:
        def end(args: Args) -> object:
            self.plant.end(kind, number_of(args, "code", 0, 255))
            return {"ending": kind}

        return end
