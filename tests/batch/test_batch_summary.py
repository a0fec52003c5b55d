"""Records of several runs merged: every input counts once, with the best that any of them says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sharp_cli.batch.summary import summarize
from sharp_cli.errors import SharpError


def record(path: Path, *items: dict[str, Any], state: str = "finished", seconds: float = 1.0) -> Path:
    path.write_text(json.dumps({"state": state, "seconds": seconds, "items": items}))
    return path


def item(name: str, status: str, **facts: Any) -> dict[str, Any]:
    return {"input": name, "output": f"{name}.ply", "status": status, **facts}


def test_shards_add_up(tmp_path: Path) -> None:
    merged = summarize(
        [
            record(tmp_path / "0", item("a", "made", seconds={"network": 2.0}), item("b", "failed", reason="torn")),
            record(tmp_path / "1", item("c", "skipped"), item("d", "pending"), state="running", seconds=2.0),
        ]
    )
    assert dict(merged.counts) == {"made": 1, "failed": 1, "skipped": 1, "pending": 1}
    assert merged.failures == {"b": "torn"}
    assert merged.running == [str(tmp_path / "1")]
    assert (merged.machine_seconds, merged.seconds["network"], merged.retries) == (3.0, 2.0, 0)
    assert not merged.is_complete


def test_a_resumed_run_settles_what_the_first_left(tmp_path: Path) -> None:
    first = record(tmp_path / "0", item("a", "made"), item("b", "failed", reason="torn"), item("c", "pending"))
    second = record(tmp_path / "1", item("a", "skipped"), item("b", "made"), item("c", "made", attempts=3))
    for order in ([first, second], [second, first]):
        merged = summarize(order)
        assert dict(merged.counts) == {"made": 3}
        assert merged.retries == 1 + 2  # b once more, c twice more
        assert merged.failures == {} and merged.is_complete


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b'{"items": 3}', b'{"items": [{"input": "a"}]}'])
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(SharpError, match=r"x\.json"):
        summarize([tmp_path / "x.json"])
    with pytest.raises(SharpError, match="cannot read"):
        summarize([tmp_path / "missing.json"])
