"""``lunix sub``, ``pub``, ``request`` and ``env`` from outside, with a plain client on the other end of the bus."""

import asyncio
import json
import os
import pty
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_cli.sub import as_object
from lunix_testing.command import DEADLINE, SCRIPT, LunixUp, Running, environ, lunix
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.command import shared_up as shared_up
from lunix_testing.deadline import Inbox


def sub(up: LunixUp, *arguments: str) -> Running:
    """A ``lunix sub`` that listens already."""
    running = Running(("sub", "--state", str(up.state), *arguments))
    running.line("listening for", "err")
    return running


class Screen:
    """A ``lunix sub`` in front of a person, that listens already."""

    def __init__(self, up: LunixUp, *arguments: str, env: Mapping[str, str]) -> None:
        self._person, program = pty.openpty()
        self._sub = subprocess.Popen(
            [str(SCRIPT), "sub", "--state", str(up.state), *arguments],
            env=environ({"TERM": "xterm-256color", **env}),
            stdin=subprocess.DEVNULL,
            stdout=program,
            stderr=subprocess.PIPE,
        )
        os.close(program)
        assert self._sub.stderr is not None
        assert b"listening for" in self._sub.stderr.readline()

    def wait(self) -> str:
        """What it showed to its end."""
        shown = b""
        with suppress(OSError):  # the kernel's way to say that nobody has the terminal open any more
            while chunk := os.read(self._person, 65536):
                shown += chunk
        os.close(self._person)
        with self._sub:
            assert self._sub.wait(DEADLINE) == 0
        return shown.decode()


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_sub_shows_colours_to_who_wants_them(shared_up: LunixUp, env: dict[str, str], coloured: bool) -> None:
    screen = Screen(shared_up, "--count", "1", "user.tea", env=env)
    assert shared_up("pub", "user.tea", "is ready").code == 0
    shown = screen.wait()
    assert "user.tea" in shown
    assert ("\x1b[" in shown) is coloured


# --- pub ------------------------------------------------------------------------------------------------------------


async def test_pub_sends_the_bytes_of_its_argument(shared_up: LunixUp) -> None:
    inbox = Inbox[Msg]()
    client = await shared_up.connect("user")
    try:
        await client.subscribe("user.>", cb=inbox.put_async)
        await client.flush()
        said = await asyncio.to_thread(shared_up, "pub", "user.greeting", "grüß Gott")
        assert (said.code, said.out, said.err) == (0, "", "")
        piped = await asyncio.to_thread(lambda: shared_up("pub", "user.piped", "-", stdin="from a pipe"))
        assert piped.code == 0
        nothing = await asyncio.to_thread(shared_up, "pub", "user.nothing")
        assert nothing.code == 0
        arrived = await inbox.count(3)
    finally:
        await client.close()
    assert [(message.subject, message.data) for message in arrived] == [
        ("user.greeting", "grüß Gott".encode()),
        ("user.piped", b"from a pipe"),
        ("user.nothing", b""),
    ]


@pytest.mark.parametrize("role", ["observer", "user", "admin"])
def test_pub_sees_the_refusal_of_the_server(shared_up: LunixUp, role: str) -> None:
    said = shared_up("pub", "hardware.usb.add", "{}", "--role", role)
    assert said.code == 1
    assert f"the role {role} may not send hardware.usb.add: it is an event" in said.err
    assert "`lunix sub hardware.usb.add`" in said.err


def test_pub_says_what_the_bus_can_never_take(shared_up: LunixUp) -> None:
    said = shared_up("pub", "user.big", "-", stdin="x" * (1 << 20) + "y")
    assert said.code == 100
    assert "maximum payload" in said.err


def test_pub_tells_that_nobody_is_there_who_takes_it(shared_up: LunixUp) -> None:
    said = shared_up("pub", "mqtt.lamp.on", "please", "--role", "user")
    assert said.code == 1
    assert "nobody takes mqtt.lamp.on: mqtt does not run; `lunix status` tells why" in said.err
    assert shared_up("pub", "user.lamp.on", "please", "--role", "user").code == 0


@pytest.mark.parametrize(
    ("subject", "what"),
    [
        ("a..b", "empty token"),
        ("a.b c", "space or a control character"),
        ("a.\x1b", "space or a control character"),
        ("a.*", "stands for many subjects"),
        ("a.>", "stands for many subjects"),
        ("a." + "b" * 1100, "longer than 1024"),
    ],
)
def test_a_subject_that_could_not_be_sent_is_refused_before_the_bus(subject: str, what: str) -> None:
    said = lunix("pub", subject, "x")
    assert said.code == 100
    assert what in said.err
    assert "\x1b" not in said.err


def test_pub_imports_no_models() -> None:
    code = (
        "import sys; from lunix_cli.__main__ import main; main(['pub', 'user.x', '--bus', 'nats://127.0.0.1:1']); "
        "print([name for name in ('pydantic', 'uvloop', 'lunix_common.bus.connection') if name in sys.modules])"
    )
    python = SCRIPT.parent / "python"
    done = subprocess.run((python, "-c", code), capture_output=True, text=True, check=True, env=environ())
    assert done.stdout == "[]\n"


# --- request --------------------------------------------------------------------------------------------------------


def test_request_prints_the_answer_as_one_line_of_json(shared_up: LunixUp) -> None:
    said = shared_up("request", "hardware.list", '{"subsystem": "net", "name": "lo"}')
    assert said.code == 0
    assert [item["name"] for item in json.loads(said.out)["items"]] == ["lo"]
    assert said.out.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("hardware.get", "/dev/nothing-here"), "error 404"),
        (
            ("toast.in", '{"summry": 1}'),
            "Field required; `lunix subjects --schema toast.in` tells",
        ),
        (("user.nobody",), "nobody answers user.nobody"),
        (("user.nobody",), "`lunix status` tells what runs (error 503)"),
        (("hardware.lst",), "did you mean hardware.lost or hardware.list?"),
        (("hardware.trigger", "{}", "--role", "observer"), "the role observer may not send hardware.trigger"),
        (("hardware.settle", "{}", "--timeout", "0.000001"), "no answer on hardware.settle within"),
    ],
)
def test_an_error_goes_to_stderr_with_exit_code_1(shared_up: LunixUp, arguments: tuple[str, ...], error: str) -> None:
    said = shared_up("request", *arguments)
    assert (said.code, said.out) == (1, "")
    assert error in said.err
    assert said.err.count("\n") == 1


def test_a_request_needs_some_time() -> None:
    assert lunix("request", "a.b", "--timeout", "0").code == 100


async def test_an_answer_that_is_not_json_is_an_error(shared_up: LunixUp) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b"<html>")

    client = await shared_up.connect("user")
    try:
        await client.subscribe("user.web", cb=answer)
        await client.flush()
        said = await asyncio.to_thread(shared_up, "request", "user.web", "--role", "user")
    finally:
        await client.close()
    assert said.code == 1
    assert "is not JSON" in said.err


def test_on_a_terminal_the_answer_is_indented_and_harmless(shared_up: LunixUp) -> None:
    assert shared_up("pub", "toast.in", "\x9b31m\u202ered").code == 0
    script = f"{SCRIPT} request --state {shared_up.state} toast.list"
    done = subprocess.run(
        ("script", "-qec", script, "/dev/null"),
        env=environ(),
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    text = done.stdout.decode()
    assert '\r\n  "items": [' in text
    assert "\\x9b31m\\u202ered" in text
    assert "\x9b" not in text
    assert "\u202e" not in text


# --- sub ------------------------------------------------------------------------------------------------------------


def test_sub_shows_a_line_for_people(shared_up: LunixUp) -> None:
    listening = sub(shared_up, "toast.shown", "--count", "1")
    shared_up("pub", "toast.in", "tea \x1b]0;x\x07 is ready")
    line = listening.line()
    assert listening.process.wait(30) == 0
    listening.close()
    assert "toast.shown" in line
    assert '"tea \\x1b]0;x\\x07 is ready"' in line
    assert "\x1b" not in line


def test_sub_gives_programs_an_object_a_line(shared_up: LunixUp) -> None:
    listening = sub(shared_up, "--json", "toast.shown", "user.raw", "--count", "2")
    shared_up("pub", "toast.in", "for programs")
    shown = json.loads(listening.line())
    shared_up("pub", "user.raw", "no json")
    raw = json.loads(listening.line())
    listening.close()
    assert shown["payload"]["summary"] == "for programs"
    assert shown["headers"]["Lunix-Source"] == "toast"
    assert shown["time"].endswith("Z")
    assert (raw["subject"], raw["text"]) == ("user.raw", "no json")


async def test_sub_shows_what_came_in_one_piece_for_several_subjects_in_its_order(shared_up: LunixUp) -> None:
    running = sub(shared_up, "--json", "user.on", "user.off")
    client = await shared_up.connect("user")
    running.process.send_signal(signal.SIGSTOP)
    for number in range(10):
        await client.publish("user.off" if number % 2 else "user.on", b"%d" % number)
    await client.flush()
    running.process.send_signal(signal.SIGCONT)
    lines = [await asyncio.to_thread(running.line) for _ in range(10)]
    assert [json.loads(line)["payload"] for line in lines] == list(range(10))
    assert running.stop() == 130
    running.close()
    await client.close()


def test_sub_shows_headers_below_each_message(shared_up: LunixUp) -> None:
    listening = sub(shared_up, "--headers", "toast.shown", "--count", "1")
    shared_up("pub", "toast.in", "x")
    listening.line("toast.shown")
    assert listening.line("Lunix-Source") == "    Lunix-Source: toast"
    listening.close()


def test_sub_is_told_when_its_role_may_not_see_the_subject(shared_up: LunixUp) -> None:
    said = shared_up("sub", "toast.shown", "--role", "observer")
    assert said.code == 1
    assert "the role observer may not see toast.shown" in said.err


def test_sub_doubts_a_subject_that_nobody_declared_and_listens_all_the_same(shared_up: LunixUp) -> None:
    listening = Running(("sub", "--state", str(shared_up.state), "hardwar.>", "toast.shown", "--count", "1"))
    assert listening.line("hardwar.>", "err").endswith("nothing of that name is declared; did you mean hardware.>?")
    listening.line("listening for", "err")
    shared_up("pub", "toast.in", "x")
    listening.line("toast.shown")
    listening.close()


def test_sub_to_everything_leaves_out_the_answers_to_others(shared_up: LunixUp) -> None:
    listening = sub(shared_up, ">", "--role", "user")
    shared_up("request", "toast.list", "--role", "user")
    shared_up("pub", "user.last", "--role", "user")
    listening.line("user.last")
    listening.stop()
    listening.close()
    assert not [line for line in listening.lines["out"] if "_INBOX" in line]


def test_ctrl_c_ends_sub_without_a_traceback(shared_up: LunixUp) -> None:
    listening = sub(shared_up, "user.>")
    assert listening.stop(signal.SIGINT) == 130
    assert listening.process.stderr is not None
    assert listening.process.stderr.read() == b""
    listening.close()


def test_sub_ends_quietly_when_its_reader_has_enough(shared_up: LunixUp) -> None:
    listening = sub(shared_up, "user.>")
    assert listening.process.stdout is not None
    listening.process.stdout.close()
    shared_up("pub", "user.unread")
    assert listening.process.wait(30) == 1
    assert listening.process.stderr is not None
    assert listening.process.stderr.read() == b""
    listening.process.stderr.close()


def test_sub_goes_on_when_the_server_was_killed(lunix_up: Callable[..., LunixUp]) -> None:
    up = lunix_up("--port", "0", "--only", "toast")
    listening = sub(up, "toast.shown")
    os.kill(up.record["bus"]["pid"], signal.SIGKILL)
    listening.line("away; waiting for it", "err")
    listening.line("listening for", "err")
    end = time.monotonic() + 60
    while up("request", "toast.in", "back again").code:
        assert time.monotonic() < end
    listening.line("back again")
    listening.stop()
    listening.close()


@pytest.mark.parametrize(("arguments", "what"), [(("a.>.b",), "last token"), (("a", "--count", "0"), "above 0")])
def test_sub_says_what_is_wrong_with_its_arguments(arguments: tuple[str, ...], what: str) -> None:
    said = lunix("sub", *arguments)
    assert said.code == 100
    assert what in said.err


# --- the bus is away ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [("pub", "user.x"), ("request", "toast.list"), ("sub", "user.>"), ("status",)], ids=lambda a: a[0]
)
def test_without_a_bus_a_command_says_how_to_start_it(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = lunix(*arguments, "--state", str(tmp_path), "--bus", "nats://127.0.0.1:1")
    assert said.code == 111
    assert said.err == "lunix: no bus at nats://127.0.0.1:1: start it with `lunix up`\n"


def test_a_bus_that_is_silent_is_not_called_away(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"nats://127.0.0.1:{silent.getsockname()[1]}"
        said = lunix("pub", "user.x", "--state", str(tmp_path), "--bus", url)
    assert (said.code, said.err) == (111, f"lunix: the bus at {url} does not answer; try again\n")


def test_a_bus_that_knows_nobody_of_us_is_told_as_such(shared_up: LunixUp, tmp_path: Path) -> None:
    said = lunix("pub", "user.x", "--state", str(tmp_path), "--bus", shared_up.url)
    assert said.code == 111
    assert "refuses lunix-pub without a key" in said.err
    assert "lunix doctor" in said.err


def test_the_role_is_the_highest_whose_key_is_there_unless_told(shared_up: LunixUp) -> None:
    roles = [
        json.loads(shared_up("status", "--json", *more).out)["bus"]["role"]
        for more in ((), ("--role", "user"), ("--role", "observer"))
    ]
    assert roles == ["admin", "user", "observer"]
    unknown = shared_up("pub", "user.x", "--role", "king")
    assert unknown.code == 100
    assert "there is no key for 'king'" in unknown.err
    assert {"admin", "natsdev", "observer", "toast", "user"} <= set(
        unknown.err.strip().split(": there are ")[1].split(", ")
    )


def test_a_flag_counts_more_than_the_environment(shared_up: LunixUp) -> None:
    stale = {"LUNIX_BUS": "nats://127.0.0.1:1", "NATS_URL": "nats://127.0.0.1:1", "NATS_NKEY": "/nonexistent.nk"}
    assert lunix("pub", "--state", str(shared_up.state), "user.x", env=stale).code == 0
    said = lunix("env", "--state", str(shared_up.state), env=stale)
    assert f"export NATS_URL={shared_up.url}" in said.out.replace("'", "")


def test_env_without_keys_says_where_they_come_from(tmp_path: Path) -> None:
    said = lunix("env", "--state", str(tmp_path))
    assert (said.code, said.out) == (100, "")
    assert "lunix up" in said.err


def test_env_quotes_for_the_shell(shared_up: LunixUp, tmp_path: Path) -> None:
    state = tmp_path / "with spaces; and more"
    (state / "keys").mkdir(parents=True)
    (state / "keys" / "admin.nk").write_bytes((shared_up.state / "keys" / "admin.nk").read_bytes())
    script = f'eval "$(lunix env --state "$DIR" --bus {shared_up.url})"; printf %s "$NATS_NKEY"'
    done = subprocess.run(
        ("bash", "-ec", script), env=environ({"DIR": str(state)}), capture_output=True, text=True, check=True
    )
    assert done.stdout == str(state / "keys" / "admin.nk")


def test_the_object_of_a_message_has_its_payload_decoded() -> None:
    from datetime import UTC, datetime

    moment = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
    assert as_object("a.b", b'{"x": 1}', {}, moment) == {
        "subject": "a.b",
        "time": "2026-01-02T03:04:05.000006Z",
        "headers": {},
        "payload": {"x": 1},
    }
