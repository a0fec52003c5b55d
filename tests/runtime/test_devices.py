"""Devices by name and as torch's own objects."""

from __future__ import annotations

import pytest
import torch

from sharp_cli.errors import SharpError
from sharp_cli.runtime.devices import choose_device


def test_names_are_devices() -> None:
    assert choose_device("CPU") == choose_device(torch.device("cpu")) == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "", torch.device("meta")])
def test_unknown_devices_are_refused(device: str | torch.device) -> None:
    with pytest.raises(SharpError, match="unknown device") as error:
        choose_device(device)
    assert error.value.code == "no_device"


@pytest.mark.parametrize("device", ["cuda:99", torch.device("cuda", 99), "mps"])
def test_missing_devices_are_refused_by_name(device: str | torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SharpError, match=f"no {device} device") as error:
        choose_device(device)
    assert error.value.code == "no_device"
