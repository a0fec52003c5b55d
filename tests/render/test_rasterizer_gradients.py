"""Gradients of the CPU rasterizer against those of the plain renderer in float64."""

from __future__ import annotations

import pytest
import torch
from dense_rasterizer import HEIGHT, WIDTH, covariances_of, random_gaussians, render_dense, turned_camera
from torch import Tensor

from sharp_cli.render.rasterizer import Rendering, rasterize

VIEWMAT, K = turned_camera()


def loss_of(rendering: Rendering) -> Tensor:
    """A number that depends on every value of color, alpha and depth in its own way."""
    draw = torch.Generator().manual_seed(1)
    shapes = [(HEIGHT, WIDTH, 3), (HEIGHT, WIDTH), (HEIGHT, WIDTH)]
    weights = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    return sum((weight * picture).sum() for weight, picture in zip(weights, rendering, strict=True))


def dense_gradients(scene: dict[str, Tensor], eps2d: float) -> dict[str, Tensor]:
    """Those of the plain renderer, by torch, in float64."""
    variables = {name: tensor.double().requires_grad_() for name, tensor in scene.items()}
    loss = loss_of(render_dense(variables, VIEWMAT, K, eps2d=eps2d, background=0.3))
    return dict(zip(variables, torch.autograd.grad(loss, list(variables.values())), strict=True))


def gradients(scene: dict[str, Tensor], **options) -> dict[str, Tensor]:
    variables = {name: tensor.clone().requires_grad_() for name, tensor in scene.items()}
    rendering = rasterize(**variables, viewmats=VIEWMAT[None], Ks=K[None], width=WIDTH, height=HEIGHT, **options)
    loss_of(Rendering(*(picture[0] for picture in rendering))).backward()
    return {name: variable.grad for name, variable in variables.items()}


def assert_gradients(scene: dict[str, Tensor], eps2d: float) -> None:
    found = gradients(scene, eps2d=eps2d, background=torch.full((3,), 0.3))
    for name, expected in dense_gradients(scene, eps2d).items():
        assert expected.abs().max() > 0.01
        # entries that all but vanish beside the others are sums in which much cancels
        torch.testing.assert_close(
            found[name].double(), expected, rtol=1e-3, atol=2e-5 * expected.abs().max().item(), msg=name
        )


@pytest.mark.parametrize("eps2d", [0.0, 0.3])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_parameter(seed: int, eps2d: float) -> None:
    assert_gradients(random_gaussians(seed, 10), eps2d)


def test_capped_splats_and_finished_pixels() -> None:
    scene = random_gaussians(6, 10)
    scene["opacities"][:] = 0.9999
    scene["scales"] = 0.5 + 2 * scene["scales"]
    rendering = render_dense(scene, VIEWMAT, K)
    # capped alphas of 0.999 leave 1e-3, and a second one would leave 1e-6: such pixels are finished
    assert (rendering.alpha > 0.999 - 1e-9).double().mean() > 0.05
    assert_gradients(scene, 0.0)


def test_covariances() -> None:
    scene = random_gaussians(2, 8)
    scene["covars"] = covariances_of(scene.pop("quats"), scene.pop("scales"))
    assert_gradients(scene, 0.0)


def test_scenes_reach_the_bound_of_the_projections_derivative() -> None:
    points = random_gaussians(0, 10)["means"] @ VIEWMAT[:3, :3].T + VIEWMAT[:3, 3]
    slope = points[:, 0] / points[:, 2]
    bound = (WIDTH - K[0, 2]) / K[0, 0] + 0.15 * WIDTH / K[0, 0]
    assert (slope > bound).any() or (slope < -bound).any()


def test_background() -> None:
    scene = random_gaussians(3, 10)
    background = torch.tensor([[0.2, 0.4, 0.6]], requires_grad=True)
    rendering = rasterize(
        **scene, viewmats=VIEWMAT[None], Ks=K[None], width=WIDTH, height=HEIGHT, background=background
    )
    rendering.color.sum().backward()
    torch.testing.assert_close(background.grad, (1 - rendering.alpha).sum().expand(1, 3))


def test_cameras_add_up() -> None:
    scene = random_gaussians(4, 20)
    cameras = [turned_camera(shift) for shift in (0.1, -0.1)]
    viewmats, intrinsics = (torch.stack(tensors) for tensors in zip(*cameras, strict=True))

    def gradient(chosen: slice) -> Tensor:
        means = scene["means"].clone().requires_grad_()
        camera = {"viewmats": viewmats[chosen], "Ks": intrinsics[chosen]}
        rasterize(**{**scene, "means": means}, **camera, width=WIDTH, height=HEIGHT).color.square().sum().backward()
        return means.grad

    torch.testing.assert_close(gradient(slice(2)), gradient(slice(1)) + gradient(slice(1, 2)), rtol=1e-4, atol=1e-4)


def test_same_bytes_for_any_number_of_threads() -> None:
    scene = random_gaussians(5, 40_000)
    scene["scales"] *= 0.05
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = gradients(scene)
        torch.set_num_threads(5)
        together = gradients(scene)
    finally:
        torch.set_num_threads(threads)
    assert all(alone[name].any() and torch.equal(alone[name], together[name]) for name in scene)


def test_descent_finds_a_shifted_gaussian() -> None:
    scene = {
        "means": torch.tensor([[0.0, 0, 2]]),
        "covars": 0.04 * torch.eye(3)[None],
        "opacities": torch.tensor([0.9]),
        "colors": torch.tensor([[0.9, 0.5, 0.1]]),
    }
    camera = {"viewmats": torch.eye(4)[None], "Ks": K[None], "width": WIDTH, "height": HEIGHT}
    target = rasterize(**scene, **camera).color
    means = torch.tensor([[0.15, -0.1, 2.0]], requires_grad=True)
    optimizer = torch.optim.Adam([means], lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        (rasterize(**{**scene, "means": means}, **camera).color - target).square().mean().backward()
        optimizer.step()
    torch.testing.assert_close(means.detach(), scene["means"], atol=0.02, rtol=0)
