"""lunix-login and real PAM: Debian's own stack, made by pam-auth-update from the profile that is shipped."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from lunix_testing.daemon import DaemonStarter
from lunix_testing.examples import Recorder
from lunix_testing.login import Desk, Files, desk
from lunix_testing.server import BusServer
from lunix_testing.tree import ROOT

pytestmark = [
    pytest.mark.root,
    pytest.mark.requires("program:pamtester", "program:pam-auth-update", "program:openssl", "user-namespace"),
]

HELPER = ROOT / "services/lunix_login/pam_helper.py"
PROFILE = ROOT / "services/lunix_login/pam-configs/lunix"
PASSWORD, UID = "correct horse", 54321


@dataclass
class Pam:
    """A machine's PAM, in a mount namespace of its own: what is run in there logs in as it does everywhere."""

    folder: Path
    socket: Path

    def __post_init__(self) -> None:
        self.etc = self.folder / "etc"
        for name in ("etc/pam.d", "var/lib/pam", "usr/share/pam-configs"):
            (self.folder / name).mkdir(parents=True)
        shutil.copytree("/usr/share/pam", self.folder / "usr/share/pam")
        shutil.copy("/usr/share/pam-configs/unix", self.folder / "usr/share/pam-configs")
        shutil.copy(PROFILE, self.folder / "usr/share/pam-configs")
        environ = {"DEBIAN_FRONTEND": "noninteractive", "PATH": os.environ["PATH"]}
        command = ("pam-auth-update", "--root", str(self.folder), "--package", "--force")
        subprocess.run(command, check=True, capture_output=True, env=environ, timeout=60)
        installed = f"{sys.executable} {HELPER} {self.socket}"
        for path in (self.etc / "pam.d").iterdir():
            path.write_text(path.read_text().replace("/usr/bin/lunix-login-pam", installed))
        includes = "".join(f"@include common-{kind}\n" for kind in ("auth", "account", "session"))
        (self.etc / "pam.d/trial").write_text(includes)
        (self.etc / "pam.d/su").write_text("auth sufficient pam_rootok.so\n" + includes)
        hashed = subprocess.run(("openssl", "passwd", "-6", PASSWORD), capture_output=True, text=True, check=True)
        (self.etc / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\nada:x:{UID}:{UID}::/:/bin/sh\n")
        (self.etc / "shadow").write_text(f"root:*:1:0:99999:7:::\nada:{hashed.stdout.strip()}:1:0:99999:7:::\n")

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a program in there; it reads what is typed from a pipe."""
        mounts = "; ".join(f"mount --bind {self.etc / name} /etc/{name}" for name in ("pam.d", "passwd", "shadow"))
        script = f'set -e; {mounts}; exec "$@"'
        return subprocess.Popen(
            ("unshare", "--mount", "sh", "-c", script, "sh", *command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str, typed: str = "") -> tuple[int, str]:
        """Run it to its end; returns its exit code and what it said."""
        process = self.start(*command)
        said, _ = process.communicate(typed, timeout=30)
        return process.returncode, said


@pytest.fixture
def pam(tmp_path: Path) -> Pam:
    return Pam(tmp_path / "root", tmp_path / "login" / "pam")


@pytest.fixture
async def login(bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path) -> AsyncIterator[Desk]:
    (tmp_path / "login").mkdir()
    async with desk(bus_server, daemon_process, Files(tmp_path / "login")) as found:
        yield found


async def test_a_login_is_told_from_beginning_to_end(login: Desk, pam: Pam, record_example: Recorder) -> None:
    command = ("pamtester", "-I", "rhost=192.0.2.7", "-I", "tty=/dev/pts/7", "trial", "ada")
    actions = ("authenticate", "open_session", "close_session")
    code, said = await asyncio.to_thread(pam.run, *command, *actions, typed=f"{PASSWORD}\n")
    assert code == 0, said
    opened = (await login.next("login.opened")).payload
    expected = {"user": "ada", "uid": UID, "service": "trial", "tty": "pts/7", "remote_host": "192.0.2.7"}
    # Its namespace has another directory of users, which the helper sees as PAM does.
    assert opened.items() >= {**expected, "source": "pam", "resync": False}.items()
    assert (await login.next("login.closed")).payload["id"] == opened["id"]
    assert not await login.listed()
    assert len(login.heard.items) == 2


async def test_a_refused_login_is_told_and_its_name_to_admins_alone(login: Desk, pam: Pam) -> None:
    command = ("pamtester", "-I", "rhost=203.0.113.9", "trial", "ada", "authenticate")
    code, said = await asyncio.to_thread(pam.run, *command, typed="wrong\n")
    assert code != 0, said
    failed = (await login.next("login.failed")).payload
    assert {name: failed.get(name) for name in ("service", "remote_host", "source", "user")} == {
        "service": "trial", "remote_host": "203.0.113.9", "source": "pam", "user": None,
    }  # fmt: skip
    assert (await login.heard_by_admin.next()).payload["user"] == "ada"
    code, said = await asyncio.to_thread(pam.run, "pamtester", "trial", "hunter2", "authenticate", typed="ada\n")
    assert code != 0, said
    await login.next("login.failed")
    names = await login.heard_by_admin.until(lambda event: event.payload.get("user") == "hunter2")
    assert names.subject == "login.failed.name"
    # The program writes it to btmp as well: that is not another refusal.
    login.files.refuse("ssh:notty", "hunter2", "203.0.113.9")
    login.files.refuse("tty9", "eve")
    assert (await login.next("login.failed")).payload["tty"] == "tty9"


async def test_su_is_a_session_that_ends_when_it_is_killed(login: Desk, pam: Pam) -> None:
    process = pam.start("su", "ada", "-c", "echo here; read line")
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "here\n"
    opened = (await login.next("login.opened")).payload
    assert (opened["service"], opened["user"], opened["leader_pid"]) == ("su", "ada", process.pid)
    assert await login.listed({"user": "ada"}) == [opened["id"]]
    process.kill()
    assert (await login.next("login.closed")).payload["id"] == opened["id"]
    await asyncio.to_thread(process.communicate)


async def test_nobody_is_kept_waiting_where_the_daemon_is_not_there(pam: Pam, tmp_path: Path) -> None:
    actions = ("authenticate", "open_session", "close_session")
    code, said = await asyncio.to_thread(pam.run, "pamtester", "trial", "ada", *actions, typed=f"{PASSWORD}\n")
    assert code == 0, said


def helper(path: Path, code: str = "", **environ: str) -> tuple[int, bytes]:
    """Run the helper as pam_exec does; returns its exit code and what it said."""
    # Read and imported before it becomes somebody else, to whom this checkout may be closed.
    program = f"import contextlib, os, pwd, signal, socket, sys; sys.argv = ['helper', {str(path)!r}]\n"
    program += f"source = open({str(HELPER)!r}).read()\n{code}\nexec(source, {{'__name__': '__main__'}})"
    done = subprocess.run((sys.executable, "-I", "-c", program), capture_output=True, env=environ, timeout=60)
    return done.returncode, done.stdout + done.stderr


OPEN = {"PAM_TYPE": "open_session", "PAM_USER": "root", "PAM_SERVICE": "trial"}


@pytest.fixture
def ear(tmp_path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(tmp_path / "ear"))
    listening.settimeout(30)
    return listening


def test_the_helper_never_fails(tmp_path: Path, ear: socket.socket) -> None:
    """Nobody listens; a file is in the place; nobody reads any more; it may not; it is not asked by PAM."""
    (tmp_path / "file").touch()
    with ear, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as flood:
        flood.setblocking(False)
        with suppress(BlockingIOError):
            for _ in range(100_000):
                flood.sendto(b"x", str(tmp_path / "ear"))
        for name in ("nothing", "file", "ear", "x" * 300):
            code, said = helper(tmp_path / name, **OPEN)
            assert (code, said) == (0, b"")
        assert helper(tmp_path / "ear", f"import os; os.setuid({UID})", **OPEN)[0] == 0
        assert helper(tmp_path / "ear")[0] == 0


def test_a_directory_of_users_that_hangs_holds_nobody_up(tmp_path: Path, ear: socket.socket) -> None:
    with ear:
        hangs = "import pwd, time; pwd.getpwnam = lambda name: time.sleep(3600)"
        code, _said = helper(tmp_path / "ear", hangs, **OPEN)
        assert code == 0
        assert b"UID=\0" in ear.recv(4096)


def test_whatever_hangs_it_is_gone_within_a_second_of_its_own(tmp_path: Path, ear: socket.socket) -> None:
    hangs = "import socket, time; socket.socket.connect = lambda self, path: time.sleep(3600)"
    with ear:
        code, _said = helper(tmp_path / "ear", hangs, **OPEN)
    assert code == 0


async def test_what_root_did_not_send_counts_for_nothing(login: Desk) -> None:
    # The folders above it are closed to others, and the socket too: one that is open before passes on to somebody.
    forger = f"""
import os, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
    sender.connect({str(login.files.socket)!r})
    os.setuid({UID})
    sender.send(b"PAM_TYPE=open_session\\0PAM_USER=forged\\0LEADER=1\\0")
"""
    await asyncio.to_thread(subprocess.run, (sys.executable, "-c", forger), check=True, timeout=30)
    line = await asyncio.to_thread(login.daemon.wait_for_log, "root did not send it")
    assert str(UID) in line
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"garbage", str(login.files.socket))
        sender.sendto(b"PAM_TYPE=auth\0" + b"x" * 9000, str(login.files.socket))
    await asyncio.to_thread(login.daemon.wait_for_log, "are no message of the helper")
    await asyncio.to_thread(lambda: helper(login.files.socket, **OPEN))
    opened = await login.next("login.opened")
    assert opened.payload["user"] == "root"
    # The helper's parent, which PAM would be, still runs: it is this process.
    assert opened.payload["leader_pid"] == os.getpid()


async def test_only_one_listens_and_a_crash_leaves_nothing_in_the_way(
    login: Desk, daemon_process: DaemonStarter, bus_server: BusServer
) -> None:
    assert login.files.socket.stat().st_mode & 0o777 == 0o600
    second = daemon_process("lunix_login", config=login.files.config, wait=False, may_fail=True)
    why = await asyncio.to_thread(second.wait_for_log, "another process listens there")
    assert f'"{login.files.socket}: another process' in why, "the number of an errno tells a person nothing"
    assert await asyncio.to_thread(second.wait) == 111
    login.daemon.may_fail = True
    login.daemon.signal(9)
    await asyncio.to_thread(login.daemon.wait)
    assert login.files.socket.exists()
    third = await asyncio.to_thread(daemon_process, "lunix_login", config=login.files.config)
    assert not any("nothing is heard from PAM" in line for line in third.log)
    assert await asyncio.to_thread(third.stop) == 0
    assert not login.files.socket.exists()


def test_an_ordinary_user_hears_the_rest() -> None:
    code = f"import os, sys, lunix_login.__main__ as it; os.setuid({UID}); sys.argv = ['login', '--check']; it.main()"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, timeout=30, env={"HOME": "/"})
    assert "PAM's helper is not heard: that needs root" in done.stdout, done.stderr
