"""The backward pass by hand gives what torch's engine gives, where there is one to compare with."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from fake_devices import go_back_by_hand
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.checkpoint import checkpoint

from sharp_cli.model.depth import DisparityHead


def loss_of(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    y = network(x)
    first, second = checkpoint(lambda values: values.sin(), y, use_reentrant=False).split(1, dim=1)
    return (first * second.detach()).mean() + y.amax() + 0.1 * first.square().sum() + x.half().float().sum()


def test_gradients_by_hand_are_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = DisparityHead(8).train()  # has a function of its own
    x = torch.randn(1, 8, 4, 4, requires_grad=True)
    loss_of(network, x).backward()
    expected = [p.grad for p in network.parameters()]
    (expected_x,) = torch.autograd.grad(loss_of(network, x), [x])
    network.zero_grad()
    x.grad = None
    go_back_by_hand(monkeypatch)
    loss_of(network, x).backward()
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    middle = x * 2
    found = torch.autograd.grad(loss_of(network, middle / 2), [middle])
    torch.testing.assert_close(found[0], expected_x / 2)


class Astray(torch.autograd.Function):
    """Sends its gradient to the CPU."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.to("cpu")


def test_a_gradient_on_another_device_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    go_back_by_hand(monkeypatch)
    with FakeTensorMode():
        x = torch.ones(3, device="cuda", requires_grad=True)
        with pytest.raises(AssertionError, match="a gradient on cpu"):
            Astray.apply(x * 1).sum().backward()
