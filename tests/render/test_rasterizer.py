"""The rasterizer against golden images, a plain float64 renderer, and invariants of any scene."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from dense_rasterizer import HEIGHT, WIDTH, covariances_of, random_gaussians, render_dense, turned_camera
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from sharp_cli.render.rasterizer import Rendering, rasterize

VIEWMAT, K = turned_camera()


def render(scene: dict[str, Tensor], width: int = WIDTH, height: int = HEIGHT, **options) -> Rendering:
    return rasterize(**scene, viewmats=VIEWMAT[None], Ks=K[None], width=width, height=height, **options)


def same_bytes(one: Rendering, other: Rendering) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def assert_close(rendering: Rendering, expected: Rendering, most: float = 2e-3) -> None:
    """The bar for golden images; single pixels may fall on the other side of alpha 1/255, where splats end."""
    for name, result, wanted in zip(Rendering._fields, rendering, expected, strict=True):
        error = (result[0].double() - wanted).abs()
        assert error.max() <= most and error.mean() <= 1e-4, name


@pytest.mark.parametrize("scene", ["a", "b", "c"])
def test_golden_scenes(data: Path, scene: str) -> None:
    golden = {name[2:]: t for name, t in load_file(data / "raster.safetensors").items() if name.startswith(scene)}
    height, width = golden["alpha"].shape
    rendering = rasterize(
        golden["means"],
        golden["opacities"],
        golden["colors"],
        golden["viewmat"][None],
        golden["K"][None],
        width,
        height,
        quats=golden["quaternions"],
        scales=golden["scales"],
        eps2d=float(golden["eps2d"]),
        background=golden["background"].expand(3),
    )
    assert_close(rendering, Rendering(golden["color"], golden["alpha"], golden["depth"]))


@settings(derandomize=True, max_examples=15)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 40),
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    eps2d=st.sampled_from([0.0, 0.3]),
)
def test_any_scene_and_size_as_the_plain_renderer(seed: int, count: int, width: int, height: int, eps2d: float) -> None:
    scene = random_gaussians(seed, count)
    rendering = render(scene, width, height, eps2d=eps2d, background=torch.full((3,), 0.25))
    assert_close(rendering, render_dense(scene, VIEWMAT, K, width, height, eps2d, 0.25))


def test_long_thin_splats() -> None:
    scene = random_gaussians(3, 12)
    scene["scales"] = torch.tensor([[2.0, 0.002, 0.002]]).expand(12, 3)
    rendering = render(scene, eps2d=1e-3)
    assert rendering.alpha.max() > 0.5
    # a float32 covariance of 4 m² holds the thin axes' 4e-6 m² to a few percent, which moves where a splat ends
    assert_close(rendering, render_dense(scene, VIEWMAT, K, eps2d=1e-3), most=4e-3)


def test_covariances_render_as_quaternions_and_scales() -> None:
    scene = random_gaussians(5, 30)
    by_axes = render(scene)
    scene["covars"] = covariances_of(scene.pop("quats").double(), scene.pop("scales").double()).float()
    by_covariance = render(scene)
    for one, other in zip(by_axes, by_covariance, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_batch_of_cameras_equals_single_images() -> None:
    scene = random_gaussians(6, 30)
    cameras = [turned_camera(shift) for shift in (0.0, 0.1, -0.2)]
    viewmats, intrinsics = (torch.stack(tensors) for tensors in zip(*cameras, strict=True))
    backgrounds = torch.rand(3, 3)
    batch = rasterize(**scene, viewmats=viewmats, Ks=intrinsics, width=45, height=33, background=backgrounds)
    assert batch.color.shape == (3, 33, 45, 3) and batch.alpha.shape == batch.depth.shape == (3, 33, 45)
    for i in range(3):
        camera = {"viewmats": viewmats[i : i + 1], "Ks": intrinsics[i : i + 1]}
        single = rasterize(**scene, **camera, width=45, height=33, background=backgrounds[i])
        assert same_bytes(single, Rendering(*(picture[i : i + 1] for picture in batch)))


def test_same_bytes_for_any_number_of_threads_and_callers() -> None:
    scene = random_gaussians(7, 70_000)  # more than one chunk of Gaussians
    scene["scales"] *= 0.02
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = render(scene, 200, 150)
        torch.set_num_threads(5)
        with ThreadPoolExecutor(2) as pool:
            together = list(pool.map(lambda _: render(scene, 200, 150), range(2)))
    finally:
        torch.set_num_threads(threads)
    assert all(same_bytes(alone, rendering) for rendering in together)


@settings(derandomize=True, max_examples=10)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 60))
def test_the_order_of_gaussians_does_not_matter(seed: int, count: int) -> None:
    scene = random_gaussians(seed, count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    assert same_bytes(render(scene), render({name: tensor[order] for name, tensor in scene.items()}))


@settings(derandomize=True, max_examples=10)
@given(seed=st.integers(0, 10_000), background=st.tuples(*[st.floats(-1, 2, width=32)] * 3))
def test_the_background_fills_the_remaining_transmittance(seed: int, background: tuple[float, float, float]) -> None:
    scene = random_gaussians(seed, 25)
    on_black, on_color = render(scene), render(scene, background=torch.tensor(background))
    assert on_black.alpha.min() >= 0 and on_black.alpha.max() <= 1 - 1e-4
    assert torch.equal(on_black.alpha, on_color.alpha) and torch.equal(on_black.depth, on_color.depth)
    expected = on_black.color + (1 - on_black.alpha)[..., None] * torch.tensor(background)
    torch.testing.assert_close(on_color.color, expected, atol=1e-6, rtol=0)


def test_a_nearer_opaque_splat_hides_a_farther_one() -> None:
    scene = {
        "means": torch.tensor([[0.0, 0, 4], [0, 0, 2]]),
        "covars": torch.eye(3).expand(2, 3, 3) * 0.04,
        "opacities": torch.tensor([1.0, 1.0]),
        "colors": torch.tensor([[1.0, 0, 0], [0, 1, 0]]),
    }
    camera = {"viewmats": torch.eye(4)[None], "Ks": torch.tensor([[[40.0, 0, 15.5], [0, 40, 15.5], [0, 0, 1]]])}
    rendering = rasterize(**scene, **camera, width=31, height=31)
    red, green, _ = rendering.color[0, 15, 15].tolist()
    # the first is capped at 0.999, and the second would leave the pixel less than 1e-4
    assert green == pytest.approx(0.999, abs=1e-5) and red == 0
    assert rendering.depth[0, 15, 15].item() == pytest.approx(2, abs=1e-5)


def test_nothing_to_see_is_background() -> None:
    empty = {name: tensor[:0] for name, tensor in random_gaussians(0, 1).items()}
    behind = random_gaussians(0, 9)
    behind["means"][:, 2] *= -1
    background = torch.tensor([0.1, 0.2, 0.3], requires_grad=True)
    for scene in (empty, behind):
        rendering = render(scene, background=background)
        assert torch.equal(rendering.color, background.expand_as(rendering.color))
        assert not rendering.alpha.any() and not rendering.depth.any()
    rendering.color.sum().backward()
    assert background.grad.tolist() == [WIDTH * HEIGHT] * 3


def test_near_and_far_drop_whole_gaussians() -> None:
    scene = random_gaussians(8, 20)
    z = (scene["means"] @ VIEWMAT[:3, :3].T + VIEWMAT[:3, 3])[:, 2]
    kept = (z >= 2) & (z <= 3)
    assert 0 < kept.sum() < 20
    expected = render({name: tensor[kept] for name, tensor in scene.items()})
    assert same_bytes(render(scene, near=2, far=3), expected)


BROKEN = {
    "NaN mean": ("means", [float("nan"), 0, 1]),
    "infinite mean": ("means", [0, float("inf"), 1]),
    "mean far to the side": ("means", [3e38, 0, 1]),
    "mean far away": ("means", [3e38, 3e38, 3e38]),
    "zero quaternion": ("quats", [0, 0, 0, 0]),
    "NaN quaternion": ("quats", [1, float("nan"), 0, 0]),
    "zero scale": ("scales", [0, 0, 0]),
    "scale on one axis only": ("scales", [0.1, 0, 0]),
    "infinite scale": ("scales", [0.1, float("inf"), 0.1]),
    "NaN opacity": ("opacities", float("nan")),
    "transparent": ("opacities", 0.0),
    "negative opacity": ("opacities", -1.0),
    "NaN color": ("colors", [0.5, float("nan"), 0.5]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_gaussians_are_not_rendered(name: str) -> None:
    scene = random_gaussians(9, 12)
    field, value = BROKEN[name]
    scene[field][4] = torch.tensor(value)
    variables = {name: tensor.clone().requires_grad_() for name, tensor in scene.items()}
    rendering = render(variables)
    whole = torch.arange(12) != 4
    assert same_bytes(rendering, render({name: tensor[whole] for name, tensor in scene.items()}))
    sum(picture.sum() for picture in rendering).backward()
    for variable in variables.values():
        assert variable.grad[whole].any() and not variable.grad[4].any()
        assert variable.grad.isfinite().all()


@pytest.mark.parametrize("scale", [1e3, 1e9, 1e18, 1e30])
def test_huge_gaussians_cover_the_image(scale: float) -> None:
    scene = random_gaussians(10, 3)
    scene["scales"][1] = scale
    scene["opacities"][1] = 0.5
    variables = {name: tensor.clone().requires_grad_() for name, tensor in scene.items()}
    rendering = render(variables)
    assert all(picture.isfinite().all() for picture in rendering)
    if scale < 1e15:  # beyond, float32 no longer holds its shape and it is dropped
        assert rendering.alpha.min() >= 0.49
    sum(picture.sum() for picture in rendering).backward()
    assert all(variable.grad.isfinite().all() for variable in variables.values())


def test_a_gaussian_touching_the_eye() -> None:
    scene = random_gaussians(11, 4)
    scene["means"][0] = VIEWMAT[:3, :3].T @ (torch.tensor([0.3, 0.2, 0.0101]) - VIEWMAT[:3, 3])
    rendering = render(scene)
    assert all(picture.isfinite().all() for picture in rendering)


def test_wrong_arguments_are_refused() -> None:
    scene = random_gaussians(0, 4)
    covars = torch.eye(3).expand(4, 3, 3)
    with pytest.raises(ValueError, match="quats and scales, or covars"):
        render({**scene, "covars": covars})
    with pytest.raises(ValueError, match="not quats"):
        render({name: tensor for name, tensor in scene.items() if name != "scales"})
    with pytest.raises(ValueError, match=r"colors must have shape \(4, 3\), not \(4, 4\)"):
        render({**scene, "colors": torch.rand(4, 4)})
    with pytest.raises(ValueError, match="width, height and near must be positive"):
        render(scene, width=0)
    with pytest.raises(ValueError, match="background"):
        render(scene, background=torch.zeros(2, 3))
    with pytest.raises(ValueError, match="backend must be one of auto, cpu, cuda"):
        render(scene, backend="gpu")
