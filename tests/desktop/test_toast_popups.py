"""Popups on a real display: what is to be seen, and what the pointer does."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from lunix_common.schemas.toast import Toast
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.desktop import Desktop, Eyes, looking
from lunix_testing.quiet import quiet
from lunix_testing.toasts import Person
from lunix_toast.paint.card import Look, paint
from lunix_toast.paint.theme import DARK, LIGHT
from lunix_toast.paint.zones import Zone
from lunix_toast.settings import Settings
from lunix_x11.wire import Rect

pytestmark = pytest.mark.requires("program:Xvfb", "program:openbox", "program:xdotool")

OFFERED = [{"key": "open", "label": "Open it"}, {"key": "no", "label": "Ignore"}]
DEFAULT = {"key": "default", "label": "Show"}
CARD = Settings().width


def started(daemon_process: DaemonStarter, desktop: Desktop, config: str = "", **env: str) -> Daemon:
    return daemon_process("lunix_toast", config=f"[toast]\n{config}\n", env=desktop.environ | env)


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


async def zone_of(person: Person, id_: str, name: str, scale: float = 1.0) -> Zone:
    """Where on its card a toast has a button."""
    toast = next(one for one in (await person.ask("toast.list"))["items"] if one["id"] == id_)
    card = paint(Toast.model_validate(toast), Look(Settings().theme_made, scale, translucent=False), None)
    return next(zone for zone in card.zones if zone.name == name)


def middle(popup: Rect, zone: Zone) -> tuple[float, float]:
    return popup.x + zone.x + zone.width / 2, popup.y + zone.y + zone.height / 2


async def test_text_that_is_published_pops_up_in_the_corner(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    daemon = started(daemon_process, desktop)
    assert "popups: display" in daemon.wait_for_log("toasts are shown")
    await person.client.publish("toast.in", b"a USB stick was plugged in!")
    [popup] = await eyes.count(1)
    assert (popup.x + popup.width, popup.y) == (1280 - 12, 12)
    assert popup.width == CARD
    seen = eyes.picture(popup)
    assert seen.pixel(popup.width // 2, 5) == rgb(DARK["card"])
    assert seen.pixel(2, popup.height // 2) == rgb(DARK["normal"])
    assert rgb(DARK["text"]) in seen.colours()


async def test_the_theme_is_that_of_the_settings_and_changes_with_them(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    daemon = started(daemon_process, desktop, 'theme = "light"\nposition = "bottom-left"')
    await person.toast("hello", timeout_ms=0)
    [popup] = await eyes.count(1)
    assert (popup.x, popup.y + popup.height) == (12, 800 - 12)
    assert eyes.picture(popup).pixel(popup.width // 2, 5) == rgb(LIGHT["card"])
    daemon.configure('[toast]\ntheme = "dark"\ncolours = { card = "#004000" }\n')
    await eyes.until(lambda popups: len(popups) == 1 and all(place.x > 600 for place in popups.values()))
    [popup] = eyes.popups.values()
    assert eyes.picture(popup).pixel(popup.width // 2, 5) == (0, 0x40, 0)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_a_click_on_a_button_is_an_action_on_the_bus(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person, loop: str
) -> None:
    started(daemon_process, desktop, LUNIX_LOOP=loop)
    id_ = await person.toast("a USB stick", actions=OFFERED, tag="stick", icon="folder")
    [popup] = await eyes.count(1)
    desktop.click(*middle(popup, await zone_of(person, id_, "action open")))
    assert await person.event("action", id=id_) == {"id": id_, "action": "open", "tag": "stick"}
    assert (await person.event("closed", id=id_))["reason"] == "action"
    await eyes.count(0)


async def test_a_click_on_the_card_is_the_default_action(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, desktop)
    id_ = await person.toast("a message", actions=[DEFAULT, *OFFERED])
    [popup] = await eyes.count(1)
    desktop.click(popup.x + 60, popup.y + 12)
    assert (await person.event("action", id=id_))["action"] == "default"


@pytest.mark.parametrize("how", ["card without an action", "right button", "cross"])
async def test_a_toast_can_be_clicked_away(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person, how: str
) -> None:
    started(daemon_process, desktop)
    id_ = await person.toast("a message", actions=[] if how.startswith("card") else [DEFAULT])
    [popup] = await eyes.count(1)
    if how == "cross":
        desktop.click(*middle(popup, await zone_of(person, id_, "close")))
    else:
        desktop.click(popup.x + 60, popup.y + 12, button=3 if how == "right button" else 1)
    assert (await person.event("closed", id=id_))["reason"] == "dismissed"
    assert not [one for one in person.heard.items if one[0] == "action"]
    await eyes.count(0)


async def test_a_button_below_the_pointer_is_lit(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, desktop)
    id_ = await person.toast("a USB stick", actions=OFFERED)
    [popup] = await eyes.count(1)
    zone = await zone_of(person, id_, "action open")
    dark = eyes.picture(popup).pixel(round(zone.x) + 9, round(zone.y) + 4)
    desktop.point(*middle(popup, zone))

    def lit() -> bool:
        return eyes.picture(popup).pixel(round(zone.x) + 9, round(zone.y) + 4) > dark

    await eyes.sees(lit, "a lit button")
    desktop.point(0, 700)
    await eyes.sees(lambda: not lit(), "a button that is lit no more")


async def test_closing_on_the_bus_closes_on_the_display_and_others_move_up(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, desktop)
    first = await person.toast("first", timeout_ms=0)
    await person.toast("second", timeout_ms=0)
    places = await eyes.count(2)
    assert places[0].y + places[0].height < places[1].y
    await person.ask("toast.close", {"id": first})
    await eyes.until(lambda popups: [place.y for place in popups.values()] == [12])


async def test_a_toast_goes_by_itself_when_its_time_is_up(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, desktop)
    id_ = await person.toast("soon gone", timeout_ms=600)
    await eyes.until(lambda _popups: eyes.appeared == 1)
    assert (await person.event("closed", id=id_))["reason"] == "expired"
    await eyes.count(0)


async def test_a_toast_that_is_replaced_changes_in_its_place(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, desktop)
    await person.toast("copying", tag="copy", progress_percent=10, timeout_ms=0)
    [popup] = await eyes.count(1)
    window = next(iter(eyes.popups))
    accent = rgb(DARK["normal"])
    before = eyes.picture(popup).count(accent)
    await person.toast("copying", tag="copy", progress_percent=90, timeout_ms=0)
    await eyes.sees(lambda: eyes.picture(popup).count(accent) > before + 500, "a longer bar")
    assert list(eyes.popups) == [window]


async def test_what_has_no_room_is_counted_and_critical_ones_go_first(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, desktop)
    for number in range(15):
        await person.toast(f"toast {number}", timeout_ms=0)
    await person.toast("fire", urgency="critical")
    # Eleven cards, and the line that counts the other five.
    await eyes.until(lambda popups: len(popups) == 12 and CARD in {place.width for place in popups.values()})
    accent = rgb(DARK["critical"])
    await eyes.sees(
        lambda: any(eyes.picture(place).pixel(2, place.height // 2) == accent for place in eyes.popups.values()),
        "the critical one among them",
    )
    assert all(place.y >= 0 and place.y + place.height <= 800 for place in eyes.popups.values())


async def test_twice_the_dots_to_the_inch_is_twice_the_size_at_once(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, desktop)
    id_ = await person.toast("hello", actions=OFFERED, timeout_ms=0)
    await eyes.count(1)
    desktop.run("xrdb", "-merge", text="Xft.dpi: 192\n")
    await eyes.until(lambda popups: [place.width for place in popups.values()] == [2 * CARD])
    [popup] = eyes.popups.values()
    desktop.click(*middle(popup, await zone_of(person, id_, "action no", scale=2.0)))
    assert (await person.event("action", id=id_))["action"] == "no"


async def test_popups_are_on_the_monitor_that_is_asked_for(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    desktop.run("xrandr", "--setmonitor", "left", "640/170x800/210+0+0", "screen")
    desktop.run("xrandr", "--setmonitor", "right", "640/170x800/210+640+0", "none")
    daemon = started(daemon_process, desktop, 'monitor = "left"')
    await person.toast("hello", timeout_ms=0)
    [popup] = await eyes.count(1)
    assert popup.x + popup.width == 640 - 12
    daemon.configure('[toast]\nmonitor = "right"\nposition = "top-left"\n')
    await eyes.until(lambda popups: [place.x for place in popups.values()] == [652])
    desktop.point(10, 500)
    daemon.configure('[toast]\nmonitor = "pointer"\nposition = "top-left"\n')
    await eyes.until(lambda popups: [place.x for place in popups.values()] == [12])


async def test_a_stranger_s_text_is_shown_as_text(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    daemon = started(daemon_process, desktop)
    evil = "<script>&\x1b]52;c;x\x07\u202eevil\x00</b> <span size='999999'>" + "Z" + "\u0301" * 400
    await person.toast(
        f"x{evil}", body=evil * 9, markup=True, app=evil[:200], actions=[{"key": evil[:99], "label": evil[:200]}]
    )
    [popup] = await eyes.count(1)
    assert popup.width == CARD
    assert popup.height < 400
    assert not [line for line in daemon.log if "Pango" in line or "CRITICAL" in line]


@pytest.mark.parametrize(
    ("text", "why"),
    [("🦊🐧📷", "emoji"), ("日本語の通知", "Japanese"), ("שלום עולם", "Hebrew"), ("مرحبا بالعالم", "Arabic")],
)
async def test_any_script_is_drawn(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person, text: str, why: str
) -> None:
    started(daemon_process, desktop)
    await person.toast(text)
    [popup] = await eyes.count(1)
    seen = eyes.picture(popup)
    letters = [x for x in range(10, CARD - 40) for y in range(8, popup.height - 8) if sum(seen.pixel(x, y)) > 400]
    assert letters, why
    if why == "emoji":
        assert any(max(colour) - min(colour) > 120 for colour in seen.colours() - {rgb(DARK["normal"])})
    elif why in ("Hebrew", "Arabic"):
        assert min(letters) > CARD / 2, "it begins at the right"


async def test_corners_are_round_without_a_compositor(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, desktop)
    await person.toast("round")
    [popup] = await eyes.count(1)
    corner = eyes.picture(popup).pixel(0, 0)
    assert corner == rgb("#5b7fa6"), "the desktop behind it"


async def test_a_display_that_goes_away_leaves_toasts_on_the_bus(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    daemon = started(daemon_process, desktop)
    id_ = await person.toast("hello", timeout_ms=0)
    await eyes.count(1)
    desktop.end(desktop.server)
    await asyncio.to_thread(daemon.wait_for_log, "the screen is gone")
    assert [one["id"] for one in (await person.ask("toast.list"))["items"]] == [id_]
    await person.toast("another")


async def test_without_a_display_the_daemon_says_so_and_goes_on(
    desktop: Desktop, daemon_process: DaemonStarter
) -> None:
    daemon = started(daemon_process, desktop, DISPLAY=":987")
    assert "no display" in daemon.wait_for_log("there are no popups")
    refused = daemon_process(
        "lunix_toast", config='[toast]\nrenderer = "popups"', env={"DISPLAY": ":987"}, wait=False, may_fail=True
    )
    assert refused.wait() == 111


async def test_a_display_with_a_key_lets_in_who_shows_it(
    tmp_path: Path, daemon_process: DaemonStarter, person: Person
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    locked = Desktop(folder, cookie=bytes(range(16)))
    try:
        locked.start()
        async with looking(locked) as eyes:
            started(daemon_process, locked)
            await person.toast("let in")
            await eyes.count(1)
        config = '[toast]\nrenderer = "popups"'
        env = locked.environ | {"XAUTHORITY": str(tmp_path / "none")}
        refused = daemon_process("lunix_toast", config=config, env=env, wait=False, may_fail=True)
        assert refused.wait() == 111
        assert "uthoriz" in refused.log[-1]
    finally:
        locked.close()


async def test_open_popups_wake_nobody(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    daemon = started(daemon_process, desktop)
    for summary in ("one", "two", "three"):
        await person.toast(summary, timeout_ms=600_000)
    await eyes.count(3)
    await quiet(daemon.pid)


async def test_a_display_that_is_stopped_holds_nobody_up(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    started(daemon_process, desktop)
    await person.toast("before", timeout_ms=0)
    await eyes.count(1)
    os.kill(desktop.server.pid, signal.SIGSTOP)
    try:
        for number in range(40):
            await person.toast(f"toast {number}", timeout_ms=0, body="x " * 400)
    finally:
        os.kill(desktop.server.pid, signal.SIGCONT)
    await eyes.until(lambda popups: len(popups) > 3)


def test_check_says_where_toasts_would_be(desktop: Desktop, daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_toast", "--check", env=desktop.environ, wait=False)
    assert daemon.wait() == 0
    told = daemon.output()
    assert f"shown on popups: display {desktop.display}" in told
    assert "notifications of the desktop are not taken: there is no session bus" in told
