"""A splat inside a notebook: the exported page in a frame, with nothing beside it."""

from __future__ import annotations

import html

from sharp_cli.formats.sog import sog_bytes
from sharp_cli.formats.stored import as_stored
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.viewer.page import page_with


class SplatFrame:
    """What a notebook shows for a splat: Jupyter calls ``_repr_html_`` of a cell's last value.

    Args:
        page: the exported page.
        height: of the frame [px].
    """

    def __init__(self, page: str, height: int) -> None:
        self.page, self.height = page, height

    def _repr_html_(self) -> str:
        style = f"width: 100%; height: {self.height}px; border: 0"
        return f'<iframe srcdoc="{html.escape(self.page)}" style="{style}" allowfullscreen></iframe>'

    def __repr__(self) -> str:
        return f"<a splat's viewer, {len(self.page) / 1e6:.1f} MB: shown in notebooks>"


def splat_frame(gaussians: Gaussians, height: int = 480) -> SplatFrame:
    """The viewer of a splat as one self-contained frame: 3.4 MB, and about 16 bytes for each Gaussian.

    Raises:
        SharpError: there is no Gaussian to show.
    """
    splat = as_stored(gaussians)
    pieces = page_with(splat, "splat", sog_bytes(splat))
    return SplatFrame(b"".join(pieces).decode(), height)
