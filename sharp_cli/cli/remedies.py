"""What the command line adds to the library's errors: the option that helps."""

from __future__ import annotations

from sharp_cli.errors import Code, with_remedy

REMEDIES: dict[Code | str, str] = {
    "exists": "--overwrite replaces it",
    "no_device": "see --device",
    "panorama": "use `sharp panorama`, or give --fov to take it for a photo all the same",
    "photo": "convert it first: `sharp convert PHOTO`",
    "no_weights": "or use the small model: --weights preview",
    "not_finite": "try --precision fp32",
    "out_of_memory": "try --low-vram",
    "unexpected": "this is a bug: --debug shows where",
}


def explain(message: str, code: Code | str) -> str:
    """A library error's message with the command-line option that helps, if one does."""
    remedy = REMEDIES.get(code)
    return with_remedy(message, remedy) if remedy else message
