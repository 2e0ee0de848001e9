"""How ``lunix_common.daemon`` runs a story to its end, whatever that story does: small daemons of one trait each."""

import signal
from pathlib import Path

import pytest

from lunix_testing.daemon import Daemon, DaemonStarter, NotifySocket

FRAME = """
import argparse, asyncio, sys, time
from lunix_common.daemon import Context, Settings, Spec, run
from lunix_common.errors import UsageError

class Mine(Settings):
    speed: int = 7

def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--speed", type=int)

def check(settings: Mine):
    if settings.speed > 100:
        raise UsageError("speed is above 100")
    yield f"as fast as {settings.speed}"

async def fail(error: Exception) -> None:
    raise error

async def serve(context: Context[Mine]) -> None:
"""
RUN = '\nrun(Spec("toast", "A daemon of one trait.", Mine, serve, check=check, arguments=flags, acts=True))\n'


class Stories:
    """Starts a daemon whose story is the given lines."""

    def __init__(self, starter: DaemonStarter, folder: Path) -> None:
        self._starter = starter
        self._folder = folder

    def __call__(self, *lines: str, arguments: tuple[str, ...] = (), wait: bool = False, **env: str) -> Daemon:
        script = self._folder / "story.py"
        script.write_text(FRAME + "".join(f"    {line}\n" for line in lines) + RUN, encoding="utf-8")
        return self._starter(script, *arguments, env=env, wait=wait, may_fail=True)


@pytest.fixture
def story(daemon_process: DaemonStarter, tmp_path: Path) -> Stories:
    return Stories(daemon_process, tmp_path)


READY = "await context.ready()"
FOREVER = "await asyncio.Event().wait()"


def test_a_story_that_ends_is_exit_0(story: Stories) -> None:
    daemon = story(READY, wait=True)
    assert daemon.wait() == 0
    assert not daemon.tracebacks()


def test_a_defect_is_111_with_a_traceback(story: Stories) -> None:
    daemon = story(READY, "raise KeyError('x')")
    assert daemon.wait() == 111
    assert "stopped by a defect" in daemon.log[-1]
    assert daemon.tracebacks()


def test_a_defect_in_a_task_is_111_with_a_traceback(story: Stories) -> None:
    daemon = story(READY, "context.tasks.create_task(fail(KeyError('x')))", FOREVER)
    assert daemon.wait() == 111
    assert daemon.tracebacks()


def test_what_the_system_refuses_in_a_task_within_a_group_is_111_and_one_sentence(story: Stories) -> None:
    daemon = story(
        READY,
        "async with asyncio.TaskGroup() as group:",
        "    group.create_task(fail(PermissionError(13, 'Permission denied', '/dev/x')))",
    )
    assert daemon.wait() == 111
    assert "/dev/x: Permission denied" in daemon.log[-1]
    assert not daemon.tracebacks()


def test_wrong_usage_that_the_story_finds_is_100(story: Stories) -> None:
    daemon = story("raise UsageError('write it otherwise')")
    assert daemon.wait() == 100
    assert "write it otherwise" in daemon.log[-1]
    assert not daemon.tracebacks()


def test_a_story_that_hangs_when_it_is_asked_to_stop_is_gone_all_the_same(story: Stories) -> None:
    daemon = story(READY, "try: await asyncio.Event().wait()", "finally: await asyncio.sleep(600)", wait=True)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert "did not stop in time" in daemon.log[-1]


def test_a_reload_before_readiness_is_told_when_it_is_ready(story: Stories, notify_socket: NotifySocket) -> None:
    daemon = story(
        "context.log.info('here')",
        "await context.reload.wait()",
        READY,
        FOREVER,
        NOTIFY_SOCKET=str(notify_socket.path),
    )
    daemon.wait_for_log("here")
    daemon.signal(signal.SIGHUP)
    notify_socket.wait_for("RELOADING=1")
    notify_socket.wait_for("READY=1")
    assert notify_socket.told.count("READY=1") == 1
    assert daemon.stop() == 0


def test_a_flag_of_its_own_is_stronger_than_the_environment_and_the_file(story: Stories) -> None:
    told = ("context.log.info(f'speed {context.settings.speed}')",)
    assert story(*told, LUNIX_TOAST_SPEED="8").wait_for_log("speed 8")
    assert story(*told, arguments=("--speed", "9"), LUNIX_TOAST_SPEED="8").wait_for_log("speed 9")


def test_a_dry_run_is_known_to_the_story(story: Stories) -> None:
    assert story("context.log.info(f'dry {context.dry_run}')", arguments=("--dry-run",)).wait_for_log("dry True")


def test_check_asks_the_daemon_too(story: Stories) -> None:
    good = story("pass", arguments=("--check",))
    assert good.wait() == 0
    assert good.output().endswith("toast.speed = 7\nas fast as 7\n")
    bad = story("pass", arguments=("--check", "--speed", "101"))
    assert bad.wait() == 100
    assert "speed is above 100" in bad.log[-1]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_it_runs_on_either_loop(story: Stories, loop: str) -> None:
    daemon = story("context.log.info(type(asyncio.get_running_loop()).__module__)", READY, FOREVER, LUNIX_LOOP=loop)
    daemon.wait_for_log("uvloop" if loop == "uvloop" else "asyncio.unix_events")
    daemon.wait_ready()
    assert daemon.stop() == 0
    assert not daemon.tracebacks()


def test_without_uvloop_it_runs_on_asyncios_loop(story: Stories, tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError", encoding="utf-8")
    daemon = story("context.log.info(type(asyncio.get_running_loop()).__module__)", READY, PYTHONPATH=str(tmp_path))
    daemon.wait_for_log("asyncio.unix_events")
    assert daemon.wait() == 0
