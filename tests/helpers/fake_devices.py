"""Devices that this machine lacks: what fake tensors cannot answer, and types that a device does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


def go_back_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run backward passes node by node in Python: torch's engine asks the device itself, so that it cannot be faked.

    As in the engine, a gradient takes the type and shape that the node before wants, and one on another device is an
    error.
    """

    def backward(loss: Tensor) -> None:
        found = list(_gradients(loss, []))
        assert found
        for leaf, gradient in found:
            leaf.grad = gradient if leaf.grad is None else leaf.grad + gradient

    def grad(loss: Tensor, inputs: Any, **_: Any) -> tuple[Tensor, ...]:
        wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        found = {id(tensor): gradient for tensor, gradient in _gradients(loss, wanted)}
        return tuple(found[id(tensor)] for tensor in wanted)

    monkeypatch.setattr(Tensor, "backward", backward)
    monkeypatch.setattr(torch.autograd, "grad", grad)


def _gradients(loss: Tensor, wanted: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Tensors and their gradients: those wanted, and all leaves that want one."""
    assert loss.grad_fn is not None and loss.ndim == 0
    arriving: dict[Any, dict[int, Tensor]] = {loss.grad_fn: {0: torch.ones_like(loss)}}
    at = {(tensor.grad_fn, tensor.output_nr): tensor for tensor in wanted if tensor.grad_fn is not None}
    for node in _in_order(loss.grad_fn):
        given = arriving.pop(node, {})
        yield from ((at[node, place], gradient) for place, gradient in given.items() if (node, place) in at)
        if hasattr(node, "variable"):  # where a leaf's gradients add up
            yield from ((node.variable, gradient) for gradient in given.values())
            continue
        run = node.apply if isinstance(node, torch.autograd.function.BackwardCFunction) else node
        results = run(*(given.get(place) for place in range(len(node._input_metadata)))) if given else ()
        results = results if isinstance(results, tuple) else (results,)
        for (before, place), result in zip(node.next_functions, results, strict=False):
            if before is not None and result is not None:
                fitting = _fitting(result, before._input_metadata[place])
                sums = arriving.setdefault(before, {})
                sums[place] = sums[place] + fitting if place in sums else fitting


def _fitting(gradient: Tensor, wanted: Any) -> Tensor:
    assert gradient.device == wanted.device, f"a gradient on {gradient.device}, wanted on {wanted.device}"
    return gradient.sum_to_size(wanted.shape).to(wanted.dtype)


def _in_order(root: Any) -> Iterator[Any]:
    """The nodes of a graph, each after all that give it gradients."""
    waiting: dict[Any, int] = {root: 0}
    found = [root]
    for node in found:
        for before, _ in node.next_functions:
            if before is not None:
                if before not in waiting:
                    found.append(before)
                waiting[before] = waiting.get(before, 0) + 1
    ready = [root]
    while ready:
        yield (node := ready.pop())
        for before, _ in node.next_functions:
            if before is not None:
                waiting[before] -= 1
                if not waiting[before]:
                    ready.append(before)


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
