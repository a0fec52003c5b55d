"""Size, time and error of every splat format, for one splat and for 1.18 million Gaussians.

    python benchmarks/formats.py SPLAT.ply

Times are medians of three runs on this machine. "render" is the PSNR of the photo's own view against the .ply's.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from sharp_cli import Gaussians, read_ply
from sharp_cli.cameras.trajectories import trajectory
from sharp_cli.formats.registry import FORMATS, read_splat, write_splat
from sharp_cli.formats.stored import as_stored
from sharp_cli.gaussians.fitting import reduce_count
from sharp_cli.render.pictures import to_srgb8
from sharp_cli.render.views import render_views

RUNS = 3


def main() -> None:
    gaussians = read_ply(sys.argv[1])
    for name, splat in (("as read", gaussians), ("1.18 million", enlarge(gaussians, 768))):
        print(f"\n{name}: {len(splat):,} Gaussians\n")
        print("| format | bytes | ratio | write s | read s | mean error (m) | render (dB) |")
        print("| --- " * 7 + "|")
        for row in rows(splat):
            print("| " + " | ".join(row) + " |", flush=True)
        most = len(splat) // 4 + 5_000
        seconds, fitted = timed(lambda splat=splat, most=most: reduce_count(splat, most))
        print(f"\nreduced to {len(fitted):,}: {psnr(own_view(splat), own_view(fitted)):.1f} dB, {seconds:.2f} s")


def rows(gaussians: Gaussians) -> Iterator[list[str]]:
    reference = own_view(gaussians)
    with TemporaryDirectory() as folder:
        write_splat(Path(folder) / "a.ply", gaussians)
        whole = (Path(folder) / "a.ply").stat().st_size
        for known in FORMATS:
            path = Path(folder) / f"b{known.suffix}"
            writing, _ = timed(lambda path=path: write_splat(path, gaussians))
            size = path.stat().st_size
            row = [known.suffix, f"{size:,}", f"{whole / size:.2f}", f"{writing:.2f}"]
            if known.reader is None:
                yield [*row, "-", "-", "-"]
                continue
            reading, found = timed(lambda path=path: read_splat(path))
            error = nearest_error(gaussians, found)
            # .splat has no room for the camera, which decides how a splat is rendered.
            view = own_view(replace(found, camera=gaussians.camera))
            yield [*row, f"{reading:.2f}", f"{error:.1e}", f"{psnr(reference, view):.1f}"]


def timed(work: Callable[[], Gaussians | None]) -> tuple[float, Gaussians | None]:
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def own_view(gaussians: Gaussians) -> np.ndarray:
    """The photo's own view, sRGB."""
    (picture,) = render_views(replace(gaussians, blending="linear"), trajectory("still", gaussians, frames=1))
    return np.asarray(to_srgb8(picture.color[0]), np.float64)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(float(np.mean((a - b) ** 2)), 1e-9)))


def nearest_error(expected: Gaussians, found: Gaussians) -> float:
    """Median distance of positions, both sorted in one way [m]."""
    a, b = (np.sort(as_stored(g).columns.means, axis=0) for g in (expected, found))
    return float(np.median(np.abs(a - b))) if len(a) == len(b) else float("nan")


def enlarge(gaussians: Gaussians, side: int) -> Gaussians:
    """The same scene on a finer grid of two layers: every value interpolated, scales made smaller alike."""
    old = int((len(gaussians) / 2) ** 0.5)

    def finer(values: torch.Tensor) -> torch.Tensor:
        maps = values.view(2, old, old, -1).permute(0, 3, 1, 2)
        return torch.nn.functional.interpolate(maps, (side, side), mode="bilinear").permute(0, 2, 3, 1).flatten(0, 2)

    names = ("means", "scales", "quats", "opacities", "colors")
    values = {name: finer(getattr(gaussians, name).view(len(gaussians), -1)) for name in names}
    values["opacities"] = values["opacities"][:, 0]
    values["scales"] = values["scales"] * (old / side)
    return replace(gaussians, **values)


if __name__ == "__main__":
    main()
