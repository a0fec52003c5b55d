"""A headless Chromium, driven over its DevTools pipe: no driver package, no port."""

from __future__ import annotations

import base64
import io
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-pipe",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # what Chromium itself asks for stays here
)


def find_chromium() -> str | None:
    """The browser's program; None also on Windows, where a program is not started with descriptors."""
    if os.name == "nt":
        return None
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Tab:
    """One page of a fresh profile."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._buffer, self._id, self._session = b"", 0, ""
        self.requests: list[str] = []
        self.log: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, timeout: float = 60, **params: Any) -> dict[str, Any]:
        self._id += 1
        message = {"id": self._id, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout
        while True:
            answer = self._read(deadline)
            if answer.get("id") == self._id:
                assert "error" not in answer, (method, answer)
                return answer["result"]

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"Chromium gave no answer in time; its console said {self.log}"
            piece = os.read(self._from, 1 << 20)
            assert piece, "Chromium ended"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(line)
        params = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"][:200])
        elif message.get("method") == "Runtime.consoleAPICalled":
            self.log.append(" ".join(str(arg.get("value", arg.get("description"))) for arg in params["args"]))
        elif message.get("method") == "Log.entryAdded":
            self.log.append(params["entry"]["text"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.log.append(str(params["exceptionDetails"]))
        return message

    def evaluate(self, expression: str, timeout: float = 60) -> Any:
        answer = self.call("Runtime.evaluate", timeout, expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, (answer["exceptionDetails"], self.log)
        return answer["result"].get("value")

    def open(self, url: str, width: int, height: int, timeout: float = 60) -> None:
        """Load a viewer page in a window of this size and wait until its splat is on the screen."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        shown = "window.shown = new Promise((resolve) => { window.firstFrame = resolve; });"
        self.call("Page.addScriptToEvaluateOnNewDocument", source=shown)
        self.call("Page.navigate", url=url)
        self.evaluate("window.shown.then(() => new Promise((resolve) => setTimeout(resolve, 300)))", timeout)

    def screenshot(self) -> np.ndarray:
        """(H, W, 3) uint8."""
        png = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@contextmanager
def chromium(profile: Path, *flags: str) -> Iterator[Tab]:
    """Start Chromium with an empty profile and give a tab; it ends with the block."""
    program = find_chromium()
    assert program
    browser_in, to_browser = os.pipe()
    from_browser, browser_out = os.pipe()

    def wire() -> None:  # Chromium reads from descriptor 3 and writes to 4
        import fcntl  # not on Windows

        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (browser_in, browser_out)]
        os.dup2(ends[0], 3)
        os.dup2(ends[1], 4)

    process = subprocess.Popen(
        [program, f"--user-data-dir={profile}", *FLAGS, *flags],
        preexec_fn=wire,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(browser_in)
    os.close(browser_out)
    try:
        yield Tab(to_browser, from_browser)
    finally:
        process.terminate()
        process.wait(20)
        os.close(to_browser)
        os.close(from_browser)
