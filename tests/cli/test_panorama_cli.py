"""`sharp panorama` as a user runs it, with a tiny network of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import sharp
from panoramas import equirect_directions, room_color
from PIL import Image

from sharp_cli import read_ply

GPANO = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:GPano="http://ns.google.com/photos/1.0/panorama/"
GPano:ProjectionType="equirectangular"/></rdf:RDF></x:xmpmeta>"""


@pytest.fixture
def sphere(tmp_path: Path) -> Path:
    path = tmp_path / "sphere.jpg"
    Image.fromarray(room_color(equirect_directions(256, 128))).save(path, xmp=GPANO)
    return path


def test_a_panorama_becomes_one_splat_that_is_done_the_second_time(sphere: Path, tiny_weights: Path) -> None:
    for expected in ("8 faces", "nothing to do"):
        run = sharp("panorama", sphere, "--weights", tiny_weights)
        assert run.returncode == 0, run.stderr
        assert expected in run.stderr
    gaussians = read_ply(sphere.with_suffix(".ply"))
    assert gaussians.facts["projection"] == "panorama"
    z = gaussians.means[:, 2].numpy()
    assert (z > 0).any() and (z < 0).any()
    run = sharp("panorama", sphere, "--weights", tiny_weights, "--faces", 8, "--dry-run")
    assert run.stdout.startswith("make")


def test_convert_says_what_to_do_with_a_panorama(sphere: Path, tiny_weights: Path) -> None:
    run = sharp("convert", sphere, "--weights", tiny_weights)
    assert run.returncode == 1
    assert "sharp panorama" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_picture_of_unknown_directions_is_one_sentence_and_the_rest_goes_on(
    sphere: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    strip = tmp_path / "strip.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 200, 3), np.uint8)).save(strip)
    run = sharp("panorama", strip, sphere, "--weights", tiny_weights)
    assert run.returncode == 1
    assert "field of view" in run.stderr
    assert sphere.with_suffix(".ply").exists()
    run = sharp("panorama", strip, "--fov", 150, "--weights", tiny_weights)
    assert run.returncode == 0, run.stderr
    assert "3 faces" in run.stderr
