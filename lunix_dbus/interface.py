"""What is declared of D-Bus: signals that are heard, methods that are answered."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

from dbus_fast import SignatureTree


@dataclass(frozen=True)
class Match:
    """Signals of one sender: as narrow a rule as the message bus knows, so that nothing else wakes us."""

    sender: str
    """A well-known name. Signals that somebody else sends in its name are not heard."""
    interface: str
    member: str
    path: str | None = None
    path_namespace: str | None = None
    arg0: str | None = None

    @property
    def rule(self) -> str:
        """As ``AddMatch`` takes it."""
        keys = ("sender", "interface", "member", "path", "path_namespace", "arg0")
        known = [(key, getattr(self, key)) for key in keys]
        return ",".join([f"{key}='{value}'" for key, value in known if value is not None] + ["type='signal'"])

    def takes(self, signal: "Signal") -> bool:
        """Whether a signal of this sender is meant."""
        return (
            (self.interface, self.member) == (signal.interface, signal.member)
            and self.path in (None, signal.path)
            and (self.path_namespace is None or f"{signal.path}/".startswith(f"{self.path_namespace.rstrip('/')}/"))
            and (self.arg0 is None or signal.body[:1] == [self.arg0])
        )


@dataclass(frozen=True)
class Signal:
    """One that was heard; variants in its body are the values that they hold."""

    path: str
    interface: str
    member: str
    body: list[Any]


@dataclass(frozen=True)
class Call:
    """A call of one of our methods; variants in its body are the values that they hold."""

    sender: str
    """The caller's unique name, such as ``:1.7``."""
    path: str
    member: str
    body: list[Any]


@dataclass(frozen=True)
class Method:
    """A method of an exported interface: the signatures of what it takes and gives, and who answers."""

    takes: str
    gives: str
    handler: Callable[[Call], Awaitable[Sequence[object]]]
    """Returns the values of ``gives``. A ``DbusError`` is the answer; any other error is a defect, and says nothing."""


@dataclass(frozen=True)
class Interface:
    """An interface that we export at a path."""

    path: str
    name: str
    methods: Mapping[str, Method]
    signals: Mapping[str, str] = field(default_factory=dict[str, str])
    """Their signatures, for those who introspect."""

    def xml(self) -> str:
        """Its part of the introspection data."""
        lines = [f"<interface name={quoteattr(self.name)}>"]
        for name, method in self.methods.items():
            arguments = _arguments(method.takes, "in") + _arguments(method.gives, "out")
            lines.append(f"<method name={quoteattr(name)}>{arguments}</method>")
        lines += [
            f"<signal name={quoteattr(name)}>{_arguments(signature)}</signal>"
            for name, signature in self.signals.items()
        ]
        return "".join([*lines, "</interface>"])


def _arguments(signature: str, direction: str = "") -> str:
    attribute = f' direction="{direction}"' if direction else ""
    return "".join(f'<arg type="{kind.signature}"{attribute}/>' for kind in SignatureTree(signature).types)


def introspection(path: str, exported: Iterable[Interface]) -> str | None:
    """The introspection data of an object or of what lies above one; ``None`` where there is nothing."""
    here = [one.xml() for one in exported if one.path == path]
    above = path.rstrip("/") + "/"
    below = {one.path.removeprefix(above).partition("/")[0] for one in exported if one.path.startswith(above)}
    if not here and not below:
        return None
    return "".join(["<node>", *here, *(f"<node name={quoteattr(name)}/>" for name in sorted(below)), "</node>"])
