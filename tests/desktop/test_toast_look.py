"""What popups look like with a compositor, in both themes; the picture in the README is taken here."""

import pytest

from lunix_testing import tree
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.desktop import Desktop, Eyes, Picture
from lunix_testing.toasts import Person
from lunix_toast.paint.os_cairo import Canvas, Text
from lunix_toast.paint.theme import BASES, colour
from lunix_x11.wire import Rect

pytestmark = pytest.mark.requires("program:Xvfb", "program:openbox", "program:picom")

PICTURE = tree.ROOT / "docs" / "images" / "toasts.png"
WIDTH, HEIGHT = 404, 456
SHADOW = 22


async def show_all(person: Person) -> None:
    await person.toast(
        "a USB stick was plugged in!",
        app="Devices",
        body="29.8 GiB, vfat, labelled <b>HOLIDAYS</b>",
        markup=True,
        icon="drive-removable-media",
        actions=[{"key": "open", "label": "Open it"}, {"key": "no", "label": "Ignore"}],
        timeout_ms=0,
    )
    await person.toast(
        "Copying photos 📷 to the NAS",
        app="Files",
        body="1 284 of 1 945, <i>about 3 minutes left</i>",
        markup=True,
        icon="folder-download",
        progress_percent=66,
        timeout_ms=0,
    )
    await person.toast(
        "شبكة جديدة متاحة",
        body="هل تريد الاتصال بشبكة «المقهى» الآن؟",
        icon="network-wireless",
        timeout_ms=0,
    )
    await person.toast(
        "The disk is almost full", app="Storage", body="/home has 212 MB left.", urgency="critical",
        icon="drive-harddisk",
    )  # fmt: skip


async def taken(eyes: Eyes, theme: str) -> Picture:
    """The corner with the cards, once the compositor has painted all of them with their icons."""
    whole = Rect(1280 - WIDTH, 0, WIDTH, HEIGHT)
    windows = await eyes.count(4)
    card = colour(BASES[theme]["card"])
    rgb = (round(card.red * 255), round(card.green * 255), round(card.blue * 255))

    def painted() -> bool:
        seen = eyes.picture(whole)
        icons = [Rect(window.x + SHADOW + 18, window.y + SHADOW + 16, 44, 44) for window in windows]
        return seen.count(rgb) > 60_000 and all(len(eyes.picture(icon).colours()) > 12 for icon in icons)

    await eyes.sees(painted, f"four {theme} cards with icons")
    return eyes.picture(whole)


async def test_cards_have_soft_shadows_and_smooth_corners_in_both_themes(
    desktop: Desktop, daemon_process: DaemonStarter, person: Person, eyes: Eyes, request: pytest.FixtureRequest
) -> None:
    desktop.wallpaper((122, 156, 196), (70, 92, 136))
    desktop.spawn("picom", "--backend", "xrender", "--config", "/dev/null")
    daemon: Daemon = daemon_process("lunix_toast", config='[toast]\ntheme = "light"\n', env=desktop.environ)
    await show_all(person)
    light = await taken(eyes, "light")
    daemon.configure('[toast]\ntheme = "dark"\n')
    await eyes.until(lambda popups: len(popups) == 4)
    dark = await taken(eyes, "dark")
    for picture in (light, dark):
        bare, below = picture.pixel(5, 144), picture.pixel(WIDTH // 2, 149)
        assert sum(below) < sum(bare), "a shadow below the first card"
        corner = {picture.pixel(WIDTH - 12 - 380 + x, 12 + y) for x in range(12) for y in range(12)}
        assert len(corner) > 12, "a smooth corner has many shades"
    if request.config.getoption("--record-examples"):
        light.beside(dark).save(PICTURE)


@pytest.mark.parametrize("scale", [1, 1.25, 2, 3])
@pytest.mark.parametrize("label", ["A label that is much too long for any button", "one\ntwo"])
def test_a_label_has_one_line_on_every_display(scale: float, label: str) -> None:
    with Canvas(1, 1, scale) as canvas:
        height = Text(canvas, "x", "Sans Medium 9.5", 100, 1).height
        assert Text(canvas, label, "Sans Medium 9.5", 100, 1, centred=True).height < 1.5 * height
