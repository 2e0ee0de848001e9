"""execve(2) as the last step of what systemd-run starts: run by its path, it tells by a pipe what became of it.

    python -I -S exec_child.py PIPE KEEP_LC_CTYPE PROGRAM ARGUMENT…

Nothing is imported but what an interpreter has loaded already, so that it takes a few milliseconds.
"""

import os
import signal
import sys


def main() -> None:
    """Become the program, or write its errno."""
    pipe = int(sys.argv[1])
    os.set_inheritable(pipe, False)
    os.write(pipe, b"+")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 2)
    if sys.argv[2] == "0":
        # In the locale C the interpreter has set it for itself.
        os.environ.pop("LC_CTYPE", None)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606
    except OSError as error:
        os.write(pipe, str(error.errno).encode())
    os._exit(127)


if __name__ == "__main__":
    main()
