"""Payloads of ``wm.*``: windows of the session, and programs that are started in it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lunix_common.schemas.common import Model, Page, PageRequest

WindowType = Literal["normal", "dialog", "dock", "desktop", "utility", "splash", "other"]
Word = Annotated[str, Field(max_length=131_072)]
Pixels = Annotated[int, Field(ge=-32_768, le=32_767)]
Length = Annotated[int, Field(ge=1, le=32_767)]
MOST_WORDS = 4096


class Window(Model):
    """A window of the session. Its texts are what its program says, the first 1 024 characters of each."""

    id: str
    """``x11:1400003``, ``i3:94021``, ``sway:7``: by whom it is told, and that one's number of it."""
    title: str = ""
    app: str | None = None
    """What kind of program it says that it is: the class on X11, the application's id on Wayland."""
    pid: int | None = None
    """The process that it says is behind it."""
    type: WindowType = "normal"
    workspace: str | None = None
    """The name of the workspace or, where it has none, its number from 1 on. Absent: it is on all, or on none."""
    x: int
    y: int
    width: int
    height: int
    """Pixels: on X11 of the window without its frame, with i3 and sway of both."""
    focused: bool = False
    minimized: bool = False
    maximized: bool = False
    fullscreen: bool = False
    urgent: bool = False
    """It asks for attention."""


class WindowEvent(Window):
    """What it is now or, of one that was closed, what it was."""

    resync: bool = False
    """It was found, or missed, when the windows were listed anew: its moment is not known."""


class ListRequest(PageRequest):
    """Filters for ``wm.list``; a window has to pass all of them."""

    app: str | None = Field(default=None, max_length=1024)
    pid: int | None = None
    workspace: str | None = Field(default=None, max_length=1024)


class WindowList(Page):
    """The answer to ``wm.list``."""

    items: list[Window]


class WindowRequest(Model):
    """A window."""

    id: str = Field(max_length=128)


class MoveRequest(WindowRequest):
    """Where a window is to be; what is left out stays as it is."""

    x: Pixels | None = None
    y: Pixels | None = None
    width: Length | None = None
    height: Length | None = None
    workspace: str | None = Field(default=None, min_length=1, max_length=1024)
    """Its name, or its number from 1 on."""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if all(each is None for each in (self.x, self.y, self.width, self.height, self.workspace)):
            raise ValueError("say where to: x, y, width, height or workspace")
        return self


class Asked(Model):
    """The window manager was asked. What it makes of it is an event."""

    id: str


class ExecRequest(Model):
    """A program to start: ``command`` or ``argv``."""

    command: str | None = Field(default=None, max_length=131_072)
    """Words as a shell takes them apart (quotes, backslashes), and nothing else that a shell does."""
    argv: list[Word] | None = Field(default=None, min_length=1, max_length=MOST_WORDS)
    """The program and its arguments, as they are."""
    env: dict[Annotated[str, Field(max_length=4096)], Word] = Field(default={}, max_length=MOST_WORDS)
    """Beside the variables of the session."""
    cwd: str | None = Field(default=None, max_length=4096)
    """An absolute path; without it the home directory."""


class Started(Model):
    """The program runs."""

    pid: int
    program: str
    scope: str | None = None
    """The unit of systemd's user manager that holds it and all that it starts. Absent: ``pid`` is the number of its
    session and process group too."""


class Exited(Started):
    """A program that ``wm.exec`` started has ended. What it started itself may go on."""

    exit_code: int | None = None
    """Absent where a signal ended it."""
    signal: str | None = None
    """``SIGKILL`` and the like: what ended it."""
    core_dumped: bool = False
    runtime_s: float
