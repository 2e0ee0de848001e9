"""lunix-log and the programs that people log with, each the real one, in a room where /dev/log is nobody's."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lunix_testing.daemon import DaemonStarter, NotifySocket
from lunix_testing.log_desk import LogDesk, log_desk
from lunix_testing.rooms import room
from lunix_testing.server import BusServer

LOG = Path("/dev/log")
MANY = 3000

pytestmark = [
    pytest.mark.root,
    pytest.mark.requires("netns", "program:logger", "program:busybox", "program:rsyslogd"),
]


@pytest.fixture
def own_room(tmp_path: Path) -> Iterator[None]:
    with room(tmp_path):
        LOG.unlink(missing_ok=True)
        yield


@pytest.fixture
async def desk(
    own_room: None, bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> AsyncIterator[LogDesk]:
    config = "udp_port = 0\ntcp_port = 0\nburst = 0"
    async with log_desk(bus_server, daemon_process, tmp_path, config, path=LOG) as desk:
        yield desk


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, command


async def test_both_loggers_and_the_c_library_write_to_dev_log(desk: LogDesk) -> None:
    assert inode()
    await run("logger", "-p", "auth.warning", "-t", "door", "--id=77", "by util-linux")
    heard = await desk.saying("by util-linux")
    assert heard.subject == "log.auth.warning"
    assert (heard.payload["app"], heard.payload["process"], heard.payload["uid"]) == ("door", "77", 0)
    await run("busybox", "logger", "-p", "local3.err", "-t", "box", "by busybox")
    heard = await desk.saying("by busybox")
    assert (heard.subject, heard.payload["app"]) == ("log.local3.err", "box")
    code = "import syslog; syslog.openlog('lib', syslog.LOG_PID, syslog.LOG_CRON); syslog.syslog(7, 'by the C library')"
    process = await asyncio.create_subprocess_exec("/usr/bin/env", "python3", "-c", code)
    await process.wait()
    heard = await desk.saying("by the C library")
    assert (heard.subject, heard.payload["pid"]) == ("log.cron.debug", process.pid)
    assert heard.payload["process"] == str(process.pid)


async def test_a_user_is_told_as_the_kernel_knows_it(desk: LogDesk) -> None:
    await run("setpriv", "--reuid", "54321", "--clear-groups", "logger", "-t", "root", "by somebody")
    assert (await desk.saying("by somebody")).payload["uid"] == 54321


async def test_logger_writes_structured_data(desk: LogDesk) -> None:
    data = ["--sd-id", "zoo@123", "--sd-param", 'tiger="hun\\"gry"', "--sd-param", 'zebra="running"']
    await run("logger", "--rfc5424=notq", *data, "--msgid", "M1", "-t", "zoo", "structured")
    about = (await desk.saying("structured")).payload
    assert (about["format"], about["app"], about["message_id"]) == ("rfc5424", "zoo", "M1")
    assert about["structured"]["zoo@123"] == {"tiger": 'hun"gry', "zebra": "running"}
    assert about["happened_at"] <= about["received_at"]


@pytest.mark.parametrize("how", [["-d"], ["-T"], ["-T", "--octet-count"]], ids=["udp", "tcp", "counted"])
@pytest.mark.parametrize("form", ["--rfc3164", "--rfc5424"])
async def test_logger_writes_by_the_network(desk: LogDesk, how: list[str], form: str) -> None:
    by = "udp" if how == ["-d"] else "tcp"
    where = ["-n", "127.0.0.1", "-P", str(await desk.port(by))]
    await run("logger", *where, *how, form, "-p", "mail.crit", "-t", "net", "over the wire")
    heard = await desk.saying("over the wire")
    about = heard.payload
    assert heard.subject == "log.mail.crit"
    assert (about["source"], about["app"], about["format"]) == (by, "net", form.removeprefix("--"))
    assert about["host"] == os.uname().nodename.partition(".")[0]
    assert about["text"] == "over the wire"


@contextmanager
def rsyslog(folder: Path, config: str, socket: Path) -> Generator[subprocess.Popen[bytes]]:
    """A running rsyslog that takes what is written to a socket, and does with it as ``config`` says."""
    folder.mkdir()
    file = folder / "rsyslog.conf"
    file.write_text(
        f'global(workDirectory="{folder}")\n'
        f'module(load="imuxsock" SysSock.Use="off")\n'
        f'input(type="imuxsock" Socket="{socket}" RateLimit.Interval="0")\n{config}\n',
        encoding="utf-8",
    )
    supervisor = NotifySocket(folder / "notify")
    process = subprocess.Popen(
        ["rsyslogd", "-n", "-f", str(file), "-i", str(folder / "pid")],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "NOTIFY_SOCKET": str(supervisor.path)},
    )
    try:
        supervisor.wait_for("READY=1")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        supervisor.close()


def inode() -> int:
    return LOG.lstat().st_ino


@pytest.mark.parametrize(
    ("by", "options", "form"),
    [
        ("udp", 'protocol="udp"', "rfc3164"),
        ("tcp", 'protocol="tcp"', "rfc3164"),
        ("tcp", 'protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"', "rfc5424"),
        ("tcp", 'protocol="tcp" template="RSYSLOG_ForwardFormat"', "rfc3164"),
    ],
)
async def test_rsyslog_forwards(desk: LogDesk, tmp_path: Path, by: str, options: str, form: str) -> None:
    port = await desk.port(by)
    socket = tmp_path / "rs.sock"
    action = f'*.* action(type="omfwd" target="127.0.0.1" port="{port}" {options})'
    with rsyslog(tmp_path / "rsyslog", action, socket):
        script = f"import socket as s; c = s.socket(s.AF_UNIX, s.SOCK_DGRAM); c.connect('{socket}')\n"
        script += f"for n in range({MANY}): c.send(b'<38>Nov 21 10:00:00 app[7]: line %d' % n)"
        await run("/usr/bin/env", "python3", "-c", script)
        # By UDP the last may be lost as well as any other, where the daemon does not keep up.
        heard = await desk.saying(f"line {MANY - 1}" if by == "tcp" else "line 0", 30)
        about = heard.payload
        assert heard.subject == "log.auth.info"
        assert (about["app"], about["process"], about["source"], about["format"]) == ("app", "7", by, form)
        lines = [int(text.split()[1]) for text in desk.texts if text.split()[0] == "line"]
        if by == "tcp":
            assert lines == list(range(MANY))


async def test_rsyslog_keeps_its_socket(
    own_room: None, bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    with rsyslog(tmp_path / "rsyslog", f'*.* action(type="omfile" file="{tmp_path}/file")', LOG) as process:
        before = inode()
        async with log_desk(bus_server, daemon_process, tmp_path, path=LOG) as desk:
            info = json.loads((await desk.admin.request("$SRV.INFO.log", timeout=30)).data)
            assert "/dev/log belongs to another program" in json.dumps(info)
            await run("logger", "for rsyslog")
            assert await asyncio.to_thread(desk.daemon.stop) == 0
        assert inode() == before
        assert process.poll() is None


async def test_that_rsyslog_takes_the_socket_away_is_told(desk: LogDesk, tmp_path: Path) -> None:
    before = inode()
    with rsyslog(tmp_path / "rsyslog", f'*.* action(type="omfile" file="{tmp_path}/file")', LOG):
        lost = await desk.event("log.lost")
        assert "was taken away" in lost.payload["reason"]
        assert await asyncio.to_thread(desk.daemon.stop) == 0
        assert inode() != before
