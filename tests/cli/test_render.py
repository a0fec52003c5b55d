"""`sharp render`: splats of known scenes in, decoded films out."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch
from commands import sharp
from PIL import Image

from sharp_cli import Camera, Gaussians, read_ply, write_ply
from sharp_cli.gaussians.color import srgb_to_linear

WIDTH, HEIGHT, FOCAL = 96, 64, 80.0


def frames(path: Path) -> npt.NDArray[np.uint8]:
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


CAMERA = Camera(WIDTH, HEIGHT, FOCAL)


def wall(colors: torch.Tensor, camera: Camera | None = CAMERA, depth: float = 2.0) -> Gaussians:
    """An opaque wall at one depth, wider than the picture; ``colors`` (H, W, 3) sRGB."""
    rows, columns = colors.shape[:2]
    y, x = torch.meshgrid(torch.arange(rows) - rows / 2 + 0.5, torch.arange(columns) - columns / 2 + 0.5, indexing="ij")
    means = torch.stack([x / FOCAL * depth, y / FOCAL * depth, torch.full_like(x, depth)], -1).reshape(-1, 3)
    size = torch.tensor([1.0, 1.0, 0.01]) * depth / FOCAL
    quats = torch.tensor([[1.0, 0, 0, 0]]).expand(len(means), 4)
    opacities = torch.full(
        (len(means),), 0.7
    )  # a pixel ends before it is all but opaque: the less, the fainter its splats
    return Gaussians(means, size.expand(len(means), 3), quats, opacities, srgb_to_linear(colors.reshape(-1, 3)), camera)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """The folder of a splat: a wall of one color."""
    write_ply(tmp_path / "flat.ply", wall(torch.tensor([0.8, 0.4, 0.2]).expand(HEIGHT * 2, WIDTH * 2, 3)))
    return tmp_path


@pytest.fixture
def picture(tmp_path: Path, data: Path) -> Path:
    """The folder of a splat: a wall with a photo on it."""
    with Image.open(data / "china.jpg") as photo:
        pixels = np.asarray(photo.convert("RGB").resize((WIDTH * 2, HEIGHT * 2)), np.float32) / 255
    write_ply(tmp_path / "wall.ply", wall(torch.from_numpy(pixels)))
    return tmp_path


def test_a_default_orbit_has_the_right_length_size_and_color(flat: Path) -> None:
    run = sharp("render", "flat.ply", cwd=flat)
    assert run.returncode == 0, run.stderr
    with av.open(str(flat / "flat.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.frames, stream.width, stream.height, stream.average_rate) == (60, WIDTH, HEIGHT, 30)
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert float(stream.duration * stream.time_base) == pytest.approx(2.0)
    inside = frames(flat / "flat.mp4")[:, 8:-8, 8:-8].reshape(-1, 3)
    assert np.abs(inside - np.array([204.0, 102.0, 51.0])).max() <= 2


def test_a_loop_closes_with_one_step_and_repeats(picture: Path) -> None:
    run = sharp(
        "render", "wall.ply", "-o", "loop.mp4", "--look-at", "ahead", "--seconds", 0.4, "--repeat", 2, cwd=picture
    )
    assert run.returncode == 0, run.stderr
    film = frames(picture / "loop.mp4").astype(float)
    assert len(film) == 24
    steps = np.abs(np.diff(film, axis=0)).mean((1, 2, 3))
    closing = np.abs(film[-1] - film[0]).mean()
    assert steps.min() > 0.5, "no doubled frame"
    assert 0.5 * np.median(steps) < closing < 2 * np.median(steps)
    assert np.abs(film[0] - film[12]).mean() < 0.5 * np.median(steps), "the second round is the first again"


def test_every_format_with_depth_alpha_and_stereo(picture: Path) -> None:
    short = ("--seconds", 0.2, "--fps", 10)
    for words in (
        ("-o", "a.gif"), ("-o", "b.webp", "--alpha"), ("-o", "c", "--format", "png", "--depth"),
        ("-o", "d.mp4", "--stereo", "sbs", "--size", "64x48", "--depth"),
        ("-o", "e", "--alpha", "--trajectory", "still"),
    ):  # fmt: skip
        run = sharp("render", "wall.ply", *short, *words, cwd=picture)
        assert run.returncode == 0, run.stderr
    with Image.open(picture / "a.gif") as gif:
        assert (gif.n_frames, gif.size) == (2, (WIDTH, HEIGHT))
    with Image.open(picture / "b.webp") as webp:
        assert (webp.n_frames, webp.mode) == (2, "RGBA")
    assert sorted(p.name for p in (picture / "c").iterdir()) == ["frame_00000.png", "frame_00001.png"]
    with Image.open(picture / "c-depth" / "frame_00001.png") as depth:
        middle = np.asarray(depth, int)[HEIGHT // 2, WIDTH // 2]
        assert middle == pytest.approx(2000, abs=30), "millimeters"
    stereo = frames(picture / "d.mp4").astype(float)
    assert stereo.shape == (2, 48, 128, 3)
    assert frames(picture / "d-depth.mp4").shape == (2, 48, 128, 3)
    assert np.abs(stereo[0, :, :64] - stereo[0, :, 64:]).mean() > 2, "two eyes see two pictures"
    assert [p.name for p in (picture / "e").iterdir()] == ["frame_00000.png"]
    with Image.open(picture / "e" / "frame_00000.png") as still:
        assert np.asarray(still)[8:-8, 8:-8, 3].min() > 250


def test_saved_cameras_film_the_same_pictures_again(picture: Path) -> None:
    options = ("--seconds", 0.2, "--fps", 15, "--format", "png")
    run = sharp(
        "render", "wall.ply", "-o", "one", "--trajectory", "swipe", "--save-cameras", "c.json", *options, cwd=picture
    )
    assert run.returncode == 0, run.stderr
    assert json.loads((picture / "c.json").read_text())["frames"][2]["file_path"] == "one/frame_00002.png"
    run = sharp("render", "wall.ply", "-o", "two", "--cameras", "c.json", "--format", "png", cwd=picture)
    assert run.returncode == 0, run.stderr
    for index in range(3):
        pictures = [Image.open(picture / folder / f"frame_{index:05}.png") for folder in ("one", "two")]
        one, two = (np.asarray(each, np.int16) for each in pictures)
        assert np.abs(one - two).max() <= 1


def test_a_batch_continues_after_failures_and_skips_what_is_done(picture: Path) -> None:
    (picture / "sub").mkdir()
    gaussians = read_ply(picture / "wall.ply")
    write_ply(picture / "sub" / "wall.ply", gaussians)
    (picture / "sub" / "broken.ply").write_bytes(b"ply\nformat ascii 1.0\nend_header\n")
    (picture / "sub" / "foreign.ply").write_bytes((picture / "wall.ply").read_bytes())
    (picture / "out").mkdir()
    words = ("render", ".", "-o", "out", "--seconds", 0.1, "--json", "record.json", "--size", 32)
    run = sharp(*words, cwd=picture)
    assert run.returncode == 1
    assert "broken.ply" in run.stderr
    assert "Traceback" not in run.stderr
    assert sorted(p.relative_to(picture / "out").as_posix() for p in (picture / "out").rglob("*.mp4")) == [
        "sub/foreign.mp4", "sub/wall.mp4", "wall.mp4",
    ]  # fmt: skip
    before = (picture / "out/wall.mp4").stat().st_mtime_ns
    film = (picture / "out/sub/wall.mp4").read_bytes()
    (picture / "out/sub/wall.mp4").write_bytes(film[: len(film) * 3 // 4])
    (picture / "out/sub/foreign.mp4").write_bytes(b"somebody's notes")
    run = sharp(*words, cwd=picture)
    statuses = {item["input"]: item["status"] for item in json.loads((picture / "record.json").read_text())["items"]}
    assert statuses == {
        "sub/broken.ply": "failed", "sub/foreign.ply": "failed", "sub/wall.ply": "made", "wall.ply": "skipped",
    }  # fmt: skip
    assert (picture / "out/wall.mp4").stat().st_mtime_ns == before
    assert (picture / "out/sub/wall.mp4").read_bytes() == film
    assert (picture / "out/sub/foreign.mp4").read_bytes() == b"somebody's notes"
    assert not list(picture.rglob("*.part"))


def test_a_third_party_splat_with_harmonics_is_framed(tmp_path: Path, data: Path) -> None:
    gaussians = wall(torch.tensor([0.2, 0.9, 0.3]).expand(40, 40, 3), camera=None, depth=50.0)
    strange = Gaussians(
        gaussians.means + torch.tensor([300.0, 20.0, -400.0]), gaussians.scales, gaussians.quats,
        gaussians.opacities, gaussians.colors, sh=torch.full((len(gaussians), 15, 3), 0.01),
    )  # fmt: skip
    write_ply(tmp_path / "strange.ply", strange)
    run = sharp("render", "strange.ply", "--trajectory", "still", "--format", "png", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    with Image.open(tmp_path / "strange-frames" / "frame_00000.png") as image:
        assert image.size == (640, 480)
        middle = np.asarray(image)[240, 320].astype(int)
    assert middle[1] > 200
    assert middle[0] < 120


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "0"], "size"),
        (["--size", "12x"], "size"),
        (["-o", "x.mp4", "--format", "gif"], "format"),
        (["-o", "x.mp4", "--alpha"], "transparency"),
        (["--trajectory", "loop"], "loop"),
        (["--background", "no"], "background"),
        (["-o", "film.avi"], "film.avi"),
        (["--format", "gif", "--fps", "60"], "GIF"),
        (["--format", "webp", "--fps", "120"], "WEBP"),
        ([""], "empty"),
    ],
)
def test_wrong_use_is_exit_code_2(flat: Path, words: list[str], message: str) -> None:
    run = sharp("render", "flat.ply", *words, cwd=flat)
    assert run.returncode == 2
    assert message in run.stderr
    assert not list(flat.glob("*.mp4"))


@pytest.mark.slow
def test_convert_films_along_the_way_and_only_what_is_missing(data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes((data / "china.jpg").read_bytes())
    words = ("convert", "a.jpg", "--weights", tiny_weights, "--device", "cpu", "--render")
    assert sharp(*words, cwd=tmp_path).returncode == 0
    assert frames(tmp_path / "a.mp4").shape == (60, 428, 640, 3)
    assert "1 skipped" in sharp("render", "a.ply", cwd=tmp_path).stderr
    assert "1 skipped" in sharp(*words, cwd=tmp_path).stderr
    assert sharp(*words, "--dry-run", cwd=tmp_path).stdout == "skip  a.jpg → a.ply\n"
    splat = (tmp_path / "a.ply").stat().st_mtime_ns
    (tmp_path / "a.mp4").write_bytes(b"the camera's own film")
    run = sharp(*words, cwd=tmp_path)
    assert run.returncode == 1
    assert "a.mp4 exists and was not made by sharp (--overwrite replaces it)" in run.stderr
    (tmp_path / "a.mp4").unlink()
    assert sharp(*words, "--dry-run", cwd=tmp_path).stdout == "make  a.jpg → a.ply\n"
    assert "1 made" in sharp(*words, cwd=tmp_path).stderr
    assert (tmp_path / "a.mp4").exists()
    assert (tmp_path / "a.ply").stat().st_mtime_ns == splat


def test_frames_of_several_sizes_go_to_png_only(tmp_path: Path, data: Path) -> None:
    cases = data / "cases" / "splats"
    words = ("render", cases / "dots.ply", "--cameras", cases / "cam_two_sizes.json")
    run = sharp(*words, "--format", "png", "-o", "two", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    sizes = [Image.open(file).size for file in sorted((tmp_path / "two").glob("*.png"))]
    assert sizes == [(200, 150), (150, 200)]
    run = sharp(*words, "-o", "two.mp4", cwd=tmp_path)
    assert run.returncode == 1
    assert "different image sizes" in run.stderr
