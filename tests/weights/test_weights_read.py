from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sharp_cli.errors import SharpError
from sharp_cli.model.checkpoint import UNUSED, expected_shapes
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.random_weights import SMALL
from sharp_cli.weights import catalog
from sharp_cli.weights.read import read_weights

HEADER = {"sharp_config": json.dumps({**SMALL.to_dict(), "name": "small", "steps": [1, 2]})}


@pytest.fixture
def safetensors(small_tensors, tmp_path) -> Path:
    path = tmp_path / "small.safetensors"
    save_file(small_tensors, path, HEADER)
    return path


def refused(path: Path) -> str:
    with pytest.raises(SharpError) as caught:
        read_weights(path)
    return str(caught.value)


def test_safetensors(safetensors, small_tensors):
    weights = read_weights(str(safetensors))
    assert weights.config == SMALL
    assert weights.record == {"name": "small", "steps": [1, 2]}
    assert weights.path == safetensors
    assert weights.tensors.keys() == {name for name in small_tensors if not name.startswith(UNUSED)}
    assert all(torch.equal(tensor, small_tensors[name]) for name, tensor in weights.tensors.items())


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_pickle(small_pt, small_tensors, zipped):
    torch.save(small_tensors, small_pt, _use_new_zipfile_serialization=zipped)
    weights = read_weights(small_pt)
    assert weights.record == {}
    assert weights.tensors.keys() == {name for name in small_tensors if not name.startswith(UNUSED)}
    assert all(torch.equal(tensor, small_tensors[name]) for name, tensor in weights.tensors.items())


def test_a_known_pickle_has_a_name_and_a_license(small_pt, monkeypatch):
    known = catalog.Checkpoint("tiny", "a/b", "f.pt", "", small_pt.stat().st_size, "", "For tests.", SMALL, "")
    monkeypatch.setitem(catalog.KNOWN, "tiny", known)
    assert read_weights(small_pt).record == {"name": "tiny", "license": "For tests."}


def test_the_license_in_files_made_earlier_is_found(tmp_path, small_tensors):
    path = tmp_path / "small.safetensors"
    save_file(small_tensors, path, {"sharp_config": json.dumps({**SMALL.to_dict(), "licence": "Anybody's."})})
    assert read_weights(path).record == {"license": "Anybody's."}


def test_a_file_without_config_is_the_released_model(tmp_path):
    """Of full size, but every tensor a single value shown many times: the file is small."""
    path = tmp_path / "model.pth"
    heads = {f"{prefix}weight": torch.ones(3) for prefix in UNUSED}
    tensors = {name: torch.zeros(()).expand(shape) for name, shape in expected_shapes(SharpConfig()).items()}
    torch.save({**tensors, **heads}, path)
    assert path.stat().st_size < 2_000_000
    weights = read_weights(path)
    assert weights.config == SharpConfig() and weights.record == {}
    assert weights.tensors.keys() == tensors.keys()


def test_files_that_are_not_weights(tmp_path):
    assert refused(tmp_path / "absent.pt") == f"cannot read {tmp_path / 'absent.pt'}: No such file or directory"
    assert f"{tmp_path}: not a weights file" in refused(tmp_path)
    (tmp_path / "folder.pt").mkdir()
    assert "cannot read" in refused(tmp_path / "folder.pt")
    for name, message in {
        "a.safetensors": "file is empty",
        "b.pt": "file is empty",
        "c.ckpt": "not a weights file",
    }.items():
        (tmp_path / name).touch()
        assert message in refused(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"])
def test_a_file_without_read_permission(tmp_path, name):
    (tmp_path / name).write_bytes(b"12345678")
    (tmp_path / name).chmod(0)
    assert f"{name}: Permission denied" in refused(tmp_path / name)


@pytest.mark.parametrize("keep", [1, 8, 1000, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_truncated(safetensors, small_tensors, tmp_path, kind, keep):
    path = safetensors if kind == "safetensors" else tmp_path / "small.pt"
    if kind != "safetensors":
        torch.save(small_tensors, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    message = refused(path)
    assert "truncated" in message or (keep == 1 and "not a file that torch saved" in message)


@pytest.mark.parametrize("content", [b"<html>Not found</html>", bytes(1000), b"\x80\x02garbage", b"PK\x03\x04garbage"])
@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"])
def test_something_else(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert str(tmp_path / name) in refused(tmp_path / name)


def test_other_zips_and_other_pickles(tmp_path):
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as file:
        file.writestr("readme.txt", "hello")
    assert "not a file that torch saved" in refused(tmp_path / "zip.pt")
    for stored in ([torch.zeros(2)], {"a": 1}, {1: torch.zeros(2)}, {"state_dict": {"a": torch.zeros(2)}}):
        torch.save(stored, tmp_path / "other.pt")
        assert "must hold tensors by name" in refused(tmp_path / "other.pt")


class Malicious:
    """Unpickled, this makes the folder that its path names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("kind", ["zip", "legacy", "protocol 0", "protocol 2", "protocol 4"])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, kind):
    trace, path = tmp_path / "trace", tmp_path / "evil.pt"
    stored = {"a": torch.zeros(2), "b": Malicious(trace)}
    if kind.startswith("protocol"):
        path.write_bytes(pickle.dumps(Malicious(trace), protocol=int(kind[-1])))
    else:
        torch.save(stored, path, _use_new_zipfile_serialization=kind == "zip")
    message = refused(path)
    assert not trace.exists()
    if kind in ("zip", "legacy"):
        assert "holds more than tensors" in message
        torch.load(path, weights_only=False)
        assert trace.exists(), "the pickle is harmless, so this test shows nothing"


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("{not json", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1, 2]", "is not a JSON object"),
        ('{"depth": "many"}', "invalid network config: .*depth"),
        ('{"latent_blocks": 5}', "invalid network config"),
        ('{"encoder_dims": [1, 2]}', "invalid network config: .*encoder_dims"),
        ('{"image_size": 385}', "invalid network config"),
    ],
)
def test_unfit_configs(tmp_path, stored, message):
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(2)}, path, {"sharp_config": stored})
    with pytest.raises(SharpError, match=message):
        read_weights(path)


def test_unfit_tensors_are_named(small_tensors, tmp_path):
    path = tmp_path / "a.safetensors"
    first, second, *_ = small_tensors
    tensors = {**small_tensors, "stranger": torch.zeros(1), second: torch.zeros(7, 7)}
    del tensors[first]
    save_file(tensors, path, HEADER)
    message = refused(path)
    assert f"1 missing ({first})" in message
    assert "1 unexpected (stranger)" in message
    assert f"{second} has shape [7, 7]" in message


def test_unfit_dtype(small_tensors, tmp_path):
    path = tmp_path / "a.safetensors"
    name = next(iter(small_tensors))
    save_file({**small_tensors, name: small_tensors[name].double()}, path, HEADER)
    assert refused(path) == f"cannot read {path}: {name} is torch.float64 (supported: fp32, fp16, bf16)"


def test_the_file_is_mapped_not_read(tmp_path):
    """Changing the file shows in the tensor: it has no copy of its own."""
    name = next(iter(expected_shapes(SMALL)))
    tensors = {key: torch.zeros(shape) for key, shape in expected_shapes(SMALL).items()}
    path = tmp_path / "small.safetensors"
    save_file(tensors, path, HEADER)
    tensor = read_weights(path).tensors[name]
    size = path.stat().st_size
    header = int.from_bytes(path.read_bytes()[:8], "little") + 8
    with path.open("r+b") as file:
        file.seek(header)
        file.write(b"\x01" * (size - header))
    assert tensor.flatten()[0] != 0


def zipped(path: Path, pickled: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("model/data.pkl", pickled)
        file.writestr("model/version", "3\n")
    return path


def test_a_pickle_that_unpacks_to_more_than_the_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("torch reads it"))
    long_text = b"\x80\x02X" + (3 << 20).to_bytes(4, "little") + b"a" * (3 << 20) + b"."
    assert "compressed" in refused(zipped(tmp_path / "deflated.pt", long_text, zipfile.ZIP_DEFLATED))
    assert "larger than 1 MB" in refused(zipped(tmp_path / "stored.pt", long_text))
    nested = b"\x80\x02" + b"]" * (1 << 20) + b"a" * ((1 << 20) - 1) + b"."
    assert "larger than 1 MB" in refused(zipped(tmp_path / "nested.pt", nested))
    (tmp_path / "legacy.pt").write_bytes(nested)
    assert "larger than 1 MB" in refused(tmp_path / "legacy.pt")
    (tmp_path / "promised.pt").write_bytes(b"\x80\x02\x8b" + (2_000_000_000).to_bytes(4, "little") + b"abc")
    assert "truncated" in refused(tmp_path / "promised.pt")


def test_members_that_lie_over_one_another_are_refused(tmp_path):
    path = zipped(tmp_path / "overlap.pt", b"\x80\x02}.")
    content = path.read_bytes()
    start = content.rindex(b"PK\x05\x06")
    directory = content[content.index(b"PK\x01\x02") : start]
    copies = 1000
    end = struct.pack(
        "<4sHHHHIIH", b"PK\x05\x06", 0, 0, 2 * copies, 2 * copies, copies * len(directory), len(content), 0
    )
    big = directory.replace(struct.pack("<II", 4, 4), struct.pack("<II", 1 << 19, 1 << 19))
    path.write_bytes(content + big * copies + end)
    assert "truncated" in refused(path)


def test_a_header_that_asks_for_thousands_of_layers_is_refused_before_they_are_made(tmp_path):
    stored = {**SharpConfig().to_dict(), "depth": 16384}
    save_file({"a": torch.zeros(1)}, tmp_path / "deep.safetensors", {"sharp_config": json.dumps(stored)})
    assert "depth cannot be 16384" in refused(tmp_path / "deep.safetensors")


def test_sizes_that_no_network_has_are_one_sentence(tmp_path):
    stored = {**SMALL.to_dict(), "gaussian_decoder_dim": 9}
    save_file({"a": torch.zeros(1)}, tmp_path / "odd.safetensors", {"sharp_config": json.dumps(stored)})
    assert "no network has the sizes" in refused(tmp_path / "odd.safetensors")
