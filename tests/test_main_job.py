"""The main job as a new user does it, offline: real photos, the bundled preview model, and every command after it."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from chromium import chromium, find_chromium
from commands import Finished, sharp, sharp_process
from PIL import Image

from sharp_cli.weights.catalog import PREVIEW
from sharp_cli.weights.read import read_weights
from sharp_cli.weights.resolve import resolve

EXAMPLES = Path(__file__).parents[1] / "examples"
PHOTOS = {"coffee.png": (600, 400), "rocket.jpg": (640, 427)}
DEAD_END = "http://127.0.0.1:9"


def convert_offline(*words: object, cwd: Path) -> Finished:
    """Convert in a process that reaches no network and knows no other weights."""
    env = {"HF_HUB_OFFLINE": "1", "HTTP_PROXY": DEAD_END, "HTTPS_PROXY": DEAD_END, "SHARP_CACHE": str(cwd / "cache")}
    return sharp_process("convert", *words, cwd=cwd, env=env)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos, and their splats."""
    folder = tmp_path_factory.mktemp("photos")
    for name in PHOTOS:
        shutil.copy(EXAMPLES / name, folder)
    run = convert_offline(".", "--weights", "preview", "--device", "cpu", "--json", "record.json", cwd=folder)
    assert run.returncode == 0, run.stderr
    (folder / "stderr.txt").write_text(run.stderr)
    return folder


@pytest.fixture(scope="module")
def film(place: Path) -> np.ndarray:
    """(F, H, W, 3) uint8: the first splat's orbit."""
    run = sharp("render", "coffee.ply", "--device", "cpu", "--seconds", 0.5, "--size", 300, cwd=place)
    assert run.returncode == 0, run.stderr
    with av.open(str(place / "coffee.mp4")) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


def pixels(photo: str, width: int, height: int) -> np.ndarray:
    with Image.open(EXAMPLES / photo) as image:
        return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * math.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2))


def assert_shows(picture: np.ndarray, photo: np.ndarray, at_least: float) -> None:
    """The picture is of the photo, the right way round."""
    likeness = psnr(picture, photo)
    assert likeness >= at_least
    assert likeness > 3 + max(
        psnr(picture[::-1], photo), psnr(picture[:, ::-1], photo), psnr(picture[..., ::-1], photo)
    )


def test_photos_become_splats_that_record_what_made_them(place: Path) -> None:
    record = json.loads((place / "record.json").read_text())
    assert record["settings"]["weights"] == PREVIEW.name
    assert [(item["status"], item["width"], item["height"]) for item in record["items"]] == [
        ("made", *size) for size in PHOTOS.values()
    ]
    shown = (place / "stderr.txt").read_text().splitlines()
    assert shown[-1].startswith("Made with the preview model")
    assert not (place / "cache").exists()


def test_without_the_released_weights_the_preview_is_offered(place: Path) -> None:
    run = convert_offline("coffee.png", "-o", "real.ply", cwd=place)
    assert run.returncode == 1
    assert "--weights preview" in run.stderr.splitlines()[-1]
    assert not (place / "real.ply").exists()


def test_inspect_shows_what_is_in_a_splat(place: Path) -> None:
    shown = sharp("inspect", place / "coffee.ply", "--json")
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert found["gaussians"] == read_weights(resolve(PREVIEW.name)).config.num_gaussians
    assert (found["camera"]["width"], found["camera"]["height"]) == PHOTOS["coffee.png"]
    assert found["layout"] == "standard"
    assert found["bounds"]["z"]["smallest"] > 0
    assert (found["facts"]["name"], found["facts"]["source"]) == (PREVIEW.name, "coffee.png")
    assert found["facts"]["license"] == PREVIEW.license


def test_render_films_the_photo_in_motion(film: np.ndarray) -> None:
    assert film.shape == (15, 200, 300, 3)
    photo = pixels("coffee.png", 300, 200)
    for frame in film:
        assert_shows(frame, photo, 12)
    assert np.abs(film[len(film) // 2] - film[0].astype(float)).mean() > 1, "the camera moves"


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium or Chrome on the PATH")
def test_the_exported_page_shows_the_photo_in_a_browser(place: Path, tmp_path: Path) -> None:
    shown = sharp("export", place / "coffee.ply")
    assert shown.returncode == 0, shown.stderr
    with chromium(tmp_path) as tab:
        tab.open(f"{(place / 'coffee.html').as_uri()}?noui", 300, 200)
        assert_shows(tab.screenshot(), pixels("coffee.png", 300, 200), 18)
