"""Devices that this machine lacks: what fake tensors cannot answer, and types that a device does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def answer_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fake tensors answer the questions that need values: true, 1, and lists of ones."""

    def answer(name: str, instead: Callable[[Tensor], Any]) -> None:
        real = getattr(Tensor, name)

        def method(self: Tensor) -> Any:
            return instead(self) if isinstance(self, FakeTensor) else real(self)

        monkeypatch.setattr(Tensor, name, method)

    def ones(tensor: Tensor) -> Any:
        return [ones(row) for row in tensor] if tensor.ndim else 1.0

    answer("__bool__", lambda tensor: True)
    answer("__int__", lambda tensor: 1)
    answer("item", lambda tensor: 1.0)
    answer("tolist", ones)


class FakeEvents:
    """In place of the CUDA events of copies. Counts what is recorded on which kind of device, and what is awaited."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorded: list[str] = []
        self.waited = 0
        monkeypatch.setattr("sharp_cli.runtime.transfers.record_event", self._record)

    def _record(self, device: torch.device) -> FakeEvents:
        self.recorded.append(device.type)
        return self

    def synchronize(self) -> None:
        """Wait for nothing."""
        self.waited += 1


def go_back_without_device(monkeypatch: pytest.MonkeyPatch, parameters: Callable[[], Iterable[Tensor]]) -> None:
    """Give gradients of zeros: torch's engine asks the device itself, so a backward pass cannot be faked."""

    def backward(loss: Tensor) -> None:
        assert loss.grad_fn is not None and loss.ndim == 0
        for parameter in parameters():
            parameter.grad = torch.zeros_like(parameter)

    monkeypatch.setattr(Tensor, "backward", backward)
    monkeypatch.setattr(torch.autograd, "grad", lambda loss, *inputs: tuple(map(torch.zeros_like, inputs)))


class Without64Bit(TorchDispatchMode):
    """Refuses float64 on one kind of device, as MPS does."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, and look at what it returns."""
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor) and value.device.type == self.kind and value.dtype == torch.float64:
                raise TypeError(f"{func} makes float64, which {self.kind} does not have")
        return result
