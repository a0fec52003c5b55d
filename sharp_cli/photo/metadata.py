"""What a picture file says beside its pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from PIL.ExifTags import Base

from sharp_cli.photo.encoding import ADOBE_RGB, ColorEncoding
from sharp_cli.photo.exif import read_exif_block, says_adobe_rgb, xmp_orientation
from sharp_cli.photo.panorama import PanoramaTags, panorama_tags


@dataclass
class Metadata:
    """Collected by the reader of each format; ``notes`` say what was skipped or decided."""

    exif: dict[int, Any] = field(default_factory=dict)
    """Tags by number."""
    icc: bytes | None = None
    """A color profile."""
    encoding: ColorEncoding | None = None
    """A color encoding that the file declares in another way, and that counts more than ``icc``."""
    orientation: int = 1
    """EXIF's number for how the decoded pixels must still be turned."""
    panorama: PanoramaTags | None = None
    """Which part of the sphere around the camera the picture shows, if it says so."""
    notes: list[str] = field(default_factory=list)

    def add_exif(self, data: bytes) -> None:
        """Take an EXIF block, and the orientation in it."""
        self.exif = read_exif_block(data)
        if not self.exif and len(data) > 32:
            self.notes.append("its EXIF has nothing readable")
        orientation = self.exif.get(Base.Orientation)
        if isinstance(orientation, int):
            self.orientation = orientation

    def add_xmp(self, xmp: bytes) -> None:
        """Take panorama tags, and turn the picture as XMP says if EXIF says nothing.

        Programs that write XMP alone turn their pictures that way, as macOS and Pillow do; browsers ignore it. A
        program that turns the pixels and keeps a stale XMP also leaves an EXIF orientation of 1, which counts more.
        """
        self.panorama = panorama_tags(xmp)
        if Base.Orientation not in self.exif and (orientation := xmp_orientation(xmp)) is not None:
            self.orientation = orientation
            if orientation != 1:
                self.notes.append(f"turned by its XMP orientation {orientation}")

    def settle_color(self) -> None:
        """Take the color space that EXIF names if nothing more exact was declared."""
        if self.icc is None and self.encoding is None and says_adobe_rgb(self.exif):
            self.encoding = ADOBE_RGB
