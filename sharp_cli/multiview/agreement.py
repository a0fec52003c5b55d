"""Which photos belong together: one that makes the views of its neighbors worse does not.

A photo may be placed wrongly, or be of something that stands between the others and what they see. Its neighbors show
it: each is a view whose truth is known, and which another of them can show alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol

import numpy as np
import torch
from PIL import Image

from sharp_cli.cameras.views import Views
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.metrics.image import psnr
from sharp_cli.multiview.joining import PlacedSplat, join
from sharp_cli.multiview.posed import Floats, PosedPhoto
from sharp_cli.multiview.sweep import LONG_SIDE
from sharp_cli.render.pictures import to_srgb8
from sharp_cli.render.views import render_views

HARM = 1.0
"""How much worse neighbors may look beside a photo [dB]."""
NEIGHBORS = 3
"""Nearest photos that a photo is judged by."""


class Shown(Protocol):
    """How a photo's view is shown by the splats of others, joined [dB]."""

    def __call__(self, seen: PlacedSplat, *by: PlacedSplat) -> float: ...


def without_disagreeing(placed: Sequence[PlacedSplat], note: Callable[[str], None]) -> list[PlacedSplat]:
    """Leave out photos beside which their neighbors look worse, the worst first; of two, nobody can say which.

    Args:
        note: called with one sentence for each photo that is left out.
    """

    @cache
    def shown(seen: PlacedSplat, *by: PlacedSplat) -> float:
        return likeness(join(by) if len(by) > 1 else by[0].gaussians, by[0].posed, seen.posed)

    kept = list(placed)
    while len(kept) > 2:
        harms = [harm(kept, index, shown) for index in range(len(kept))]
        worst = int(np.argmax(harms))
        if harms[worst] < HARM:
            break
        note(f"{kept[worst].posed.name} is left out: beside it, the other photos look worse")
        del kept[worst]
    return kept


def harm(placed: Sequence[PlacedSplat], index: int, shown: Shown) -> float:
    """How much worse the views of a photo's neighbors look where it is joined to the one that shows them best [dB].

    Negative if they look better.

    Args:
        shown: measures it; remembers what it measured.
    """
    lost = []
    for each in nearest(placed, index)[:NEIGHBORS]:
        others = [placed[other] for other in nearest(placed, each) if other != index][:NEIGHBORS]
        best = max(others, key=lambda other: shown(placed[each], other))
        lost.append(shown(placed[each], best) - shown(placed[each], best, placed[index]))
    return float(np.mean(lost))


def nearest(placed: Sequence[PlacedSplat], index: int) -> list[int]:
    """The other photos, the nearest camera first."""
    eyes: Floats = np.stack([each.posed.eye for each in placed])
    order = np.argsort(np.linalg.norm(eyes - eyes[index], axis=1), kind="stable")
    return [int(other) for other in order if other != index]


def likeness(gaussians: Gaussians, axes: PosedPhoto, truth: PosedPhoto) -> float:
    """PSNR [dB] of Gaussians in one photo's axes, seen as another photo sees them."""
    width, height, intrinsics = truth.reduced(LONG_SIDE)
    viewmat = torch.from_numpy(truth.axes_from(axes)).float()
    views = Views(viewmat[None], torch.from_numpy(intrinsics).float()[None], width, height)
    (seen,) = render_views(gaussians, views, backend="cpu")
    picture = np.array(Image.fromarray(truth.photo.pixels).resize((width, height), Image.Resampling.BOX))
    found, true = (torch.from_numpy(each).movedim(-1, 0)[None] / 255 for each in (to_srgb8(seen.color[0]), picture))
    return float(psnr(found, true))
