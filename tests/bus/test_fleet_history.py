"""The history of a fleet on the real server: who reads what, for how long, and what a machine can do to it."""

import asyncio
import json
import os
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from lunix_cli.__main__ import main
from lunix_cli.fleet import hubconf
from lunix_testing.client import Nats
from lunix_testing.command import Result, Running, lunix, wait_until
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.ports import free_port
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.requires("program:openssl"), pytest.mark.timeout(300)]

PATIENCE = 60.0
BOUND = 400_000
PROBE = "hardware.probe.add"
"""Said until the hub hears it, and left out of what is found."""


@dataclass
class Hub:
    """A hub that keeps a history, and can be started again."""

    folder: Path
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    running: Running | None = None
    _reader: threading.Thread | None = None

    def start(self, *arguments: str) -> None:
        """Start it, or start it again with what is given; it is ready when this returns."""
        self.stop()
        notify = self.folder / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(notify))
            ready.settimeout(PATIENCE)
            words = ("--host", "127.0.0.1", "--port", str(self.ports[0]), "--leaf-port", str(self.ports[1]))
            env = {"NOTIFY_SOCKET": str(notify)}
            self.running = Running(("fleet", "hub", "--state", str(self.folder), *words, *arguments), env)
            self._reader = threading.Thread(target=self._swallow, args=(self.running,))
            self._reader.start()
            while b"READY=1" not in ready.recv(4096):
                pass
        notify.unlink()

    def _swallow(self, running: Running) -> None:
        assert running.process.stderr is not None
        with os.fdopen(os.dup(running.process.stderr.fileno()), "rb") as stream:
            while stream.read1():
                pass

    def stop(self) -> None:
        if self.running is None or self._reader is None:
            return
        self.running.stop()
        self._reader.join()
        self.running.close()
        self.running = None

    def do(self, verb: str, name: str, *arguments: str) -> dict[str, Any]:
        """Change its members; return the credential of a new one."""
        path = self.folder / f"{len(list(self.folder.glob('*.json')))}.json"
        output = () if verb == "remove" else ("-o", str(path))
        assert main(("fleet", verb, "--state", str(self.folder), name, *output, *arguments)) == 0
        return json.loads(path.read_bytes()) if output else {}

    async def make(self, verb: str, name: str, *arguments: str) -> dict[str, Any]:
        """The same, where a loop runs already."""
        return await asyncio.to_thread(self.do, verb, name, *arguments)

    def operator(self, name: str, *arguments: str) -> "Operator":
        return Operator(self, name, self.do("operator", name, *arguments))

    async def has(self, name: str, *arguments: str) -> "Operator":
        """An operator, where a loop runs already."""
        return await asyncio.to_thread(self.operator, name, *arguments)


class Screen(StringIO):
    """A person's terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Operator:
    """Somebody who looks back."""

    hub: Hub
    name: str
    credential: dict[str, Any]

    def __post_init__(self) -> None:
        (self.seed,) = self.credential["seeds"].values()
        (self.hub.folder / f"{self.name}.nk").write_text(self.seed)
        (self.hub.folder / f"{self.name}.nk").chmod(0o600)
        (self.hub.folder / f"{self.name}.pem").write_text(self.credential["ca"])

    def __call__(self, *arguments: str, screen: StringIO | None = None, **more: str) -> Result:
        """Run ``lunix history`` in this process, which is quicker than to start one, as its user would."""
        folder = self.hub.folder
        env = {
            "LUNIX_BUS": f"tls://127.0.0.1:{self.hub.ports[0]}",
            "NATS_NKEY": str(folder / f"{self.name}.nk"),
            "NATS_CA": str(folder / f"{self.name}.pem"),
            "SSL_CERT_FILE": "",  # which the command sets
            **more,
        }
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(screen or StringIO()) as out,
            redirect_stderr(StringIO()) as err,
        ):
            for name, value in env.items():
                patch.setenv(name, value)
            code = main(("history", *arguments))
        return Result(code, out.getvalue(), err.getvalue())

    async def shows(self, subject: str, *, no_color: str) -> str:
        """What is on a terminal where it is asked for these events."""
        asked = partial(self, subject, screen=Screen(), TERM="xterm-256color", NO_COLOR=no_color)
        return (await asyncio.to_thread(asked)).out

    def find(self, *arguments: str) -> list[dict[str, Any]]:
        """What it finds, the oldest first."""
        result = self("--json", *arguments)
        assert result.code == 0, result.err
        found: list[dict[str, Any]] = [json.loads(line) for line in result.out.splitlines()]
        return [one for one in found if not one["subject"].endswith(PROBE)]

    async def finds(self, *arguments: str) -> list[dict[str, Any]]:
        """The same, where a loop runs already."""
        return await asyncio.to_thread(self.find, *arguments)

    async def subjects(self, *arguments: str) -> list[str]:
        return [one["subject"] for one in await self.finds(*arguments)]

    async def finds_until(self, subject: str, payload: object) -> None:
        """Wait until it finds an event of this subject and payload."""
        async with deadline(f"that {subject} is found", PATIENCE):
            while True:
                if payload in [one.get("payload") for one in await self.finds(subject)]:
                    return
                await asyncio.sleep(0.05)

    async def hears_of(self, subject: str) -> None:
        """Wait until it finds an event of this very subject."""
        await asyncio.to_thread(wait_until, lambda: bool(self.find(subject)), f"that {subject} is found", PATIENCE)


async def listened(client: Nats) -> None:
    """Return when the hub has said over the leaf connection that it wants to hear: what came before is nowhere."""
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    async with deadline("that the hub listens", PATIENCE):
        while True:
            await client.publish(PROBE, b"{}", reply=inbox)
            await client.flush()
            # That nobody hears, the server says before it answers what came behind.
            if not answers.pending_msgs:
                break
            await answers.next_msg()
    await answers.unsubscribe()


@asynccontextmanager
async def machine(hub: Hub, credential: dict[str, Any]) -> AsyncGenerator[dict[str, Nats]]:
    """A leaf node with a machine's credential; a client of the account of each role, which says what it likes."""
    roles = list(credential["seeds"])
    folder = hub.folder / credential["name"]
    folder.mkdir(exist_ok=True)
    (folder / "ca.pem").write_text(credential["ca"])
    url = f"tls://127.0.0.1:{hub.ports[1]}"
    configuration = {
        "host": "127.0.0.1",
        "port": -1,
        "accounts": {role: {"users": [{"user": role, "password": role}]} for role in roles},
        "leafnodes": hubconf.leaf(url, str(folder / "ca.pem"), credential["seeds"]),
    }
    (folder / "leaf.conf").write_text(json.dumps(configuration))
    leaf = BusServer(folder, configuration=folder / "leaf.conf")
    try:
        await asyncio.to_thread(leaf.start)
        await asyncio.to_thread(leaf.wait_for_log, "Leafnode connection created", count=len(roles))
        clients: dict[str, Nats] = {}
        for role in roles:
            clients[role] = Nats()
            await clients[role].connect(leaf.url, user=role, password=role, allow_reconnect=False)
            await listened(clients[role])
        yield clients
        for client in clients.values():
            await client.close()
    finally:
        leaf.stop()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    found = Hub(tmp_path)
    found.start("--history", "--history-max-bytes", str(BOUND), "--name", "127.0.0.1")
    yield found
    found.stop()


async def say(client: Nats, subject: str, payload: object, headers: dict[str, str] | None = None) -> None:
    await client.publish(subject, json.dumps(payload).encode(), headers=headers)
    await client.flush()


async def test_each_sees_of_the_past_what_it_would_have_heard(hub: Hub) -> None:
    box, other = await hub.make("add", "box.1", "--role", "user"), await hub.make("add", "other")
    anna, olga = await hub.has("anna", "--role", "admin"), await hub.has("olga")
    eve = await hub.has("eve", "--role", "admin", "--machine", "other")
    async with machine(hub, box) as said, machine(hub, other) as there:
        for role in ("observer", "user"):
            await say(said[role], "hardware.usb.add", {"name": "stick"})
        # Each role has a leaf connection of its own: what is said on another one may come before it.
        for operator in (olga, anna):
            await operator.finds_until("host.*.hardware.usb.add", {"name": "stick"})
        await say(said["user"], "toast.shown", {"summary": "secret"})
        await anna.finds_until("host.*.toast.shown", {"summary": "secret"})
        await say(there["observer"], "init.service.x.failed", {"name": "later"})
        await anna.finds_until("host.other.>", {"name": "later"})
        everything = ["host.box%2E1.hardware.usb.add", "host.box%2E1.toast.shown", "host.other.init.service.x.failed"]
        assert await anna.subjects("host.>") == everything
        assert await olga.subjects("host.>") == [everything[0], everything[2]]
        assert await eve.subjects("host.>") == everything[2:]
        assert await eve.subjects("host.box%2E1.>") == []
        await eve.hears_of("fleet.other.joined")
        assert set(await eve.subjects("fleet.>")) == {"fleet.other.joined"}
        # Several subjects, each event once; the newest; of a time; and for people.
        assert await anna.subjects("host.*.toast.>", "host.*.toast.shown", "host.other.>") == everything[1:]
        assert await anna.subjects("host.>", "--count", "1") == everything[2:]
        assert await anna.subjects("host.>", "--since", "1h") == everything
        assert await anna.subjects("host.>", "--until", "1h") == []
        last = (await anna.finds("host.>"))[2]["time"]
        assert await anna.subjects("host.>", "--since", last) == everything[2:]
        second = (await anna.finds("host.>"))[1]["time"]
        assert (await anna.subjects("host.>", "--until", second))[:1] == everything[:1]
        assert "host.other.init.service.x.failed later" in (await asyncio.to_thread(anna, "host.other.>")).out
        assert "\x1b[" in await anna.shows("host.other.>", no_color="")
        assert "\x1b[" not in await anna.shows("host.other.>", no_color="1")
    # One who is away, and more so one who was removed, is read no less or not at all.
    assert await olga.subjects("host.other.>") == everything[2:]
    await asyncio.to_thread(hub.do, "remove", "other")
    assert await olga.subjects("host.>") == everything[:1]


async def test_it_outlives_the_hub_and_keeps_its_bounds(hub: Hub) -> None:
    box = await hub.make("add", "box1")
    anna = await hub.has("anna")
    count, text = 600, "x" * 1000
    async with machine(hub, box) as said:
        for number in range(count):
            await said["observer"].publish("hardware.usb.add", json.dumps({"n": number, "text": text}).encode())
        await said["observer"].flush()
        await anna.finds_until("host.>", {"n": count - 1, "text": text})
    await anna.hears_of("fleet.box1.left")  # which takes the place of an older one
    found = [one["payload"]["n"] for one in await anna.finds("host.box1.hardware.>")]
    # More than a page of them, the newest, and no more than the bound.
    assert 256 < len(found) < BOUND / len(text)
    assert found == list(range(count - len(found), count))
    await asyncio.to_thread(hub.start, "--ping", "1")  # what was given is kept
    assert [one["payload"]["n"] for one in await anna.finds("host.box1.hardware.>")] == found
    await asyncio.to_thread(hub.start, "--history-max-bytes", "100k")
    fewer = [one["payload"]["n"] for one in await anna.finds("host.box1.hardware.>")]
    assert fewer == found[-len(fewer) :]
    assert 0 < len(fewer) < 100
    await asyncio.to_thread(hub.start, "--history-max-age", "1s")
    await asyncio.to_thread(wait_until, lambda: not anna.find("host.>"), "that it is too old", PATIENCE)


async def test_a_machine_can_forge_and_remove_nothing_of_others(hub: Hub) -> None:
    mallory, box = await hub.make("add", "mallory"), await hub.make("add", "box1")
    anna = await hub.has("anna", "--role", "admin")
    async with machine(hub, box) as said:
        await say(said["observer"], "hardware.usb.add", {"name": "good"})
        await anna.finds_until("host.box1.>", {"name": "good"})
    async with machine(hub, mallory) as hers:
        forged = {
            "Nats-Subject": "host.box1.hardware.usb.add",
            "Nats-Sequence": "1",
            "Nats-Time-Stamp": "1999-01-01T00:00:00Z",
            "Nats-Stream": "observer-box1",
            "Status": "204",
        }
        for subject in ("observer.host.box1.hardware.usb.add", "host.box1.hardware.usb.add", "index.anna", "$JS.API.>"):
            await say(hers["observer"], subject, {"name": "bad"})
        await say(hers["observer"], "$JS.API.STREAM.PURGE.observer-box1", {})
        await say(hers["observer"], "hardware.usb.remove", {"name": "bad"}, forged)
        await say(hers["observer"], "hardware.usb.remove", {"name": "bad"}, {"Nats-Rollup": "all"})
        await say(hers["observer"], "hardware.usb.remove", {"name": "end"})
        await anna.finds_until("host.mallory.>", {"name": "end"})
        found = await anna.finds("host.>")
    assert [one["payload"] for one in found if one["subject"].startswith("host.box1.")] == [{"name": "good"}]
    assert {one["subject"] for one in found} == {"host.box1.hardware.usb.add", "host.mallory.hardware.usb.remove"}
    assert not [one for one in found if one["time"].startswith("1999")]


async def test_an_operator_can_ask_the_store_for_nothing_else(hub: Hub) -> None:
    await hub.make("add", "box1", "--role", "user")
    await hub.make("add", "other")
    eve = await hub.has("eve", "--machine", "other")
    refused: Inbox[str] = Inbox()

    async def wrong(error: Exception) -> None:
        refused.put(str(error))

    client = Nats()
    tls = ssl.create_default_context(cadata=eve.credential["ca"])
    url = f"tls://127.0.0.1:{hub.ports[0]}"
    await client.connect(url, nkeys_seed_str=eve.seed, tls=tls, allow_reconnect=False, error_cb=wrong)
    # asyncio warns at the end of a connection that was upgraded, and nats-py cannot tell it.
    connection: Any = client
    protocol: Any = connection._transport._io_writer.transport.get_protocol()
    protocol._over_ssl = True
    asked = (
        "history.of.box1", "$JS.API.STREAM.DELETE.observer-other", "$JS.API.STREAM.NAMES", "$JS.API.INFO",
        "$JS.API.DIRECT.GET.user-box1", "$JS.API.DIRECT.GET.index.index.eve", "history.of.*", "index.eve",
    )  # fmt: skip
    for number, subject in enumerate(asked):
        await client.publish(subject, b'{"next_by_subj": ">", "seq": 1}', reply="_INBOX.x")
        assert f'publish to "{subject.lower()}"' in (await refused.count(number + 1))[number].lower()
    told = json.loads((await client.request("history.machines", b"", timeout=30)).data)
    assert told == {"machines": ["other"]}
    answer = await client.request("history.of.other", b'{"last_by_subj": "$SYS.>"}', timeout=30)
    assert (answer.headers or {})["Status"] == "404"
    await client.close()


def test_what_is_wrong_is_told_and_what_to_do(hub: Hub) -> None:
    anna = hub.operator("anna")
    for arguments, told in (
        (("hardware.usb.*",), "as host.box1.hardware.usb.*"),
        (("$JS.API.>",), "begin with its machine"),
        (("host..x",), "empty token"),
        (("host.>.x",), "last token"),
        (("host.a b",), "control character"),
        (("host.>", "--since", "yesterday"), "write 2h"),
        (("host.>", "--since", "1h", "--until", "2h"), "after the end"),
        (("host.>", "--count", "0"), "above 0"),
    ):
        result = anna(*arguments)
        assert (result.code, told in result.err) == (100, True), result.err
    assert (anna("host.>").code, anna("host.>").out) == (0, "")
    hub.start("--no-history")
    result = anna("host.>")
    assert result.code == 1
    assert "lunix fleet hub --history" in result.err
    hub.stop()
    result = anna("host.>")
    assert result.code == 111
    assert "no hub at tls://127.0.0.1" in result.err
    assert "lunix fleet login" in result.err


@pytest.mark.parametrize(
    "wrong", [("--history-max-bytes", "0"), ("--history-max-bytes", "1X"), ("--history-max-age", "1y")]
)
def test_a_bound_that_is_none_is_refused(tmp_path: Path, wrong: tuple[str, str]) -> None:
    result = lunix("fleet", "hub", "--state", str(tmp_path), *wrong)
    assert result.code == 100
    assert "write" in result.err
