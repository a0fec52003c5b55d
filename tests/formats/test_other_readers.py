"""Other tools read what we write, and we read what they write, to within each format's steps.

``splat-transform`` comes from npm (``npm install --prefix build/node @playcanvas/splat-transform``), ``gaussforge``
from PyPI. A tool that is absent is skipped.
"""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from splats import columns_of, grid_splat, hostile_splat, random_splat

from sharp_cli import read_ply, read_splat, write_ply, write_splat
from sharp_cli.formats.columns import SplatColumns
from sharp_cli.formats.glb import write_glb
from sharp_cli.formats.stored import as_stored

pytestmark = pytest.mark.slow

NODE = Path(__file__).parents[2] / "build" / "node" / "node_modules"
TOOL = shutil.which("splat-transform") or shutil.which("splat-transform", path=str(NODE / ".bin"))
VALIDATOR = NODE / "gltf-validator"

STEPS = {
    "splat": {"means": 1e-6, "log_scales": 1e-4, "opacities": 0.004, "dc": 0.015, "degrees": 2.0},
    "spz": {"means": 2e-4, "log_scales": 0.035, "opacities": 0.003, "dc": 0.02, "degrees": 0.3},
    "compressed.ply": {"means": 6e-3, "log_scales": 0.01, "opacities": 0.004, "dc": 0.03, "degrees": 0.5},
    "sog": {"means": 5e-4, "log_scales": 0.12, "opacities": 0.005, "dc": 0.05, "degrees": 2.0},
}
SPLATS = {"grid": grid_splat, "degree 3": lambda: random_splat(400, degree=3), "hostile": hostile_splat}


def transform(source: Path, target: Path) -> None:
    """Convert with splat-transform."""
    if TOOL is None:
        pytest.skip("needs splat-transform from npm")
    subprocess.run([TOOL, "-q", "-w", "-g", "cpu", source, target], check=True, timeout=300)


def forge(source: Path, target: Path) -> None:
    """Convert with gaussforge."""
    try:
        tool: Any = importlib.import_module("gaussforge").GaussForge()
    except ImportError:
        pytest.skip("needs gaussforge")
    result = tool.convert(source.read_bytes(), source.name.partition(".")[2], target.name.partition(".")[2])
    assert "data" in result, result
    target.write_bytes(result["data"])


def seen(columns: SplatColumns, opacity: float) -> SplatColumns:
    """The rows within a kilometer that are at least so opaque."""
    return columns.take(np.flatnonzero((columns.opacities > opacity) & (np.abs(columns.means) < 1000).all(axis=1)))


def check_same(found: SplatColumns, expected: SplatColumns, steps: dict[str, float]) -> None:
    """Match by nearest position, then compare field by field."""
    # Compressed .ply pads chunks with invisible Gaussians, and leaves out those that are never rendered.
    assert abs(len(found.means) - len(expected.means)) <= 16 * 256
    found, expected = seen(found, 0.02), seen(expected, 0.04)
    apart = np.linalg.norm(found.means[None].astype(np.float64) - expected.means[:, None], axis=2)
    found = found.take(apart.argmin(axis=1))
    np.testing.assert_allclose(found.means, expected.means, atol=2 * steps["means"])
    np.testing.assert_allclose(
        found.log_scales.clip(-9.5, 5.5), expected.log_scales.clip(-9.5, 5.5), atol=steps["log_scales"]
    )
    np.testing.assert_allclose(found.opacities, expected.opacities, atol=steps["opacities"])
    np.testing.assert_allclose(found.dc.clip(-3, 3), expected.dc.clip(-3, 3), atol=steps["dc"])
    products = np.abs((found.quats.astype(np.float64) * expected.quats).sum(axis=1))
    lengths = np.linalg.norm(found.quats, axis=1) * np.linalg.norm(expected.quats, axis=1)
    assert np.degrees(2 * np.arccos((products / lengths).clip(0, 1))).max() < steps["degrees"]


@pytest.mark.parametrize("convert", [transform, forge])
@pytest.mark.parametrize("kind", SPLATS)
@pytest.mark.parametrize("suffix", STEPS)
def test_others_read_what_we_write(suffix: str, kind: str, convert: Callable[..., None], tmp_path: Path) -> None:
    gaussians = SPLATS[kind]()
    write_splat(tmp_path / f"a.{suffix}", gaussians)
    convert(tmp_path / f"a.{suffix}", tmp_path / "back.ply")
    steps = STEPS[suffix]
    if kind == "hostile":
        # The formats spread their bits over the whole range: 1,000 km of positions, e^47 of scales.
        steps = steps | {"means": max(4e-3, steps["means"]), "log_scales": max(0.025, steps["log_scales"])}
    check_same(columns_of(read_ply(tmp_path / "back.ply")), columns_of(gaussians), steps)


@pytest.mark.parametrize("convert", [transform, forge])
@pytest.mark.parametrize("suffix", STEPS)
def test_we_read_what_others_write(suffix: str, convert: Callable[..., None], tmp_path: Path) -> None:
    gaussians = random_splat(400)
    # gaussforge packs quaternions as they are.
    gaussians = replace(gaussians, quats=torch.nn.functional.normalize(gaussians.quats))
    write_ply(tmp_path / "a.ply", gaussians)
    convert(tmp_path / "a.ply", tmp_path / f"b.{suffix}")
    check_same(columns_of(read_splat(tmp_path / f"b.{suffix}")), columns_of(gaussians), STEPS[suffix])


@pytest.mark.parametrize("degree", [0, 3])
def test_the_gltf_validator_objects_to_the_new_extension_alone(degree: int, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not VALIDATOR.is_dir():
        pytest.skip("needs gltf-validator from npm")
    write_glb(tmp_path / "a.glb", as_stored(random_splat(50, degree)))
    script = (
        "const v = require(process.argv[1]), fs = require('fs');"
        "v.validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])))"
        ".then(r => console.log(JSON.stringify(r.issues.messages.map(m => m.code))));"
    )
    command = [node, "-e", script, str(VALIDATOR), str(tmp_path / "a.glb")]
    codes = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)
    assert set(codes) <= {"UNSUPPORTED_EXTENSION", "MESH_PRIMITIVE_INVALID_ATTRIBUTE"}
