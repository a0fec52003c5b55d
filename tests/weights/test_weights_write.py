from __future__ import annotations

import hashlib
import json

import pytest
import torch
from safetensors import safe_open

from sharp_cli.errors import SharpError
from sharp_cli.model.checkpoint import UNUSED
from sharp_cli.model.random_weights import SMALL
from sharp_cli.weights.read import DTYPES, read_weights
from sharp_cli.weights.write import convert, write_weights


@pytest.mark.parametrize("dtype", DTYPES)
def test_convert_from_a_pickle(small_pt, small_tensors, tmp_path, dtype):
    target = tmp_path / "new folder" / "small.safetensors"
    convert(small_pt, target, DTYPES[dtype])
    weights = read_weights(target)
    assert weights.config == SMALL
    assert weights.record == {"origin_sha256": hashlib.sha256(small_pt.read_bytes()).hexdigest()}
    assert weights.tensors.keys() == {name for name in small_tensors if not name.startswith(UNUSED)}
    for name, tensor in weights.tensors.items():
        assert torch.equal(tensor, small_tensors[name].to(DTYPES[dtype]))


def test_a_record_survives_two_conversions(small_tensors, tmp_path):
    first, second, third = (tmp_path / f"{name}.safetensors" for name in "abc")
    used = {name: tensor for name, tensor in small_tensors.items() if not name.startswith(UNUSED)}
    record = {"name": "drawn", "license": "Ganz frei – wirklich.", "training": {"steps": 3}}
    write_weights(first, used, SMALL, record)
    assert read_weights(first).record == record
    convert(first, second, torch.float16)
    convert(second, third, torch.float32)
    origin = {"origin_sha256": hashlib.sha256(first.read_bytes()).hexdigest()}
    assert read_weights(third).record == record | origin


def test_the_file_is_what_safetensors_expects(tmp_path):
    path = tmp_path / "a.safetensors"
    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.ones(5)}
    write_weights(path, tensors, SMALL, {"name": "x"}, torch.bfloat16)
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["sharp_config"]) == {"name": "x", **SMALL.to_dict()}
        assert all(torch.equal(file.get_tensor(name), tensor.bfloat16()) for name, tensor in tensors.items())
    content = path.read_bytes()
    assert (8 + int.from_bytes(content[:8], "little")) % 8 == 0


def test_values_too_large_for_fp16_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(SharpError, match="big as fp16: some values are too large"):
        write_weights(path, {"big": torch.tensor([1e6])}, SMALL, {}, torch.float16)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_folder_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SharpError, match="cannot write"):
        write_weights(tmp_path / "file" / "a.safetensors", {"a": torch.ones(1)}, SMALL, {})


def test_a_record_that_no_reader_takes_is_refused(small_tensors, tmp_path):
    with pytest.raises(SharpError, match="100 MB"):
        write_weights(tmp_path / "a.safetensors", small_tensors, SMALL, {"license": "x" * 100_000_001})
    assert not list(tmp_path.iterdir())
