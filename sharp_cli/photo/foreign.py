"""Names for files that are no photos we read, from their first bytes: an error should say what a file is."""

from __future__ import annotations

CONVERT = "convert it to JPEG or PNG"
DEVELOP = "develop it to JPEG or TIFF"

STARTS = {
    b"\xff\x0a": f"JPEG XL photo, which is not supported ({CONVERT})",
    b"\0\0\0\x0cJXL ": f"JPEG XL photo, which is not supported ({CONVERT})",
    b"\0\0\0\x0cjP  ": f"JPEG 2000 photo, which is not supported ({CONVERT})",
    b"8BPS": f"Photoshop document, which is not supported ({CONVERT})",
    b"FUJIFILMCCD-RAW": f"raw photo ({DEVELOP})",
    b"IIRO": f"raw photo ({DEVELOP})",
    b"IIRS": f"raw photo ({DEVELOP})",
    b"IIU\0": f"raw photo ({DEVELOP})",
    b"FOVb": f"raw photo ({DEVELOP})",
    b"%PDF": f"PDF document, which is not supported ({CONVERT})",
    b"<svg": f"drawing (SVG), which is not supported ({CONVERT})",
    b"<?xml": f"drawing (SVG) or another XML file, which is not supported ({CONVERT})",
    b"<": "web page, not a photo (download the photo itself)",
    b"version https://git-lfs": "Git LFS pointer, not the photo itself (run git lfs pull)",
    b"PK\3\4": "zip archive (unpack it first)",
    b"ply": "splat or mesh (.ply), not a photo",
    b"\x1aE\xdf\xa3": "video (save a frame of it as a photo)",
}
"""Longer starts come before the shorter ones they begin with."""
MOVIES = (b"qt  ", b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"M4V ", b"3gp4", b"3gp5")


def name_foreign(head: bytes) -> str | None:
    """What a file is that begins with these bytes, as a reason to refuse it; None if they tell nothing."""
    if head[4:8] == b"ftyp":
        if head[8:12] == b"crx ":
            return f"file is a raw photo ({DEVELOP})"
        return "file is a video (save a frame of it as a photo)" if head[8:12] in MOVIES else None
    found = next((name for start, name in STARTS.items() if head.lstrip().startswith(start)), None)
    return found and f"file is a {found}"
