"""The service's page in a real Chromium: drop a photo, watch, turn the splat, download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from chromium import Tab, chromium, find_chromium
from relief import make_relief

pytest.importorskip("starlette", reason="needs the extra serve")
pytest.importorskip("uvicorn", reason="needs the extra serve")

from service import SPLAT, service

from sharp_cli import write_ply
from sharp_cli.serve.convert import make_exporter
from sharp_cli.serve.settings import ServeSettings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium or Chrome on the PATH"),
]

WIDTH, HEIGHT = 900, 600


@pytest.fixture(scope="module")
def client(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that gives the same splat for every photo, and really exports it."""
    folder = tmp_path_factory.mktemp("serve")
    write_ply(folder / "relief.ply", make_relief(data / "china.jpg"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SPLAT, str(folder / "relief.ply"))
        with service(ServeSettings(folder / "jobs", token="secret"), make_exporter=make_exporter) as client:
            yield client


@pytest.fixture
def tab(client: httpx.Client, tmp_path: Path) -> Iterator[Tab]:
    with chromium(tmp_path / "profile") as tab:
        tab.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False)
        tab.call("Page.navigate", url=f"{client.base_url}/?token=secret")
        tab.evaluate("new Promise((done) => document.readyState === 'complete' ? done() : (onload = done))")
        yield tab


def give(tab: Tab, photo: Path) -> None:
    root = tab.call("DOM.getDocument")["root"]["nodeId"]
    node = tab.call("DOM.querySelector", nodeId=root, selector="#photo")["nodeId"]
    tab.call("DOM.setFileInputFiles", nodeId=node, files=[str(photo)])


def picture(tab: Tab) -> np.ndarray:
    """The middle of the window, once it shows something."""
    for _ in range(200):
        middle = tab.screenshot()[150:550, 100:800]
        if middle.std() > 15:
            return middle
    raise AssertionError(f"nothing to see: {tab.log}")


def test_a_photo_becomes_a_splat_that_turns(tab: Tab, client: httpx.Client, data: Path, tmp_path: Path) -> None:
    give(tab, data / "china.jpg")
    shown = "new Promise((done) => new MutationObserver(() => document.querySelector('iframe') && done())"
    tab.evaluate(
        f"document.querySelector('iframe') || {shown}.observe(document.body, {{childList: true, subtree: true}}))"
    )
    before = picture(tab)
    tab.call("Input.dispatchMouseEvent", type="mousePressed", x=450, y=350, button="left", clickCount=1)
    for x in range(450, 560, 10):
        tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=350, button="left", buttons=1)
    tab.call("Input.dispatchMouseEvent", type="mouseReleased", x=560, y=350, button="left", clickCount=1)
    after = next(
        (now for now in (picture(tab) for _ in range(50)) if np.abs(now.astype(int) - before).mean() > 5), None
    )
    assert after is not None, "dragging turns the splat"
    links = tab.evaluate("[...document.querySelectorAll('#files a')].map((a) => a.getAttribute('href'))")
    assert [link.partition(".")[2] for link in links] == ["ply", "sog", "spz", "glb", "html"]
    assert tab.evaluate("document.getElementById('state').textContent").startswith("1 Gaussians in ")
    assert {request.split("/")[2] for request in tab.requests if request.startswith("http")} == {
        client.base_url.netloc.decode()
    }


def test_a_photo_that_fails_is_explained_and_the_next_may_come(tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"bad")
    give(tab, tmp_path / "broken.jpg")
    state = "document.getElementById('state')"
    tab.evaluate(
        f"{state}.className === 'failed' || new Promise((done) => new MutationObserver(() => "
        f"{state}.className === 'failed' && done()).observe({state}, {{attributes: true}}))"
    )
    assert "damaged" in tab.evaluate(f"{state}.textContent")
    assert tab.evaluate("document.getElementById('drop').offsetParent !== null")
