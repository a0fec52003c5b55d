"""One picture that shows a sample whole: what went in, what came out, what is true, and where they differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from sharp_cli.errors import SharpError
from sharp_cli.evaluation.score import SampleImages
from sharp_cli.render.depth_colors import color_limits, to_depth_colors
from sharp_cli.runtime.files import atomic_write

Pixels = NDArray[np.uint8]

TILE = 480
"""Longest side of a tile [px]; smaller pictures keep their size."""
GAP = 8
CAPTION = 22
ERROR_GAIN = 4
"""Errors are shown this many times larger; white is a quarter of the range or more."""
COLUMNS = 4
MARK = "sharp-cli evaluate"
"""In the files, so that they are known again."""


def write_sheet(path: Path, pictures: SampleImages) -> None:
    """Write a sample's sheet as PNG.

    Raises:
        SharpError: the file cannot be written.
    """
    try:
        with atomic_write(path) as temporary:
            draw_sheet(pictures).save(temporary, "PNG", pnginfo=_mark())
    except OSError as error:
        raise SharpError(f"cannot write {path}: {error.strerror or error}") from error


def is_sheet(path: Path) -> bool:
    """Whether a file was written by :func:`write_sheet`."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return image.info.get("Software") == MARK
    except (OSError, ValueError, SyntaxError):
        return False


def _mark() -> PngInfo:
    info = PngInfo()
    info.add_text("Software", MARK)
    return info


def draw_sheet(pictures: SampleImages) -> Image.Image:
    """Eight tiles: the novel view in the first row, the input view, its depth and the plane baseline in the second.

    Depths share the true one's colors, after scaling the prediction to the true median.
    """
    pair = pictures.pair
    true_depth = torch.from_numpy(pair.input.depth)
    limits = color_limits(true_depth if pair.input.depth.any() else pictures.input.depth)
    solid = torch.ones_like(true_depth)
    tiles = [
        ("photo", pair.photo),
        ("novel view, predicted", pictures.novel.image),
        ("novel view, true", pair.novel.image),
        (f"error x {ERROR_GAIN}", _error(pictures.novel.image, pair.novel.image)),
        ("input view, predicted", pictures.input.image),
        (f"its depth x {pictures.scale:.3g}", to_depth_colors(pictures.input.depth * pictures.scale, solid, limits)),
        ("true depth", to_depth_colors(true_depth.nan_to_num(nan=0.0, posinf=np.inf), solid, limits)),
        ("photo on a plane", pictures.plane),
    ]
    return _arrange([(words, pixels) for words, pixels in tiles if pixels is not None])


def _error(found: Pixels, true: Pixels) -> Pixels:
    difference = np.abs(found.astype(np.float32) - true).mean(axis=2, keepdims=True)
    return np.broadcast_to(np.clip(ERROR_GAIN * difference, 0, 255), found.shape).astype(np.uint8)


def _arrange(tiles: list[tuple[str, Pixels]]) -> Image.Image:
    shrunk = [(words, Image.fromarray(pixels)) for words, pixels in tiles]
    for _, tile in shrunk:
        tile.thumbnail((TILE, TILE))
    width, height = (max(tile.size[axis] for _, tile in shrunk) + GAP for axis in (0, 1))
    rows = -(-len(shrunk) // COLUMNS)
    sheet = Image.new("RGB", (GAP + COLUMNS * width, GAP + rows * (height + CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for index, (words, tile) in enumerate(shrunk):
        x, y = GAP + index % COLUMNS * width, GAP + index // COLUMNS * (height + CAPTION)
        draw.text((x, y), words, fill="black", font=font)
        sheet.paste(tile, (x, y + CAPTION))
    return sheet
