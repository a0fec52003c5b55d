"""From a name or a path to a weights file; downloads it if necessary."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sharp_cli.errors import SharpError, did_you_mean
from sharp_cli.runtime.files import user_path
from sharp_cli.weights import store
from sharp_cli.weights.catalog import KNOWN, Bundled, Checkpoint
from sharp_cli.weights.store import SUFFIXES, find


def resolve(weights: str | os.PathLike[str], download: Callable[[Checkpoint], Path] | None = None) -> Path:
    """Find the file of weights given by name or path; download it if necessary.

    Args:
        weights: the name of known weights, or the path of a weights file.
        download: called for a known checkpoint that is not on this machine; the quiet
            :func:`sharp_cli.weights.download.download` by default.

    Raises:
        SharpError: no such file or name, the bundled weights are missing, or the download failed.
    """
    if isinstance(weights, str) and weights in KNOWN:
        known = KNOWN[weights]
        if found := find(known):
            return found
        if isinstance(known, Bundled):
            folders = " or ".join(map(str, store.BUNDLED_IN))
            raise SharpError(
                f"cannot find the weights {weights}, which come with sharp-cli: no {known.filename} in {folders} "
                "(reinstall sharp-cli, or restore the file in the source tree)"
            )
        if download is None:
            from sharp_cli.weights.download import download as fetch

            return fetch(known)
        return download(known)
    path = user_path(weights)
    with suppress(OSError):  # in a folder without permission
        if path.exists():
            return path
    if path.suffix.lower() in SUFFIXES or len(path.parts) > 1:
        raise SharpError(f"cannot find the weights file {path}")
    near = did_you_mean(str(weights), KNOWN)
    raise SharpError(f"unknown weights: {weights}{near} (use a file, or {', '.join(KNOWN)})")
