"""The viewer's page: one HTML document, with the splat inside it or beside it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

from sharp_cli.formats.stored import StoredSplat
from sharp_cli.gaussians.facts import LICENSE
from sharp_cli.version import __version__
from sharp_cli.viewer.metadata import provenance_element
from sharp_cli.viewer.scene import describe

HERE = Path(__file__).parent
VENDOR = HERE / "vendor" / "supersplat-viewer"

PART = 3 << 20
"""Bytes of a splat in one element; a multiple of 3, so that only the last base64 ends in padding."""

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob:; style-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src {connect}"
)
"""The browser blocks every other request of the page."""


def page_around(splat: StoredSplat, name: str, url: str) -> bytes:
    """The page of a splat that is served beside it under ``url``; ``name`` is the title."""
    head = _head(splat, name, {"name": url, "inline": False}, connect="'self'")
    return b"".join([head, _note(splat), _tail()])


def page_with(
    splat: StoredSplat, name: str, content: bytes, provenance: Mapping[str, str] | None = None
) -> Iterator[bytes]:
    """The page that holds this splat's ``.sog`` file as ``content``, piece by piece; ``name`` is the title."""
    facts = {"name": "splat.sog", "inline": True, "bytes": len(content)}
    yield _head(splat, name, facts, connect="'none'")
    yield provenance_element(provenance or {}).encode()  # within the reach of those who look for it
    yield _note(splat)
    for start in range(0, len(content), PART):
        part = base64.b64encode(content[start : start + PART])
        yield b'<script type="text/plain" class="splat">' + part + b"</script>\n"
    yield _tail()


def _head(splat: StoredSplat, name: str, facts: dict[str, Any], connect: str) -> bytes:
    scene = json.dumps({**describe(splat), **facts}).replace("<", "\\u003c")
    page = Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(name.encode("utf-8", "replace").decode()),  # names may hold bytes that are no text
        generator=f"sharp-cli {__version__}",
        policy=POLICY.format(connect=connect),
        viewer_license=(VENDOR / "LICENSE").read_text(encoding="utf-8"),
        css=(VENDOR / "index.css").read_text(encoding="utf-8"),
        scene=scene,
    )
    return page.encode()


def _note(splat: StoredSplat) -> bytes:
    """The splat's license, if it has one."""
    text = splat.facts.get(LICENSE)
    if not text:
        return b""
    return f'<details class="note"><summary>License</summary>{html.escape(text)}</details>\n'.encode()


def _tail() -> bytes:
    """The viewer's module and our start of it in one script: a page from disk may not import another."""
    viewer = (VENDOR / "index.js").read_text(encoding="utf-8").rpartition("//# sourceMappingURL=")[0]
    boot = (HERE / "boot.js").read_text(encoding="utf-8")
    return f'<script type="module">\n{viewer}\n{boot}</script>\n</body>\n</html>\n'.encode()
