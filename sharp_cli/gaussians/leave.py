"""Gaussians on their way from a GPU to main memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.runtime.transfers import start_copy


def start_leaving(gaussians: Gaussians) -> Callable[[], Gaussians]:
    """Begin to copy Gaussians to main memory; the function returned waits for them, as :func:`start_copy`'s does."""
    values = {field.name: getattr(gaussians, field.name) for field in fields(gaussians)}
    copies = {name: start_copy(value) for name, value in values.items() if hasattr(value, "device")}

    def wait() -> Gaussians:
        arrived: dict[str, Any] = {name: copy() for name, copy in copies.items()}
        return replace(gaussians, **arrived)

    return wait
