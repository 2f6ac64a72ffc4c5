"""Debian's Chromium without a window, spoken to by the DevTools protocol: https://chromedevtools.github.io/devtools-protocol/.

What a page loads, says on its console, and shows is told as the browser itself sees it.
"""

import asyncio
import base64
import os
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

__all__ = ["Browser", "Page", "browser", "chromium"]


def chromium() -> str:
    """Where it is; skips the test where there is none, but on the build machine that is a failure."""
    found = shutil.which("chromium")
    if found is None and os.environ.get("CI"):
        pytest.fail("the build machine needs chromium: .ci/run installs it")
    return found or pytest.skip("there is no chromium here: apt-get install chromium")


class Page:
    """One tab. What it asks of the network and says on its console is kept.

    Args:
        socket: of the tab.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self._reader = asyncio.ensure_future(self._read())
        self.requests: list[str] = []
        """URLs of all that it wanted to load."""
        self.said: list[str] = []
        """What stands on its console, and what its scripts threw."""

    async def _read(self) -> None:
        async for message in self._socket:
            told = message.json()
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            else:
                self._hear(told["method"], told["params"])

    def _hear(self, method: str, params: Mapping[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self._loaded.set()
        elif method in {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"}:
            self.said.append(str(params))

    async def do(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        told = await answer
        assert "error" not in told, told
        return dict(told["result"])

    async def open(self, file: Path) -> Self:
        """Show a file, by its absolute path, and wait until all of it is there."""
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.do(f"{domain}.enable")
        self._loaded.clear()
        await self.do("Page.navigate", url=file.as_uri())
        await self._loaded.wait()
        return self

    async def look(self, expression: str) -> Any:
        """The value of an expression, which the page's own rules about scripts don't hold."""
        told = await self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def size(self, width: int, *, dark: bool = False) -> None:
        """Make the window so wide, light or dark."""
        await self.do("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.do("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self) -> bytes:
        """All of the page as PNG."""
        told = await self.do("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(told["data"])

    async def printed(self) -> bytes:
        """The page as PDF."""
        told = await self.do("Page.printToPDF", printBackground=True)
        return base64.b64decode(told["data"])

    async def close(self) -> None:
        """Forget it."""
        await self._socket.close()
        await self._reader


class Browser:
    """A running one.

    Args:
        url: at which it listens, on loopback.
        session: for that.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    @asynccontextmanager
    async def page(self, file: Path) -> AsyncGenerator[Page]:
        """A new tab that shows a file."""
        async with self._session.put(f"{self._url}/json/new?about:blank") as answer:
            told = await answer.json()
        page = Page(await self._session.ws_connect(told["webSocketDebuggerUrl"], max_msg_size=0))
        try:
            yield await page.open(file)
        finally:
            await page.close()


@asynccontextmanager
async def browser(folder: Path) -> AsyncGenerator[Browser]:
    """A browser of one's own, which ends with the block."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]  # it calls nobody
    process = await asyncio.create_subprocess_exec(
        chromium(),
        *options,
        *("--remote-debugging-port=0", f"--user-data-dir={folder / 'chromium'}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        told = await process.stderr.readuntil(b"\n")
        while b"DevTools listening on ws://" not in told:
            told = await process.stderr.readuntil(b"\n")
        draining = asyncio.ensure_future(process.stderr.read())
        async with aiohttp.ClientSession() as session:
            yield Browser(f"http://{told.decode().split('ws://')[1].split('/')[0]}", session)
        process.terminate()
        await draining
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
