"""File name endings of videos. Imports nothing, so that ``sharp --help`` stays fast."""

from __future__ import annotations

CLIP_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"})
