"""Reading a weights file: mapped into memory, checked against its config, pickled code never runs."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.facts import LICENSE, current_key
from sharp_cli.model.checkpoint import check_tensors, used_names
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.precision import DTYPES
from sharp_cli.runtime.files import user_path
from sharp_cli.weights.bounds import check_pickle, damaged
from sharp_cli.weights.catalog import recognize
from sharp_cli.weights.store import SUFFIXES


@dataclass(frozen=True)
class Weights:
    """What a weights file holds (docs/network.md §11)."""

    config: SharpConfig
    record: dict[str, Any]
    """The further fields of the file's ``sharp_config``: name, license, where it comes from, …; a known checkpoint
    that has none gets its name and license from the catalog."""
    tensors: dict[str, Tensor]
    """By the checkpoint's names, without classifier heads; on the CPU, mapped from the file and read when used."""
    path: Path


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Read a ``.safetensors``, ``.pt`` or ``.pth`` file.

    A file without ``sharp_config`` counts as the released model. The tensors are views of the file, which
    must stay as it is while they are in use; only pickles in the format of torch before 1.6 are read as a whole.

    Raises:
        SharpError: the file is missing, damaged or not a weights file, or its tensors do not fit its config.
    """
    path = user_path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SharpError(f"cannot read {path}: not a weights file, whose name ends in {', '.join(SUFFIXES)}")
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if not start:
            raise SharpError(f"cannot read {path}: file is empty (download or copy it again)")
        tensors, stored = read_safetensors(path) if suffix == ".safetensors" else (read_pickle(path, start), {})
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error
    config = read_config(stored, path)
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES.values():
            raise SharpError(f"cannot read {path}: {name} is {tensor.dtype} (supported: {', '.join(DTYPES)})")
    check_tensors(config, {name: tensor.shape for name, tensor in tensors.items()}, str(path))
    sizes = {field.name for field in fields(SharpConfig)}
    record = {current_key(key): value for key, value in stored.items() if key not in sizes}
    if checkpoint := recognize(path.stat().st_size):
        record = {"name": checkpoint.name, LICENSE: checkpoint.license, **record}
    return Weights(config, record, tensors, path)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and the ``sharp_config`` of the header."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            text = (file.metadata() or {}).get("sharp_config", "{}")
            tensors = {name: file.get_tensor(name) for name in used_names(file.keys())}
    except SafetensorError as error:
        raise SharpError(
            f"cannot read {path}: truncated or not a safetensors file: {error} (download or copy it again)"
        ) from error
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SharpError(f"cannot read {path}: the sharp_config in its header is not JSON: {error}") from error
    if not isinstance(stored, dict):
        raise SharpError(f"cannot read {path}: the sharp_config in its header is not a JSON object")
    return tensors, stored


def read_config(stored: dict[str, Any], path: Path) -> SharpConfig:
    """The sizes in a ``sharp_config``."""
    try:
        return SharpConfig.from_dict(stored)
    except (SharpError, TypeError) as error:
        raise SharpError(f"cannot read {path}: {error}") from error


def read_pickle(path: Path, start: bytes) -> dict[str, Tensor]:
    """A state dict saved with torch; anything else in the pickle is an error, and is never run."""
    is_zip = start == b"PK\x03\x04"
    if not is_zip and start[:1] != b"\x80":
        raise SharpError(f"cannot read {path}: not a file that torch saved")
    check_pickle(path, is_zip)
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except Exception as error:  # torch raises many types for damaged files
        if "global" in str(error).lower():
            raise SharpError(
                f"cannot read {path}: its pickle holds more than tensors and could run any program"
            ) from error
        raise damaged(path) from error
    if not isinstance(stored, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in stored.items()
    ):
        raise SharpError(f"cannot read {path}: it must hold tensors by name")
    return {name: stored[name] for name in used_names(stored)}
