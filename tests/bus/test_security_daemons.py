"""The closed bus, tried as each daemon: it publishes its own subjects and reads its own inbox, and no more."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from lunix_common.access.roles import role_of
from lunix_common.subjects import TABLE, Domain, Kind, Role, Subject, Table
from lunix_testing.peers import Peers, connector
from lunix_testing.server import BusServer

PAIRS = [(one, other) for one in TABLE.daemons for other in TABLE.daemons if one != other]


def literal(row: Subject) -> str:
    return row.literal(**dict.fromkeys(row.parameters, "usb"))


@pytest.mark.parametrize("name", TABLE.daemons)
async def test_a_daemon_may_do_all_that_the_table_says_of_it(name: str, peers: Peers) -> None:
    daemon = await peers(name)
    for row in TABLE.of(name):
        if row.kind is Kind.EVENT:
            await daemon.send(literal(row))
        else:
            await daemon.listen(row.wildcard)
    for verb in ("PING", "INFO", "STATS"):
        for tail in ("", f".{name}", f".{name}.1"):
            await daemon.listen(f"$SRV.{verb}{tail}")
    await daemon.listen(f"_INBOX.{name}.anything")
    await daemon.send("_INBOX.another.answer")
    await daemon.send("_R_.answer")
    await daemon.send(f"$SRV.PING.{name}")
    assert await daemon.refusals() == []


@pytest.mark.parametrize(("name", "other"), PAIRS)
async def test_a_daemon_cannot_publish_or_answer_for_another(name: str, other: str, peers: Peers) -> None:
    daemon, admin = await peers(name), await peers("admin")
    ear = await admin.listen(">")
    for row in TABLE.of(other):
        if row.kind is Kind.EVENT:
            await daemon.send(literal(row))
        else:
            await daemon.listen(row.wildcard)
            await daemon.send(literal(row))
    rows = TABLE.of(other)
    requests = [row for row in rows if row.kind is not Kind.EVENT]
    used = [row for row in requests if row.pattern in TABLE.uses.get(name, ())]
    assert len(await daemon.refusals()) == len(rows) + len(requests) - len(used)
    assert await ear.heard() == []


@pytest.mark.parametrize(("name", "other"), PAIRS)
async def test_a_daemon_cannot_read_the_inbox_of_another(name: str, other: str, peers: Peers) -> None:
    daemon, victim, third = await peers(name), await peers(other), await peers(other)
    ears = [await daemon.listen(subject) for subject in (f"_INBOX.{other}.>", "_INBOX.>", "_R_.>", ">")]
    assert len(await daemon.refusals()) == 4
    inbox = await victim.listen(f"_INBOX.{other}.1")
    await third.send(f"_INBOX.{other}.1", b"an answer")
    assert await inbox.heard() == [(f"_INBOX.{other}.1", b"an answer")]
    assert [await ear.heard() for ear in ears] == [[], [], [], []]


@pytest.mark.parametrize("name", TABLE.daemons)
async def test_a_daemon_cannot_send_on_what_is_no_subject_of_its_own(name: str, peers: Peers) -> None:
    daemon = await peers(name)
    subjects = ["user.hello", "$SYS.REQ.SERVER.PING", "$SRV.PING", "other.thing", f"{name}x.y"]
    for subject in subjects:
        await daemon.send(subject)
    assert len(await daemon.refusals()) == len(subjects)


READ = Subject("garden.read", Kind.QUERY, "garden", "common.Anything", "", "common.Anything")
DRY = Subject("garden.<bed>.dry", Kind.EVENT, "garden", "common.Anything", "", role=Role.ADMIN)
WATER = Subject("pump.water", Kind.COMMAND, "pump", "common.Anything", "", "common.Anything", role=Role.ADMIN)
GARDEN = Table(
    (READ, DRY, WATER),
    (Domain("garden", "garden", ""), Domain("pump", "pump", "")),
    {"pump": ("garden.<bed>.dry", "garden.read")},
)


async def test_a_daemon_hears_and_asks_what_it_is_declared_to_use_and_has_no_role_there(tmp_path: Path) -> None:
    server = BusServer(tmp_path / "state", table=GARDEN)
    server.start()
    try:
        async with AsyncExitStack() as stack:
            peers = connector(server, stack)
            garden, pump = await peers("garden"), await peers("pump")
            seen = await garden.answer("garden.read", b'"wet"')
            ear = await pump.listen("garden.*.dry")
            await garden.send("garden.roses.dry")
            assert await ear.heard() == [("garden.roses.dry", b"{}")]
            assert (await pump.ask("garden.read")).data == b'"wet"'
            assert role_of(seen[0].headers) is Role.OBSERVER
            assert await pump.refusals() == []
            await garden.send("pump.water")
            assert await garden.refusals() == ['nats: permissions violation for publish to "pump.water"']
    finally:
        server.stop()
