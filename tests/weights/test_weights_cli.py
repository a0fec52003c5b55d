from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from sharp_cli.cli.weights import app
from sharp_cli.errors import SharpError
from sharp_cli.model.checkpoint import UNUSED
from sharp_cli.model.random_weights import SMALL
from sharp_cli.weights import store
from sharp_cli.weights.catalog import KNOWN, PREVIEW
from sharp_cli.weights.read import read_weights
from sharp_cli.weights.resolve import resolve
from sharp_cli.weights.write import write_weights


@pytest.fixture
def offered(serve, checkpoint_at, small_pt, monkeypatch):
    """The small network's pickle as known weights, on a server but not on this machine."""
    server = serve(payload=small_pt.read_bytes())
    checkpoint = replace(checkpoint_at(server.url, payload=server.payload), filename="something.pt")
    monkeypatch.setitem(KNOWN, "test", checkpoint)
    return checkpoint


def run(*arguments: object):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, SharpError):
        raise result.exception
    return result


def test_list(offered):
    shown = run("list").stdout
    assert "sharp: the model released with the SHARP paper" in shown and "2.8 GB" in shown
    assert "research use only" in shown
    assert "file: not on this machine (run sharp weights download test)" in shown
    path = resolve("test")
    assert f"file: {path}" in run("list").stdout


def test_download_and_path(offered):
    with pytest.raises(
        SharpError, match=r"the weights test are not on this machine \(run sharp weights download test\)"
    ):
        run("path", "test")
    first = run("download", "test")
    assert first.stdout == f"{store.cached_path(offered)}\n"
    assert first.stderr.count("For tests only.") == 1
    again = run("download", "test")
    assert (again.stdout, again.stderr) == (first.stdout, "")
    assert run("path", "test").stdout == first.stdout


def test_unknown_names_and_wrong_use():
    for command in ("download", "path", "remove"):
        with pytest.raises(SharpError, match="unknown weights: blunt"):
            run(command, "blunt")
    assert run("remove").exit_code == 2
    assert run("convert", "a.pt", "--dtype", "fp8").exit_code == 2
    assert run("convert", "a.pt", "-o", "b.pt").exit_code == 2


def test_verify(offered, small_pt, tmp_path):
    with pytest.raises(SharpError, match="the weights test are not on this machine"):
        run("verify", "test")
    path = resolve("test")
    for source in ("test", small_pt):
        shown = run("verify", source).stdout
        assert "473 tensors, which fit its config" in shown
        assert f"sha256 {offered.sha256}: the known weights 'test'" in shown

    path.write_bytes(b"x" * offered.size)
    with pytest.raises(SharpError, match=r"is damaged: its sha256 is .*delete it"):
        run("verify", "test")

    with pytest.raises(SharpError, match=r"cannot read .*it is a folder"):
        run("verify", tmp_path)
    torch.save({"stranger": torch.ones(2)}, tmp_path / "other.pt")
    with pytest.raises(SharpError, match=r"1 unexpected \(stranger\)"):
        run("verify", tmp_path / "other.pt")


def test_convert(offered, small_pt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    converted = run("convert", "test", "--dtype", "bf16")
    assert converted.stdout == "test-bf16.safetensors\n"
    assert "For tests only." in converted.stderr
    weights = read_weights(Path("test-bf16.safetensors"))
    assert weights.record["origin_sha256"] == offered.sha256
    assert (weights.record["name"], weights.record["license"]) == ("test", "For tests only.")

    assert run("convert", small_pt).stdout == "small-fp32.safetensors\n"
    with pytest.raises(SharpError, match=r"small-fp32\.safetensors exists"):
        run("convert", small_pt)
    run("convert", small_pt, "--overwrite")
    run("convert", small_pt, "-o", "folder/mine.safetensors")
    assert run("verify", "folder/mine.safetensors").stdout.endswith("not of any known weights.\n")
    with pytest.raises(SharpError, match="unknown weights: blunt"):
        run("convert", "blunt")


def test_a_name_and_a_license_can_be_given(small_pt, tmp_path):
    target = tmp_path / "mine.safetensors"
    run("convert", small_pt, "-o", target, "--name", "mine", "--license", "Anybody's.")
    record = read_weights(target).record
    assert (record["name"], record["license"]) == ("mine", "Anybody's.")
    run("convert", target, "-o", tmp_path / "again.safetensors", "--name", "ours")
    again = read_weights(tmp_path / "again.safetensors").record
    assert again == {**record, "name": "ours"}


def test_bundled_weights(small_tensors, tmp_path, monkeypatch):
    file = tmp_path / PREVIEW.filename
    monkeypatch.setattr(store, "BUNDLED_IN", (tmp_path,))
    assert "preview: a small model" in run("list").stdout and "missing from this installation" in run("list").stdout
    write_weights(
        file, {k: v for k, v in small_tensors.items() if not k.startswith(UNUSED)}, SMALL, {"name": "preview"}
    )
    assert f"file: {file}" in run("list").stdout
    for command in ("path", "download"):
        assert run(command, "preview").stdout == f"{file}\n"
    assert "the known weights 'preview'" in run("verify", "preview").stdout
    run("convert", "preview", "-o", tmp_path / "small.safetensors", "--dtype", "bf16")
    assert "not of any known weights" in run("verify", tmp_path / "small.safetensors").stdout
    with pytest.raises(SharpError, match="part of sharp-cli"):
        run("remove", "preview")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(SharpError, match="truncated"):
        run("verify", "preview")


def test_remove(offered, hub_copy):
    resolve("test")
    theirs = hub_copy(offered, b"x" * offered.size)
    shown = run("remove", "test").stdout
    assert f"Removed test from {store.cache_folder()}" in shown
    assert str(theirs) in shown and f"hf cache rm model/{offered.hub_repo}" in shown
    assert theirs.exists()
    assert "No test in" in run("remove", "test").stdout


def test_nothing_heavy_is_imported():
    program = (
        "import sys, sharp_cli.cli.weights; "
        "sys.exit(str({'torch', 'httpx', 'huggingface_hub', 'safetensors'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stderr == "set()\n"
