"""The weights file that ships: whatever network is in it, it is small, says what it is, and gets into the wheel."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import torch

from sharp_cli.weights import store
from sharp_cli.weights.catalog import PREVIEW
from sharp_cli.weights.read import Weights, read_weights
from sharp_cli.weights.resolve import resolve

ROOT = Path(__file__).parents[2]


@pytest.fixture
def preview() -> Weights:
    return read_weights(resolve(PREVIEW.name))


def test_it_is_small(preview: Weights) -> None:
    assert preview.path.stat().st_size <= 25_000_000
    assert {tensor.dtype for tensor in preview.tensors.values()} == {torch.float16}
    assert all(tensor.isfinite().all() for tensor in preview.tensors.values())


def test_it_says_what_it_is(preview: Weights) -> None:
    assert (preview.record["name"], preview.record["license"]) == (PREVIEW.name, PREVIEW.license)
    assert preview.record["training"]


def test_it_reveals_nothing_about_the_machine_it_was_made_on(preview: Weights) -> None:
    assert not re.findall(r'"(?:/|~|[A-Za-z]:)[^"]*"', json.dumps(preview.record))


def test_the_wheel_has_it_where_it_is_looked_for() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    ((source, target),) = ((a, b) for a, b in wheel["force-include"].items() if a.endswith(".safetensors"))
    assert [ROOT / target, ROOT / source] == [folder / PREVIEW.filename for folder in store.BUNDLED_IN]
