"""Copies to and from a CUDA device: what they hold, and when anybody waits."""

from __future__ import annotations

import pytest
import torch
from fake_devices import FakeEvents
from torch._subclasses.fake_tensor import FakeTensorMode

from sharp_cli.runtime.transfers import IN_FLIGHT, send, start_copy


def test_what_is_on_the_cpu_stays_there() -> None:
    values = torch.arange(5)
    assert start_copy(values)() is values


def test_a_copy_waits_only_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    events = FakeEvents(monkeypatch)
    with FakeTensorMode():
        wait = start_copy(torch.empty(3, 4, dtype=torch.uint8, device="cuda"))
        assert (events.recorded, events.waited) == (["cuda"], 0)
        there = wait()
    assert (there.device.type, there.dtype, there.shape) == ("cpu", torch.uint8, (3, 4))
    assert events.waited == 1


def test_tensors_are_converted_before_they_travel_and_few_are_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    events = FakeEvents(monkeypatch)
    with FakeTensorMode():
        kernel = torch.empty(4, 3, 2, 2)
        named = [(str(i), kernel, torch.float16) for i in range(5)]
        for _, tensor in send(named, torch.device("cuda"), lambda tensor: torch.channels_last):
            assert len(events.recorded) - events.waited < IN_FLIGHT
            assert (tensor.device.type, tensor.dtype) == ("cuda", torch.float16)
            assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert len(events.recorded) == 5 and events.waited == 4
