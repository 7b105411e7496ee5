"""A headless Chromium, driven over its debugging socket with the WebSocket client that is here."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
from websockets.asyncio.client import ClientConnection, connect

# The headless shell is the same engine without the windows: a page takes it a fifth of the CPU.
NAMES: Final = (
    *("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser"),
    *("google-chrome", "google-chrome-stable", "chrome"),
)
FLAGS: Final = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-features=SpareRendererForSitePerProcess",  # a process that no page would use
    "--in-process-gpu",
    "--no-first-run",
    "--remote-debugging-port=0",
)


def find_chromium() -> str | None:
    """Return the program: ABLO_TEST_CHROMIUM, or the first of the usual names."""
    given = os.environ.get("ABLO_TEST_CHROMIUM")
    return given or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium(program: str, folder: Path) -> Iterator[str]:
    """Run it until the block ends; return its debugging URL."""
    command = [program, *FLAGS, f"--user-data-dir={folder}"]
    if os.geteuid() == 0:  # its sandbox does not run as root
        command.append("--no-sandbox")
    with (
        (folder / "stderr").open("wb") as said,
        subprocess.Popen(
            [*command, "about:blank"], stdout=said, stderr=said, start_new_session=True
        ) as process,
    ):
        try:
            yield wait_for_address(folder / "DevToolsActivePort", process)
        finally:
            with contextlib.suppress(ProcessLookupError):  # its own group: it has many processes
                os.killpg(process.pid, signal.SIGKILL)


def wait_for_address(path: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the debugging URL once the browser has written it: its port, and a path."""
    while process.poll() is None:  # the test's own deadline ends this
        if path.exists() and len(lines := path.read_text().splitlines()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.02)
    raise AssertionError((path.parent / "stderr").read_text())


@dataclass
class Page:
    """One page of a fresh profile. Frames that are no answers are kept as events."""

    socket: ClientConnection
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the debugging protocol."""
        number = next(self.numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        await self.socket.send(json.dumps(message))
        while True:
            found: dict[str, Any] = json.loads(await self.socket.recv())
            if found.get("id") != number:
                self.events.append(found)
                continue
            assert "error" not in found, str(found)
            return dict(found["result"])

    async def run(self, script: str) -> Any:
        """Evaluate an expression in the page; return its value."""
        found = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, str(found["exceptionDetails"])
        return found["result"].get("value")

    async def wait_for(self, script: str, seconds: float = 10) -> None:
        """Evaluate it again and again until it is true; say what the page shows if it is not."""
        with anyio.move_on_after(seconds):
            while True:
                if await self.run(f"Boolean({script})"):
                    return
                await anyio.sleep(0.03)
        shown = await self.run("document.body.innerText")
        said = "\n".join(self.complaints())
        raise AssertionError(f"never true: {script}\n{said}\nthe page shows:\n{shown}")

    async def text(self, selector: str) -> str:
        """Return the visible text of an element."""
        return str(await self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    async def type(self, selector: str, text: str) -> None:
        """Type into a field, and Enter."""
        await self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.call("Input.insertText", text=text)
        await self.press("Enter")

    async def press(self, key: str) -> None:
        """Press a key."""
        codes = {"Enter": 13, "ArrowRight": 39, "Tab": 9, "Escape": 27}
        more: dict[str, Any] = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=codes[key],
                **(more if kind == "keyDown" else {}),
            )

    async def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """Show it in a window of this size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def screenshot(self, path: Path) -> None:
        """Keep what it looks like now."""
        found = await self.call("Page.captureScreenshot", format="png")
        await anyio.Path(path).write_bytes(base64.b64decode(found["data"]))

    def requested(self) -> list[str]:
        """Return every URL that the page has asked for, sockets included."""
        names = {"Network.requestWillBeSent", "Network.webSocketCreated"}
        found = [each["params"] for each in self.events if each.get("method") in names]
        return [each["request"]["url"] if "request" in each else each["url"] for each in found]

    def complaints(self) -> list[str]:
        """Return errors of scripts, and what the policy of the page has stopped."""
        said = []
        for each in self.events:
            if each.get("method") == "Runtime.exceptionThrown":
                said.append(str(each["params"]["exceptionDetails"]))
            elif each.get("method") == "Log.entryAdded":
                entry = each["params"]["entry"]
                if entry["level"] == "error" and entry["source"] != "network":
                    said.append(str(entry["text"]))
        return said


@asynccontextmanager
async def open_page(browser: str) -> AsyncIterator[Page]:
    """Open an empty page with storage of its own."""
    async with connect(browser, max_size=None, compression=None) as socket:
        page = Page(socket)
        context = (await page.call("Target.createBrowserContext"))["browserContextId"]
        target = await page.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await page.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        page.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            await page.call(f"{domain}.enable")
        try:
            yield page
        finally:
            page.session = ""
            await page.call("Target.disposeBrowserContext", browserContextId=context)
