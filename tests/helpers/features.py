"""Feature networks of the true shapes with random values, in files as users have them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from sharp_cli.training.teacher.features import FILES, MobileNetFeatures


def write_resnet(folder: Path) -> None:
    """A pre-activation ResNet-50's stages 1-3."""
    generator = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {}

    def conv(name: str, out: int, channels: int, side: int = 1) -> None:
        spread = (2 / (channels * side**2)) ** 0.5
        tensors[f"{name}.weight"] = spread * torch.randn(out, channels, side, side, generator=generator)

    def norm(name: str, channels: int) -> None:
        tensors[f"{name}.scale"] = torch.full((channels,), 0.5)
        tensors[f"{name}.shift"] = torch.full((channels,), 0.1)

    norm("input_norm", 3)
    conv("stem", 64, 3, 7)
    norm("stem_norm", 64)
    channels = 64
    for stage, (units, inner) in enumerate(((3, 64), (4, 128), (6, 256)), 1):
        for unit in range(1, units + 1):
            name = f"stage{stage}.unit{unit}"
            norm(f"{name}.norm1", channels)
            norm(f"{name}.norm2", inner)
            norm(f"{name}.norm3", inner)
            if unit == 1:
                conv(f"{name}.shortcut", 4 * inner, channels)
            conv(f"{name}.conv1", inner, channels)
            conv(f"{name}.conv2", inner, inner, 3)
            conv(f"{name}.conv3", 4 * inner, inner)
            channels = 4 * inner
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half() for name, tensor in tensors.items()}, folder / FILES["resnet"])


def write_mobilenet(folder: Path) -> None:
    """MobileNet v1 up to block 12."""
    generator = torch.Generator().manual_seed(0)
    out = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024)
    tensors = {"conv.weight": 0.3 * torch.randn(32, 3, 3, 3, generator=generator), "conv.bias": torch.zeros(32)}
    channels = 32
    for block, width in enumerate(out, 1):
        tensors[f"block{block}.dw.weight"] = 0.5 * torch.randn(channels, 1, 3, 3, generator=generator)
        tensors[f"block{block}.dw.bias"] = torch.zeros(channels)
        spread = (2 / channels) ** 0.5
        tensors[f"block{block}.pw.weight"] = spread * torch.randn(width, channels, 1, 1, generator=generator)
        tensors[f"block{block}.pw.bias"] = torch.zeros(width)
        channels = width
    assert len(MobileNetFeatures.strides) == len(out)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / FILES["mobilenet"])
