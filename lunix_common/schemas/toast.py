"""Payloads of ``toast.*``: short messages for the person in front of the machine."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from lunix_common.schemas.common import Model, Page, PageRequest, Time

Urgency = Literal["low", "normal", "critical"]
CloseReason = Literal["expired", "dismissed", "closed", "replaced", "action", "crowded", "shutdown"]
"""``expired`` its time was up · ``dismissed`` a person closed it on the screen · ``closed`` a request did ·
``replaced`` another one took its place · ``action`` one of its actions was chosen · ``crowded`` there were too many ·
``shutdown`` the daemon stopped."""


class Action(Model):
    """A choice that a toast offers."""

    key: str = Field(min_length=1, max_length=128)
    """What ``toast.action`` says when it is chosen."""
    label: str = Field(min_length=1, max_length=256)
    """What a person reads."""


def _distinct(actions: list[Action]) -> list[Action]:
    keys = [action.key for action in actions]
    if len(set(keys)) < len(keys):
        raise ValueError("two actions have the same key")
    return actions


class ToastRequest(Model):
    """What to show. Bare text is the summary."""

    summary: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(min_length=1, max_length=1024)
    body: str = Field(default="", max_length=8192)
    """Plain text; line ends count, markup does not."""
    urgency: Urgency = "normal"
    timeout_ms: int | None = Field(default=None, ge=0, le=86_400_000)
    """0 stays until it is closed; absent is the default of its urgency."""
    icon: str | None = Field(default=None, max_length=4096)
    actions: Annotated[list[Action], AfterValidator(_distinct)] = Field(default_factory=list[Action], max_length=16)
    replaces: str | None = Field(default=None, max_length=64)
    """The id of a toast that this one takes the place and the id of; one that is gone already is passed over."""
    tag: str | None = Field(default=None, max_length=128)
    """A toast with the same tag is replaced, in its place and under its id."""


class Toast(ToastRequest):
    """A toast that is on the screen, or held back by a pause. ``timeout_ms`` is always there."""

    id: str
    created_at: Time
    """When it was asked for; of one that was replaced, when its last text was."""
    shown: bool
    """False while a pause holds it back."""


class ToastEvent(Toast):
    """A toast came on the screen, or changed there; or, after ``toast.held``, it waits."""


class ToastAccepted(Model):
    """The answer to ``toast.in``."""

    id: str


class ToastClosed(Model):
    """A toast is gone."""

    id: str
    reason: CloseReason


class ToastAction(Model):
    """A person chose an action."""

    id: str
    action: str
    """The key of the action."""
    tag: str | None = None


class ListRequest(PageRequest):
    """Filters for ``toast.list``."""

    tag: str | None = None


class ToastList(Page):
    """The answer to ``toast.list``, in the order in which the toasts came."""

    items: list[Toast]
    paused: bool


class CloseRequest(Model):
    """Which toast."""

    id: str = Field(min_length=1, max_length=64)
    action: str | None = Field(default=None, max_length=128)
    """The key of an action to choose; without it the toast is only closed."""


class PauseRequest(Model):
    """Whether toasts are held back."""

    paused: bool = True


class Paused(Model):
    """Whether toasts are held back from now on."""

    paused: bool
    held: int
    """How many toasts wait."""
