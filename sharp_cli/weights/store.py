"""Where weights files are on this machine: in the package, in our cache, or in the model hub's cache."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import user_path
from sharp_cli.runtime.user_folders import user_folder
from sharp_cli.weights.catalog import Bundled, Checkpoint

SUFFIXES = (".safetensors", ".pt", ".pth")

BUNDLED_IN = (Path(__file__).parent, Path(__file__).parents[2] / "weights")
"""Where bundled weights are: next to this file if installed, else in the source tree."""


def cache_folder() -> Path:
    """The folder of our own copies: ``SHARP_CACHE`` if set, else a folder in the user's cache.

    Raises:
        SharpError: neither; this user has no home folder.
    """
    if chosen := os.environ.get("SHARP_CACHE"):
        return user_path(chosen)
    folder = user_folder("cache")
    if folder is None:
        raise SharpError("no folder for downloads: this user has no home folder (set SHARP_CACHE to a folder)")
    return folder / "weights"


def cached_path(checkpoint: Checkpoint) -> Path:
    """Path of our own copy, whether it exists or not."""
    return cache_folder() / checkpoint.filename


def part_path(checkpoint: Checkpoint) -> Path:
    """Path of an incomplete download, whether it exists or not."""
    return cache_folder() / f"{checkpoint.filename}.part"


def hub_path(checkpoint: Checkpoint) -> Path | None:
    """The copy in the model hub's cache (``HF_HOME``, ``HF_HUB_CACHE``), if there is one."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(checkpoint.hub_repo, checkpoint.filename)
    return Path(found) if isinstance(found, str) else None


def find(weights: Checkpoint | Bundled) -> Path | None:
    """A copy on this machine, ours before the hub's; copies of the wrong size do not count."""
    if isinstance(weights, Bundled):
        places = (folder / weights.filename for folder in BUNDLED_IN)
        return next((place for place in places if place.is_file()), None)
    for look in (cached_path, hub_path):
        path = None
        with suppress(SharpError, RuntimeError):  # a user without a home folder has no caches
            path = look(weights)
        if path and path.is_file() and path.stat().st_size == weights.size:
            return path
    return None


def remove(checkpoint: Checkpoint) -> bool:
    """Delete our own copy and an incomplete download; return whether there was anything to delete.

    Raises:
        SharpError: they cannot be deleted.
    """
    there = [path for path in (cached_path(checkpoint), part_path(checkpoint)) if path.exists()]
    try:
        for path in there:
            path.unlink()
    except OSError as error:
        raise SharpError(f"cannot delete {error.filename}: {error.strerror}") from error
    return bool(there)
