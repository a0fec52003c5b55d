"""Features of networks trained on a million photos, read from two safetensors files the user has.

``resnet50_v2_imagenet.safetensors`` holds stages 1-3 of the ONNX model zoo's pre-activation ResNet-50, kept frozen.
``mobilenet_v1_imagenet.safetensors`` holds Google's MobileNet v1 up to block 12, cheap enough to train along. In both,
batch norms are folded. Both are licensed under Apache-2.0; neither ships with this package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sharp_cli.errors import SharpError
from sharp_cli.training.precision import choose_training_dtype

FeatureKind = Literal["resnet", "mobilenet"]

FILES: dict[FeatureKind, str] = {
    "resnet": "resnet50_v2_imagenet.safetensors",
    "mobilenet": "mobilenet_v1_imagenet.safetensors",
}

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ResNetFeatures(nn.Module):
    """A frozen pre-activation ResNet-50: pictures → maps at strides 2, 4, 8 and 16, in bf16 if the CPU has it."""

    channels = (64, 256, 512, 1024)
    units = (3, 4, 6)
    """Of stages 1-3."""

    def __init__(self, tensors: dict[str, Tensor], dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.dtype = dtype or choose_training_dtype("auto", torch.device("cpu"))
        self.mean, self.std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
        # Neither parameters nor buffers: checkpoints of what is trained on top stay small.
        self.tensors = {name: self._prepared(name, tensor) for name, tensor in tensors.items()}

    def _prepared(self, name: str, tensor: Tensor) -> Tensor:
        if tensor.ndim == 4:
            return tensor.to(self.dtype).contiguous(memory_format=torch.channels_last)
        return tensor.to(torch.float32 if name.startswith("input_norm") else self.dtype)[:, None, None]

    @torch.no_grad()
    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, S, S) sRGB in [0, 1] → maps of sides S/2 (stem), S/4, S/8, S/16 with the channels above."""
        x = self._norm((image - self.mean) / self.std, "input_norm")
        x = x.to(self.dtype).contiguous(memory_format=torch.channels_last)
        x = F.relu(self._norm(self._conv(x, "stem", stride=2, padding=3), "stem_norm"))
        maps = [x]
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for stage, units in enumerate(self.units, 1):
            for unit in range(1, units + 1):
                x = self._unit(x, f"stage{stage}.unit{unit}", stride=2 if stage > 1 and unit == 1 else 1)
            maps.append(x)
        return maps

    def _unit(self, x: Tensor, name: str, stride: int) -> Tensor:
        a = F.relu(self._norm(x, f"{name}.norm1"))
        shortcut = self._conv(a, f"{name}.shortcut", stride) if f"{name}.shortcut.weight" in self.tensors else x
        h = F.relu(self._norm(self._conv(a, f"{name}.conv1"), f"{name}.norm2"))
        h = F.relu(self._norm(self._conv(h, f"{name}.conv2", stride, padding=1), f"{name}.norm3"))
        return self._conv(h, f"{name}.conv3") + shortcut

    def _conv(self, x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(x, self.tensors[f"{name}.weight"], None, stride, padding)

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return torch.addcmul(self.tensors[f"{name}.shift"], x, self.tensors[f"{name}.scale"])


class MobileNetFeatures(nn.Module):
    """MobileNet v1, trained along: pictures → maps at strides 2, 4, 8, 16 and 32."""

    channels = (64, 128, 256, 512, 1024)
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2)
    """Of blocks 1-12."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        self.values = nn.ParameterDict(
            {name.replace(".", "_"): nn.Parameter(tensor.float()) for name, tensor in tensors.items()}
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, S, S) sRGB in [0, 1] → maps of sides S/2, S/4, … S/32 with the channels above."""
        x = (2 * image - 1).contiguous(memory_format=torch.channels_last)
        x = self._conv(x, "conv", stride=2)
        maps = []
        for block, stride in enumerate(self.strides, 1):
            if stride == 2:
                maps.append(x)
            x = self._conv(x, f"block{block}_dw", stride, groups=x.shape[1])
            x = self._conv(x, f"block{block}_pw")
        return [*maps, x]

    def _conv(self, x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        weight, bias = self.values[f"{name}_weight"], self.values[f"{name}_bias"]
        padding = weight.shape[-1] // 2
        if stride == 2:  # TensorFlow pads right and bottom alone
            x, padding = F.pad(x, (0, 1, 0, 1)), 0
        return F.hardtanh(F.conv2d(x, weight, bias, stride, padding, groups=groups), 0.0, 6.0)


Features = ResNetFeatures | MobileNetFeatures


def read_features(folder: Path, kind: FeatureKind) -> Features:
    """Read one of the feature networks.

    Args:
        folder: holds the file named in ``FILES``.

    Raises:
        SharpError: the file is missing, damaged, or holds another network.
    """
    path = folder / FILES[kind]
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise SharpError(f"cannot read {path}: {error}") from error
    needed = "stage3.unit6.conv3.weight" if kind == "resnet" else "block12.pw.weight"
    if needed not in tensors:
        raise SharpError(f"cannot use {path}: not the features of {kind}: {needed} is missing")
    return ResNetFeatures(tensors) if kind == "resnet" else MobileNetFeatures(tensors)
