"""Depth of single photos against measured depth, beside a plane and a ramp; and as a command."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from measured import write_measured
from typer.testing import CliRunner

from sharp_cli.cli import app
from sharp_cli.datasets.measured_depth import measured_photos
from sharp_cli.errors import SharpError
from sharp_cli.evaluation.measured_depth import (
    evaluate_measured_depth,
    mean_scores,
    rendered_inverse_depth,
    score_photo,
    to_markdown,
)
from sharp_cli.gaussians.gaussians import Camera, Gaussians
from sharp_cli.photo import Photo


def slanted(photo: Photo) -> Gaussians:
    """A dense wall of opaque Gaussians whose inverse depth is 0.5 … 1.5 from the photo's left to its right."""
    height, width = photo.pixels.shape[:2]
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    z = 1 / (0.5 + x / width)
    focal = photo.focal_px
    means = torch.stack([(x - width / 2) / focal * z, (y - height / 2) / focal * z, z], dim=-1).reshape(-1, 3)
    count = len(means)
    scales = (z / focal).reshape(-1, 1).expand(count, 3).contiguous()
    quats = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).expand(count, 4).contiguous()
    camera = Camera(width, height, focal)
    return Gaussians(means, scales, quats, torch.full((count,), 0.99), torch.full((count, 3), 0.5), camera=camera)


def test_depth_is_rendered_into_the_photos_own_view(tmp_path: Path) -> None:
    write_measured(tmp_path, {"room-1": "test"})
    photo, true = measured_photos(tmp_path)[0].load()
    found = rendered_inverse_depth(slanted, photo, true.shape, "cpu")
    inside = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(found[inside], true[inside], rtol=0.1)


def test_a_good_prediction_beats_ramp_and_plane(tmp_path: Path) -> None:
    write_measured(tmp_path, {"room-1": "test", "room-2": "test"})
    outcomes = evaluate_measured_depth(slanted, measured_photos(tmp_path), backend="cpu")
    means = mean_scores(outcomes)
    assert means["predicted"]["correlation"] > 0.98
    assert abs(means["ramp"]["correlation"]) < 0.01
    assert math.isnan(means["plane"]["correlation"])
    assert means["predicted"]["abs_rel_shifted"] < 0.05 < means["plane"]["abs_rel_shifted"]
    assert to_markdown(outcomes).count("| room (2) |") == 3


def test_the_ramp_is_near_at_the_bottom() -> None:
    true = np.tile(np.linspace(0.5, 1.5, 20, dtype=np.float32)[:, None], (1, 10))
    scores = score_photo(np.ones_like(true), true)
    assert scores["ramp"].correlation == pytest.approx(1)
    assert scores["ramp"].abs_rel_scaled < 1e-5
    with pytest.raises(SharpError, match="no pixel has a measured depth"):
        score_photo(true, np.zeros_like(true))


def test_a_photo_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    write_measured(tmp_path, {"room-1": "test", "room-2": "test"})
    (tmp_path / "photos" / "room-1.jpg").unlink()
    bad, good = evaluate_measured_depth(slanted, measured_photos(tmp_path), backend="cpu")
    assert bad.reason is not None and bad.reason.startswith("room-1: ")
    assert good.scores


def test_the_command(tiny_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "measured"
    write_measured(folder, {"room-1": "test", "room-2": "train"})
    words = ["evaluate", "depth", str(folder), "--weights", str(tiny_weights), "--device", "cpu"]
    run = CliRunner().invoke(app, [*words, "--json", str(tmp_path / "r.json")])
    assert run.exit_code == 0, run.output
    assert "| room (1) | ramp |" in run.stdout
    record = json.loads((tmp_path / "r.json").read_text(), parse_constant=pytest.fail)
    assert record["sets"]["room"]["plane"]["correlation"] is None
    assert [sample["name"] for sample in record["samples"]] == ["room-1"]
    assert CliRunner().invoke(app, [*words, "--mask"]).exit_code == 2
