"""``lunix-wm``: arguments, checks, run."""

from collections.abc import Iterable
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_wm import choose, os_spawn
from lunix_wm.service import serve
from lunix_wm.settings import Settings


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    scoped = settings.scope == "systemd" or (settings.scope == "auto" and os_spawn.user_manager() is not None)
    holder = "a scope of systemd's user manager" if scoped else "a session and process group of its own"
    return [f"windows: {choose.told(settings)}", f"wm.exec puts each program into {holder}"]


SPEC = Spec(
    name="wm",
    doc="Windows of the session, and programs that are started in it (wm.>).",
    settings=Settings,
    serve=serve,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
