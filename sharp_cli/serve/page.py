"""The service's page: one document without further files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@cache
def page() -> str:
    """The page's text."""
    return (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
