"""The page in a real browser: phone and desktop, light and dark, what it shows and what its buttons do."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lunix_common.access import tokens
from lunix_common.subjects import Role
from lunix_testing.chromium import DESKTOP, PHONE, Chromium, Page, program
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.peers import Peer, Peers
from lunix_testing.peers import peers as peers
from lunix_testing.server import BusServer
from lunix_testing.websocket import Web
from lunix_testing.websocket import web as web

pytestmark = [pytest.mark.requires("browser"), pytest.mark.timeout(180)]

HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>\u202e\x1b]52;c;eA==\x07"
CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
LOCATED = "document.querySelector('#status').dataset.state === 'live' && !document.querySelector('#nav').hidden"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with closing(Chromium(tmp_path_factory.mktemp("chromium"))) as running:
        yield running


@pytest.fixture
async def page(chromium: Chromium) -> AsyncIterator[Page]:
    async with chromium.page() as found:
        await found.look(PHONE)
        yield found


@pytest.fixture
def toasts(bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path) -> Daemon:
    """lunix-toast with the terminal renderer, which writes lines to a file."""
    (tmp_path / "terminal").touch()
    return daemon_process("lunix_toast", config=f'[toast]\nrenderer = "terminal"\nterminal = "{tmp_path}/terminal"\n')


async def enter(page: Page, web: Web, name: str = tokens.FIRST, view: str = "overview") -> None:
    await page.open(f"{web.url}#token={web.secret(name)}")
    await page.run(CHECKS)
    await page.until(LOCATED)
    await page.until("window.performance.getEntriesByName(location.origin + '/subjects').length")
    await page.run(f"location.hash = '{view}'")


async def one_toast(page: Page, user: Peer, **toast: object) -> str:
    answer = await user.ask("toast.in", json.dumps({"timeout_ms": 0, **toast}).encode())
    await page.until(
        f"[...document.querySelectorAll('.toast h2')].some((h) => h.textContent === {json.dumps(toast['summary'])})"
    )
    return str(json.loads(answer.data)["id"])


async def test_a_toast_is_seen_within_100_ms_and_its_button_closes_it_everywhere(
    page: Page, web: Web, toasts: Daemon, peers: Peers, tmp_path: Path
) -> None:
    await enter(page, web)
    user = await peers("user")
    await one_toast(page, user, summary="warm")
    actions = [{"key": "open", "label": "Open it"}]
    took: list[float] = []
    for number in range(5):
        watch = asyncio.create_task(page.run(f"seen('tea {number}')"))
        begin: float = await page.run("Date.now()")
        await user.client.publish(
            "toast.in", json.dumps({"summary": f"tea {number}", "timeout_ms": 0, "actions": actions}).encode()
        )
        took.append(await watch - begin)
    # The best of five: the machine may be busy with something else in between.
    assert min(took) < 100, took
    ear, closed = await user.listen("toast.action"), await user.listen("toast.closed")
    await page.run("""toastWith("tea 4").querySelector(".actions button").click()""")
    assert json.loads((await ear.next()).data)["action"] == "open"
    assert json.loads((await closed.next()).data)["reason"] == "action"
    await page.until("!document.querySelector('#toasts').textContent.includes('tea 4')")
    assert "tea 4" in (tmp_path / "terminal").read_text()
    await page.run("""document.querySelector(".toast .close").click()""")
    assert json.loads((await closed.next()).data)["reason"] == "closed"
    assert page.complaints == []


async def test_the_last_row_can_be_scrolled_to_where_no_toast_lies_over_it(
    page: Page, web: Web, toasts: Daemon, peers: Peers
) -> None:
    await enter(page, web)
    user = await peers("user")
    room = "parseFloat(getComputedStyle(document.querySelector('main')).paddingBottom)"
    before: float = await page.run(room)
    for number in range(3):
        await one_toast(page, user, summary=f"tea {number}")
    await page.until(f"{room} > {before} && {room} >= document.querySelector('#toasts').offsetHeight")
    assert page.complaints == []


async def test_texts_of_the_world_stay_texts(page: Page, web: Web, toasts: Daemon, peers: Peers) -> None:
    await enter(page, web, view="events")
    user = await peers("user")
    toast = {"summary": HOSTILE, "body": HOSTILE, "actions": [{"key": "k", "label": HOSTILE}], "timeout_ms": 0}
    await user.ask("toast.in", json.dumps(toast).encode())
    await page.until("document.querySelector('.toast')")
    # Nothing tells when the page hears all events.
    while not await page.run("document.querySelector('#stream').textContent.includes('user.hostile')"):
        await user.send("user.hostile", json.dumps({"name": HOSTILE}).encode())
    await page.run("document.querySelectorAll('.event').forEach((one) => one.click())")
    assert (
        await page.run("document.querySelectorAll('#toasts img, #toasts script, #stream img, #stream script').length")
        == 0
    )
    assert "owned" not in await page.run("document.title")
    text: str = await page.run("document.querySelector('.toast').textContent")
    assert "<img src=x" in text
    assert not {"\u202e", "\x1b", "\x07"} & set(text)
    assert page.complaints == []


async def test_the_token_leaves_the_address_bar_and_is_asked_for_without_one(page: Page, web: Web) -> None:
    await page.open(web.url)
    await page.until("!document.querySelector('#sign-in').hidden")
    await page.run(f"document.querySelector('#token').value = '{web.secret()}'")
    await page.run("document.querySelector('#token').focus()")
    await page.press("Enter")
    await page.until(LOCATED)
    await page.open("about:blank")
    await enter(page, web)
    assert web.secret() not in await page.run("location.href")
    assert await page.run("document.cookie") == ""


async def test_a_refused_token_is_told_and_another_one_can_be_shown(page: Page, web: Web) -> None:
    await page.open(f"{web.url}#token=wrong")
    await page.until("document.querySelector('#sign-in-error').textContent.includes('refused')")
    assert await page.run("sessionStorage.getItem('lunix.token')") is None


async def test_events_are_filtered_and_paused(page: Page, web: Web, peers: Peers) -> None:
    await enter(page, web, view="events")
    user = await peers("user")
    await page.run("typed('#filter', 'user.lamp.*')")
    await page.until("document.querySelector('#stream-empty').textContent.includes('Nothing like that')")
    while not await page.run("document.querySelector('#stream').textContent.includes('user.lamp.kitchen')"):
        await user.send("user.door.open")
        await user.send("user.lamp.kitchen", b'{"state":"on"}')
    assert "user.door" not in await page.run("document.querySelector('#stream').textContent")
    await page.press("p")
    assert await page.run("document.querySelector('#pause').getAttribute('aria-pressed')") == "true"
    await user.send("user.lamp.hall", b"off")
    await page.until("document.querySelector('#pause').textContent.startsWith('Resume (')")
    assert "user.lamp.hall" not in await page.run("document.querySelector('#stream').textContent")
    await page.press("p")
    await page.until("document.querySelector('#stream').textContent.includes('user.lamp.hall')")


async def answer_as_init(peers: Peers) -> tuple[Peer, list[Any]]:
    """A bus side of init that has two services, one of which fails."""
    init = await peers("init")
    common: dict[str, Any] = {"kind": "daemon", "wanted": True}
    services: list[dict[str, Any]] = [
        {"id": "toast", "state": "up", "pid": 7, **common},
        {"id": "thermostat", "state": "backoff", "last_exit": {"cause": "exited", "code": 3}, **common},
    ]
    await init.answer("init.list", json.dumps({"boot": "b", "seq": 0, "items": services}).encode())
    items = [{"name": "toast", "cpu_us": 5000, "memory_bytes": 12_000_000}]
    await init.answer(
        "init.usage", json.dumps({"items": items, "total": {"cpu_us": 5000, "memory_bytes": 12_000_000}}).encode()
    )
    return init, await init.answer("init.restart", json.dumps(services[0]).encode())


async def test_services_are_shown_and_restarted_by_who_may(page: Page, web: Web, peers: Peers) -> None:
    init, restarted = await answer_as_init(peers)
    web.add("desk", Role.ADMIN, "init.restart")
    await enter(page, web, "desk", "services")
    await page.until("document.querySelectorAll('#service-list li').length === 2")
    text: str = await page.run("document.querySelector('#service-list').textContent")
    assert "exited, code 3" in text
    await page.until("document.querySelector('#service-list').textContent.includes('12 MB')")
    assert await page.run("document.querySelector('#count-services').textContent") == "1"
    labels = await page.run(
        "[...document.querySelectorAll('.verbs button')].map((one) => one.getAttribute('aria-label'))"
    )
    assert labels == ["Restart thermostat", "Restart toast"]
    for _ in range(2):  # once more to be sure
        await page.run("document.querySelectorAll('.verbs button')[1].click()")
    while not restarted:
        await init.settle()
    assert json.loads(restarted[0].data) == {"name": "toast"}
    event = {
        "id": "toast",
        "state": "stopping",
        "kind": "daemon",
        "wanted": True,
        "happened_at": "2026-01-01T00:00:00Z",
    }
    headers = {"Lunix-Boot": "b", "Lunix-Seq": "1", "Lunix-Prev": "0"}
    await init.send("init.service.toast.stopping", json.dumps(event).encode(), headers=headers)
    await page.until("document.querySelector('#service-list').textContent.includes('stopping')")


async def test_who_may_not_sees_no_buttons(page: Page, web: Web, peers: Peers) -> None:
    await answer_as_init(peers)
    await enter(page, web, view="services")
    await page.until("document.querySelectorAll('#service-list li').length === 2")
    assert await page.run("document.querySelectorAll('.verbs button').length") == 0


async def test_devices_come_and_go(page: Page, web: Web, peers: Peers) -> None:
    natsdev = await peers("natsdev")
    stick = {"id": "d1", "subsystem": "usb", "name": "1-1", "product": "Silicon-Power", "devpath": "/x"}
    listed = await natsdev.answer("hardware.list", json.dumps({"boot": "b", "seq": 0, "items": []}).encode())
    await enter(page, web, view="devices")
    await page.until("!document.querySelector('#view-devices').hidden")
    while not listed:  # the page asks when it hears all events
        await natsdev.settle()
    headers = {"Lunix-Boot": "b", "Lunix-Seq": "1", "Lunix-Prev": "0"}
    await natsdev.send("hardware.usb.add", json.dumps(stick).encode(), headers=headers)
    await page.until("document.querySelector('#device-list').textContent.includes('Silicon-Power')")
    headers = {"Lunix-Boot": "b", "Lunix-Seq": "2", "Lunix-Prev": "0"}
    await natsdev.send("hardware.usb.remove", json.dumps(stick).encode(), headers=headers)
    await page.until("!document.querySelector('#device-list').textContent.includes('Silicon-Power')")


async def test_the_page_comes_back_by_itself_when_the_server_and_the_bridge_do(
    page: Page, web: Web, toasts: Daemon, peers: Peers, daemon_process: DaemonStarter
) -> None:
    await enter(page, web)
    user = await peers("user")
    await one_toast(page, user, summary="before")
    port = web.url.rsplit(":", 1)[1].strip("/")
    assert web.daemon.stop() == 0
    await page.until("document.querySelector('#status').dataset.state === 'wait'")
    await user.ask("toast.in", b'{"summary":"meanwhile","timeout_ms":0}')
    daemon_process("lunix_websocket", config=f"[websocket]\nport = {port}\n")
    await page.until("document.querySelector('#status').dataset.state === 'live'")
    await page.until("document.querySelector('#toasts').textContent.includes('meanwhile')")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_every_view_fits_and_can_be_read(
    page: Page, web: Web, toasts: Daemon, peers: Peers, tmp_path: Path, size: tuple[int, int], dark: bool
) -> None:
    await answer_as_init(peers)
    await page.look(size, dark=dark)
    await enter(page, web)
    await one_toast(page, await peers("user"), summary="A long one" * 12, body="x" * 400)
    for view in ("overview", "services", "devices", "events"):
        await page.run(f"location.hash = '{view}'")
        await page.until(f"!document.querySelector('#view-{view}').hidden")
        assert await page.run("document.documentElement.scrollWidth <= innerWidth"), view
        assert await page.run("poorContrasts()") == [], view
        assert await page.run("nameless()") == [], view
        assert len(await page.screenshot(tmp_path / f"{view}.png")) > 5000


def test_there_is_a_browser_to_try() -> None:
    assert program()
