"""Icons and pictures on cards: found by name or path, decoded by a child, and harmless whatever they are."""

import os
import struct
import subprocess
import sys
import zlib
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.desktop import Desktop, Eyes
from lunix_testing.toasts import Person
from lunix_x11.wire import Rect

pytestmark = pytest.mark.requires("program:Xvfb", "program:openbox")

RED = (250, 10, 20)
RED_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48"><rect width="48" height="48" fill="#fa0a14"/></svg>'
)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes | None = None) -> bytes:
    """A red picture; with ``rows`` of its own it need not be one."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes(RED) * width) * height if rows is None else rows
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def started(daemon_process: DaemonStarter, desktop: Desktop, config: str = "", **env: str) -> Daemon:
    return daemon_process("lunix_toast", "--log-level=debug", config=f"[toast]\n{config}", env=desktop.environ | env)


async def sees_red(eyes: Eyes, popup: Rect) -> None:
    await eyes.sees(lambda: eyes.picture(popup).count(RED) > 1200, "a red picture on the card")


@pytest.mark.parametrize("way", ["path", "URI", "SVG", "data"])
async def test_a_picture_is_shown(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person, tmp_path: Path, way: str
) -> None:
    started(daemon_process, desktop)
    file = tmp_path / ("a picture.svg" if way == "SVG" else "a picture.png")
    file.write_bytes(RED_SVG.encode() if way == "SVG" else png(60, 30) if way == "path" else png(30, 60))
    if way == "data":
        data = "data:image/png;base64," + b64encode(png(64, 64)).decode()
        await person.toast("hello", image=data, icon="/nowhere.png", timeout_ms=0)
    else:
        await person.toast("hello", icon=file.as_uri() if way == "URI" else str(file), timeout_ms=0)
    [popup] = await eyes.count(1)
    await eyes.sees(lambda: eyes.picture(popup).count(RED) > 600, "a red picture on the card")


async def test_an_icon_is_found_by_its_name_in_a_theme_and_those_it_builds_on(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    icons = desktop.folder / ".icons"
    (icons / "Base" / "big").mkdir(parents=True)
    (icons / "Base" / "big" / "siren.svg").write_text(RED_SVG)
    (icons / "Base" / "index.theme").write_text("[Icon Theme]\nDirectories=big\n[big]\nSize=48\n")
    (icons / "Mine").mkdir()
    (icons / "Mine" / "index.theme").write_text("[Icon Theme]\nInherits=Base\nDirectories=\n")
    started(daemon_process, desktop, 'icon_theme = "Mine"')
    await person.toast("hello", icon="siren-loud", timeout_ms=0)
    [popup] = await eyes.count(1)
    await sees_red(eyes, popup)


async def test_a_symbol_takes_the_colour_of_the_text(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, person: Person
) -> None:
    folder = desktop.folder / ".icons" / "hicolor" / "s"
    folder.mkdir(parents=True)
    (folder / "siren-symbolic.svg").write_text(RED_SVG)
    (folder.parent / "index.theme").write_text("[Icon Theme]\nDirectories=s\n[s]\nSize=48\n")
    started(daemon_process, desktop, 'colours = { text = "#00ff00" }')
    await person.toast("hello", icon="siren", timeout_ms=0)
    [popup] = await eyes.count(1)
    await eyes.sees(lambda: eyes.picture(popup).count((0, 255, 0)) > 1200, "a green symbol on the card")


def bomb(path: Path) -> None:
    """A gigabyte of red in a few kilobytes."""
    path.write_bytes(png(40_000, 40_000, b""))


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.write(png(10, 10))
        file.truncate(100 * 1024 * 1024)


def nonsense(path: Path) -> None:
    path.write_bytes(png(100, 100, b"x" * 100)[:-30] + os.urandom(500))


def entities(path: Path) -> None:
    lines = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(12))
    path.write_text(
        f'<!DOCTYPE svg [<!ENTITY a0 "xxxxxxxxxx">{lines}]><svg xmlns="http://www.w3.org/2000/svg">&a12;</svg>'
    )


def secret(path: Path) -> None:
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" width="9" height="9">'
        '<image x:href="file:///etc/passwd" width="9" height="9"/></svg><'
    )


HOSTILE: list[Callable[[Path], None]] = [bomb, huge, nonsense, entities, secret, os.mkfifo, Path.mkdir]


@pytest.mark.parametrize("make", HOSTILE)
async def test_what_is_no_picture_leaves_the_card_without_one(
    desktop: Desktop,
    eyes: Eyes,
    daemon_process: DaemonStarter,
    person: Person,
    tmp_path: Path,
    make: Callable[[Path], None],
) -> None:
    daemon = started(daemon_process, desktop)
    file = tmp_path / "hostile.svg"
    make(file)
    await person.toast("hello", icon=str(file), timeout_ms=0)
    [popup] = await eyes.count(1)
    daemon.wait_for_log("a picture cannot be shown")
    assert eyes.picture(popup).count(RED) == 0
    await person.toast("the next one", timeout_ms=0)
    await eyes.count(2)


def decoded(data: bytes, tmp_path: Path, side: int = 44) -> "subprocess.CompletedProcess[bytes]":
    """What the child makes of a picture."""
    file = tmp_path / "picture"
    file.write_bytes(data)
    program = "import sys; from lunix_toast.pictures.os_decode import main; sys.exit(main(sys.argv[1]))"
    with file.open("rb") as stdin:
        command = (sys.executable, "-c", program, str(side))
        return subprocess.run(command, stdin=stdin, capture_output=True, timeout=60, check=False)


def test_the_child_gives_the_pixels_of_a_picture_in_its_proportions(tmp_path: Path) -> None:
    done = decoded(png(100, 50), tmp_path)
    assert done.returncode == 0, done.stderr
    width, height = struct.unpack_from("=II", done.stdout)
    assert (width, height) == (44, 22)
    assert done.stdout[8:] == bytes((*reversed(RED), 255)) * (44 * 22)


def test_the_child_multiplies_colours_by_their_opacity(tmp_path: Path) -> None:
    half = RED_SVG.replace('fill="#fa0a14"', 'fill="#ff0000" fill-opacity="0.5"')
    blue, green, red, alpha = decoded(half.encode(), tmp_path).stdout[8:12]
    assert (blue, green) == (0, 0)
    assert red == pytest.approx(alpha, abs=1) == pytest.approx(128, abs=2)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"text", b"no picture"),
        (png(40_000, 40_000, b""), b"40000 x 40000 pixels"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01" + bytes(40), b"no picture"),
    ],
)
def test_the_child_says_why_it_gives_none(tmp_path: Path, data: bytes, why: bytes) -> None:
    done = decoded(data, tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert why in done.stderr
