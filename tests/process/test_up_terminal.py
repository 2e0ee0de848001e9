"""``lunix up`` in the foreground of a terminal: what a person sees, and that Ctrl-C leaves nothing behind."""

import os
import pty
import re
import select
import time
from contextlib import suppress
from pathlib import Path

from lunix_testing.command import DEADLINE, SCRIPT, environ, gone, hear_signals, lunix


def children(pid: int) -> list[int]:
    """Its children, and theirs."""
    own: list[int] = []
    with suppress(OSError):  # one that has ended meanwhile
        own = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return own + [one for child in own for one in children(child)]


class Terminal:
    """``lunix up`` in the foreground of a terminal."""

    def __init__(self, *arguments: str) -> None:
        self.pid, self.fd = pty.fork()
        if not self.pid:
            hear_signals()
            os.execve(SCRIPT, ("lunix", *arguments), environ({"TERM": "xterm-256color"}))
        self.text = ""

    def wait_for(self, wanted: str) -> None:
        end = time.monotonic() + DEADLINE
        while wanted not in self.text:
            ready = select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"no {wanted!r} in {self.text!r}"
            self.text += os.read(self.fd, 65536).decode(errors="replace")

    def type(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def wait(self) -> int:
        """Read to its end; return the exit code."""
        while True:
            try:
                chunk = os.read(self.fd, 65536)
            except OSError:  # the kernel's way to say that nobody has the terminal open any more
                chunk = b""
            if not chunk:
                break
            self.text += chunk.decode(errors="replace")
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_ctrl_c_on_a_terminal_leaves_no_process(tmp_path: Path) -> None:
    terminal = Terminal("up", "--state", str(tmp_path / "state"), "--port", "0")
    terminal.wait_for("Events:")
    pids = children(terminal.pid)
    assert len(pids) >= 3
    terminal.type(b"\x03")
    assert terminal.wait() == 0
    assert gone(pids)


def test_a_terminal_shows_the_table_then_events_in_colour_and_toasts(tmp_path: Path) -> None:
    state = tmp_path / "state"
    terminal = Terminal("up", "--state", str(state), "--port", "0")
    try:
        terminal.wait_for("Events:")
        for name in ("bus", "natsdev", "toast"):
            assert re.search(rf"^{name} +ready", terminal.text, re.MULTILINE)
        assert lunix("pub", "--state", str(state), "toast.in", "tea \x1b]52;c;x\x07 is ready").code == 0
        terminal.wait_for("\x1b[35mtoast.shown\x1b[0m")
        terminal.wait_for("tea ")
    finally:
        terminal.type(b"\x03")
        assert terminal.wait() == 0
    assert "\x1b]52" not in terminal.text


def test_no_process_of_the_group_survives_a_closed_terminal(tmp_path: Path) -> None:
    terminal = Terminal("up", "--state", str(tmp_path / "state"), "--port", "0")
    terminal.wait_for("Events:")
    pids = children(terminal.pid)
    os.close(terminal.fd)
    assert os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1]) == 0
    assert gone(pids)
