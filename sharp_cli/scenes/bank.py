"""The textures every scene draws from: painted ones, and crops of real photos for real statistics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from sharp_cli.errors import SharpError
from sharp_cli.runtime.srgb import srgb_to_linear
from sharp_cli.scenes import procedural
from sharp_cli.scenes.layout import LEVELS, TEXTURE_SIDE, Bytes, Floats, Textures

BUNDLED = Path(__file__).parent / "textures"
PANORAMA_HEIGHT = 512
OUTDOORS = ("city", "forest", "sunrise", "sunset", "park", "venice", "dawn", "sky", "bridge", "courtyard")
OPEN_SKY = ("city", "sunrise", "sunset", "park", "venice", "dawn", "sky", "city-small", "sunset-small")
LARGEST_FOLDER = 400
"""Photos taken of a user's folder: what the bank holds stays in memory."""


@dataclass(frozen=True)
class Bank:
    """Textures with the names scenes know them by."""

    textures: Textures
    groups: dict[str, tuple[int, ...]]
    """Group → indices of textures: "wood", "bricks", …, and "photo" for crops of photos of anything."""
    panoramas: dict[str, int]
    """Name → index of a panorama."""
    panorama_means: Floats
    """(P, 2, 3) linear RGB of the upper and lower half of each panorama."""

    def pick(self, rng: Generator, *groups: str) -> int:
        """A texture of any of these groups."""
        choices = [index for group in groups for index in self.groups[group]]
        return int(choices[int(rng.integers(len(choices)))])

    def pick_panorama(self, rng: Generator, names: tuple[str, ...]) -> int:
        """A panorama whose name, less "-small", is one of these."""
        choices = [i for name, i in self.panoramas.items() if name.removesuffix("-small") in names]
        return choices[int(rng.integers(len(choices)))]


def light_of_bytes() -> Floats:
    """(256,) linear light of each sRGB byte."""
    return srgb_to_linear(np.arange(256) / 255).astype(np.float32)


def load_bank(folder: Path | None = None) -> Bank:
    """Paint and read all textures, once a process: some four seconds.

    Args:
        folder: photos of the user's own to take crops from, beside the bundled ones.

    Raises:
        SharpError: the folder is missing or holds no picture.
    """
    return _load(folder)


@lru_cache(maxsize=2)
def _load(folder: Path | None) -> Bank:
    own = [] if folder is None else list(folder_crops(folder))
    rng = np.random.default_rng(20251210)  # what the bank holds is the same for every seed of a scene
    pictures: list[Bytes] = []
    groups: dict[str, list[int]] = {}

    def keep(group: str, picture: NDArray[np.generic]) -> None:
        groups.setdefault(group, []).append(len(pictures))
        pictures.append(np.asarray(picture, np.uint8))

    for group, paint, count in procedural.PAINTERS:
        for _ in range(count):
            keep(group, np.rint(255 * np.clip(paint(rng), 0, 1)))
    panoramas = {path.stem.removeprefix("panorama-"): _read(path) for path in sorted(BUNDLED.glob("panorama-*.jpg"))}
    for name, panorama in panoramas.items():
        for group, crop in _views(rng, name, panorama):
            keep(group, crop)
    for name, group, count in (("raccoon", "photo", 8), ("astronaut", "photo", 4)):
        for crop in _crops(rng, _read(BUNDLED / f"{name}.jpg"), count, 0.35):
            keep(group, crop)
    for name, group in (("gravel", "ground"), ("grass", "grass"), ("brick", "bricks")):
        for crop in _crops(rng, _read(BUNDLED / f"{name}.jpg"), 2, 0.7):
            keep(group, crop)
    for crop in own:
        keep("photo", crop)

    linear = light_of_bytes()
    stacked = np.stack(pictures)
    large = [np.asarray(Image.fromarray(p).resize((2 * PANORAMA_HEIGHT, PANORAMA_HEIGHT))) for p in panoramas.values()]
    views = np.stack(large)
    halves = linear[views].reshape(len(views), 2, -1, 3).mean(axis=2)
    textures = Textures(_pyramid(stacked, linear), linear[stacked].mean(axis=(1, 2)) + 1e-3, views, linear)
    indices = {name: i for i, name in enumerate(panoramas)}
    return Bank(textures, {group: tuple(members) for group, members in groups.items()}, indices, halves)


def _read(path: Path) -> Bytes:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _crops(rng: Generator, picture: Bytes, count: int, smallest: float) -> Iterator[Bytes]:
    """Square parts, at least ``smallest`` of the picture's shorter side wide."""
    height, width, _ = picture.shape
    for _ in range(count):
        side = min(height, width) * rng.uniform(smallest, 1.0)
        x, y = rng.uniform(0, width - side), rng.uniform(0, height - side)
        box = (float(x), float(y), float(x + side), float(y + side))
        resized = Image.fromarray(picture).resize((TEXTURE_SIDE, TEXTURE_SIDE), Image.Resampling.LANCZOS, box=box)
        yield np.asarray(resized)


def _views(rng: Generator, name: str, panorama: Bytes) -> Iterator[tuple[str, Bytes]]:
    """Pinhole views into a panorama: two level ones, and one of the ground outdoors."""
    for turn in rng.uniform(0, 1) + np.array([0.0, 0.37]):
        yield "photo", _view(panorama, turn, rng.uniform(-0.25, 0.1), 0.45)
    place = name.removesuffix("-small")
    if place in OUTDOORS and place != "sky":
        yield "ground", _view(panorama, rng.uniform(0, 1), -0.7, 0.4)
    if place in ("forest", "park"):
        yield (
            "leaves" if place == "forest" else "grass",
            _view(panorama, rng.uniform(0, 1), 0.35 if place == "forest" else -0.6, 0.4),
        )


def _view(panorama: Bytes, turn: float, pitch: float, spread: float) -> Bytes:
    """(S, S, 3) seen with a half field of view of atan(``spread``); ``pitch`` in radians, up is positive."""
    height, width, _ = panorama.shape
    x, y = np.meshgrid(*[(np.arange(TEXTURE_SIDE) + 0.5) / TEXTURE_SIDE * 2 - 1] * 2)
    x, y = spread * x, -spread * y
    up = y * np.cos(pitch) + np.sin(pitch)
    ahead = np.cos(pitch) - y * np.sin(pitch)
    u = (np.arctan2(x, ahead) / (2 * np.pi) + turn) * width
    v = (0.5 - np.arctan2(up, np.hypot(x, ahead)) / np.pi) * height - 0.5
    i, j = np.floor(u).astype(int), np.clip(np.floor(v).astype(int), 0, height - 2)
    a, b = (u - i)[..., None], (v - j)[..., None]
    upper = (1 - a) * panorama[j, i % width] + a * panorama[j, (i + 1) % width]
    lower = (1 - a) * panorama[j + 1, i % width] + a * panorama[j + 1, (i + 1) % width]
    return np.rint((1 - b) * upper + b * lower).clip(0, 255).astype(np.uint8)


def folder_crops(folder: Path) -> Iterator[Bytes]:
    """Two square crops of every photo in a folder, (S, S, 3), up to ``LARGEST_FOLDER`` photos in the order of names.

    Raises:
        SharpError: the folder is missing or holds no photo.
    """
    from sharp_cli.photo import read_photo

    if not folder.is_dir():
        raise SharpError(f"cannot read textures: the folder {folder} does not exist")
    rng = np.random.default_rng(1)
    found = 0
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file() or found >= LARGEST_FOLDER:
            continue
        try:
            picture = read_photo(path).pixels
        except SharpError:
            continue  # a folder of photos may hold notes and films too
        found += 1
        yield from _crops(rng, picture, 2, 0.3)
    if not found:
        raise SharpError(f"cannot read textures: no readable photo in {folder}")


def check_textures(folder: Path | None) -> None:
    """Find out before the first scene whether a folder of the user's own photos can be used; None can.

    Raises:
        SharpError: as :func:`folder_crops`.
    """
    if folder is not None:
        next(folder_crops(folder))


def _pyramid(pictures: Bytes, linear: Floats) -> Bytes:
    """All mip levels one after another, (T, texels, 3): means of 2 × 2 in linear light, stored as sRGB."""
    to_srgb = np.searchsorted(0.5 * (linear[1:] + linear[:-1]), np.arange(4096) / 4095).astype(np.uint8)
    levels, values = [pictures], linear[pictures]
    for _ in range(1, LEVELS):
        rows = values[:, ::2] + values[:, 1::2]
        values = (rows[:, :, ::2] + rows[:, :, 1::2]) * np.float32(0.25)
        levels.append(to_srgb[np.rint(4095 * values).astype(np.int32)])
    return np.concatenate([level.reshape(len(level), -1, 3) for level in levels], axis=1)
