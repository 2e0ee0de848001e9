"""``lunix-login-pam``: what pam_exec runs. It tells lunix-login what PAM is about to do, and never stands in its way.

It exits with 0 whatever happens, within a second whatever hangs, and says nothing. The standard library alone: it
runs in the midst of every login.

    lunix-login-pam [SOCKET]
"""

import os
import pwd
import signal
import socket
import sys
from contextlib import suppress

SOCKET = "/run/lunix-login.pam"
MOST_S, LOOKUP_S = 1.0, 0.4
_VALUE_BYTES = 1024
_NAMES = (
    "PAM_TYPE", "PAM_SERVICE", "PAM_USER", "PAM_TTY", "PAM_RHOST",
    "XDG_SESSION_ID", "XDG_SESSION_TYPE", "XDG_SESSION_CLASS", "XDG_SEAT",
)  # fmt: skip


def message() -> bytes:
    """What is sent: some of the environment, and the process that asked PAM."""
    environ = os.environb
    told = {name.encode(): environ[name.encode()] for name in _NAMES if name.encode() in environ}
    told[b"LEADER"] = str(os.getppid()).encode()
    if told.get(b"PAM_TYPE") == b"open_session":
        uid = _uid(os.fsdecode(told.get(b"PAM_USER", b"")))
        told[b"UID"] = b"" if uid is None else str(uid).encode()
    return b"".join(b"%s=%s\0" % (name, value[:_VALUE_BYTES]) for name, value in told.items())


def _uid(user: str) -> int | None:
    """The user's number. A directory of users may hang; then it is not told."""

    def give_up(*_arguments: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, LOOKUP_S)
    try:
        return pwd.getpwnam(user).pw_uid
    except (KeyError, ValueError, OSError):
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _in_time(seconds: float) -> None:
    """From now on leave after so many seconds."""

    def leave(*_arguments: object) -> None:
        os._exit(0)

    signal.signal(signal.SIGALRM, leave)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def main() -> None:
    """Send it and leave."""
    with suppress(BaseException):
        _in_time(MOST_S)
        data = message()
        _in_time(MOST_S - LOOKUP_S)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.connect(sys.argv[1] if len(sys.argv) > 1 else SOCKET)
            sender.send(data)
    os._exit(0)


if __name__ == "__main__":
    main()
