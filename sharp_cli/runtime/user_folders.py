"""The user's own folders for caches and settings, which a user without a home folder lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import platformdirs

APP = "sharp-cli"


def user_folder(kind: Literal["cache", "config"]) -> Path | None:
    """This program's folder of a kind, whether it exists or not; None for a user without a home folder.

    Containers and job schedulers run programs under numbers that no list of users knows.
    """
    place = platformdirs.user_cache_path if kind == "cache" else platformdirs.user_config_path
    try:
        folder = place(APP, appauthor=False)
    except (RuntimeError, KeyError):
        return None
    return folder if folder.is_absolute() else None  # older versions keep the ~
