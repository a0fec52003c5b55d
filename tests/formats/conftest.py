"""The splat that several tests of this room use."""

from __future__ import annotations

from pathlib import Path

import pytest
from relief import make_relief

from sharp_cli import Gaussians


@pytest.fixture(scope="session")
def relief(data: Path) -> Gaussians:
    return make_relief(data / "china.jpg")
