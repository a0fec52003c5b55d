"""The path of a film, which a notebook can show."""

from __future__ import annotations

import base64
from pathlib import Path

VIDEO = '<video src="data:video/{kind};base64,{data}" controls loop autoplay muted style="max-width: 100%"></video>'
IMAGE = '<img src="data:image/{kind};base64,{data}" style="max-width: 100%">'


class FilmFrame:
    """What a notebook shows for a film: Jupyter calls ``_repr_html_`` of a cell's last value."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _repr_html_(self) -> str:
        frame = next(iter(sorted(self.path.glob("*.png"))), self.path) if self.path.is_dir() else self.path
        kind = frame.suffix.lower()[1:]
        data = base64.b64encode(frame.read_bytes()).decode("ascii")
        return (VIDEO if kind == "mp4" else IMAGE).format(kind=kind, data=data)


class FilmPath(type(Path())):  # type: ignore[misc]  # Path itself has no subclasses before Python 3.12
    """The path of a film: a video, or a folder of frames."""

    def show(self) -> FilmFrame:
        """The film inside a notebook; of a folder its first frame."""
        return FilmFrame(Path(self))
