"""The desktop's notifications: real notify-send, real dunst, and a program that speaks D-Bus for itself."""

import asyncio
from pathlib import Path

import pytest

from lunix_dbus import Dbus, DbusError, Variant
from lunix_testing.daemon import DaemonStarter
from lunix_testing.dbus import DbusDaemon
from lunix_testing.deadline import deadline
from lunix_testing.desktop import Desktop, Eyes
from lunix_testing.notifications import App, dunst, notify_send, started
from lunix_testing.notifications import app as app
from lunix_testing.toasts import Person
from lunix_toast.desktop import NAME
from lunix_toast.desktop.image import data_uri

pytestmark = pytest.mark.requires("program:Xvfb", "program:notify-send", "program:dbus-daemon")
needs_dunst = pytest.mark.requires("program:dunst")


async def test_notify_send_pops_up_and_is_on_the_bus(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, dbus_daemon, desktop)
    arguments = ("-u", "critical", "-a", "Files", "-i", "folder", "-h", "int:value:40", "a title", "a <b>body</b>")
    await asyncio.to_thread(notify_send, dbus_daemon, *arguments)
    shown = await person.event("shown", summary="a title")
    assert (shown["body"], shown["markup"], shown["app"]) == ("a <b>body</b>", True, "Files")
    assert (shown["urgency"], shown["icon"], shown["progress_percent"]) == ("critical", "folder", 40)
    await eyes.count(1)


async def test_notify_send_waits_for_an_action_that_is_chosen_on_the_bus(
    dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, dbus_daemon)
    chosen = asyncio.create_task(
        asyncio.to_thread(notify_send, dbus_daemon, "--action=open=Open it", "--action=no=Ignore", "a stick")
    )
    id_ = (await person.event("shown", summary="a stick"))["id"]
    await person.ask("toast.close", {"id": id_, "action": "open"})
    assert await chosen == "open\n"
    assert (await person.event("action", id=id_))["action"] == "open"


async def test_an_action_outlives_the_program_that_offered_it(
    dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    started(daemon_process, dbus_daemon)
    await app.notify("a stick", actions=["open", "Open it"])
    await app.dbus.__aexit__(None, None, None)
    id_ = (await person.event("shown", summary="a stick"))["id"]
    assert (await person.ask("toast.close", {"id": id_, "action": "open"}))["reason"] == "action"
    await app.dbus.__aenter__()


async def test_a_click_is_told_to_the_program_with_a_token_for_the_focus(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, app: App
) -> None:
    started(daemon_process, dbus_daemon, desktop)
    number = await app.notify("a message", actions=["default", "Show"])
    [popup] = await eyes.count(1)
    desktop.click(popup.x + 60, popup.y + 12)
    token, action, closed = await app.heard.count(3)
    assert token[:2] == ("ActivationToken", number)
    assert token[2].startswith("lunix-toast-")
    assert "_TIME" in token[2]
    assert action == ("ActionInvoked", number, "default")
    assert closed == ("NotificationClosed", number, 2)


async def test_the_reason_of_an_end_is_told(
    dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    started(daemon_process, dbus_daemon)
    expired = await app.notify("expires", timeout=50)
    assert await app.heard.next() == ("NotificationClosed", expired, 1)
    called_off = await app.notify("called off")
    await app.call("CloseNotification", "u", called_off)
    assert await app.heard.next() == ("NotificationClosed", called_off, 3)
    dismissed = await app.notify("dismissed")
    [toast] = (await person.ask("toast.list"))["items"]
    await person.ask("toast.close", {"id": toast["id"]})
    assert await app.heard.next() == ("NotificationClosed", dismissed, 2)
    await app.call("CloseNotification", "u", 12345)


async def test_the_server_says_what_it_can_and_who_it_is(
    desktop: Desktop, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, app: App
) -> None:
    daemon = started(daemon_process, dbus_daemon, desktop)
    assert await app.call("GetCapabilities") == [
        ["actions", "body", "body-markup", "icon-static", "x-canonical-private-synchronous", "x-dunst-stack-tag"]
    ]
    information = await app.call("GetServerInformation")
    assert (information[0], information[1], information[3]) == ("lunix-toast", "lunix", "1.3")
    daemon.configure('[toast]\nrenderer = "none"\n')
    async with deadline("another renderer"):
        await asyncio.to_thread(daemon.wait_for_log, "none: toasts are on the bus alone")
    assert "body-markup" not in (await app.call("GetCapabilities"))[0]


async def test_a_replaced_notification_keeps_its_number(
    dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    started(daemon_process, dbus_daemon)
    number = await app.notify("1 %")
    assert await app.notify("2 %", replaces=number) == number
    assert await app.notify("of a run before ours", replaces=4711) == 4711
    tag = {"x-dunst-stack-tag": Variant("s", "volume")}
    volume = await app.notify("volume 1", hints=tag)
    assert await app.notify("volume 2", hints=tag) == volume
    assert await app.notify("gone", replaces=await closed(app)) not in (number, 4711, volume)
    listed = [toast["summary"] for toast in (await person.ask("toast.list"))["items"]]
    assert listed == ["2 %", "of a run before ours", "volume 2", "gone"]


async def closed(app: App) -> int:
    number = await app.notify("closed")
    await app.call("CloseNotification", "u", number)
    return number


@pytest.mark.parametrize("timeout", [2**31 - 1, -(2**31), 0, -1, -2])
async def test_a_timeout_beyond_reason_is_a_notification_all_the_same(
    dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App, timeout: int
) -> None:
    started(daemon_process, dbus_daemon)
    await app.notify("x", timeout=timeout)
    assert (await person.event("shown"))["timeout_ms"] == (timeout if timeout >= 0 else 10_000)


async def test_hints_that_make_no_sense_are_passed_over(
    dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    started(daemon_process, dbus_daemon)
    image = Variant("(iiibiiay)", [2**31 - 1, 2**31 - 1, -1, True, 8, 4, b"xx"])
    hints = {
        "urgency": Variant("s", "panic"),
        "value": Variant("s", "much"),
        "transient": Variant("s", "maybe"),
        "image-data": image,
        "image-path": Variant("i", 7),
        "sender-pid": Variant("x", -1),
        "x-dunst-stack-tag": Variant("as", ["a", "b"]),
    }
    await app.notify("x", hints=hints)
    shown = await person.event("shown")
    assert (shown["urgency"], "image" in shown, "tag" in shown) == ("normal", False, False)


async def test_a_picture_as_large_as_d_bus_takes_is_a_small_one(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    daemon = started(daemon_process, dbus_daemon, desktop)
    await person.toast("first", icon="folder", timeout_ms=0)
    await eyes.count(1)
    before = resident_kb(daemon.pid)
    side = 2_800  # a message of D-Bus has 32 MiB at most
    pixels = bytes((200, 30, 60, 255)) * (side * side)
    image = Variant("(iiibiiay)", [side, side, side * 4, True, 8, 4, pixels])
    await app.notify("a picture", hints={"image-data": image})
    shown = await person.event("shown", summary="a picture")
    assert shown["image"].startswith("data:image/png;base64,")
    assert len(shown["image"]) < 64 * 1024
    _, popup = await eyes.count(2)
    await eyes.sees(lambda: eyes.picture(popup).count((200, 30, 60)) > 1500, "the picture on the card")
    await app.notify("a small one")  # dbus-fast keeps a message until the next one comes
    await eyes.count(3)
    assert resident_kb(daemon.pid) - before < 32 * 1024, "what came was given back"


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


async def test_the_history_overfull_forgets_the_oldest(
    dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    started(daemon_process, dbus_daemon, config="history = 5\nburst = 0")
    for number in range(20):
        await app.call("CloseNotification", "u", await app.notify(f"n {number}"))
    past = await person.ask("toast.history")
    assert [toast["summary"] for toast in past["items"]] == ["n 19", "n 18", "n 17", "n 16", "n 15"]


async def test_an_action_of_a_toast_from_the_history_reaches_its_program(
    dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    started(daemon_process, dbus_daemon)
    number = await app.notify("a stick", actions=["open", "Open it"])
    await app.call("CloseNotification", "u", number)
    id_ = (await person.ask("toast.history.pop"))["id"]
    await person.ask("toast.close", {"id": id_, "action": "open"})
    assert ("ActionInvoked", number, "open") in await app.heard.count(3)


async def test_a_flood_is_refused_with_an_error_that_programs_know(
    dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    started(daemon_process, dbus_daemon, config="burst = 3\nper_second = 0.01")
    for _ in range(3):
        await app.notify("x")
    with pytest.raises(DbusError) as refused:
        await app.notify("x")
    assert refused.value.name.endswith("MaxNotificationsExceeded")
    assert (await person.event("limited"))["sender"] == "App"


async def test_the_message_bus_may_come_later_and_go(
    dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person
) -> None:
    dbus_daemon.kill()
    dbus_daemon.path.unlink()
    daemon = started(daemon_process, dbus_daemon)
    dbus_daemon.start()
    await asyncio.to_thread(daemon.wait_for_log, "notifications of the desktop come to us")
    await asyncio.to_thread(notify_send, dbus_daemon, "hello")
    await person.event("shown", summary="hello")
    dbus_daemon.kill()
    await asyncio.to_thread(daemon.wait_for_log, "D-Bus is away")
    await person.toast("still here")


@needs_dunst
async def test_dunst_that_has_the_name_first_shows_our_toasts_and_tells_of_them(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    dunst(desktop, dbus_daemon)
    await app.owners.until(lambda owner: owner is not None)
    daemon = started(daemon_process, dbus_daemon, desktop)
    await asyncio.to_thread(daemon.wait_for_log, f"notifications: by {NAME}")
    id_ = await person.toast("by dunst", body="1 < 2", actions=[{"key": "default", "label": "Show"}], timeout_ms=0)
    await eyes.count(1)
    await asyncio.to_thread(dbus_daemon.run, "dunstctl", "action", "0")
    assert (await person.event("action", id=id_))["action"] == "default"
    await eyes.count(0)
    other = await person.toast("another", timeout_ms=0)
    await eyes.count(1)
    await asyncio.to_thread(dbus_daemon.run, "dunstctl", "close")
    assert (await person.event("closed", id=other))["reason"] == "dismissed"
    third = await person.toast("the third", timeout_ms=0)
    await eyes.count(1)
    await person.ask("toast.close", {"id": third})
    await eyes.count(0)


@needs_dunst
async def test_dunst_is_given_the_picture_and_the_text_without_our_escapes(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    dunst(desktop, dbus_daemon)
    await app.owners.until(lambda owner: owner is not None)
    started(daemon_process, dbus_daemon, desktop)
    red = data_uri([64, 64, 192, False, 8, 3, bytes((250, 10, 20)) * 4096])
    more = {"transient": True, "resident": True, "progress_percent": 50, "markup": True}
    await person.toast("a picture", body="<b>x</b> &amp; y", image=red, timeout_ms=0, **more)
    [popup] = await eyes.count(1)
    await eyes.sees(lambda: eyes.picture(popup).count((250, 10, 20)) > 500, "the picture by dunst")


@needs_dunst
async def test_the_name_is_taken_when_dunst_ends_and_given_to_one_that_takes_it(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    process = dunst(desktop, dbus_daemon)
    await app.owners.until(lambda owner: owner is not None)
    daemon = started(daemon_process, dbus_daemon, desktop)
    await person.toast("stays", timeout_ms=0)
    await eyes.count(1)
    desktop.end(process)
    await asyncio.to_thread(daemon.wait_for_log, "notifications of the desktop come to us")
    [popup] = await eyes.until(lambda popups: [place.width for place in popups.values()] == [380])
    await asyncio.to_thread(notify_send, dbus_daemon, "from a program")
    await eyes.count(2)
    taker = Dbus(dbus_daemon.address)
    taker.own(NAME, lambda _ours: None, replace=True)
    async with taker:
        await asyncio.to_thread(daemon.wait_for_log, "another one has the notifications")
        since = len(daemon.log)
    await asyncio.to_thread(daemon.wait_for_log, "notifications of the desktop come to us", since)
    assert popup.y == 12


@needs_dunst
async def test_what_dunst_shows_for_us_goes_when_we_do(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, daemon_process: DaemonStarter, person: Person, app: App
) -> None:
    dunst(desktop, dbus_daemon)
    await app.owners.until(lambda owner: owner is not None)
    daemon = started(daemon_process, dbus_daemon, desktop)
    await person.toast("ours", timeout_ms=0)
    await eyes.count(1)
    assert await asyncio.to_thread(daemon.stop) == 0
    await eyes.count(0)


async def test_without_a_session_bus_that_part_is_off(daemon_process: DaemonStarter, person: Person) -> None:
    daemon_process("lunix_toast", config='[toast]\nrenderer = "none"')
    info = await person.ask("$SRV.INFO.toast")
    assert "no session bus" in str(info)
