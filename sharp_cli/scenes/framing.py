"""Where the photographer stands, and the second camera around what the photo is of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from sharp_cli.scenes.layout import Doubles
from sharp_cli.scenes.rendering import Pose

AIM = 0.02
"""How far the second camera looks past what the first has in its middle [rad]: turning away would only swap pixels that
the photo shows for some that it cannot."""


@dataclass(frozen=True)
class Framing:
    """How a scene wants to be photographed."""

    eye: tuple[float, float, float]
    """Of the first camera, in the scene's frame [m]."""
    pitch: float
    """Downwards [rad]."""
    yaw: float = 0.0
    """To the right [rad]."""
    mm: tuple[float, float] = (22.0, 50.0)
    """Range of focal lengths, 35 mm equivalent."""
    subject: float = 3.0
    """Distance of what the photo is of [m]."""


def rotation(yaw: float, pitch: float, roll: float) -> Doubles:
    """(3, 3) whose columns are right, down and forward of a camera in the scene's frame."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    forward = np.array([sy * cp, -sp, cy * cp])
    right = np.array([cy, 0.0, -sy])
    down = np.array([-sy * sp, -cp, -cy * sp])
    c, s = math.cos(roll), math.sin(roll)
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


def intrinsics(rng: Generator, mm: tuple[float, float], aspect: float, width: int, height: int) -> Doubles:
    """(3, 3) K of a photo of this aspect (width / height), resized to ``width`` × ``height``; centered.

    Focal lengths are sampled evenly in their logarithm; 36 mm are the longer side of the photo.
    """
    focal = math.exp(rng.uniform(math.log(mm[0]), math.log(mm[1]))) / 36.0
    fx, fy = (focal * width, focal * aspect * height) if aspect >= 1 else (focal / aspect * width, focal * height)
    return np.array([[fx, 0.0, width / 2], [0.0, fy, height / 2], [0.0, 0.0, 1.0]])


def first_camera(rng: Generator, framing: Framing, K: Doubles) -> Pose:
    """The photo's camera; held almost level."""
    axes = rotation(framing.yaw, framing.pitch, rng.normal(0, 0.02))
    return Pose(np.array(framing.eye), axes, K)


def second_camera(rng: Generator, first: Pose, subject: float, farthest: float, share: float) -> Pose:
    """A camera on a ring around the first, looking at about what the first has in its middle.

    Args:
        subject: depth of that [m].
        farthest: longest way between the two [m].
        share: longest way as a share of ``subject``, so that close things are not seen from behind.
    """
    reach = min(farthest, share * subject) * math.sqrt(rng.uniform(0.02, 1.0))
    angle = rng.uniform(0, 2 * math.pi)
    aside = np.array([math.cos(angle), 0.7 * math.sin(angle), 0.4 * rng.standard_normal()])
    aside *= reach / np.linalg.norm(aside)
    eye = first.eye + first.axes @ aside
    target = first.eye + first.axes @ np.array([*(AIM * subject * rng.standard_normal(2)), subject])
    if rng.random() < 0.3:  # the camera moves without turning
        target = eye + first.axes[:, 2]
    forward = target - eye
    forward /= np.linalg.norm(forward)
    right = first.axes[:, 0] - (first.axes[:, 0] @ forward) * forward
    right /= np.linalg.norm(right)
    down = _handedness(first.axes) * np.cross(forward, right)
    return Pose(eye, np.stack([right, down, forward], axis=1), first.K)


def _handedness(axes: Doubles) -> float:
    """1 where right × down = forward; the scene's frame is left-handed, so a camera's axes in it give -1."""
    return float(np.sign(np.linalg.det(axes)))


def relative_viewmat(first: Pose, pose: Pose) -> Doubles:
    """(4, 4) from the first camera's frame to another's; both OpenCV. The identity for the first itself."""
    viewmat = np.eye(4)
    if pose is first:
        return viewmat  # exactly
    viewmat[:3, :3] = pose.axes.T @ first.axes
    viewmat[:3, 3] = pose.axes.T @ (first.eye - pose.eye)
    return viewmat
