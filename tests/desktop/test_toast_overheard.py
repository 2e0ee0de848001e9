"""Notifications of programs while dunst shows them: on the bus all the same."""

import asyncio
import json
import subprocess

import pytest

from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.dbus import DbusDaemon
from lunix_testing.desktop import Desktop, Eyes
from lunix_testing.notifications import App, dunst, started
from lunix_testing.notifications import app as app
from lunix_testing.toasts import Person

pytestmark = pytest.mark.requires("program:Xvfb", "program:dunst", "program:dbus-daemon")

DAEMON = "org.freedesktop.DBus"
HEARD = "what programs say to the other server is heard"


async def beside_dunst(
    desktop: Desktop, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, app: App
) -> "tuple[subprocess.Popen[bytes], Daemon]":
    """dunst has the name, and lunix-toast hears what it is asked."""
    process = dunst(desktop, dbus_daemon)
    await app.owners.until(lambda owner: owner is not None)
    daemon = await asyncio.to_thread(started, daemon_process, dbus_daemon, desktop)
    await asyncio.to_thread(daemon.wait_for_log, HEARD)
    return process, daemon


async def test_what_programs_say_to_dunst_is_on_the_bus(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    await beside_dunst(desktop, dbus_daemon, daemon_process, app)
    number = await app.notify("from a program", "1 <b>2</b>", actions=["default", "Show"], timeout=60_000)
    shown = await person.event("shown", summary="from a program")
    assert (shown["by_another"], shown["shown"], shown["timeout_ms"]) == (True, True, 0)
    assert (shown["app"], shown["body"], shown["markup"]) == ("App", "1 <b>2</b>", True)
    await eyes.count(1)
    assert await app.notify("changed", actions=["default", "Show"], replaces=number, timeout=60_000) == number
    assert (await person.event("shown", summary="changed"))["id"] == shown["id"]
    refused = await person.client.request(
        "toast.close", json.dumps({"id": shown["id"], "action": "default"}).encode(), timeout=30
    )
    assert json.loads(refused.data)["error"]["code"] == 409
    await asyncio.to_thread(dbus_daemon.run, "dunstctl", "action", "0")
    assert (await person.event("action", id=shown["id"]))["action"] == "default"
    assert (await person.event("closed", id=shown["id"]))["reason"] == "action"
    await eyes.count(0)


async def test_what_dunst_shows_for_programs_is_closed_from_the_bus_and_told_when_it_is_closed_there(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    await beside_dunst(desktop, dbus_daemon, daemon_process, app)
    await person.ask("toast.pause", {"level": "critical"})
    number = await app.notify("closed from the bus", timeout=60_000)
    id_ = (await person.event("shown", summary="closed from the bus"))["id"]
    await eyes.count(1)
    await person.ask("toast.close", {"id": id_})
    await eyes.count(0)
    closed = await app.heard.until(lambda one: one[0] == "NotificationClosed")
    assert closed[:2] == ("NotificationClosed", number)
    await app.notify("closed there", timeout=60_000)
    other = (await person.event("shown", summary="closed there"))["id"]
    await eyes.count(1)
    await asyncio.to_thread(dbus_daemon.run, "dunstctl", "close")
    assert (await person.event("closed", id=other))["reason"] == "dismissed"


async def test_what_dunst_shows_for_programs_stays_there_when_we_end_and_ends_with_it(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    process, daemon = await beside_dunst(desktop, dbus_daemon, daemon_process, app)
    await app.notify("outlives us", timeout=60_000)
    await person.event("shown", summary="outlives us")
    await eyes.count(1)
    assert await asyncio.to_thread(daemon.stop) == 0
    await eyes.count(1)
    daemon = await asyncio.to_thread(started, daemon_process, dbus_daemon, desktop)
    await asyncio.to_thread(daemon.wait_for_log, HEARD)
    await app.notify("ends with dunst", timeout=60_000)
    id_ = (await person.event("shown", summary="ends with dunst"))["id"]
    desktop.end(process)
    assert (await person.event("closed", id=id_))["reason"] == "closed"
    past = await person.ask("toast.history", {"limit": 1})
    assert past["items"][0]["summary"] == "ends with dunst"


async def test_a_toast_that_takes_the_place_of_a_programs_or_was_snoozed_is_ours(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    await beside_dunst(desktop, dbus_daemon, daemon_process, app)
    await app.notify("first", timeout=60_000)
    id_ = (await person.event("shown", summary="first"))["id"]
    await eyes.count(1)
    actions = [{"key": "default", "label": "Show"}]
    assert await person.toast("second", replaces=id_, actions=actions, timeout_ms=0) == id_
    assert (await person.event("shown", summary="second"))["by_another"] is False
    await eyes.count(1)
    await person.ask("toast.close", {"id": id_, "action": "default"})
    await eyes.count(0)
    await app.notify("snoozed", timeout=60_000)
    snoozed = (await person.event("shown", summary="snoozed"))["id"]
    await eyes.count(1)
    before = eyes.appeared
    await person.ask("toast.snooze", {"id": snoozed, "for_ms": 1000})
    await eyes.until(lambda popups: (len(popups), eyes.appeared) == (1, before + 1))
    await person.ask("toast.close", {"id": snoozed})
    await eyes.count(0)


async def test_a_session_bus_that_lets_nobody_listen_is_told(
    desktop: Desktop, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    rule = '<deny send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>'
    text = dbus_daemon.config.read_text(encoding="utf-8")
    dbus_daemon.config.write_text(text.replace("</policy>", f"{rule}</policy>"), encoding="utf-8")
    dbus_daemon.run("busctl", "--system", "call", DAEMON, "/org/freedesktop/DBus", DAEMON, "ReloadConfig")
    dunst(desktop, dbus_daemon)
    await app.owners.until(lambda owner: owner is not None)
    daemon = started(daemon_process, dbus_daemon, desktop)
    await asyncio.to_thread(daemon.wait_for_log, "is not heard")
    assert "is not heard" in str(await person.ask("$SRV.INFO.toast"))
