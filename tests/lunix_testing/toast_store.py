"""A store of toasts for tests, and short words for what is asked of it."""

from datetime import UTC, datetime
from typing import Any

from lunix_common.schemas.toast import Action, Toast, ToastClosed, ToastRequest, Urgency
from lunix_toast.store import Fact, Limits, Store

TIMEOUTS: dict[Urgency, int] = {"low": 5_000, "normal": 10_000, "critical": 0}
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ACTIONS = [Action(key="open", label="Open it"), Action(key="no", label="Ignore")]


def store(**limits: int) -> Store:
    return Store("run", Limits(TIMEOUTS, **limits), lambda: MOMENT)


def add(to: Store, summary: str = "x", now: float = 0, **more: Any) -> str:
    return to.add(ToastRequest(summary=summary, **more), now, MOMENT)[0]


def ids(of: Store) -> list[str]:
    return [toast.id for toast in of]


def shown(facts: list[Fact]) -> list[str]:
    return [fact.payload.summary for fact in facts if isinstance(fact.payload, Toast) and fact.pattern == "toast.shown"]


def closed(facts: list[Fact]) -> list[tuple[str, str]]:
    return [(fact.payload.id, fact.payload.reason) for fact in facts if isinstance(fact.payload, ToastClosed)]
