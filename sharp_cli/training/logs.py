"""What a run leaves to be looked at: a line of JSON for every report, and TensorBoard's files where wanted."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharp_cli.errors import SharpError, install_extra
from sharp_cli.runtime.files import atomic_write
from sharp_cli.training.config import TrainConfig

LOG, BOARD = "log.jsonl", "tensorboard"
SHOWN = 2
"""Samples of a batch whose pictures go into TensorBoard's log."""


class Logs:
    """The files of one run; lines after ``step`` of an earlier part of it are dropped: they come again."""

    def __init__(self, folder: Path, config: TrainConfig, step: int) -> None:
        self._path = folder / LOG
        _cut(self._path, step)
        self._board: Any = _open_board(folder / BOARD, step) if config.log.tensorboard else None

    def add(self, kind: str, step: int, numbers: dict[str, float]) -> None:
        """Keep numbers of a step; ``kind`` is "train" or "validation"."""
        line = {"kind": kind, "step": step, **{name: float(f"{value:.6g}") for name, value in numbers.items()}}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._board:
            for name, value in numbers.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)

    def show(self, step: int, pictures: dict[str, Tensor]) -> None:
        """Keep pictures, TensorBoard only; depth maps as disparity relative to the nearest true or found one."""
        if not self._board:
            return
        for name, values in pictures.items():
            shown = values[:SHOWN].float().cpu()
            if name.startswith("depth"):
                inverse = torch.where(shown > 0, 1.0 / shown, torch.zeros_like(shown))
                shown = inverse / inverse.amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-6)
            self._board.add_images(name, shown.clamp(0.0, 1.0), step)
        self._board.flush()

    def close(self) -> None:
        """Write what is still in memory."""
        if self._board:
            self._board.close()


def _cut(path: Path, step: int) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    lines = path.read_text("utf-8").splitlines()
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines if _step_of(line) <= step), "utf-8")


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # cut short by a run that was killed


def _open_board(folder: Path, step: int) -> Any:
    try:
        board = importlib.import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise SharpError(
            f"log.tensorboard needs TensorBoard ({install_extra('train')}, or set log.tensorboard=false)"
        ) from error
    return board.SummaryWriter(str(folder), purge_step=step + 1 if step else None)
