"""Where weights files lie on this machine: in the package, in our cache or the model hub's, or where the user says."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import platformdirs

from sharp_cli.errors import SharpError
from sharp_cli.weights.catalog import KNOWN, Bundled, Checkpoint

SUFFIXES = (".safetensors", ".pt", ".pth")

BUNDLED_IN = (Path(__file__).parent, Path(__file__).parents[2] / "weights")
"""Where weights that come with the package lie: beside this file once installed, else in the source tree."""


def cache_folder() -> Path:
    """The folder of our own copies: ``SHARP_CACHE`` where it is set, else the user's cache folder for this program."""
    if chosen := os.environ.get("SHARP_CACHE"):
        return Path(chosen).expanduser()
    return platformdirs.user_cache_path("sharp-cli", appauthor=False) / "weights"


def cached_path(checkpoint: Checkpoint) -> Path:
    """Where our own copy lies or would lie."""
    return cache_folder() / checkpoint.filename


def part_path(checkpoint: Checkpoint) -> Path:
    """Where a download that is not complete lies or would lie."""
    return cache_folder() / f"{checkpoint.filename}.part"


def hub_path(checkpoint: Checkpoint) -> Path | None:
    """The copy in the model hub's cache (``HF_HOME``, ``HF_HUB_CACHE``), if there is one."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(checkpoint.hub_repo, checkpoint.filename)
    return Path(found) if isinstance(found, str) else None


def find(weights: Checkpoint | Bundled) -> Path | None:
    """A copy on this machine, ours before the hub's; one of the wrong size is none."""
    if isinstance(weights, Bundled):
        places = (folder / weights.filename for folder in BUNDLED_IN)
        return next((place for place in places if place.is_file()), None)
    for look in (cached_path, hub_path):
        path = look(weights)
        if path and path.is_file() and path.stat().st_size == weights.size:
            return path
    return None


def resolve(weights: str | os.PathLike[str], download: Callable[[Checkpoint], Path] | None = None) -> Path:
    """Turn what a user calls weights into a file.

    Args:
        weights: known weights' name, or the path of a weights file.
        download: called for a known checkpoint that is not on this machine; the quiet
            :func:`sharp_cli.weights.download.download` by default.

    Raises:
        SharpError: no such file, no such name, bundled weights that are gone, or the download failed.
    """
    if isinstance(weights, str) and weights in KNOWN:
        known = KNOWN[weights]
        if found := find(known):
            return found
        if isinstance(known, Bundled):
            folders = " or ".join(map(str, BUNDLED_IN))
            raise SharpError(
                f"The weights {weights!r} come with sharp-cli, but there is no {known.filename} in {folders}: "
                "install sharp-cli again, or bring the file back into the source tree."
            )
        if download is None:
            from sharp_cli.weights.download import download as download_quietly

            download = download_quietly
        return download(known)
    path = Path(weights).expanduser()
    with suppress(OSError):  # from a folder that may not be looked into
        if path.exists():
            return path
    if path.suffix.lower() in SUFFIXES or len(path.parts) > 1:
        raise SharpError(f"No weights file is to be found at {path}.")
    raise SharpError(f"{str(weights)!r} is neither a file nor the name of known weights ({', '.join(KNOWN)}).")


def remove(checkpoint: Checkpoint) -> bool:
    """Delete our own copy and an unfinished download of it; whether there was anything to delete.

    Raises:
        SharpError: they cannot be deleted.
    """
    there = [path for path in (cached_path(checkpoint), part_path(checkpoint)) if path.exists()]
    try:
        for path in there:
            path.unlink()
    except OSError as error:
        raise SharpError(f"{error.filename} cannot be deleted: {error.strerror}.") from error
    return bool(there)
