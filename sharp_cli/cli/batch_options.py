"""The options that all batch commands have, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sharp_cli.batch.ray_pool import RayOptions
    from sharp_cli.batch.shards import Shard


@dataclass(frozen=True)
class BatchOptions:
    """The options of a run that do not change its results."""

    json_file: Path | None
    timings: bool
    fail_fast: bool
    quiet: bool
    debug: bool
    shard: Shard | None = None
    """The part of the inputs that this process works on; None: all of them."""
    ray: RayOptions | None = None
    """A cluster to work on; None: this process."""
