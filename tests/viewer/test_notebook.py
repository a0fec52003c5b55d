"""What notebooks show: a splat's viewer in a frame, and films."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path

import sharp_cli
from sharp_cli import Gaussians, render_film


def test_a_splat_is_one_frame_that_needs_nothing_else(relief: Gaussians) -> None:
    shown = relief.show(height=300)._repr_html_()
    assert shown.startswith("<iframe") and shown.count("<iframe") == 1
    assert "height: 300px" in shown
    page = html.unescape(re.search(r'srcdoc="([^"]*)"', shown)[1])  # type: ignore[index]
    assert "default-src 'none'" in page and "connect-src 'none'" in page
    assert page.rstrip().endswith("</html>") and 'class="splat"' in page
    assert sharp_cli.Gaussians is Gaussians


def test_a_film_is_shown_with_its_content(relief: Gaussians, tmp_path: Path) -> None:
    for name, element, kind in (("a.mp4", "<video", "video/mp4"), ("a.gif", "<img", "image/gif"), ("f", "<img", "png")):
        path = render_film(relief, tmp_path / name, frames=2, size=32, backend="cpu")
        assert isinstance(path, Path) and path == tmp_path / name
        shown = path.show()._repr_html_()
        assert element in shown and kind in shown
        data = base64.b64decode(re.search(r"base64,([^\"]*)", shown)[1])  # type: ignore[index]
        assert data in [file.read_bytes() for file in [*tmp_path.glob("a.*"), *tmp_path.glob("f/*")]]
