"""A headless Chromium, driven by its DevTools protocol over a websocket: https://chromedevtools.github.io/devtools-protocol."""

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

SECONDS = 60.0
PROGRAMS = ("chromium", "google-chrome")

PHONE, DESKTOP = (390, 844), (1280, 800)


class Page:
    """A tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None
        self._profile = ""
        self._loaded = asyncio.Event()
        self.complaints: list[str] = []
        """What the console and the policies of the page complained about."""

    async def begin(self) -> None:
        profile = await self.do("Target.createBrowserContext")
        self._profile = profile["browserContextId"]
        target = await self.do("Target.createTarget", url="about:blank", browserContextId=self._profile)
        attached = await self.do("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.do(f"{domain}.enable")

    async def end(self) -> None:
        """Close it, and forget what it kept."""
        self._session = None
        await self.do("Target.disposeBrowserContext", browserContextId=self._profile)

    async def read(self) -> None:
        """Take what the browser says, until it ends."""
        async for text in self._socket:
            message = json.loads(text)
            if future := self._waiting.pop(message.get("id", 0), None):
                if "error" in message:
                    future.set_exception(RuntimeError(str(message["error"])))
                else:
                    future.set_result(message["result"])
            elif message.get("method") == "Page.loadEventFired":
                self._loaded.set()
            elif message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] in (
                "error",
                "warning",
            ):
                self.complaints.append(message["params"]["entry"]["text"])
            elif message.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(message["params"]["exceptionDetails"])[:800])

    async def do(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command and its result."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters, **session}))
        return await asyncio.wait_for(self._waiting[number], SECONDS)

    async def look(self, size: tuple[int, int], *, dark: bool = False) -> None:
        """Have this size, as a phone has it where it is narrow, and these colours."""
        width, height = size
        phone = width < 700
        await self.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        await self.do("Emulation.setEmulatedMedia", features=[scheme, still])

    async def open(self, url: str) -> None:
        """Go there; return when all is loaded."""
        self._loaded.clear()
        await self.do("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), SECONDS)

    async def run(self, script: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        done = await self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(json.dumps(done["exceptionDetails"])[:800])
        return done["result"].get("value")

    async def until(self, condition: str) -> Any:
        """The value of an expression as soon as it is true; looked at whenever the page changes."""
        script = f"""new Promise((resolve, reject) => {{
            const test = () => {{
                const found = {condition};
                if (found) watch.disconnect(), resolve(found);
                return found;
            }};
            const watch = new MutationObserver(test);
            watch.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
            if (!test()) setTimeout(() => reject(new Error("never: " + document.body.innerText.slice(0, 800))), 30000);
        }})"""
        return await self.run(script)

    async def press(self, key: str) -> None:
        """A key of the keyboard."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        codes = {"Enter": 13, "Tab": 9, "Escape": 27}
        more = {"windowsVirtualKeyCode": codes[key]} if key in codes else {}
        await self.do("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **more)
        await self.do("Input.dispatchKeyEvent", type="keyUp", key=key, **more)

    async def screenshot(self, path: Path) -> bytes:
        """A picture of what is seen, as PNG, written to a file."""
        found = await self.do("Page.captureScreenshot", format="png")
        data = base64.b64decode(found["data"])
        path.write_bytes(data)  # noqa: ASYNC240 - a small file
        return data


def program() -> str | None:
    """The browser of this machine."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Chromium:
    """A browser that runs. Its start takes a second; each page is of a profile of its own, which it leaves with."""

    def __init__(self, folder: Path) -> None:
        path = program()
        assert path is not None, "the test requires it"
        flags = ("--headless=new", "--remote-debugging-port=0", "--no-sandbox", "--disable-gpu", "--no-first-run",
                 "--disable-dev-shm-usage", "--disable-background-networking", "--no-proxy-server", "--hide-scrollbars",
                 "--disable-component-update", "--mute-audio")  # fmt: skip
        self._process = subprocess.Popen(
            (path, *flags, f"--user-data-dir={folder}", "about:blank"),
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if b"DevTools listening on " in line:
                self._url = line.split()[-1].decode()
                break
        else:
            raise AssertionError("the browser did not start")
        self._drain = threading.Thread(target=self._process.stderr.read, daemon=True)
        self._drain.start()

    @asynccontextmanager
    async def page(self) -> AsyncGenerator[Page]:
        """One tab."""
        async with connect(self._url, max_size=None, proxy=None, ping_interval=None, compression=None) as socket:
            page = Page(socket)
            reader = asyncio.create_task(page.read())
            await page.begin()
            try:
                yield page
                await page.end()
            finally:
                reader.cancel()
                with suppress(asyncio.CancelledError):
                    await reader

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        self._drain.join()
        assert self._process.stderr is not None
        self._process.stderr.close()


@asynccontextmanager
async def browser(folder: Path) -> AsyncGenerator[Page]:
    """A browser for one page."""
    running = await asyncio.to_thread(Chromium, folder)
    try:
        async with running.page() as page:
            yield page
    finally:
        await asyncio.to_thread(running.close)
