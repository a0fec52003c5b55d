"""Panoramas with known range: of a plain room by formula, and of synthetic scenes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.photo import Photo

WALLS = np.array([2.0, 1.5, 3.0])
"""Distances of a room's walls from the center, along x, y and z [m]; the far one along z is twice as far."""


def room_range(directions: np.ndarray) -> np.ndarray:
    """(...,) distance of a room's walls along unit directions (..., 3)."""
    walls = np.broadcast_to(WALLS, directions.shape).copy()
    walls[..., 2] = np.where(directions[..., 2] > 0, 2 * WALLS[2], WALLS[2])
    return (walls / np.maximum(np.abs(directions), 1e-9)).min(axis=-1)


def room_color(directions: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 of checkered walls."""
    points = directions * room_range(directions)[..., None]
    checks = (np.floor(points * 0.7 + 0.3).sum(axis=-1) % 2)[..., None]
    return (60 + 120 * checks + 25 * np.sin(points)).astype(np.uint8)


def equirect_directions(width: int, height: int) -> np.ndarray:
    """(H, W, 3) unit directions of a full panorama's pixels."""
    yaw = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    pitch = (0.5 - (np.arange(height) + 0.5) / height) * np.pi
    yaw, pitch = np.meshgrid(yaw, pitch)
    return np.stack([np.cos(pitch) * np.sin(yaw), -np.sin(pitch), np.cos(pitch) * np.cos(yaw)], axis=-1)


def splat_of_depth(pixels: np.ndarray, depth: np.ndarray, focal_px: float) -> Gaussians:
    """One small flat Gaussian per pixel at its true depth z: what a perfect network would make."""
    height, width = depth.shape
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    means = torch.from_numpy(np.stack([x / focal_px, y / focal_px, np.ones_like(x)], -1) * depth[..., None])
    means = means.reshape(-1, 3).float()
    size = 0.6 * means[:, 2:] / focal_px
    srgb = torch.from_numpy(pixels.reshape(-1, 3)).float() / 255
    linear = torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    quats = torch.tensor([1.0, 0, 0, 0]).repeat(len(means), 1)
    camera = Camera(width, height, focal_px)
    return Gaussians(means, size.repeat(1, 3), quats, torch.full((len(means),), 0.95), linear, camera)


class TrueDepth:
    """Predicts every face of a panorama exactly, but for a scale and an offset in disparity of its own.

    Args:
        rotations: of the faces, in the order of the calls.
        range_along: distance along unit directions (..., 3).
        faults: a and b of each face: its disparity is a / depth + b.
    """

    def __init__(
        self,
        rotations: list[np.ndarray],
        range_along: Callable[[np.ndarray], np.ndarray],
        faults: list[tuple[float, float]],
    ) -> None:
        self.rotations, self.range_along, self.faults = rotations, range_along, faults
        self.calls = 0

    def __call__(self, photo: Photo) -> Gaussians:
        rotation, (a, b) = self.rotations[self.calls], self.faults[self.calls]
        self.calls += 1
        x, y = np.meshgrid(
            np.arange(photo.width) + 0.5 - photo.width / 2, np.arange(photo.height) + 0.5 - photo.height / 2
        )
        rays = np.stack([x / photo.focal_px, y / photo.focal_px, np.ones_like(x)], -1)
        length = np.linalg.norm(rays, axis=-1)
        depth = self.range_along(rays / length[..., None] @ rotation.T) / length
        return splat_of_depth(photo.pixels, 1 / (a / depth + b), photo.focal_px)
