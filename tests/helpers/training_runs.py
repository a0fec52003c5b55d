"""Small runs for the tests of training: the smallest network there can be, and posed views of a plane."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sharp_cli.model.config import SharpConfig
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.configfile import build, merge

SIZES = SharpConfig(128, 16, 16, 2, 2, (0, 1), (8,) * 5, 8, 16, 8, 8)
CPU_RUN = {
    "trainable": "all",
    "steps": 3,
    "adjust_depth": False,
    "batch": 1,
    "network": SIZES.to_dict(),
    "optimizer": {"lr": 1e-3, "warmup": 2, "ema": 0.9},
    "losses": {"weights": {"percep": 0.0}},
    "log": {"every": 1, "validate": 0, "samples": 1, "pictures": 1},
    "checkpoints": {"every": 2, "keep": 2},
}


def tiny_config(folder: Path, **changes: Any) -> TrainConfig:
    """A run of three steps of one sample on :func:`posed_folder`; ``changes`` are tables laid over it."""
    table = json.loads(json.dumps(CPU_RUN))
    merge(table, {"data": {"kind": "posed", "path": str(folder), "workers": 0}})
    merge(table, changes)
    return build(TrainConfig, table, "")


def posed_folder(folder: Path, views: int = 5) -> Path:
    """Views of a mottled plane 2 m away, 96 × 64 px, cameras 5 cm apart."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    coarse = Image.fromarray(rng.integers(0, 255, (16, 48, 3), dtype=np.uint8))
    texture = coarse.resize((192, 64), Image.Resampling.BICUBIC)
    frames = []
    for i in range(views):
        shift = 2 * i  # 80 px focal length, 5 cm, 2 m
        texture.crop((shift, 0, shift + 96, 64)).save(folder / f"{i}.png")
        np.save(folder / f"{i}.npy", np.full((64, 96), 2.0, np.float32))
        pose = np.eye(4)
        pose[0, 3] = 0.05 * i
        pose[1:3] *= -1  # the file's cameras look along -z, y up
        frames.append({"file_path": f"{i}.png", "depth_file_path": f"{i}.npy", "transform_matrix": pose.tolist()})
    lens = {"fl_x": 80.0, "fl_y": 80.0, "cx": 48.0, "cy": 32.0, "w": 96, "h": 64}
    (folder / "transforms.json").write_text(json.dumps({**lens, "camera_model": "OPENCV", "frames": frames}))
    return folder
