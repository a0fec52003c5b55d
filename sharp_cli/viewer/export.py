"""A splat as one HTML file that opens from disk, without a network."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

from sharp_cli.formats.sog import sog_bytes
from sharp_cli.formats.stored import StoredSplat, as_stored
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.runtime.files import atomic_write, user_path
from sharp_cli.viewer.page import page_with


def write_html(
    path: str | PathLike[str],
    gaussians: Gaussians | StoredSplat,
    title: str,
    provenance: Mapping[str, str] | None = None,
) -> None:
    """Write Gaussians with a viewer that starts with the photo's view; ``title`` is plain text.

    The file has about 12 bytes per Gaussian plus 3.4 MB for the viewer. It appears only when it is complete.

    Raises:
        SharpError: there is no Gaussian to show.
        OSError: the file cannot be written.
    """
    splat = as_stored(gaussians)
    pieces = page_with(splat, title, sog_bytes(splat), provenance)
    with atomic_write(user_path(path)) as temporary, temporary.open("wb") as file:
        file.writelines(pieces)
