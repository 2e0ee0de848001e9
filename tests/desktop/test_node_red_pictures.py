"""The flows in Node-RED's own editor, as who has imported them sees them; the pictures of the how-to are taken here.

``make test ARGS='--record-examples tests/desktop/test_node_red_pictures.py'`` takes them anew, made small by pngquant.
"""

import asyncio
import base64
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from lunix_testing import node_red, tree
from lunix_testing.chromium import Page, browser
from lunix_testing.mosquitto import Mosquitto
from lunix_testing.mosquitto import mosquitto as mosquitto

pytestmark = [pytest.mark.requires("browser", "program:mosquitto_pub", "program:node"), pytest.mark.timeout(240)]

PICTURES = tree.ROOT / "docs" / "images"
FLOWS = sorted(path.stem for path in node_red.FLOWS.glob("*.json"))
MARGIN = 20
EDITOR = {"x": 0, "y": 0, "width": 958, "height": 420}

CONNECTED = """[...document.querySelectorAll('.red-ui-flow-node-status-label')]
    .map((one) => one.textContent).filter(Boolean).join()"""
READY = "document.querySelector('#red-ui-palette').innerText.includes('read file')"
DRAWN = """(() => {
    const boxes = [...document.querySelectorAll('.red-ui-flow-node-group')].map((one) => one.getBoundingClientRect());
    const edge = (least, side) => Math[least](...boxes.map((box) => box[side]));
    const [x, y] = [edge('min', 'left'), edge('min', 'top')];
    return {x, y, width: edge('max', 'right') - x, height: edge('max', 'bottom') - y};
})()"""


@pytest.fixture
def editor(mosquitto: Mosquitto, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[str]:
    """The address of Node-RED's editor, which has all the examples."""
    assert pytestconfig.cache is not None
    nodes = node_red.joined(*FLOWS)
    with node_red.running(pytestconfig.cache, tmp_path / "red", nodes, mosquitto.port, editor=True) as red:
        yield f"http://127.0.0.1:{red.port}/"


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with browser(tmp_path / "profile") as found:
        await found.look((1280, 800))
        yield found


async def take(page: Page, name: str, clip: dict[str, Any]) -> None:
    """Write a part of what is seen to the documentation, with as few colours as it needs."""
    taken = await page.do("Page.captureScreenshot", format="png", clip={**clip, "scale": 1})
    data = base64.b64decode(taken["data"])
    if small := shutil.which("pngquant"):
        command = (small, "--quality=80-100", "--speed=1", "--strip", "-")
        data = (await asyncio.to_thread(subprocess.run, command, input=data, capture_output=True, check=True)).stdout
    (PICTURES / f"node-red-{name}.png").write_bytes(data)


async def test_the_editor_shows_each_flow_with_its_nodes_and_is_connected(
    editor: str, page: Page, request: pytest.FixtureRequest
) -> None:
    records = request.config.getoption("--record-examples")
    for name in FLOWS:
        nodes = [node for node in node_red.flow(name) if "x" in node]
        mqtt = sum(node["type"].startswith("mqtt") for node in nodes)
        await page.open("about:blank")
        await page.open(f"{editor}#flow/{name}-flow")
        await page.until(f"{CONNECTED} === '{','.join(['connected'] * mqtt)}' && {READY}")
        assert await page.run("document.querySelectorAll('.red-ui-flow-node-group').length") == len(nodes)
        labels: list[str] = await page.run(
            "[...document.querySelectorAll('.red-ui-flow-node-label')].map((one) => one.textContent)"
        )
        assert {node["name"] for node in nodes if node["name"]} <= set(labels)
        drawn: dict[str, float] = await page.run(DRAWN)
        assert drawn["width"] > 400
        if records:
            await take(page, name, {
                "x": drawn["x"] - MARGIN, "y": drawn["y"] - MARGIN,
                "width": drawn["width"] + 2 * MARGIN, "height": drawn["height"] + 2 * MARGIN,
            })  # fmt: skip
            if name == "usb-toast":
                await take(page, "editor", EDITOR)


def test_the_how_to_has_a_picture_of_each_flow() -> None:
    text = (tree.ROOT / "docs/howto/node-red.md").read_text(encoding="utf-8")
    for name in (*FLOWS, "editor"):
        assert f"../images/node-red-{name}.png" in text
        assert 1_000 < (PICTURES / f"node-red-{name}.png").stat().st_size < 40_000, name
