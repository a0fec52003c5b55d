"""From a panorama to one splat around the place it was taken from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.fitting import keep, scaled, together
from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.gaussians.transform import transform
from sharp_cli.multiview.align import Alignment, align, wrapped
from sharp_cli.multiview.equirect import Panorama, look, to_angles
from sharp_cli.multiview.faces import Ring
from sharp_cli.multiview.seams import SOLID, surface
from sharp_cli.photo import Photo

Predict = Callable[[Photo], Gaussians]
"""Such as :meth:`sharp_cli.predictor.Predictor.predict`."""

FILM_CAMERA = Camera(1920, 1080, 960.0)
"""What a film of a panorama sees at a time: 90° × 59°."""
FLAT = 1.5
"""A face whose pixels' standard deviation is smaller [of 255] shows nothing that depth could come from."""
FLAT_WEIGHT = 1e-3
BELOW = math.radians(25)
"""What lies within this of straight down is ground [rad]."""
LEAST_GROUND = 50
"""Gaussians there that show its distance."""
PROJECTION = "projection"
"""The key of what a splat records about its source's projection."""


@dataclass(frozen=True)
class FaceSplat:
    """A face and what the network made of it."""

    gaussians: Gaussians
    """In the face's own axes."""
    is_flat: bool
    """Whether the face shows nothing but one color."""


def predict_faces(panorama: Panorama, ring: Ring, predict: Predict, side: int) -> Iterator[FaceSplat]:
    """Predict each face alone.

    Args:
        side: shorter side of the faces' pictures [px]: what the network sees.
    """
    for face in ring.faces:
        width, height, focal = face.size(side)
        pixels = look(panorama, face.rotation, width, height, focal)
        photo = Photo(np.require(pixels, requirements=["C", "W"]), focal, "panorama")
        yield FaceSplat(predict(photo), float(pixels.std(axis=(0, 1)).max()) < FLAT)


def join_faces(panorama: Panorama, ring: Ring, splats: Sequence[FaceSplat], *, aligned: bool = True) -> Gaussians:
    """Align the faces' splats, cut each to its cell, and put them together.

    Args:
        aligned: False leaves every face as the network made it, for comparisons.

    Returns:
        Gaussians around the panorama's center, x right, y down, z toward its middle.

    Raises:
        SharpError: no face shows anything, or nothing is left.
    """
    if all(splat.is_flat for splat in splats):
        raise SharpError("the panorama shows nothing but one color")
    surfaces = [surface(each.gaussians, face.rotation) for each, face in zip(splats, ring.faces, strict=True)]
    weights = [FLAT_WEIGHT if splat.is_flat else 1.0 for splat in splats]
    alignment = align(ring, surfaces, weights) if aligned else None
    parts = [_part(panorama, ring, alignment, index, each.gaussians) for index, each in enumerate(splats)]
    facts = {**parts[0].facts, PROJECTION: "panorama"}
    return replace(together(parts), camera=FILM_CAMERA, facts=facts)


def at_camera_height(gaussians: Gaussians, height: float) -> Gaussians:
    """Scale a splat so that the ground below its center lies ``height`` below.

    Raises:
        SharpError: it shows nothing there.
    """
    distance = gaussians.means.norm(dim=1)
    below = (gaussians.means[:, 1] > math.cos(BELOW) * distance) & (gaussians.opacities >= SOLID)
    if int(below.sum()) < LEAST_GROUND:
        raise SharpError(
            "the panorama does not show the ground below the camera, so the camera's height cannot be used"
        )
    return scaled(gaussians, height / gaussians.means[below, 1].median())


def notes_on(ring: Ring, splats: Sequence[FaceSplat]) -> list[str]:
    """What a user should know about the faces, one sentence each."""
    return [
        f"{face.name} shows one color, so its depth is a guess"
        for face, splat in zip(ring.faces, splats, strict=True)
        if splat.is_flat
    ]


def _part(panorama: Panorama, ring: Ring, alignment: Alignment | None, index: int, gaussians: Gaussians) -> Gaussians:
    """A face's Gaussians in its cell, in the panorama's axes, aligned."""
    rotation = torch.from_numpy(ring.faces[index].rotation).to(gaussians.means)
    turned = (gaussians.means @ rotation.T).detach().cpu().double().numpy()
    yaw, pitch = to_angles(turned)
    own = ring.cells(yaw, pitch) == index
    if not panorama.is_closed:
        middle = panorama.left + panorama.span / 2
        own &= np.abs(wrapped(yaw - middle)) <= panorama.span / 2
    own &= (pitch <= panorama.top) & (pitch >= panorama.bottom)
    kept = keep(gaussians, torch.from_numpy(own).to(gaussians.means.device))
    means, scales, quats = transform(kept.means, kept.scales, kept.quats, rotation)
    if alignment is not None:
        factor = torch.from_numpy(np.exp(alignment.correction(index, turned[own]))).to(means)[:, None]
        means, scales = means * factor, scales * factor
    return replace(kept, means=means, scales=scales, quats=quats)
