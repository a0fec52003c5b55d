"""Names for files that are no ``.ply``, from their first bytes: an error should say what a file is."""

from __future__ import annotations

CONVERT = "convert it to .ply first, for example with SuperSplat"

STARTS = (
    (b"version https://git-lfs", "Git LFS pointer, not the file itself (run git lfs pull)"),
    (b"NGSP", ".spz splat, not a .ply file (rename it to .spz)"),
    (b"glTF", f"binary glTF scene, which is not supported ({CONVERT})"),
    (b"<", "web page, not a splat (download the file itself)"),
    (b"\x89PNG", "picture, not a splat (convert it with sharp first)"),
    (b"\xff\xd8\xff", "picture, not a splat (convert it with sharp first)"),
)
SUFFIXES = {
    ".sog": ".sog splat, not a .ply file (rename it to .sog)",
    ".spz": ".spz splat, not a .ply file (rename it to .spz)",
    ".splat": ".splat file, not a .ply file (read it as .splat)",
    ".ksplat": ".ksplat file, not a .ply file (read it as .ksplat)",
}


def name_foreign(start: bytes, suffix: str) -> str:
    """Name a file whose first bytes are no ``.ply`` header; ``suffix`` comes from its name."""
    if not start:
        return "the file is empty"
    for magic, name in STARTS:
        if start.lstrip().startswith(magic):
            return name
    if start.startswith(b"PK\x03\x04"):
        return SUFFIXES[".sog"] if b"meta.json" in start or suffix == ".sog" else "zip archive (unpack it first)"
    if start.startswith(b"\x1f\x8b"):
        return "gzip file, not a .ply file (unpack it first; if it is an .spz splat, rename it to .spz)"
    return SUFFIXES.get(suffix, "not a .ply file")
