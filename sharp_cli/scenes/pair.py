"""A seed becomes two views of a scene with their true depth."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from sharp_cli.datasets.view_pair import View, ViewPair
from sharp_cli.scenes.bank import Bank, load_bank
from sharp_cli.scenes.builder import SceneBuilder
from sharp_cli.scenes.config import DEFAULTS, SceneConfig
from sharp_cli.scenes.framing import Framing, first_camera, intrinsics, relative_viewmat, second_camera
from sharp_cli.scenes.imaging import choose_development, degrade, develop
from sharp_cli.scenes.layout import Scene
from sharp_cli.scenes.layouts import LAYOUTS
from sharp_cli.scenes.rendering import Pose, ScenePixels, render_scene

TRIES = 12
PEEK = 32
"""Side of the picture by which a camera's place is judged."""


def make_pair(seed: int, size: int | tuple[int, int], config: SceneConfig = DEFAULTS) -> ViewPair:
    """Draw a scene and photograph it twice; the same arguments give the same bytes on one machine.

    Runs on as many threads as torch uses. The first call in a process takes some seconds more, to paint the textures.

    Args:
        seed: any number ≥ 0; :func:`~sharp_cli.scenes.dataset.seeds` has ranges for training and for tests.
        size: side in pixels, or (height, width).
    """
    height, width = (size, size) if isinstance(size, int) else size
    bank = load_bank(config.textures)
    for attempt in range(TRIES):
        rng = np.random.default_rng((seed, attempt))
        name = _choose_layout(rng, config)
        scene, framing = draw_layout(rng, bank, name)
        K = intrinsics(rng, framing.mm, float(rng.choice(config.aspects)), width, height)
        first = first_camera(rng, framing, K)
        second = _find_second(rng, scene, bank, first, framing, (height, width), config)
        if second is not None or attempt == TRIES - 1:
            break
    second = second or first
    seen = [render_scene(scene, bank.textures, pose, width, height, config.far) for pose in (first, second)]
    how = choose_development(rng, seen[0].color)
    views = [
        View(develop(rendered.color, how), rendered.depth, K, relative_viewmat(first, pose))
        for rendered, pose in zip(seen, (first, second), strict=True)
    ]
    photo = degrade(rng, views[0].image) if config.degrade else views[0].image
    return ViewPair(views[0], views[1], photo, name)


def draw_layout(rng: Generator, bank: Bank, name: str) -> tuple[Scene, Framing]:
    """A scene of one kind (see ``LAYOUTS``), and how it wants to be photographed."""
    builder = SceneBuilder(rng, bank)
    framing = LAYOUTS[name][0](builder)
    return builder.finish(), framing


def _choose_layout(rng: Generator, config: SceneConfig) -> str:
    names = list(config.layouts) or list(LAYOUTS)
    shares = np.array([LAYOUTS[name][1] for name in names])
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def _find_second(
    rng: Generator, scene: Scene, bank: Bank, first: Pose, framing: Framing, size: tuple[int, int], config: SceneConfig
) -> Pose | None:
    """A second camera that is not within something and sees much of what the first sees, if one can be found."""
    peek = _peek(scene, bank, first, size, config)
    if peek.depth.min() < config.nearest or (peek.shapes < 0).mean() > 0.9:
        return None
    middle = peek.depth[PEEK // 3 : -PEEK // 3, PEEK // 3 : -PEEK // 3]
    subject = float(np.clip(np.percentile(middle, 30), 0.5 * framing.subject, 4.0 * framing.subject))
    closest = float(np.percentile(peek.depth, 5))
    share = config.parallax * min(1.0, 3.0 * closest / subject)  # what is close sweeps through the picture fastest
    for _ in range(4):
        second = second_camera(rng, first, subject, config.baseline, share)
        other = _peek(scene, bank, second, size, config)
        known = np.intersect1d(peek.shapes, other.shapes)
        if other.depth.min() > 0.5 * config.nearest and np.isin(other.shapes, known).mean() > 0.75:
            return second
    return None


def _peek(scene: Scene, bank: Bank, pose: Pose, size: tuple[int, int], config: SceneConfig) -> ScenePixels:
    """A small picture from the same place."""
    K = pose.K.copy()
    K[0] *= PEEK / size[1]
    K[1] *= PEEK / size[0]
    return render_scene(scene, bank.textures, Pose(pose.eye, pose.axes, K), PEEK, PEEK, config.far)
