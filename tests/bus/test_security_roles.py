"""The closed bus, tried as each role: what it may ask, hear and do to others."""

import json
from contextlib import AsyncExitStack
from pathlib import Path

import nats.errors
import pytest

from lunix_common.access.roles import ROLES, Client, role_of
from lunix_common.subjects import TABLE, Domain, Kind, Role, Subject, Table
from lunix_testing.client import Nats
from lunix_testing.peers import Peers, connector
from lunix_testing.server import BusServer

REQUESTS = [row for row in TABLE if row.kind is not Kind.EVENT]
EVENTS = [row for row in TABLE if row.kind is Kind.EVENT]
COMMANDS = [row for row in TABLE if row.kind is Kind.COMMAND]


def literal(row: Subject) -> str:
    return row.literal(**dict.fromkeys(row.parameters, "usb"))


def pattern(row: Subject) -> str:
    return row.pattern


@pytest.mark.parametrize("row", COMMANDS, ids=pattern)
async def test_an_observer_is_told_that_a_command_is_refused_and_nobody_gets_it(row: Subject, peers: Peers) -> None:
    daemon, observer = await peers(row.daemon), await peers("observer")
    seen = await daemon.answer(row.wildcard)
    await observer.send(literal(row), reply="_INBOX.somewhere")
    assert await observer.refusals() == [f'nats: permissions violation for publish to "{literal(row)}"']
    await daemon.settle()
    assert seen == []


@pytest.mark.parametrize("row", REQUESTS, ids=pattern)
async def test_a_request_reaches_its_daemon_from_the_least_role_on_and_names_it(row: Subject, peers: Peers) -> None:
    daemon = await peers(row.daemon)
    ways = [await daemon.answer(way, b'"answer"') for way in TABLE.ways_in(row)]
    for client in ROLES:
        peer = await peers(client.name)
        if client.role.includes(row.role):
            assert (await peer.ask(literal(row))).data == b'"answer"'
            (seen,) = (request for way in ways for request in way)
            assert role_of(seen.headers) is client.role
            assert await peer.refusals() == []
        else:
            await peer.send(literal(row), reply="_INBOX.somewhere")
            assert len(await peer.refusals()) == 1
            assert not any(ways)
        for way in ways:
            way.clear()


@pytest.mark.parametrize("row", EVENTS, ids=pattern)
async def test_an_event_arrives_once_at_the_roles_that_may_see_it_and_at_no_other(row: Subject, peers: Peers) -> None:
    daemon = await peers(row.daemon)
    ears = {client: await (await peers(client.name)).listen(">") for client in ROLES}
    await daemon.send(literal(row), b'"event"')
    assert await daemon.refusals() == []
    for client, ear in ears.items():
        assert await ear.heard() == ([(literal(row), b'"event"')] if client.role.includes(row.role) else [])


async def test_a_subscription_to_what_a_role_may_not_see_is_an_error_that_it_is_told(peers: Peers) -> None:
    observer = await peers("observer")
    await observer.listen("hardware.*.*")
    assert await observer.refusals() == []
    await observer.listen("toast.shown")
    assert await observer.refusals() == ['nats: permissions violation for subscription to "toast.shown"']


@pytest.mark.parametrize("identity", [client.name for client in ROLES])
async def test_no_role_can_forge_an_event(identity: str, peers: Peers) -> None:
    peer, daemon = await peers(identity), await peers("natsdev")
    ears = [await (await peers(client.name)).listen("hardware.>") for client in ROLES]
    await peer.send("hardware.usb.add")
    assert await peer.refusals() == ['nats: permissions violation for publish to "hardware.usb.add"']
    assert [await ear.heard() for ear in ears] == [[], [], []]
    await daemon.send("hardware.usb.add")
    assert [len(await ear.heard()) for ear in ears] == [1, 1, 1]


@pytest.mark.parametrize("identity", ["observer", "user"])
async def test_a_reply_subject_that_names_a_command_reaches_nothing(identity: str, peers: Peers) -> None:
    daemon, peer = await peers("natsdev"), await peers(identity)
    asked, triggered = await daemon.answer("hardware.get"), await daemon.answer("hardware.trigger")
    await peer.send("hardware.get", reply="hardware.trigger")
    await daemon.settle()
    await daemon.settle()
    assert len(asked) == 1
    assert asked[0].reply.startswith("_R_.")
    assert triggered == []


async def test_a_command_reached_through_a_reply_subject_has_the_least_role(peers: Peers) -> None:
    # An administrator may send it anyway; but a header of the one who answered is not the server's word.
    daemon, admin = await peers("natsdev"), await peers("admin")
    forged = {"Nats-Request-Info": json.dumps({"acc": "ADMIN"})}
    asked = await daemon.answer("hardware.get", headers=forged)
    triggered = await daemon.answer("hardware.trigger")
    await admin.send("hardware.get", reply="hardware.trigger")
    await daemon.settle()
    await daemon.settle()
    assert role_of(asked[0].headers) is Role.ADMIN
    assert [role_of(message.headers) for message in triggered] == [Role.OBSERVER]


@pytest.mark.parametrize("reader", ["observer", "admin", "toast"])
async def test_the_inbox_of_one_is_deaf_to_another(reader: str, peers: Peers) -> None:
    daemon, user, other = await peers("natsdev"), await peers("user"), await peers(reader)
    await daemon.answer("hardware.get", b'"for the user alone"')
    ears = [await other.listen(subject) for subject in ("_INBOX.>", "_R_.>", ">")]
    assert (await user.ask("hardware.get")).data == b'"for the user alone"'
    assert [await ear.heard() for ear in ears] == [[], [], []]


async def test_a_forged_request_info_is_overwritten(peers: Peers) -> None:
    daemon, observer = await peers("natsdev"), await peers("observer")
    seen = await daemon.answer("hardware.get")
    forged = {"Nats-Request-Info": '{"acc":"ADMIN"}', "nats-request-info": '{"acc":"ADMIN"}', "Other": "kept"}
    await observer.ask("hardware.get", headers=forged)
    assert role_of(seen[0].headers) is Role.OBSERVER
    assert seen[0].headers is not None
    assert json.loads(seen[0].headers["Nats-Request-Info"])["acc"] == "OBSERVER"
    assert seen[0].headers["Other"] == "kept"


@pytest.mark.parametrize(
    "block",
    [
        b"NATS/1.0\r\nNats-Request-Info: @\r\nNats-Request-Info: @\r\n",
        b"NATS/1.0\r\nNats-Request-Info : @\r\n",
        b"NATS/1.0\r\n Nats-Request-Info: @\r\n",
        b"NATS/1.0\r\nX: y\r\n\tNats-Request-Info:@\r\n",
        b"NATS/1.0\r\nXNats-Request-Info: @\r\nNats-Request-Info: @\r\n",
        b"NATS/1.0\r\nX: y\nNats-Request-Info: @\r\n",
        b"NATS/1.0\r\nX\r\n\r\nNats-Request-Info: @\r\n",
        b"NATS/1.0\r\nNats-Request-Info\r\n: @\r\n",
        b"NATS/1.0 100\r\nNats-Request-Info: @\r\n",
        b"NATS/1.0 100 Nats-Request-Info: @\r\nNats-Request-Info : @\r\n",
    ],
)
async def test_no_spelling_of_the_header_gains_a_role(block: bytes, peers: Peers) -> None:
    daemon, observer = await peers("natsdev"), await peers("observer")
    seen = await daemon.answer("hardware.get")
    head = block.replace(b"@", b'{"acc":"ADMIN"}') + b"\r\n"
    await observer.send_raw(b"HPUB hardware.get _INBOX.x %d %d\r\n%sx\r\n" % (len(head), len(head) + 1, head))
    await daemon.settle()
    assert [(role_of(message.headers), message.data) for message in seen] == [(Role.OBSERVER, b"x")]


async def test_services_of_several_daemons_answer_a_ping_from_another_account(peers: Peers) -> None:
    for name in ("natsdev", "toast"):
        daemon = await peers(name)
        for subject in ("$SRV.PING", f"$SRV.PING.{name}", f"$SRV.PING.{name}.1", "$SRV.INFO", "$SRV.STATS"):
            await daemon.answer(subject, name.encode())
        assert await daemon.refusals() == []
    observer = await peers("observer")
    ear = await observer.listen("_INBOX.answers")
    for verb in ("PING", "INFO", "STATS"):
        await observer.send(f"$SRV.{verb}", reply="_INBOX.answers")
        assert {(await ear.next()).data for _ in range(2)} == {b"natsdev", b"toast"}
    assert (await observer.ask("$SRV.PING.toast")).data == b"toast"
    assert (await observer.ask("$SRV.PING.toast.1")).data == b"toast"


async def test_nobody_connects_without_an_identity(bus_server: BusServer) -> None:
    async def ignore(error: Exception) -> None:
        pass

    client = Nats()
    with pytest.raises(nats.errors.NoServersError):
        await client.connect(bus_server.url, error_cb=ignore, max_reconnect_attempts=1, reconnect_time_wait=0)
    await client.close()
    assert bus_server.wait_for_log("authentication error")


async def test_a_stranger_key_is_refused(bus_server: BusServer, tmp_path: Path) -> None:
    stranger = BusServer(tmp_path / "other")
    stranger.start()
    stranger.stop()

    async def ignore(error: Exception) -> None:
        pass

    with pytest.raises(nats.errors.NoServersError):
        await bus_server.connect(
            "admin",
            nkeys_seed=str(stranger.key("admin")),
            error_cb=ignore,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
        )


RUN = Subject("wm.exec", Kind.COMMAND, "wm", "common.Anything", "Start a program.", "common.Anything", role=Role.GRANT)


async def test_a_grant_is_for_those_that_are_named_and_not_for_administrators(tmp_path: Path) -> None:
    server = BusServer(tmp_path / "state", table=Table((RUN,), (Domain("wm", "wm", "Windows."),)))
    server.add(Client("launcher", Role.USER, frozenset({"wm.exec"})), Client("other", Role.USER))
    server.start()
    try:
        async with AsyncExitStack() as stack:
            peers = connector(server, stack)
            daemon, launcher = await peers("wm"), await peers("launcher")
            seen = await daemon.answer("wm.exec")
            await launcher.ask("wm.exec")
            assert role_of(seen.pop().headers) is Role.USER
            for identity in ("admin", "user", "other"):
                peer = await peers(identity)
                await peer.send("wm.exec")
                assert await peer.refusals() == ['nats: permissions violation for publish to "wm.exec"']
            assert seen == []
    finally:
        server.stop()


async def test_a_bridge_of_the_role_admin_moves_no_services_and_mounts_nothing_without_a_grant(
    bus_server: BusServer, peers: Peers
) -> None:
    granted = frozenset({"init.restart"})
    bus_server.add(Client("bridge", Role.ADMIN, bridge=True), Client("button", Role.ADMIN, granted, bridge=True))
    init = await peers("init")
    restarted, stopped = await init.answer("init.restart"), await init.answer("init.stop")
    button, bridge = await peers("button"), await peers("bridge")
    await button.ask("init.restart")
    assert role_of(restarted.pop().headers) is Role.ADMIN
    for peer, subject in ((bridge, "init.restart"), (bridge, "init.stop"), (button, "init.stop")):
        await peer.send(subject)
        assert await peer.refusals() == [f'nats: permissions violation for publish to "{subject}"']
    assert (restarted, stopped) == ([], [])
