"""From what a user calls weights to a file, with a download if need be."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sharp_cli.errors import SharpError
from sharp_cli.weights import store
from sharp_cli.weights.catalog import KNOWN, Bundled, Checkpoint
from sharp_cli.weights.store import SUFFIXES, find


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
            folders = " or ".join(map(str, store.BUNDLED_IN))
            raise SharpError(
                f"The weights {weights!r} come with sharp-cli, but there is no {known.filename} in {folders}: "
                "install sharp-cli again, or bring the file back into the source tree."
            )
        if download is None:
            from sharp_cli.weights.download import download as fetch

            return fetch(known)
        return download(known)
    path = Path(weights).expanduser()
    with suppress(OSError):  # from a folder that may not be looked into
        if path.exists():
            return path
    if path.suffix.lower() in SUFFIXES or len(path.parts) > 1:
        raise SharpError(f"No weights file is to be found at {path}.")
    raise SharpError(f"{str(weights)!r} is neither a file nor the name of known weights ({', '.join(KNOWN)}).")
