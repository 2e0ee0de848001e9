"""Where on a monitor popups stack up."""

from typing import Literal

Position = Literal["top-left", "top-center", "top-right", "bottom-left", "bottom-center", "bottom-right"]
