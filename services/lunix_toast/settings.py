"""The section ``[toast]`` of the configuration."""

from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from lunix_common.config import Settings as BaseSettings
from lunix_common.schemas.toast import MOST_TIMEOUT_MS, Urgency
from lunix_toast.paint.theme import Theme, make
from lunix_toast.position import Position
from lunix_toast.store import DEFAULT_TIMEOUTS_MS, MOST_HISTORY, MOST_TOASTS, Limits


class Settings(BaseSettings):
    """How toasts are shown."""

    renderer: Literal["auto", "popups", "terminal", "none"] = "auto"
    """``auto`` takes the first of: the setting ``terminal``, popups on the X display that ``DISPLAY`` names, stderr
    where it is a terminal, the terminal that ``LUNIX_TERMINAL`` names (``lunix up`` sets it), none. ``popups`` insists
    on these; ``terminal`` takes stderr where it finds nothing better; ``none`` leaves toasts on the bus alone."""
    notifications: Literal["auto", "off"] = "auto"
    """Whether the notifications of the desktop's programs are taken, and toasts are shown by another notification
    server where one is there and ``renderer`` is ``auto``."""
    terminal: str | int = ""
    """The path of a terminal or file, or the number of an open descriptor; what is no terminal gets a line a toast."""
    low_timeout_ms: int = Field(default=DEFAULT_TIMEOUTS_MS["low"], ge=0, le=MOST_TIMEOUT_MS)
    """How long a toast of low urgency stays that names no time itself; 0: until it is closed."""
    normal_timeout_ms: int = Field(default=DEFAULT_TIMEOUTS_MS["normal"], ge=0, le=MOST_TIMEOUT_MS)
    """The same for one of normal urgency."""
    critical_timeout_ms: int = Field(default=DEFAULT_TIMEOUTS_MS["critical"], ge=0, le=MOST_TIMEOUT_MS)
    """The same for a critical one."""
    most: int = Field(default=MOST_TOASTS, ge=1, le=100_000)
    """So many toasts at once; one more takes the place of the oldest of the least urgent ones."""

    history: int = Field(default=MOST_HISTORY, ge=0, le=10_000)
    """So many toasts that are gone can be looked up; 0 keeps none."""
    burst: int = Field(default=50, ge=0, le=100_000)
    """So many toasts of one sender at once; what is more is dropped, and that is told. 0 drops none."""
    per_second: float = Field(default=5.0, gt=0, le=10_000)
    """And so many in each second that follows. One that takes the place of another counts for a tenth."""
    theme: Literal["light", "dark"] = "dark"
    """The colours of popups."""
    colours: dict[str, str] = Field(default_factory=dict[str, str])
    """Changes to the theme, as ``{ card = "#102030", critical = "#ff0000" }``; the colours are ``card`` ``text``
    ``dim`` ``border`` ``shadow`` ``button`` ``hover`` ``low`` ``normal`` ``critical``, each ``#rrggbb`` or with its
    opacity ``#rrggbbaa``."""
    font: str = "Sans"
    """The family of popups' text, as fontconfig knows it."""
    font_size: float = Field(default=10.0, ge=6, le=40)
    """In points. A display with more dots to the inch (``Xft.dpi``) shows everything larger."""
    width: int = Field(default=380, ge=200, le=1200)
    """Of a popup, in points of 96 to the inch."""
    icon_theme: str = "Adwaita"
    """Where the names of icons are looked up; then in the themes that it builds on, and in hicolor."""
    position: Position = "top-right"
    """Where popups stack up: ``top`` or ``bottom``, ``left``, ``center`` or ``right``."""
    monitor: str = "primary"
    """``primary``, ``pointer`` for the one that the pointer is on, or a name such as ``HDMI-1``."""

    @model_validator(mode="after")
    def _coloured(self) -> Self:
        _ = self.theme_made
        return self

    @cached_property
    def theme_made(self) -> Theme:
        """For popups."""
        return make(self.theme, self.colours, font=self.font, font_size=self.font_size, width=self.width)

    @field_validator("terminal")
    @classmethod
    def _named(cls, terminal: str | int) -> str | int:
        if isinstance(terminal, int):
            if terminal < 0:
                raise ValueError("a descriptor is a number from 0 on")
        elif terminal and not Path(terminal).is_absolute():
            raise ValueError("write the whole path, as /dev/tty1, or the number of a descriptor")
        return terminal

    @property
    def limits(self) -> Limits:
        """For the store."""
        timeouts: dict[Urgency, int] = {
            "low": self.low_timeout_ms,
            "normal": self.normal_timeout_ms,
            "critical": self.critical_timeout_ms,
        }
        return Limits(timeouts, self.most, history=self.history)
