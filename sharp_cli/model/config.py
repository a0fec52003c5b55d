"""The sizes of a SHARP network: one object, stored in every weights file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from sharp_cli.errors import SharpError

LAYERS = 2
"""Depth layers: 0 is the visible surface, 1 what lies behind it."""

STRIDE = 2
"""Photo pixels per Gaussian along each axis."""

LARGEST = 1 << 14
"""Largest size allowed: a damaged file must not ask for a network that no machine can hold."""

MOST_BLOCKS = 256
"""Of a ViT: each block costs milliseconds to set up, before any tensor of the file is looked at."""

LENGTHS = {"latent_blocks": 2, "encoder_dims": 5, "convnet_dims": 4, "context_dims": 3}
"""Of the lists of sizes."""

DIM_MULTIPLE = 8
"""Of the convolutional network's channels, which are normalized in so many groups."""

OPTIONAL = ("convnet_dims", "context_dims")
"""Lists that may be empty; weights files then leave them out."""

INVALID = "invalid network config"


@dataclass(frozen=True)
class SharpConfig:
    """Sizes of the network; the defaults are the released model's (docs/network.md §11).

    Raises:
        SharpError: sizes that do not fit together.
    """

    image_size: int = 384
    """Side of a ViT window in pixels: :attr:`window` in code. Weights files and presets call it after timm's
    ``img_size``, and that key stays."""
    patch_size: int = 16
    embed_dim: int = 1024
    depth: int = 24
    num_heads: int = 16
    latent_blocks: tuple[int, int] = (5, 11)
    """ViT blocks, counted from 0, whose raw output makes the two finest encoder maps."""
    encoder_dims: tuple[int, int, int, int, int] = (256, 256, 512, 1024, 1024)
    """Channels of the five encoder maps, fine to coarse."""
    depth_decoder_dim: int = 256
    gaussian_decoder_dim: int = 128
    head_dim: int = 32
    alignment_width: int = 16
    """Narrowest width of the depth adjustment's U-Net."""
    convnet_dims: tuple[int, ...] = ()
    """Channels at strides 2, 4, 8 and 16 of the convolutional network beside the ViTs (docs/network.md §13); none in
    the released model."""
    context_dims: tuple[int, ...] = ()
    """Channels of its decoder at strides 4, 8 and 16."""

    def __post_init__(self) -> None:
        for name, length in LENGTHS.items():
            values = getattr(self, name)
            allowed = (length, 0) if name in OPTIONAL else (length,)
            if not isinstance(values, list | tuple) or len(values) not in allowed:
                raise SharpError(f"{INVALID}: {name} must have {length} values, not {values!r}")
            object.__setattr__(self, name, tuple(values))
        for field in fields(self):
            value = getattr(self, field.name)
            for number in value if isinstance(value, tuple) else (value,):
                smallest = 0 if field.name == "latent_blocks" else 1
                largest = MOST_BLOCKS if field.name == "depth" else LARGEST
                if not isinstance(number, int) or not smallest <= number <= largest:
                    raise SharpError(f"{INVALID}: {field.name} cannot be {value!r}")
        if self.window % self.patch_size or self.grid % 4:
            raise SharpError(
                f"{INVALID}: a window of {self.window} px in patches of {self.patch_size} px "
                "does not give a token grid divisible by 4, which the pyramid's overlaps need"
            )
        if self.embed_dim % self.num_heads:
            raise SharpError(f"{INVALID}: embed_dim {self.embed_dim} is not divisible by num_heads {self.num_heads}")
        if any(dim % DIM_MULTIPLE for dim in (*self.convnet_dims, *self.context_dims)):
            raise SharpError(f"{INVALID}: convnet_dims and context_dims must be multiples of {DIM_MULTIPLE}")
        if self.convnet_dims and self.context_side % 16:
            raise SharpError(f"{INVALID}: with convnet_dims, 1.5 windows must be a multiple of 16 px")
        if bool(self.convnet_dims) != bool(self.context_dims):
            raise SharpError(f"{INVALID}: convnet_dims and context_dims come together")
        if max(self.latent_blocks) >= self.depth:
            raise SharpError(f"{INVALID}: latent_blocks {self.latent_blocks} reach beyond depth {self.depth}")

    @property
    def window(self) -> int:
        """Side of a ViT window in pixels; the network's own resolution is four times that."""
        return self.image_size

    @property
    def context_side(self) -> int:
        """Side of the picture that the convolutional network sees, in pixels."""
        return 3 * self.window // 2

    @property
    def grid(self) -> int:
        """Side of a window's token grid."""
        return self.window // self.patch_size

    @property
    def resolution(self) -> int:
        """Side of the square picture the network sees, in pixels."""
        return 4 * self.window

    @property
    def num_gaussians(self) -> int:
        """Gaussians per photo."""
        return LAYERS * (self.resolution // STRIDE) ** 2

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of a weights file's header, without its further fields."""
        values = {key: value for key, value in asdict(self).items() if value or key not in OPTIONAL}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> SharpConfig:
        """Read a weights file's JSON object; unknown fields are ignored, absent ones take the default."""
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {key: value for key, value in stored.items() if key in known}
        return cls(**values)
