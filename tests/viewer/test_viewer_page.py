"""The page's text: the viewer's settings, no markup from a splat's words, and what is vendored."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sharp_cli import Camera, Gaussians, SharpError
from sharp_cli.formats.stored import as_stored
from sharp_cli.viewer.export import write_html
from sharp_cli.viewer.metadata import page_metadata
from sharp_cli.viewer.page import PART, VENDOR, page_around, page_with
from sharp_cli.viewer.scene import describe


def scene_of(page: str) -> dict:
    return json.loads(re.findall(r'<script type="application/json" id="scene">(.*?)</script>', page)[0])


def splat_of(page: str) -> bytes:
    return b"".join(map(base64.b64decode, re.findall(r'<script type="text/plain" class="splat">(.*?)</script>', page)))


def test_the_camera_is_the_photos(relief: Gaussians) -> None:
    found = describe(as_stored(replace(relief, camera=Camera(400, 200, 100.0))))
    assert found["photo"]["horizontal_fov"] == pytest.approx(126.8699, abs=1e-3)
    assert found["photo"]["vertical_fov"] == pytest.approx(90)
    pose = found["settings"]["cameras"][0]["initial"]
    assert pose["position"] == [0, 0, 0]
    assert pose["target"] == [0, 0, pytest.approx(float(relief.means[:, 2].median()))]
    track = found["settings"]["animTracks"][0]["keyframes"]["values"]
    assert track["position"][:3] == [0, 0, 0]
    assert len(track["position"]) == len(track["target"]) == 3 * len(track["fov"])


def test_without_a_camera_the_viewer_frames_the_splat(relief: Gaussians) -> None:
    found = describe(as_stored(replace(relief, camera=None)))
    assert found["photo"] is None
    assert found["settings"]["cameras"] == found["settings"]["animTracks"] == []


def test_a_scene_wholly_behind_the_camera_still_has_a_target(relief: Gaussians) -> None:
    found = describe(as_stored(replace(relief, means=relief.means * torch.tensor([1, 1, -1]))))
    assert found["settings"]["cameras"][0]["initial"]["target"] == [0, 0, 1.0]


def test_an_empty_splat_is_refused(tmp_path: Path) -> None:
    empty = Gaussians(torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, 3))
    with pytest.raises(SharpError, match="no Gaussian"):
        write_html(tmp_path / "empty.html", empty, "empty")
    assert not list(tmp_path.iterdir())


def test_text_in_a_splat_never_becomes_markup(relief: Gaussians) -> None:
    evil = "</script></title><script>alert(1)</script>&$css"
    page = page_around(as_stored(replace(relief, facts={"license": evil})), evil, f"{evil}.ply").decode()
    assert "alert(1)</script>" not in page
    assert "<title>&lt;/script&gt;&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;$css</title>" in page
    assert scene_of(page)["name"] == f"{evil}.ply"


@pytest.mark.parametrize("size", [1, PART - 1, PART, 2 * PART + 1])
def test_the_page_holds_the_splat_in_parts(relief: Gaussians, size: int) -> None:
    splat = bytes(range(256)) * (size // 256 + 1)
    page = b"".join(page_with(as_stored(relief), "parts", splat[:size])).decode()
    assert splat_of(page) == splat[:size]
    assert scene_of(page)["bytes"] == size


def test_the_page_names_no_other_file(relief: Gaussians) -> None:
    page = b"".join(page_with(as_stored(relief), "alone", b"ply")).decode()
    before_viewer = page.partition('<script type="module">')[0]
    assert re.findall(r'(?:src|href)="([^"]*)"', before_viewer) == ["data:,"]
    assert "@import" not in before_viewer and "url(http" not in before_viewer
    assert "sourceMappingURL" not in page
    assert "connect-src 'none'" in before_viewer
    assert page.count("<script") - page.count("</script>") == 0
    assert "Permission is hereby granted" in before_viewer


def test_the_vendored_viewer_is_what_its_readme_says() -> None:
    sums = dict(reversed(line.split()) for line in re.findall(r"[0-9a-f]{64}  \S+", (VENDOR / "README.md").read_text()))
    assert sums.keys() == {"index.js", "index.css"}
    for name, expected in sums.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == expected
    assert "MIT License" in (VENDOR / "LICENSE").read_text()


def test_the_record_of_a_page_with_a_long_license_is_found(relief: Gaussians, tmp_path: Path) -> None:
    write_html(tmp_path / "a.html", replace(relief, facts={"license": "x" * 5_000_000}), "a", {"source": "a.ply"})
    assert page_metadata(tmp_path / "a.html") == {"source": "a.ply"}
