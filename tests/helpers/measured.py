"""A small folder of photos with measured depth, made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

PEAK = 2.0


def write_measured(folder: Path, names: dict[str, str], size: tuple[int, int] = (24, 36)) -> None:
    """Write an index with a photo for each name → split; inverse depth is 0.5 … 1.5 from left to right, 0 in row 0."""
    height, width = size
    for part in ("photos", "inverse_depth"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    inverse = np.tile(np.linspace(0.5, 1.5, width // 2), (height // 2, 1))
    inverse[0] = 0
    for name in names:
        Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(folder / "photos" / f"{name}.jpg")
        values = np.rint(inverse / PEAK * 65535).astype(np.uint16)
        Image.fromarray(values).save(folder / "inverse_depth" / f"{name}.png")
    rows = [f"{name},{split},MIT,1/m,{PEAK}" for name, split in names.items()]
    (folder / "index.csv").write_text("\n".join(["name,split,license,unit,peak_inverse_depth", *rows]) + "\n")
