"""The daemon of docs/howto/any-language.md, in JavaScript: it answers, tells and ends as one of lunix's own."""

import asyncio
import json
import os
import select
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_common import declarations
from lunix_testing import npm
from lunix_testing.client import Nats
from lunix_testing.command import environ
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.server import BusServer
from lunix_testing.tree import ROOT

pytestmark = [pytest.mark.requires("program:node"), pytest.mark.timeout(300)]

EXAMPLE = ROOT / "examples" / "node/own_daemon.mjs"
NAMED = ("node/own_daemon.mjs",)
NATS_JS = "2.29.3"
PATIENCE = 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BusServer]:
    """A bus that knows the declarations of the example."""
    running = BusServer(tmp_path / "state", table=declarations.load(ROOT / "examples" / "python"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def tea(server: BusServer, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[subprocess.Popen[bytes]]:
    assert pytestconfig.cache is not None
    (tmp_path / "node_modules").symlink_to(npm.installed(pytestconfig.cache, "nats", NATS_JS))
    script = tmp_path / "own_daemon.mjs"
    script.write_bytes(EXAMPLE.read_bytes())
    ready, tells = os.pipe()
    process = subprocess.Popen(
        ("node", script, "--ready-fd", str(tells)),
        env=environ(server.env("tea")),
        stdin=subprocess.DEVNULL,
        pass_fds=(tells,),
    )
    os.close(tells)
    try:
        assert select.select([ready], [], [], PATIENCE)[0]
        assert os.read(ready, 1) == b"\n"
        yield process
    finally:
        os.close(ready)
        process.kill()
        process.wait()


@pytest.fixture
async def user(server: BusServer) -> AsyncIterator[Nats]:
    client = await server.connect("user")
    yield client
    await client.close()


async def test_it_answers_publishes_and_says_what_it_is(
    tea: subprocess.Popen[bytes], server: BusServer, user: Nats
) -> None:
    heard: Inbox[Msg] = Inbox()
    observer = await server.connect("observer")
    await observer.subscribe("tea.*.ready", cb=heard.put_async)  # pyright: ignore[reportUnknownMemberType]
    await observer.flush()
    payload = b'{"sort": "Earl Grey", "minutes": 0.001}'
    numbers: list[tuple[str, str]] = []
    for _ in range(2):
        answer = await user.request("tea.brew", payload, timeout=PATIENCE)
        assert json.loads(answer.data) == json.loads(payload)
        async with deadline("a pot", PATIENCE):
            told = await heard.next()
        assert told.subject == "tea.Earl%20Grey.ready"
        assert told.headers is not None
        numbers.append((told.headers["Lunix-Seq"], told.headers["Lunix-Prev"]))
    assert numbers == [("1", "0"), ("2", "1")]
    about = json.loads((await observer.request("$SRV.INFO.tea", b"", timeout=PATIENCE)).data)
    assert [one["subject"] for one in about["endpoints"]] == ["tea.brew"]
    await observer.close()
    tea.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(tea.wait, PATIENCE) == 0


async def test_what_is_no_tea_is_refused_and_bare_text_is_one(tea: subprocess.Popen[bytes], user: Nats) -> None:
    for payload in (b"", b"{", b'{"sort": ""}', b'{"sort": "x", "minutes": 61}'):
        answer = await user.request("tea.brew", payload, timeout=PATIENCE)
        assert json.loads(answer.data)["error"]["code"] == 400, payload
        assert answer.headers is not None
        assert answer.headers["Nats-Service-Error-Code"] == "400"
    answer = await user.request("tea.brew", b"x", timeout=PATIENCE)
    assert json.loads(answer.data) == {"sort": "x", "minutes": 3}
    assert tea.poll() is None
