"""Presets, TOML files that build on others, and single settings."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from sharp_cli.errors import SharpError
from sharp_cli.model.checkpoint import expected_shapes
from sharp_cli.training.config import TrainConfig
from sharp_cli.training.configfile import as_table, build, load_config, preset_names
from sharp_cli.training.recipes import RECIPES


def test_every_preset_loads():
    presets = {name: load_config(name) for name in preset_names() if name not in {*RECIPES, "preview-chain"}}
    assert {"preview", "preview-depth", "sharp-stage1", "sharp-stage2", "finetune"} <= presets.keys()
    assert presets["sharp-stage1"].network is None and presets["finetune"].init == "sharp"
    assert presets["preview-depth"].network == presets["preview"].network
    preview = presets["preview"].network
    assert preview is not None
    assert sum(math.prod(shape) for shape in expected_shapes(preview).values()) <= 10_000_000
    for config in presets.values():
        assert build(TrainConfig, as_table(config), "") == config


def test_files_build_on_others_and_settings_win(tmp_path: Path):
    (tmp_path / "mine.toml").write_text('base = "preview"\nsteps = 7\n[optimizer]\nlr = 1\n')
    (tmp_path / "yours.toml").write_text('base = "mine.toml"\n[losses.weights]\ntv = 0.5\n')
    config = load_config(
        str(tmp_path / "yours.toml"), ["seed=3", "init=a b.pt", "data.scenes.far=50", "log.tensorboard=true"]
    )
    assert (config.steps, config.optimizer.lr, config.losses.weights.tv, config.losses.weights.percep) == (
        7,
        1.0,
        0.5,
        0.0,
    )
    assert (config.seed, config.init, config.data.scenes.far, config.log.tensorboard) == (3, "a b.pt", 50.0, True)
    assert config.network == load_config("preview").network


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["stepz=1"], "unknown training setting: stepz"),
        (["optimizer.momentum=1"], r"unknown training setting: optimizer\.momentum"),
        (["steps=1.5"], "steps must have the type int"),
        (["steps=true"], "steps must have the type int"),
        (["optimizer=1"], "optimizer must be a table"),
        (["phase=fast"], r"phase cannot be 'fast' \(choose full, coarsest, coarse, depth, self\)"),
        (["batch=3"], "not a multiple of micro_batch"),
        (["steps=0"], "steps must be above 0"),
        (["phase=self"], "photos"),
        (["data.kind=posed"], r"data\.path"),
        (["network.depth=x"], "depth"),
        (["losses.weights.tv=-1"], "tv"),
        (["=1"], "use key=value"),
    ],
)
def test_wrong_settings_are_refused(settings: list[str], message: str):
    with pytest.raises(SharpError, match=message):
        load_config("preview", settings)


def test_unknown_and_circular_files_are_refused(tmp_path: Path):
    with pytest.raises(SharpError, match=r"use context, distill, finetune, labels, mix, preview"):
        load_config("previw")
    (tmp_path / "a.toml").write_text('base = "a.toml"')
    with pytest.raises(SharpError, match="lead back to itself"):
        load_config(str(tmp_path / "a.toml"))
    (tmp_path / "b.toml").write_text("steps = ")
    with pytest.raises(SharpError, match="TOML"):
        load_config(str(tmp_path / "b.toml"))
