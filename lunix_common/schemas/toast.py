"""Payloads of ``toast.*``: short messages for the person in front of the machine."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from lunix_common.schemas.common import Model, Page, PageRequest, Time

MOST_TIMEOUT_MS = 2**31 - 1
"""24 days: what notifications of the desktop can say."""
MOST_IMAGE = 64 * 1024
"""Characters: a PNG of some 48 KB, base64; 96 pixels square, whatever is on them."""

Urgency = Literal["low", "normal", "critical"]
CloseReason = Literal["expired", "dismissed", "closed", "replaced", "action", "crowded", "shutdown"]
"""``expired`` its time was up · ``dismissed`` a person closed it on the screen · ``closed`` a request did, or its
program, or the other server that showed it went · ``replaced`` another one took its place · ``action`` one of its
actions was chosen · ``crowded`` there were too many · ``shutdown`` the daemon stopped."""


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
    """Plain text where ``markup`` is not set; line ends count."""
    markup: bool = False
    """The body has the tags ``<b>``, ``<i>``, ``<u>``, ``<a>`` and ``<img>`` of desktop notifications."""
    app: str | None = Field(default=None, max_length=256)
    """The program that speaks, as a person knows it."""
    urgency: Urgency = "normal"
    timeout_ms: int | None = Field(default=None, ge=0, le=MOST_TIMEOUT_MS)
    """0 stays until it is closed; absent is the default of its urgency."""
    icon: str | None = Field(default=None, max_length=4096)
    """The name of an icon, as ``drive-removable-media``, or the whole path of a picture."""
    image: str | None = Field(
        default=None,
        max_length=MOST_IMAGE,
        pattern=r"^data:image/png;base64,[A-Za-z0-9+/]*={0,2}$",
        examples=["data:image/png;base64,"],
    )
    """A picture itself, shown instead of the icon."""
    progress_percent: int | None = Field(default=None, ge=0, le=100)
    """How much of something is done, shown as a bar."""
    transient: bool = False
    """Once it is gone it is forgotten: it does not come into the history."""
    resident: bool = False
    """It stays when one of its actions is chosen."""
    actions: Annotated[list[Action], AfterValidator(_distinct)] = Field(default_factory=list[Action], max_length=16)
    replaces: str | None = Field(default=None, max_length=64)
    """The id of a toast that this one takes the place and the id of; one that is gone already is passed over."""
    tag: str | None = Field(default=None, max_length=128)
    """A toast with the same tag is replaced, in its place and under its id."""

    @property
    def has_picture(self) -> bool:
        """Whether it comes with an icon or image."""
        return bool(self.image or self.icon)


class Toast(ToastRequest):
    """A toast that is on the screen, or held back by a pause. ``timeout_ms`` is always there."""

    id: str
    created_at: Time
    """When it was asked for; of one that was replaced, when its last text was."""
    shown: bool
    """False while a pause or a snooze holds it back."""
    held_until: Time | None = None
    """When the snooze of one that is snoozed ends."""
    by_another: bool = False
    """A program asked another notification server for it, which shows it. It can be closed from here; its actions are
    chosen there alone."""


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


class PastToast(Toast):
    """A toast that is gone and kept in the history."""

    reason: CloseReason
    closed_at: Time


class Limited(Model):
    """A sender asked for more toasts than it may."""

    sender: str
    """Its identity on the bus, or the name by which a program of the desktop calls itself."""
    dropped: int
    """How many were not shown: 1 when it begins, and all of them when it is over."""


class ListRequest(PageRequest):
    """Filters for ``toast.list``."""

    tag: str | None = None


class ToastList(Page):
    """The answer to ``toast.list``, in the order in which the toasts came."""

    items: list[Toast]
    paused: bool


class HistoryRequest(PageRequest):
    """Filters for ``toast.history``."""

    app: str | None = None


class ToastHistory(Page):
    """The answer to ``toast.history``, the toast that went last first."""

    items: list[PastToast]


class PopRequest(Model):
    """Which toast of the history; without an id the one that went last."""

    id: str | None = Field(default=None, min_length=1, max_length=64)


class ForgetRequest(Model):
    """Which toast of the history; without an id all of them."""

    id: str | None = Field(default=None, min_length=1, max_length=64)


class Forgotten(Model):
    """What was taken out of the history."""

    count: int


class SnoozeRequest(Model):
    """Which toast, and for how long."""

    id: str = Field(min_length=1, max_length=64)
    for_ms: int = Field(default=600_000, ge=1_000, le=MOST_TIMEOUT_MS)


class Snoozed(Model):
    """When a toast comes back."""

    id: str
    held_until: Time


class CloseRequest(Model):
    """Which toast."""

    id: str = Field(min_length=1, max_length=64)
    action: str | None = Field(default=None, max_length=128)
    """The key of an action to choose; without it the toast is only closed."""


class CloseReply(Model):
    """The answer to ``toast.close``."""

    id: str
    reason: CloseReason | None = None
    """Absent where the toast stays: it is resident, and one of its actions was chosen."""


class PauseRequest(Model):
    """Whether toasts are held back."""

    paused: bool = True
    level: Urgency = "normal"
    """The most urgent toasts that are held back: with ``critical`` all of them."""
    except_apps: list[str] = Field(default_factory=list[str], max_length=64)
    """The toasts of these programs are shown all the same."""
    for_ms: int | None = Field(default=None, ge=1_000, le=MOST_TIMEOUT_MS)
    """The pause ends by itself after so long."""


class Paused(Model):
    """Whether toasts are held back from now on."""

    paused: bool
    held: int
    """How many toasts wait."""
    level: Urgency | None = None
    except_apps: list[str] | None = None
    until: Time | None = None
    """When the pause ends by itself."""
