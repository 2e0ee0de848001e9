"""lunix-bus on a unix socket, where the kernel tells who connects."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunix_common.bus.connection import Bus
from lunix_common.bus.errors import BusRefused, RequestError
from lunix_common.bus.messages import Message
from lunix_common.bus.options import BusOptions, find
from lunix_common.bus.session import Session
from lunix_testing.deadline import deadline

NOBODY = 65534


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The state directory of a lunix-bus that listens on a unix socket alone."""
    reading, writing = os.pipe()
    words = [sys.executable, "-P", "-m", "lunix_bus", "--state", str(tmp_path), "--ready-fd", str(writing)]
    process = subprocess.Popen([*words, "--unix", f"{tmp_path}/bus.sock", "--no-tcp"], pass_fds=[writing])
    os.close(writing)
    assert os.read(reading, 1) == b"\n"
    os.close(reading)
    try:
        yield tmp_path
    finally:
        process.terminate()
        assert process.wait(20) == 0
        assert not (tmp_path / "bus.sock").exists()


async def session(state: Path, identity: str) -> Session:
    made = Session(find(identity, state=state, environ={}), identity, lambda _number: None)
    async with deadline("a session"):
        await made.open()
    return made


async def test_a_daemon_and_a_role_meet_without_a_key(state: Path) -> None:
    assert json.loads((state / "bus.json").read_bytes())["url"] == f"unix://{state}/bus.sock"
    for seed in (state / "keys").glob("*.nk"):
        seed.unlink()
    daemon, user = await session(state, "natsdev"), await session(state, "user")
    seen: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def answer(message: Message) -> None:
        await seen.put(dict(message.headers))
        await daemon.publish(message.reply, b'"here"')

    await daemon.subscribe("hardware.get", answer)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await daemon.flush()
    assert (await user.request("hardware.get", b"{}", 20)).data == b'"here"'
    assert json.loads((await seen.get())["Nats-Request-Info"])["acc"] == "USER"
    with pytest.raises(RequestError, match=r"your role may not send init\.poweroff"):
        await user.request("init.poweroff", b"{}", 20)
    await user.close()
    await daemon.close()


async def test_a_bus_is_whole_on_it(state: Path) -> None:
    async with Bus(find("admin", state=state, environ={}), "admin") as bus, deadline("the bus"):
        await bus.up()
        await bus.flush()


async def test_an_identity_that_is_none_is_refused(state: Path) -> None:
    with pytest.raises(BusRefused, match="refuses stranger as stranger"):
        await session(state, "stranger")


async def test_a_server_that_tells_no_roles_is_not_taken_for_one_that_does(tmp_path: Path) -> None:
    path = tmp_path / "bus.sock"
    words = [sys.executable, "-P", "-m", "lunix_bus", "--unix", str(path), "--no-tcp"]
    process = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    async with deadline("a server"):
        while b"ready" not in await process.stderr.readline():
            pass
    options = BusOptions(f"unix://{path}", None, frozenset({os.geteuid()}), identity="toast")
    session = Session(options, "toast", lambda _number: None)
    with pytest.raises(BusRefused, match="is open to everybody"):
        await session.open()
    await session.close()
    process.terminate()
    await process.communicate()


AS_NOBODY = f"""
import asyncio, os, sys
from pathlib import Path
from lunix_common.bus.options import find
from lunix_common.bus.session import Session
os.setgroups([int(sys.argv[3])] if sys.argv[3] else []); os.setgid({NOBODY}); os.setuid({NOBODY})
async def main():
    options = find(sys.argv[2], url="unix://" + sys.argv[1], state=Path("/nowhere"), environ={{}})
    session = Session(options, sys.argv[2], print)
    await session.open()
    await session.close()
    print("let in")
asyncio.run(main())
"""


@pytest.mark.root
@pytest.mark.parametrize("identity", ["natsdev", "admin", "observer"])
async def test_another_user_is_nobody_without_a_group(state: Path, identity: str) -> None:
    for folder in (state, state.parent, state.parent.parent, state.parent.parent.parent):
        if folder != Path("/tmp"):
            folder.chmod(0o755)
    words = [sys.executable, "-c", AS_NOBODY, f"{state}/bus.sock", identity, ""]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    assert f"refuses {identity} as {identity}" in done.stderr


@pytest.mark.parametrize("url", ["unix://host/path", "unix://", "nats:///path"])
def test_an_address_of_both_kinds_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="is not a bus address"):
        BusOptions(url, None, frozenset())
