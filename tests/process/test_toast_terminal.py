"""lunix-toast on real terminals: which one it finds, what stands on it, and what happens when it hangs."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lunix_testing.client import Nats
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import deadline
from lunix_testing.server import BusServer

SGR = re.compile(r"\x1b\[[0-9;]*m")
STICK = b'{"summary": "a USB stick was plugged in!", "actions": [{"key": "open", "label": "Open it"}]}'


class Terminal:
    """A terminal, seen from the side of the person in front of it."""

    def __init__(self, columns: int = 80) -> None:
        self.person, self.program = pty.openpty()
        self.path = os.ttyname(self.program)
        self.resize(columns)
        os.set_blocking(self.person, False)

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.program, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    async def read_until(self, text: str) -> str:
        """What is written up to the end of a line, when ``text`` has come, with plain line ends."""
        seen = bytearray()
        readable = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self.person, readable.set)
        try:
            async with deadline(lambda: f"{text!r} on the terminal, after {seen!r},"):
                while text not in seen.decode(errors="replace") or not seen.endswith(b"\n"):
                    await readable.wait()
                    readable.clear()
                    with suppress(BlockingIOError):
                        seen += os.read(self.person, 65536)
        finally:
            loop.remove_reader(self.person)
        return seen.decode().replace("\r\n", "\n")

    def hold(self, *, held: bool) -> None:
        """As Ctrl-S and Ctrl-Q do."""
        termios.tcflow(self.program, termios.TCOOFF if held else termios.TCOON)

    def hang_up(self) -> None:
        for descriptor in (self.person, self.program):
            os.close(descriptor)
        self.person = self.program = -1

    def close(self) -> None:
        if self.person >= 0:
            self.hang_up()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    found = Terminal()
    yield found
    found.close()


@pytest.fixture
async def client(bus_server: BusServer) -> AsyncIterator[Nats]:
    """Somebody who sends toasts."""
    connected = await bus_server.connect("user")
    yield connected
    await connected.close()


async def show(client: Nats, *payloads: bytes) -> None:
    for payload in payloads:
        answer = await client.request("toast.in", payload, timeout=30)
        assert not answer.headers, answer.data


async def test_a_toast_stands_on_the_terminal_that_the_environment_names(
    client: Nats, daemon_process: DaemonStarter, terminal: Terminal
) -> None:
    daemon = daemon_process("lunix_toast", env={"LUNIX_TERMINAL": terminal.path, "TERM": "xterm"})
    daemon.wait_for_log(f"terminal: {terminal.path}")
    await show(client, STICK)
    seen = await terminal.read_until("Open it (open)")
    assert "\x1b[" in seen
    first, second = SGR.sub("", seen).splitlines()
    assert re.fullmatch(r"▌ a USB stick was plugged in! +\d\d:\d\d [0-9a-f]{6}-1", first)
    assert len(first) == 80
    assert second == "▌ Open it (open)"


async def test_the_width_is_that_of_the_moment_and_colour_can_be_refused(
    client: Nats, daemon_process: DaemonStarter, terminal: Terminal
) -> None:
    config = f'[toast]\nterminal = "{terminal.path}"'
    daemon_process("lunix_toast", config=config, env={"NO_COLOR": "1"})
    await show(client, b"one two three four five six seven")
    wide = await terminal.read_until("seven")
    terminal.resize(20)
    await show(client, b"one two three four five six seven")
    narrow = await terminal.read_until("seven")
    assert "\x1b" not in wide + narrow
    assert len(wide.splitlines()) == 1
    assert narrow.splitlines() == ["▌ one two three four", "▌ five six seven"]


async def test_hostile_text_is_harmless_on_a_real_terminal(
    client: Nats, daemon_process: DaemonStarter, terminal: Terminal
) -> None:
    daemon_process("lunix_toast", env={"LUNIX_TERMINAL": terminal.path, "TERM": "dumb"})
    await show(client, b"evil \x1b]52;c;aGk=\x07 \xe2\x80\xae txt.exe \x00 \xc2\x9b31m \r\n end", b"after")
    seen = await terminal.read_until("after")
    for written in (r"\x1b]52;c;aGk=\x07", r"\u202e", r"\x00", r"\x9b31m"):
        assert written in seen
    assert not set(seen) & set("\x1b\x07\x00\x9b\r\u202e")


async def test_stderr_is_taken_where_it_is_a_terminal(
    client: Nats, daemon_process: DaemonStarter, terminal: Terminal
) -> None:
    daemon_process("lunix_toast", stderr=terminal.program)
    await show(client, b"hello")
    await terminal.read_until("▌")
    assert os.get_blocking(terminal.program), "others who share the descriptor would meet EAGAIN"


async def test_stderr_that_is_no_terminal_gets_one_line_a_toast_where_that_is_asked_for(
    client: Nats, daemon_process: DaemonStarter
) -> None:
    daemon = daemon_process("lunix_toast", config='[toast]\nrenderer = "terminal"')
    await show(client, STICK)
    line = daemon.wait_for_log("Open it")
    assert re.fullmatch(r"\d\d:\d\d toast [0-9a-f]{6}-1: a USB stick was plugged in! \[Open it \(open\)\]", line)


async def test_a_descriptor_can_be_named(client: Nats, daemon_process: DaemonStarter, tmp_path: Path) -> None:
    file = tmp_path / "toasts"
    file.write_text("what was there\n", encoding="utf-8")
    with file.open("a") as inherited:
        daemon_process("lunix_toast", config="[toast]\nterminal = 2", stderr=inherited.fileno())
    await show(client, b"hello", b"again")
    written = file.read_text(encoding="utf-8").splitlines()
    assert written[0] == "what was there"
    assert [line.rpartition(" ")[2] for line in written if " toast " in line and line[0] != "{"] == ["hello", "again"]


async def test_a_terminal_that_takes_no_output_holds_nothing_up(
    client: Nats, daemon_process: DaemonStarter, terminal: Terminal
) -> None:
    env = {"LUNIX_TERMINAL": terminal.path, "NO_COLOR": "1"}
    daemon_process("lunix_toast", config="[toast]\nburst = 0", env=env)
    terminal.hold(held=True)
    body = b"word " * 1000
    await show(client, *[b'{"summary": "number %d", "body": "%s"}' % (number, body) for number in range(600)])
    terminal.hold(held=False)
    seen = await terminal.read_until("more toasts\r\n")
    shown = [int(number) for number in re.findall(r"number (\d+)", seen)]
    missing = int(re.findall(r"and (\d+) more toasts", seen)[0])
    assert shown == list(range(600 - missing))
    await show(client, b"and on it goes")
    await terminal.read_until("and on it goes")


async def test_a_terminal_that_hung_up_ends_its_output_and_nothing_else(
    client: Nats, daemon_process: DaemonStarter, terminal: Terminal
) -> None:
    daemon = daemon_process("lunix_toast", env={"LUNIX_TERMINAL": terminal.path})
    terminal.hang_up()
    await show(client, b"one", b"two")
    daemon.wait_for_log("the terminal is gone")
    assert sum("the terminal is gone" in line for line in daemon.log) == 1


async def test_without_any_terminal_toasts_are_on_the_bus_alone(
    client: Nats, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    daemon = daemon_process("lunix_toast", env={"LUNIX_TERMINAL": str(tmp_path / "gone")})
    assert "warning" in daemon.wait_for_log("the terminal cannot be opened")
    daemon.wait_for_log("none: toasts are on the bus alone")
    await show(client, b"hello")


def test_a_terminal_that_was_named_and_is_not_there_is_the_systems_error(
    daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    config = f'[toast]\nterminal = "{tmp_path / "gone"}"'
    daemon = daemon_process("lunix_toast", config=config, wait=False, may_fail=True)
    assert daemon.wait() == 111
    assert "No such file or directory" in daemon.log[-1]
    assert not daemon.tracebacks()


@pytest.mark.parametrize("terminal", ['"pts/1"', "-1"])
def test_a_terminal_that_makes_no_sense_is_wrong_usage(daemon_process: DaemonStarter, terminal: str) -> None:
    daemon = daemon_process("lunix_toast", config=f"[toast]\nterminal = {terminal}", wait=False, may_fail=True)
    assert daemon.wait() == 100
    assert "toast.terminal" in daemon.log[-1]


def test_a_relative_path_in_the_environment_is_wrong_usage(daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_toast", env={"LUNIX_TERMINAL": "pts/1"}, wait=False, may_fail=True)
    assert daemon.wait() == 100
    assert "LUNIX_TERMINAL" in daemon.log[-1]


def checked(daemon_process: DaemonStarter, *arguments: str, **more: str) -> str:
    daemon = daemon_process("lunix_toast", "--check", *arguments, wait=False, env=more)
    assert daemon.wait() == 0
    return daemon.output()


def test_check_says_where_toasts_would_be_shown(daemon_process: DaemonStarter, terminal: Terminal) -> None:
    assert f"shown on terminal: {terminal.path}\n" in checked(daemon_process, LUNIX_TERMINAL=terminal.path)
    assert "shown on none" in checked(daemon_process)


async def test_a_reload_takes_over_times_and_terminal(
    client: Nats, daemon_process: DaemonStarter, terminal: Terminal, tmp_path: Path
) -> None:
    daemon = daemon_process("lunix_toast")
    daemon.configure(f'[toast]\nterminal = "{terminal.path}"\nnormal_timeout_ms = 1234')
    await asyncio.to_thread(daemon.wait_for_log, f"terminal: {terminal.path}")
    answer = await client.request("toast.in", b"hello", timeout=30)
    assert not answer.headers
    await terminal.read_until("hello")
    listed = await client.request("toast.list", b"", timeout=30)
    assert b'"timeout_ms":1234' in listed.data
    daemon.configure(f'[toast]\nterminal = "{tmp_path / "gone"}"')
    await asyncio.to_thread(daemon.wait_for_log, "toasts stay where they were")
    await show(client, b"still here")
    await terminal.read_until("still here")
