"""How far a forward pass is, from the parts of the network that have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from sharp_cli.model.network import SharpNetwork

TOTAL = 1000
WINDOWS = 35
"""Of the patch encoder, for each photo (docs/network.md §2)."""

VIT_SHARE = 0.70
"""Of the two ViTs, by the count of operations in the released size."""
SHARES = {"depth_decoder": 0.14, "depth_head": 0.05, "gaussian_decoder": 0.06, "prediction_heads": 0.05}
"""Of the parts after them; all shares are 1 together."""


@contextmanager
def follow(network: SharpNetwork, progress: Callable[[int, int], None], photos: int = 1) -> Iterator[None]:
    """Call ``progress(done, TOTAL)`` while the network runs in the block, about in step with time.

    Args:
        photos: how many go through the network together.
    """
    done = 0.0
    handles = []

    def after(module: nn.Module, share: Callable[[Any], float]) -> None:
        def hook(_module: nn.Module, inputs: Any, _output: Any) -> None:
            nonlocal done
            done += share(inputs)
            progress(min(TOTAL, round(TOTAL * done)), TOTAL)

        handles.append(module.register_forward_hook(hook))

    encoder = network.encoder
    each = VIT_SHARE / (WINDOWS + 1) / photos / network.config.depth
    for vit in (encoder.patch_encoder, encoder.image_encoder):
        for block in vit.blocks:
            after(block, lambda inputs: each * len(inputs[0]))
    for name, part in SHARES.items():
        after(getattr(network, name), lambda _, part=part: part)  # type: ignore[misc]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
