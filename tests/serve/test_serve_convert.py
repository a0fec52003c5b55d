"""The workers' real work: photos through a network, and what is wrong with one of them."""

from __future__ import annotations

from pathlib import Path

from sharp_cli import SharpError, read_ply
from sharp_cli.serve.convert import MakeConverter, make_exporter
from sharp_cli.serve.settings import ConvertRequest, ExportRequest, PhotoOptions


def test_photos_become_splats_and_a_broken_one_does_not_stop_them(
    tiny_weights: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken").write_bytes(b"no picture")
    convert = MakeConverter(str(tiny_weights), "cpu")()
    options = PhotoOptions(fov=60, max_gaussians=500)
    photos = (data / "rocket.jpg", tmp_path / "broken", data / "china.jpg")
    requests = [ConvertRequest(photo, tmp_path / f"{i}.ply", options) for i, photo in enumerate(photos)]
    stages: list[str] = []
    first, broken, last = convert(requests, stages.append)
    assert stages == ["reading", "network", "writing"]
    assert isinstance(first, dict) and isinstance(last, dict)
    assert (first["gaussians"], first["width"]) == (500, 640)
    assert len(read_ply(tmp_path / "2.ply")) == 500
    assert isinstance(broken, SharpError) and "the photo" in str(broken) and str(tmp_path) not in str(broken)

    export = make_exporter()
    (done, refused) = export(
        [
            ExportRequest(tmp_path / "0.ply", tmp_path / "0.html", "rocket"),
            ExportRequest(tmp_path / "broken", tmp_path / "x.sog", "x"),
        ],
        stages.append,
    )
    assert done == {} and b"<title>rocket</title>" in (tmp_path / "0.html").read_bytes()
    assert isinstance(refused, SharpError)
