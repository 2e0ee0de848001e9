"""``lunix token``, and what `up`, `env` and `status` tell of the page and of the server's own websockets."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lunix_testing.command import LunixUp, Running, environ
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.command import shared_up as shared_up
from lunix_testing.npm import installed
from lunix_testing.tree import ROOT

Start = Callable[..., LunixUp]


async def hello(url: str, secret: str) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {secret}"}
    async with connect(f"{url.replace('http', 'ws', 1)}bus", additional_headers=headers, proxy=None) as socket:
        found: dict[str, object] = json.loads(await asyncio.wait_for(socket.recv(), 30))
        return found


def parts(address: str) -> tuple[str, str]:
    url, secret = address.strip().split("#token=")
    return url, secret


async def test_a_token_is_made_used_changed_and_removed(shared_up: LunixUp) -> None:
    url, secret = parts(shared_up("token", "add", "desk", "--role", "admin", "--grant", "init.*").out)
    assert await hello(url, secret) | {"host": "", "version": ""} == {
        "op": "hello", "token": "desk", "role": "admin", "host": "", "version": "",
    }  # fmt: skip
    (desk,) = [one for one in shared_up("token", "list", "--json").json()["items"] if one["name"] == "desk"]
    assert {"init.start", "init.stop", "init.restart"} <= set(desk["grants"])
    headers = {"Authorization": f"Bearer {secret}"}
    async with connect(f"{url.replace('http', 'ws', 1)}bus", additional_headers=headers, proxy=None) as socket:
        await socket.recv()
        await socket.send(json.dumps({"op": "request", "id": 1, "topic": "init.restart", "payload": {"name": "toast"}}))
        answer = json.loads(await asyncio.wait_for(socket.recv(), 30))
        assert answer["payload"]["id"] == "toast"
        assert shared_up("token", "remove", "desk").code == 0
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 30)
    with pytest.raises(InvalidStatus):
        await hello(url, secret)


def test_a_token_that_is_not_there_and_a_grant_that_is_none_are_usage_errors(shared_up: LunixUp) -> None:
    for arguments in (("remove", "nobody"), ("url", "nobody"), ("add", "a", "--grant", "toast.in"), ("add", "a b")):
        result = shared_up("token", *arguments)
        assert result.code == 100, arguments
        assert result.err.startswith("lunix: ")
    assert "'a b' is no name for a token" in shared_up("token", "add", "a b").err


async def test_the_first_token_opens_the_page(shared_up: LunixUp) -> None:
    url, secret = parts(shared_up("token", "url").out)
    assert (await hello(url, secret))["role"] == "user"
    listing = shared_up("token", "list").out
    assert re.search(r"^page +user +-$", listing, re.MULTILINE)
    assert secret not in listing


async def test_env_and_status_tell_where_it_is(shared_up: LunixUp) -> None:
    url, secret = parts(shared_up("token", "url").out)
    lines = dict(line.removeprefix("export ").split("=", 1) for line in shared_up("env").out.splitlines())
    assert lines["LUNIX_WEBSOCKET"] == f"{url.replace('http', 'ws', 1)}bus"
    assert lines["LUNIX_WEBSOCKET_TOKEN"].strip("'") == secret
    assert "NATS_WEBSOCKET" not in lines
    assert "LUNIX_WEBSOCKET_TOKEN" in shared_up("env", "--role", "user").out
    assert f"the page: {url} " in shared_up("status").out
    assert secret not in shared_up("status").out


def test_env_gives_no_token_that_may_more_than_the_role_that_was_asked_for(shared_up: LunixUp) -> None:
    assert shared_up("access", "add", "dashboard", "--role", "observer").code == 0
    for role in ("observer", "dashboard"):
        assert "LUNIX_WEBSOCKET_TOKEN" not in shared_up("env", "--role", role).out


def test_up_prints_the_address_of_the_page_to_people_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    state = tmp_path_factory.mktemp("up") / "state"
    people = Running(("up", "--state", str(state), "--port", "0", "--only", "websocket"))
    try:
        url, secret = parts(people.line("the page: ").removeprefix("the page: "))
        assert url.startswith("http://127.0.0.1:")
        assert len(secret) >= 43
        assert people.stop() == 0
    finally:
        people.close()


def test_the_example_shows_events_by_a_websocket(shared_up: LunixUp) -> None:
    exports = dict(line.removeprefix("export ").split("=", 1) for line in shared_up("env").out.splitlines())
    env = environ({name: value.strip("'") for name, value in exports.items()})
    command = [sys.executable, str(ROOT / "examples" / "python/websocket_events.py"), "user.lamp.*"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert lines[1] == "subscribed user.lamp.* \n"
        assert shared_up("pub", "--role", "user", "user.lamp.kitchen", '{"on": true}').code == 0
        assert process.stdout.readline() == "event user.lamp.kitchen {'on': True}\n"
        process.terminate()


WSCONNECT = """
import { wsconnect, nkeyAuthenticator } from "@nats-io/nats-core";
import { readFileSync } from "node:fs";
const seed = new TextEncoder().encode(readFileSync(process.env.NATS_NKEY, "utf8").trim());
const bus = await wsconnect({ servers: process.env.NATS_WEBSOCKET, authenticator: nkeyAuthenticator(seed) });
const answer = await bus.request("toast.in", "from a websocket", { timeout: 30000 });
console.log(answer.json().id);
await bus.drain();
"""


@pytest.mark.requires("program:node")
def test_a_nats_client_in_javascript_uses_the_servers_own_websockets(
    lunix_up: Start, pytestconfig: pytest.Config
) -> None:
    assert pytestconfig.cache is not None
    modules = installed(pytestconfig.cache, "@nats-io/nats-core", "3.4.0")
    up = lunix_up("--port", "0", "--only", "toast", "--nats-websocket")
    script = modules.parent / "wsconnect.mjs"
    script.write_text(WSCONNECT, encoding="utf-8")
    exports = up("env", "--role", "user").out
    assert "NATS_WEBSOCKET=ws://127.0.0.1:" in exports
    command = f"{exports}\nexec node --experimental-websocket {script}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert re.fullmatch(r"[0-9a-f]+-\d+\n", done.stdout), done.stderr


async def test_the_servers_own_websockets_take_no_foreign_page(lunix_up: Start) -> None:
    up = lunix_up("--port", "0", "--only", "toast", "--nats-websocket")
    url = json.loads((up.state / "bus.json").read_text())["websocket"]
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, origin="http://evil.example", proxy=None):  # type: ignore[arg-type]
            pass
    assert caught.value.response.status_code == 403
    async with connect(url, proxy=None) as socket:
        assert "nonce" in str(await asyncio.wait_for(socket.recv(), 30))
