"""How an exported page was made, as the page records it. Imports neither numpy nor torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from sharp_cli.errors import SharpError

ELEMENT = '<script type="application/json" id="provenance">'
HEAD_BYTES = 1 << 20
END = b"</html>"


def provenance_element(provenance: Mapping[str, str]) -> str:
    """The element that holds a record; nothing for an empty one."""
    if not provenance:
        return ""
    text = json.dumps(dict(provenance)).replace("<", "\\u003c")
    return f"{ELEMENT}{text}</script>\n"


def page_metadata(path: Path) -> dict[str, str]:
    """The record in a complete page; nothing for other pages.

    Raises:
        SharpError: the page cannot be read or is incomplete.
    """
    try:
        with path.open("rb") as file:
            start = file.read(HEAD_BYTES)
            file.seek(max(0, path.stat().st_size - 64))
            end = file.read()
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error
    found = re.search(re.escape(ELEMENT.encode()) + rb"(.*?)</script>", start, re.DOTALL)
    if found is None:
        return {}
    if END not in end:
        raise SharpError(f"cannot read {path}: the page is incomplete")
    try:
        record = json.loads(found[1])
    except (ValueError, RecursionError) as error:
        raise SharpError(f"cannot read {path}: its record is damaged") from error
    return {str(key): str(value) for key, value in record.items()} if isinstance(record, dict) else {}
