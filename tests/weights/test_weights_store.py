from __future__ import annotations

import os
from pathlib import Path

import pytest

from sharp_cli.errors import SharpError
from sharp_cli.weights import store
from sharp_cli.weights.catalog import KNOWN, PREVIEW, RELEASED, known, recognize
from sharp_cli.weights.resolve import resolve

URL = "http://127.0.0.1:9"


def test_catalog():
    assert known("sharp") is RELEASED is KNOWN["sharp"]
    assert recognize(RELEASED.size) is RELEASED and recognize(RELEASED.size + 1) is None
    assert (RELEASED.size, len(RELEASED.sha256)) == (2_809_738_232, 64)
    assert "research" in RELEASED.license
    assert known("preview") is PREVIEW
    with pytest.raises(SharpError, match=r"unknown weights: blunt \(use sharp, preview\)"):
        known("blunt")


def test_cache_folder(monkeypatch, tmp_path):
    assert store.cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("SHARP_CACHE", os.path.join("~", "splats"))  # noqa: PTH118
    assert store.cache_folder() == Path.home() / "splats"
    monkeypatch.delenv("SHARP_CACHE")
    assert store.cache_folder().name == "weights" and "sharp-cli" in store.cache_folder().parts


def test_find_prefers_our_copy_and_skips_those_of_wrong_size(checkpoint_at, hub_copy):
    checkpoint = checkpoint_at(URL, payload=b"12345")
    ours = store.cached_path(checkpoint)
    assert store.find(checkpoint) is None
    theirs = hub_copy(checkpoint, b"12345")
    assert store.find(checkpoint) == theirs
    ours.parent.mkdir()
    ours.write_bytes(b"1234")
    assert store.find(checkpoint) == theirs
    ours.write_bytes(b"12345")
    assert store.find(checkpoint) == ours


def test_remove_takes_our_copy_and_the_part_but_not_the_hubs(checkpoint_at, hub_copy):
    checkpoint = checkpoint_at(URL, payload=b"12345")
    theirs = hub_copy(checkpoint, b"12345")
    assert not store.remove(checkpoint)
    store.cache_folder().mkdir()
    for path in (store.cached_path(checkpoint), store.part_path(checkpoint)):
        path.write_bytes(b"12345")
        assert store.remove(checkpoint) and not path.exists()
    assert store.find(checkpoint) == theirs


def test_a_failed_removal_is_reported(checkpoint_at):
    checkpoint = checkpoint_at(URL)
    store.cached_path(checkpoint).mkdir(parents=True)
    with pytest.raises(SharpError, match=r"cannot delete .*something\.pt: "):
        store.remove(checkpoint)


def test_bundled_weights_lie_in_the_package_or_in_the_source_tree(monkeypatch, tmp_path):
    folders = tmp_path / "package", tmp_path / "tree"
    monkeypatch.setattr(store, "BUNDLED_IN", folders)
    assert store.find(PREVIEW) is None
    with pytest.raises(SharpError, match=r"cannot find the weights preview.*no preview\.safetensors in .*tree"):
        resolve("preview", download=lambda asked: tmp_path)
    for folder in reversed(folders):
        folder.mkdir()
        (folder / PREVIEW.filename).touch()
        assert store.find(PREVIEW) == resolve("preview") == folder / PREVIEW.filename


def test_resolve_a_name(checkpoint_at, monkeypatch, tmp_path):
    checkpoint = checkpoint_at(URL, payload=b"12345")
    monkeypatch.setitem(KNOWN, "test", checkpoint)
    assert resolve("test", download=lambda asked: tmp_path / asked.name) == tmp_path / "test"
    store.cache_folder().mkdir()
    store.cached_path(checkpoint).write_bytes(b"12345")
    assert resolve("test") == store.cached_path(checkpoint)


def test_resolve_downloads_quietly_by_default(serve, checkpoint_at, monkeypatch, capfd):
    hub = serve()
    monkeypatch.setitem(KNOWN, "test", checkpoint_at(hub.url))
    assert resolve("test").read_bytes() == hub.payload
    assert capfd.readouterr() == ("", "")


def test_resolve_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sharp").touch()
    Path("mine.pt").touch()
    assert resolve("mine.pt") == resolve(Path("mine.pt")) == Path("mine.pt")
    assert resolve("./sharp") == resolve(Path("sharp")) == Path("sharp")
    for path in ("none.safetensors", "folder/none", Path("none.PTH")):
        with pytest.raises(SharpError, match=r"cannot find the weights file .*none"):
            resolve(path)
    with pytest.raises(SharpError, match=r"unknown weights: blunt \(use a file, or sharp, preview\)"):
        resolve("blunt")
