"""What can be set, in the section ``[init]``."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from lunix_common.config import Settings


def run_directory(environ: Mapping[str, str] = os.environ, uid: int | None = None) -> Path:
    """Where lunix-init has its socket when it is not told otherwise."""
    if (os.geteuid() if uid is None else uid) == 0:
        return Path("/run/lunix")
    return Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}") / "lunix"


class InitSettings(Settings):
    """The section ``[init]``."""

    run: Path = Field(default_factory=run_directory)
    """The run directory of the lunix-init to speak for."""
    log: list[str] = Field(default_factory=list[str])
    """The services whose lines are published as they are written; ``*`` is every one but the bus side itself."""
