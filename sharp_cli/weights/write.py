"""Writing weights files: safetensors with the network's config and a record in the header."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.model.config import SharpConfig
from sharp_cli.runtime.files import atomic_write, sha256_of, user_path
from sharp_cli.weights.read import read_weights

FORMAT_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}

LONGEST_HEADER = 100_000_000
"""Bytes; the safetensors library reads no longer ones."""


def write_weights(
    path: str | os.PathLike[str],
    tensors: Mapping[str, Tensor],
    config: SharpConfig,
    record: Mapping[str, Any],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a safetensors file of ours (docs/network.md §11).

    Tensor by tensor rather than with ``safetensors.torch.save_file``, which needs the whole converted model in
    memory and writes a file that only its owner can read.

    Args:
        tensors: by the checkpoint's names, any floating dtype.
        record: JSON values kept beside the config: name, license, training record, …
        dtype: float32, float16 or bfloat16.

    Raises:
        SharpError: a value too large for fp16, a record of a hundred megabytes, or the file cannot be written.
    """
    stored = json.dumps({**record, **config.to_dict()}, ensure_ascii=False)
    header: dict[str, Any] = {"__metadata__": {"format": "pt", "sharp_config": stored}}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.numel() * dtype.itemsize
        header[name] = {"dtype": FORMAT_NAMES[dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        raise SharpError(f"cannot write {path}: its record has more than {LONGEST_HEADER // 10**6} MB (shorten it)")
    try:
        with atomic_write(user_path(path)) as temporary, temporary.open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for name, tensor in tensors.items():
                values = tensor.detach().cpu().to(dtype)
                if dtype is torch.float16 and values.isinf().any():
                    raise SharpError(f"cannot store {name} as fp16: some values are too large (use bf16)")
                file.write(values.contiguous().flatten().view(torch.uint8).numpy().data)
    except OSError as error:
        raise SharpError(f"cannot write {path}: {error.strerror}") from error


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    dtype: torch.dtype = torch.float32,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Convert any weights file to safetensors without classifier heads.

    The record is the source's, plus the sha256 of the original file.

    Args:
        record: fields that replace the source's: name, license.

    Raises:
        SharpError: as :func:`~sharp_cli.weights.read.read_weights` and :func:`write_weights`.
    """
    weights = read_weights(source)
    origin = {"origin_sha256": sha256_of(weights.path).hexdigest()}
    write_weights(target, weights.tensors, weights.config, {**origin, **weights.record, **(record or {})}, dtype)
