"""natsdev on real uevents: veth pairs, loop devices, and events that a program asked for."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Generator
from uuid import uuid4

import pytest

from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.events import hear
from lunix_testing.hotplug import Hotplug, ask_kernel, ip, new_name, veth
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.root, pytest.mark.requires("veth", "uevents")]


@contextlib.contextmanager
def another_network() -> Generator[int]:
    """A process in a network namespace of its own."""
    process = subprocess.Popen(("unshare", "--net", "sh", "-c", "echo; exec sleep 3600"), stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(1)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def test_an_interface_is_told_when_it_comes_and_goes(hotplug: Hotplug) -> None:
    with veth() as (one, _two):
        pass
    add, remove = await hotplug.of(one)
    assert (add.subject, remove.subject) == ("hardware.net.add", "hardware.net.remove")
    assert add.payload["devpath"] == f"/devices/virtual/net/{one}"
    assert add.payload["properties"]["INTERFACE"] == one
    assert add.payload["action"] == "add"
    assert not add.payload["synthetic"]
    assert remove.id == add.id
    assert remove.payload["properties"] == add.payload["properties"]


async def test_events_carry_the_headers_by_which_losses_are_seen(hotplug: Hotplug) -> None:
    with veth() as (one, _two):
        first, second = (await hotplug.of(one))[0], (await hotplug.of(_two))[0]
    assert first.headers["Lunix-Source"] == "natsdev"
    assert first.headers["Lunix-Boot"] == second.headers["Lunix-Boot"]
    last = 0
    for heard in hotplug.heard.items:
        if heard.subject == "hardware.net.add":
            assert int(heard.headers["Lunix-Prev"]) == last
            last = int(heard.headers["Lunix-Seq"])


async def test_a_rename_keeps_the_id_and_tells_the_old_name(hotplug: Hotplug) -> None:
    new = new_name()
    with veth() as (one, _two):
        ip("link", "set", one, "name", new)
        told = await hotplug.of(one, new)
        listed = await hotplug.ask("hardware.list", {"subsystem": "net", "name": new})
    assert [(heard.kind, heard.name) for heard in told] == [("add", one), ("move", new)]
    assert told[1].payload["old_name"] == one
    assert [item["id"] for item in listed["items"]] == [told[0].id] == [told[1].id]


async def test_an_id_is_new_at_each_plug(hotplug: Hotplug) -> None:
    name = new_name()
    for _ in range(3):
        with veth(name):
            pass
    adds = [heard.id for heard in await hotplug.of(name) if heard.kind == "add"]
    assert len(set(adds)) == 3


async def test_a_plug_that_is_over_before_it_is_read_is_told_in_order_with_ids_of_its_own(hotplug: Hotplug) -> None:
    name = new_name()
    hotplug.daemon.signal(19)
    for _ in range(3):
        with veth(name):
            pass
    with veth(name):
        hotplug.daemon.signal(18)
        told = await hotplug.of(name)
        assert [heard.kind for heard in told] == ["add", "remove"] * 3 + ["add"]
        ids = [heard.id for heard in told if heard.kind == "add"]
        assert len(set(ids)) == 4
        assert [heard.id for heard in told if heard.kind == "remove"] == ids[:3]
        assert (await hotplug.device(ids[3]))["name"] == name


@pytest.mark.parametrize("hostile", ["eth0.100", "a*", ">", "é", "<script>", "-", "\x1b]52"])
async def test_no_name_changes_the_shape_of_a_subject(hotplug: Hotplug, hostile: str) -> None:
    with veth() as (one, _two):
        ip("link", "set", one, "name", hostile)
        await hotplug.settle()
        listed = await hotplug.ask("hardware.list", {"subsystem": "net", "name": hostile})
        assert len(listed["items"]) == 1
        got = await hotplug.device(f"/sys/class/net/{hostile}")
        assert "error" in got
        assert (await hotplug.device(f"/sys/devices/virtual/net/{hostile}"))["id"] == listed["items"][0]["id"]
    told = await hotplug.of(one, hostile)
    assert [heard.kind for heard in told] == ["add", "move", "remove"]
    assert {heard.subject.count(".") for heard in told} == {2}
    assert told[2].name == hostile


async def test_a_name_that_is_no_utf_8_is_shown_escaped_and_loses_nothing(hotplug: Hotplug) -> None:
    with veth() as (one, _two):
        ip("link", "set", one, "name", b"a\xff\xfe")
        await hotplug.settle()
        listed = await hotplug.ask("hardware.list", {"subsystem": "net", "name": "a\\xff\\xfe"})
    told = await hotplug.of(one, "a\\xff\\xfe")
    assert [heard.kind for heard in told] == ["add", "move", "remove"]
    assert [item["id"] for item in listed["items"]] == [told[0].id]


async def test_an_event_that_somebody_asked_for_says_so_and_carries_what_was_said(hotplug: Hotplug) -> None:
    with veth() as (one, _two):
        ask_kernel(one, f"change {uuid4()} SAID=hello")
        add, change = await hotplug.of(one)
    assert not add.payload["synthetic"]
    assert change.payload["synthetic"]
    assert change.payload["properties"]["SYNTH_ARG_SAID"] == "hello"
    assert change.id == add.id


async def test_a_removal_that_somebody_asked_for_leaves_the_device_in_the_list(hotplug: Hotplug) -> None:
    with veth() as (one, _two):
        ask_kernel(one, "remove")
        told = await hotplug.of(one)
        listed = await hotplug.ask("hardware.list", {"name": one})
    assert [(heard.kind, heard.payload["synthetic"]) for heard in told[1:]] == [("remove", True), ("add", True)]
    assert [item["id"] for item in listed["items"]] == [told[0].id]


async def test_queues_modules_and_drivers_are_no_devices(hotplug: Hotplug) -> None:
    with veth():
        await hotplug.settle()
    assert {heard.subject.split(".")[1] for heard in hotplug.heard.items} & {"queues", "module", "drivers"} == set()


async def test_order_holds_through_many_events_of_one_device(hotplug: Hotplug) -> None:
    with veth() as (one, _two):
        for number in range(500):
            ask_kernel(one, f"change {uuid4()} N={number}")
        told = [heard for heard in await hotplug.of(one) if heard.kind == "change"]
    assert [int(heard.payload["properties"]["SYNTH_ARG_N"]) for heard in told] == list(range(500))


async def test_an_interface_that_is_lent_to_another_network_is_gone_until_it_comes_back(hotplug: Hotplug) -> None:
    with another_network() as pid, veth() as (one, _two):
        ip("link", "set", one, "netns", str(pid))
        assert await hotplug.told(one) == [("add", one), ("remove", one)]
        assert (await hotplug.ask("hardware.list", {"name": one}))["items"] == []
        back = ("nsenter", "--target", str(pid), "--net", "ip", "link", "set", one, "netns", str(os.getpid()))
        await asyncio.to_thread(subprocess.run, back, check=True)
        told = await hotplug.of(one)
        assert told[-1].kind == "add"
        listed = await hotplug.ask("hardware.list", {"name": one})
        assert [item["id"] for item in listed["items"]] == [told[-1].id]
        assert told[-1].id != told[0].id


# --- what is there -------------------------------------------------------------------------------------------------


async def test_devices_that_are_there_are_listed_and_not_told(hotplug: Hotplug) -> None:
    listed = await hotplug.ask("hardware.list", {"name": "lo", "subsystem": "net"})
    assert listed["items"][0]["devpath"] == "/devices/virtual/net/lo"
    assert await hotplug.of("lo") == []


async def test_a_restart_keeps_every_id_and_tells_nothing(
    hotplug: Hotplug, daemon_process: DaemonStarter, bus_server: BusServer
) -> None:
    with veth() as (one, _two):
        (add,) = await hotplug.of(one)
        assert hotplug.daemon.stop() == 0
        daemon = await asyncio.to_thread(daemon_process, "lunix_natsdev", "--source", "kernel")
        client = await bus_server.connect("admin")
        again = Hotplug(daemon, client, Inbox())
        await hear(client, "hardware", again.heard.put)
        assert (await again.device(add.id))["name"] == one
        assert await again.of(one) == []
        await client.close()


async def test_what_happens_while_natsdev_starts_is_not_missed(
    bus_server: BusServer, daemon_process: DaemonStarter
) -> None:
    client = await bus_server.connect("admin")
    with veth() as (one, _two):
        starting = asyncio.create_task(asyncio.to_thread(daemon_process, "lunix_natsdev", "--source", "kernel"))
        names: list[str] = []
        while not starting.done():
            with veth() as (name, _peer):
                names.append(name)
            await asyncio.sleep(0)
        daemon = await starting
        running = Hotplug(daemon, client, Inbox())
        await hear(client, "hardware", running.heard.put)
        # The kernel has told of the last one; that natsdev has read it is another matter. What it told before anybody
        # listened is not to be heard: so its own word counts.
        assert "seq" in await running.ask("hardware.settle")
        listed = await running.ask("hardware.list", {"subsystem": "net"})
        found = {item["name"] for item in listed["items"]}
        assert one in found
        assert not found & set(names)
    await client.close()


# --- questions -----------------------------------------------------------------------------------------------------


async def test_a_device_is_got_by_id_path_and_node(hotplug: Hotplug) -> None:
    null = await hotplug.device("/dev/null")
    assert (null["subsystem"], null["major"], null["minor"]) == ("mem", 1, 3)
    for wanted in (null["id"], "/sys/devices/virtual/mem/null", "/devices/virtual/mem/null"):
        assert await hotplug.device(wanted) == null
    assert (await hotplug.device("/dev/nothing"))["error"]["code"] == 404


async def test_an_unknown_filter_is_let_pass_and_a_wrong_one_refused(hotplug: Hotplug) -> None:
    assert (await hotplug.ask("hardware.list", {"subsystem": "mem", "strange": 1}))["items"]
    assert (await hotplug.ask("hardware.list", {"subsystem": 5}))["error"]["code"] == 400
    assert (await hotplug.ask("hardware.settle", {"timeout_ms": -1}))["error"]["code"] == 400
    assert (await hotplug.ask("hardware.get", b"\xff\xfe"))["error"]["code"] == 400
    assert (await hotplug.ask("hardware.list", b"mem"))["items"]


async def test_a_trigger_asks_the_kernel_for_the_event(hotplug: Hotplug) -> None:
    with veth() as (one, _two):
        path = f"/devices/virtual/net/{one}"
        assert await hotplug.ask("hardware.trigger", {"device": path, "action": "online"}) == {"devices": 1}
        told = await hotplug.of(one)
        assert [(heard.kind, heard.payload["synthetic"]) for heard in told] == [("add", False), ("online", True)]
        assert (await hotplug.ask("hardware.trigger", {"subsystem": "net"}))["devices"] >= 3
        assert ("change", one) in await hotplug.told(one)
        assert (await hotplug.ask("hardware.trigger", {"device": "/dev/nothing"}))["error"]["code"] == 404
        assert (await hotplug.ask("hardware.trigger", {"device": path, "action": "burn"}))["error"]["code"] == 400


async def test_settle_answers_behind_every_event_before_it(hotplug: Hotplug) -> None:
    for _ in range(20):
        with veth() as (one, _two):
            settled = await hotplug.ask("hardware.settle")
            listed = await hotplug.ask("hardware.list", {"name": one})
            assert len(listed["items"]) == 1
            assert listed["seq"] >= settled["seq"]
