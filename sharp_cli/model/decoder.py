"""The DPT-style decoder that both branches share (docs/network.md §3): five maps → one fine map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from sharp_cli.model.convolution import Conv3x3


class ResidualUnit(nn.Module):
    """x + conv(relu(conv(relu(x)))), 3 × 3 convolutions, no normalization."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.ReLU(),
            Conv3x3(dim, dim),
            nn.ReLU(inplace=True),
            Conv3x3(dim, dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x).add_(x)


class FusionBlock(nn.Module):
    """Joins the coarser map with a skip map and, where asked, doubles its sides."""

    def __init__(self, dim: int, upsample: bool) -> None:
        super().__init__()
        self.resnet1 = ResidualUnit(dim)
        self.resnet2 = ResidualUnit(dim)
        if upsample:
            self.deconv = nn.ConvTranspose2d(dim, dim, 2, stride=2, bias=False)
        self.upsample = upsample
        self.out_conv = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        if skip is not None:
            x = self.resnet1(skip).add_(x)
        x = self.resnet2(x)
        if self.upsample:
            x = self.deconv(x)
        return self.out_conv(x)


class PyramidDecoder(nn.Module):
    """Fuses maps of halving sides, from coarse to fine, into one map of the finest side."""

    def __init__(self, dims: Sequence[int], dim: int) -> None:
        super().__init__()
        first = nn.Identity() if dims[0] == dim else nn.Conv2d(dims[0], dim, 1, bias=False)
        others = [Conv3x3(d, dim, bias=False) for d in dims[1:]]
        self.convs = nn.ModuleList([first, *others])
        # The coarsest block's resnet1 has no skip map to work on; the released checkpoint holds it all the same.
        self.fusions = nn.ModuleList([FusionBlock(dim, upsample=level > 0) for level in range(len(dims))])

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(B, dims[i], S / 2^i, S / 2^i) maps, fine to coarse → (B, dim, S, S).

        Of the coarsest maps alone it makes what it would hand on to the next finer level, twice the finest one's side.
        """
        finest = len(self.convs) - len(maps)
        x = self.fusions[-1](self.convs[-1](maps[-1]))
        for level in reversed(range(finest, len(self.convs) - 1)):
            x = self.fusions[level](x, self.convs[level](maps[level - finest]))
        return x
