"""Errors that mean exhausted memory, from all who raise them."""

from __future__ import annotations

import errno
import mmap

import pytest
import torch

from sharp_cli.errors import SharpError
from sharp_cli.runtime.memory import is_out_of_memory, may_be_out_of_memory, memory_for


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:130] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("unable to mmap 2809738232 bytes from file <sharp.pt>: Cannot allocate memory (12)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("Invalid buffer size: 21.09 GB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.99 GB)"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("can't start new thread"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        ImportError("libtorch_cpu.so: cannot allocate memory"),
        RuntimeError("could not create a primitive"),
    ],
    ids=repr,
)
def test_exhausted_memory_is_recognized(error: Exception) -> None:
    assert is_out_of_memory(error)
    with pytest.raises(SharpError, match="not enough memory for the moon") as caught, memory_for("the moon"):
        raise error
    assert caught.value.code == "out_of_memory"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Expected all tensors to be on the same device"),
        ImportError("libgomp.so.1: cannot allocate memory in static TLS block"),
        ValueError("out of memory lane"),
        RuntimeError("could not create a primitive descriptor for a convolution forward propagation primitive"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
    ids=repr,
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    assert not is_out_of_memory(error)
    with pytest.raises(type(error)), memory_for("the moon"):
        raise error


def test_what_half_loaded_libraries_raise_counts_as_exhausted_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not may_be_out_of_memory(AttributeError("module 'sympy' has no attribute 'logic'"))
    try:
        try:
            raise MemoryError
        except MemoryError:
            raise AttributeError("half loaded")  # noqa: B904  as it happens
    except AttributeError as error:
        assert may_be_out_of_memory(error)

    def full(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(mmap, "mmap", full)
    assert may_be_out_of_memory(AttributeError("module 'sympy' has no attribute 'logic'"))
