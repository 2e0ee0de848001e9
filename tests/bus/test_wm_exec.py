"""lunix-wm starts programs: for whom, with what, and how their ends and what keeps them from beginning are told."""

import asyncio
import json
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.command import wait_until
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.examples import Recorder
from lunix_testing.server import BusServer
from lunix_testing.windows import Watcher, launcher

TELL = "import json, os, sys; json.dump([sys.argv[1:], dict(os.environ), os.getcwd()], open(sys.argv[1], 'w'))"


@pytest.fixture
async def seen(bus_server: BusServer) -> AsyncIterator[Watcher]:
    async with launcher(bus_server) as one:
        yield one


@pytest.fixture
def daemon(daemon_process: DaemonStarter, seen: Watcher, tmp_path: Path) -> Daemon:
    """lunix-wm with neither a display nor systemd."""
    return daemon_process(
        "lunix_wm", env={"HOME": str(tmp_path), "NOTIFY_SOCKET": "", "LISTEN_FDS": "3", "OF": "session"}
    )


async def told_by(seen: Watcher, file: Path, **request: object) -> tuple[list[str], dict[str, str], str]:
    """What a program sees of itself."""
    started = await seen.ask("wm.exec", {"argv": ["python3", "-c", TELL, str(file), "a b", "$HOME;`id`"], **request})
    assert (await seen.event("exited", pid=started["pid"]))["exit_code"] == 0, started
    arguments, env, cwd = json.loads(file.read_text())  # noqa: ASYNC240
    return arguments, env, cwd


async def is_run(pid: int, words: bytes) -> None:
    """Return when a process has this command line: the kernel tells of an execve(2) before it is there to be read."""
    file = Path(f"/proc/{pid}/cmdline")
    await asyncio.to_thread(wait_until, lambda: file.read_bytes() == words, f"that {pid} runs {words!r}")


async def test_a_program_runs_and_its_end_is_told(daemon: Daemon, seen: Watcher, record_example: Recorder) -> None:
    started = await seen.ask("wm.exec", b"sleep '600'")
    await is_run(started["pid"], b"sleep\x00600\x00")
    assert started["program"] == "sleep"
    # A session and process group of its own: it can be ended whole, and no terminal of ours ends it.
    assert os.getpgid(started["pid"]) == os.getsid(started["pid"]) == started["pid"]
    os.killpg(started["pid"], signal.SIGTERM)
    exited = await seen.event("exited", pid=started["pid"])
    assert (exited["signal"], exited.get("exit_code"), exited["core_dumped"]) == ("SIGTERM", None, False)
    assert exited["runtime_s"] > 0
    record_example("wm.exec", "sleep '600'", reply=started)
    record_example("wm.exited", exited, headers=seen.heard.items[-1][2])


async def test_it_gets_its_words_variables_and_directory(daemon: Daemon, seen: Watcher, tmp_path: Path) -> None:
    file, folder = tmp_path / "told", tmp_path / "folder"
    folder.mkdir()
    arguments, env, cwd = await told_by(seen, file, env={"MINE": "1=2", "OF": "request"}, cwd=str(folder))
    assert arguments == [str(file), "a b", "$HOME;`id`"]
    assert (env["MINE"], env["OF"], env["HOME"]) == ("1=2", "request", str(tmp_path))
    assert cwd == str(folder)
    assert not [name for name in env if name.startswith(("NOTIFY_", "LISTEN_", "NATS_"))]
    _, env, cwd = await told_by(seen, file)
    assert (env["OF"], cwd) == ("session", str(tmp_path))


async def test_a_line_is_taken_apart_as_a_shell_does_and_no_shell_sees_it(
    daemon: Daemon, seen: Watcher, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    line = f"touch '{tmp_path}/a b' \"{tmp_path}/c;touch {victim}\" {tmp_path}/$(id)"
    # That there is no folder of such a name is what touch finds: the words reach it as they are.
    started = await seen.ask("wm.exec", {"command": line})
    exited = await seen.event("exited", pid=started["pid"])
    assert exited["exit_code"] == 1
    assert (tmp_path / "a b").exists()
    assert (tmp_path / "$(id)").exists()
    assert not victim.exists()


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"argv": ["no-such-program"]}, 404, "no-such-program: No such file or directory (ENOENT)"),
    ({"argv": ["/etc/passwd"]}, 403, "/etc/passwd: Permission denied (EACCES)"),
    ({"argv": ["true"], "cwd": "/none"}, 404, "/none: No such file or directory (ENOENT)"),
    ({"argv": ["true", "x" * 131_072]}, 400, "(E2BIG)"),
    ({"argv": ["true"], "cwd": "none"}, 400, "cwd 'none' is not absolute"),
    ({"argv": ["true"], "command": "true"}, 400, "either command or argv"),
    ({}, 400, "either command or argv"),
    ({"command": "'"}, 400, "No closing quotation"),
    ({"command": " "}, 400, "names no program"),
    ({"argv": ["a\0b"]}, 400, "NUL"),
    ({"argv": ["true"], "env": {"A=B": "c"}}, 400, "no name of a variable"),
    ({"argv": []}, 400, "argv"),
]


async def test_what_cannot_be_started_is_told_with_the_reason(daemon: Daemon, seen: Watcher) -> None:
    for request, code, said in REFUSED:
        error = (await seen.ask("wm.exec", request))["error"]
        assert error["code"] == code, request
        assert said in error["message"]
    assert (await seen.ask("wm.list"))["items"] == []


async def test_a_script_without_an_interpreter_is_told_by_its_errno(
    daemon: Daemon, seen: Watcher, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_bytes(b"\x7fELF is what it says")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    error = (await seen.ask("wm.exec", {"argv": [str(script)]}))["error"]
    assert "ENOEXEC" in error["message"]
    assert str(script) in error["message"]
    await asyncio.to_thread(daemon.wait_for_log, "a program was not started")


async def test_there_is_a_bound_to_how_many_run(daemon_process: DaemonStarter, seen: Watcher) -> None:
    daemon_process("lunix_wm", config="[wm]\nmost_programs = 2")
    pids = [(await seen.ask("wm.exec", b"sleep 600"))["pid"] for _ in range(2)]
    assert (await seen.ask("wm.exec", b"sleep 600"))["error"]["code"] == 429
    os.kill(pids[0], signal.SIGKILL)
    assert (await seen.event("exited", pid=pids[0]))["signal"] == "SIGKILL"
    third = await seen.ask("wm.exec", b"true")
    await seen.event("exited", pid=third["pid"])
    os.kill(pids[1], signal.SIGKILL)
    await seen.event("exited", pid=pids[1])


async def test_programs_outlive_the_daemon(daemon: Daemon, seen: Watcher) -> None:
    pid = (await seen.ask("wm.exec", b"sleep 600"))["pid"]
    descriptor = os.pidfd_open(pid)
    try:
        assert daemon.stop() == 0
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    finally:
        os.close(descriptor)


async def test_systemd_is_asked_where_that_is_demanded(daemon_process: DaemonStarter, seen: Watcher) -> None:
    daemon_process("lunix_wm", config='[wm]\nscope = "systemd"')
    error = (await seen.ask("wm.exec", b"true"))["error"]
    assert (error["code"], error["message"]) == (503, "systemd's user manager does not run here")


async def test_nobody_starts_programs_without_the_grant(daemon: Daemon, bus_server: BusServer) -> None:
    for identity in ("observer", "user", "admin"):
        refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def note(error: Exception, refused: "asyncio.Future[str]" = refused) -> None:
            if not refused.done():
                refused.set_result(str(error).lower())

        client = await bus_server.connect(identity, error_cb=note)
        await client.publish("wm.exec", b"true")
        assert 'permissions violation for publish to "wm.exec"' in await asyncio.wait_for(refused, 30)
        await client.close()


async def test_without_a_display_there_are_no_windows_and_it_says_why(daemon: Daemon, seen: Watcher) -> None:
    assert (await seen.ask("wm.list"))["items"] == []
    error = (await seen.ask("wm.focus", b"x11:1"))["error"]
    assert (error["code"], error["message"]) == (
        503,
        "there are no windows: this session has no display: DISPLAY is not set",
    )
    assert "DISPLAY" in (await seen.ask("$SRV.PING.wm"))["metadata"]["off.windows"]


TAKES = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
REFUSES = "echo Failed to connect to bus >&2; exit 1"


def in_a_session(folder: Path, script: str) -> dict[str, str]:
    """A session that seems to have systemd's user manager; what stands in for systemd-run does what the script says."""
    for name in ("bin", "run/systemd"):
        (folder / name).mkdir(parents=True)
    (folder / "run/systemd/private").touch()
    program = folder / "bin/systemd-run"
    program.write_text(f'#!/bin/sh\necho "$*" >{folder}/asked\n{script}\n')
    program.chmod(0o755)
    return {"XDG_RUNTIME_DIR": str(folder / "run"), "PATH": f"{folder}/bin:{os.environ['PATH']}"}


async def test_what_systemd_run_takes_keeps_its_number_and_is_in_a_scope(
    daemon_process: DaemonStarter, seen: Watcher, tmp_path: Path
) -> None:
    daemon_process("lunix_wm", env=in_a_session(tmp_path / "session", TAKES))
    started = await seen.ask("wm.exec", {"argv": ["sleep", "600"]})
    assert started["scope"].startswith("app-lunix-sleep-")
    asked = (tmp_path / "session/asked").read_text()
    assert asked.startswith(f"--user --scope --quiet --collect --unit={started['scope']} --description=sleep -- ")
    await is_run(started["pid"], b"sleep\x00600\x00")
    os.kill(started["pid"], signal.SIGKILL)
    assert (await seen.event("exited", pid=started["pid"]))["scope"] == started["scope"]
    for argv, cwd, said in (
        (["no-such-program"], "/", "no-such-program: No such file or directory (ENOENT)"),
        (["/etc/passwd"], "/", "(EACCES)"),
        (["true"], "/none", "/none: No such file or directory (ENOENT)"),
    ):
        assert said in (await seen.ask("wm.exec", {"argv": argv, "cwd": cwd}))["error"]["message"]


@pytest.mark.parametrize(("scope", "runs"), [("auto", True), ("systemd", False)])
async def test_what_systemd_run_refuses_runs_without_a_scope_or_not_at_all(
    daemon_process: DaemonStarter, seen: Watcher, tmp_path: Path, scope: str, runs: bool
) -> None:
    env = in_a_session(tmp_path / "session", REFUSES)
    daemon = daemon_process("lunix_wm", config=f'[wm]\nscope = "{scope}"', env=env)
    answer = await seen.ask("wm.exec", b"true")
    if runs:
        assert "scope" not in answer
        await asyncio.to_thread(daemon.wait_for_log, "Failed to connect to bus")
        await seen.event("exited", pid=answer["pid"])
    else:
        assert answer["error"] == {"code": 503, "message": "systemd-run: Failed to connect to bus"}
