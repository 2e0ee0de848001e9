"""``lunix-login``: arguments, checks, run."""

import os
from collections.abc import Iterable
from importlib.util import find_spec
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_login.service import serve
from lunix_login.settings import Settings


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    root = os.geteuid() == 0
    yield f"PAM's helper is heard at {settings.pam_socket}" if root else "PAM's helper is not heard: that needs root"
    if not settings.logind:
        yield "systemd-logind is not asked: login.logind is off"
    elif find_spec("dbus_fast") is None:
        yield "systemd-logind cannot be asked: pip install 'lunix[dbus]'"
    else:
        yield "systemd-logind is followed where it runs"
    for path, what in ((settings.utmp, "sessions where no logind runs"), (settings.btmp, "refused logins")):
        readable = os.access(path, os.R_OK)
        yield f"{path} tells {what}" if readable else f"{path} is not readable here: it tells no {what}"


SPEC = Spec(
    name="login",
    doc="Who logs in and out (login.>).",
    settings=Settings,
    serve=serve,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
