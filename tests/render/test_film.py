"""Films of splats: sizes, limits, and colors blended as a splat's trainer blends them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from dense_rasterizer import render_dense
from PIL import Image

from sharp_cli.cameras.trajectories import trajectory
from sharp_cli.errors import SharpError
from sharp_cli.formats.ply import read_ply
from sharp_cli.formats.ply_write import write_ply
from sharp_cli.formats.registry import read_splat, write_splat
from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.gaussians.sh import SH_C0
from sharp_cli.render.film import choose_views, shoot
from sharp_cli.render.settings import FilmSettings

WIDTH, HEIGHT = 75, 49
SETTINGS = FilmSettings(trajectory="still", frames=1, format="png", size=(WIDTH, HEIGHT))


def foreign_ply(path: Path, count: int = 60, degree: int = 0) -> dict[str, npt.NDArray[np.float64]]:
    """Write a splat as other tools do, half transparent and colorful; return its columns."""
    rng = np.random.default_rng(count + degree)
    z = rng.uniform(2, 5, count)
    columns = {"x": rng.uniform(-0.5, 0.5, count) * z, "y": rng.uniform(-0.4, 0.4, count) * z, "z": z}
    columns |= {f"f_dc_{i}": rng.uniform(-1.7, 1.7, count) for i in range(3)}
    columns |= {f"f_rest_{i}": rng.uniform(-0.3, 0.3, count) for i in range(3 * ((degree + 1) ** 2 - 1))}
    columns |= {"opacity": rng.uniform(-1, 3, count)} | {f"scale_{i}": rng.uniform(-3, -1, count) for i in range(3)}
    columns |= {f"rot_{i}": rng.normal(size=count) for i in range(4)}
    header = "\n".join(f"property float {name}" for name in columns)
    rows = np.column_stack(list(columns.values())).astype("<f4")
    path.write_bytes(
        f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n{header}\nend_header\n".encode()
        + rows.tobytes()
    )
    return {name: rows[:, i].astype(np.float64) for i, name in enumerate(columns)}


def composite_in_srgb(columns: dict[str, npt.NDArray[np.float64]], background: float) -> npt.NDArray[np.float64]:
    """The image that trainers compare with photos: sRGB colors, blended as they are, with 0.3 px² of blur."""

    def of(*names: str) -> torch.Tensor:
        return torch.from_numpy(np.column_stack([columns[name] for name in names]))

    means = of("x", "y", "z")
    colors = 0.5 + SH_C0 * of("f_dc_0", "f_dc_1", "f_dc_2")
    if "f_rest_0" in columns:  # degree 1: channel by channel, −y, z, −x
        x, y, z = torch.nn.functional.normalize(means, dim=1).unbind(1)
        basis = math.sqrt(3 / (4 * math.pi)) * torch.stack([-y, z, -x], dim=1)
        rest = of(*(f"f_rest_{i}" for i in range(9))).view(-1, 3, 3)
        colors = colors + (rest * basis[:, None]).sum(dim=2)
    gaussians = {
        "means": means,
        "quats": of("rot_0", "rot_1", "rot_2", "rot_3"),
        "scales": of("scale_0", "scale_1", "scale_2").exp(),
        "opacities": of("opacity")[:, 0].sigmoid(),
        "colors": colors.clamp(min=0),
    }
    focal = 512 * min(WIDTH / 640, HEIGHT / 480)
    K = torch.tensor([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]])
    return render_dense(gaussians, torch.eye(4), K, WIDTH, HEIGHT, 0.3, background).color.numpy()


def render(gaussians: Gaussians, folder: Path, **changes: object) -> npt.NDArray[np.uint8]:
    settings = replace(SETTINGS, **changes)
    shoot(settings, gaussians, choose_views(settings, gaussians), folder, {})
    return np.asarray(Image.open(folder / "frame_00000.png"))


def psnr(image: npt.NDArray[np.generic], expected: npt.NDArray[np.float64]) -> float:
    return -10 * math.log10(np.square(image / 255 - expected.clip(0, 1)).mean())


@pytest.mark.parametrize("degree", [0, 1])
@pytest.mark.parametrize("level", [0, 153])
def test_splats_trained_elsewhere_are_blended_in_srgb(tmp_path: Path, degree: int, level: int) -> None:
    columns = foreign_ply(tmp_path / "foreign.ply", degree=degree)
    gaussians = read_ply(tmp_path / "foreign.ply")
    expected = composite_in_srgb(columns, level / 255)
    assert psnr(render(gaussians, tmp_path / "srgb", background=(level,) * 3), expected) >= 45
    in_linear_light = replace(gaussians, blending="linear")
    assert psnr(render(in_linear_light, tmp_path / "linear", background=(level,) * 3), expected) < 35


@pytest.mark.parametrize("level", [0, 255])
def test_transparent_frames_show_any_background_right(tmp_path: Path, level: int) -> None:
    columns = foreign_ply(tmp_path / "foreign.ply")
    image = render(read_ply(tmp_path / "foreign.ply"), tmp_path / "alpha", alpha=True) / 255
    over = image[..., :3] * image[..., 3:] + level / 255 * (1 - image[..., 3:])
    assert psnr(255 * over, composite_in_srgb(columns, level / 255)) >= 45


@pytest.mark.parametrize("suffix", [".ply", ".compressed.ply", ".sog", ".spz"])
def test_a_splat_keeps_its_blending_from_file_to_file(tmp_path: Path, suffix: str) -> None:
    foreign_ply(tmp_path / "foreign.ply")
    foreign = read_ply(tmp_path / "foreign.ply")
    ours = replace(foreign, blending="linear", camera=Camera(64, 48, 60.0), facts={"weights": "none"})
    for name, gaussians in (("foreign", foreign), ("ours", ours)):
        write_splat(tmp_path / f"{name}-2{suffix}", gaussians)
        assert read_splat(tmp_path / f"{name}-2{suffix}").blending == gaussians.blending


def test_the_published_tools_files_are_blended_in_linear_light(tmp_path: Path) -> None:
    foreign_ply(tmp_path / "foreign.ply")
    published = replace(read_ply(tmp_path / "foreign.ply"), blending="linear", camera=Camera(64, 48, 60.0))
    write_ply(tmp_path / "published.ply", published, layout="sharp")
    assert read_ply(tmp_path / "published.ply").blending == "linear"


@pytest.mark.parametrize("format", ["png", "gif", "webp", "mp4"])
def test_films_have_the_size_asked_for(tmp_path: Path, format: str) -> None:
    foreign_ply(tmp_path / "foreign.ply")
    gaussians = read_ply(tmp_path / "foreign.ply")
    settings = replace(SETTINGS, format=format)
    target = tmp_path / f"film.{format}"
    shoot(settings, gaussians, choose_views(settings, gaussians), target, {})
    if format == "mp4":
        import av

        with av.open(str(target)) as video:
            assert (video.streams.video[0].width, video.streams.video[0].height) == (WIDTH + 1, HEIGHT + 1)
    else:
        with Image.open(target / "frame_00000.png" if format == "png" else target) as image:
            assert image.size == (WIDTH, HEIGHT)


def test_the_length_of_a_film_is_checked_before_memory_is_taken(tmp_path: Path) -> None:
    foreign_ply(tmp_path / "foreign.ply")
    with pytest.raises(SharpError, match="too long"):
        trajectory("orbit", read_ply(tmp_path / "foreign.ply"), frames=864_000, repeat=1000)


@pytest.mark.parametrize("scale", [1e-45, 1e-30, 1e30])
def test_depths_that_no_camera_can_show_are_refused(tmp_path: Path, scale: float) -> None:
    foreign_ply(tmp_path / "foreign.ply")
    gaussians = read_ply(tmp_path / "foreign.ply")
    tiny = replace(gaussians, means=gaussians.means * scale, camera=Camera(64, 48, 60.0))
    with pytest.raises(SharpError, match="depths"):
        render(tiny, tmp_path / "film")


def test_a_film_that_is_stopped_leaves_no_file(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    foreign_ply(tmp_path / "foreign.ply")
    gaussians = read_ply(tmp_path / "foreign.ply")
    with pytest.raises(KeyboardInterrupt):
        shoot(SETTINGS, gaussians, choose_views(SETTINGS, gaussians), tmp_path / "film", {}, shown=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["foreign.ply"]
