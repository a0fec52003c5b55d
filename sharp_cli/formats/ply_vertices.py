"""Gaussians as the rows of a 3DGS ``.ply``'s vertices (docs/network.md §9): in blocks on the CPU, at once on a GPU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sharp_cli.errors import SharpError
from sharp_cli.formats.columns import SMALLEST_SCALE
from sharp_cli.formats.ply_layout import LARGEST_OPACITY, SMALLEST_OPACITY, PlyLayout, rest_count, vertex_names
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.covariance import suits_kernels
from sharp_cli.gaussians.finite import all_finite
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.gaussians.sh import SH_C0
from sharp_cli.runtime.transfers import start_copy

CHUNK = 1 << 13
"""Gaussians at a time on a CPU: each is held several times over while it is converted, and this few stay in the
cache."""


@torch.inference_mode()
def start_rows(gaussians: Gaussians, layout: PlyLayout) -> Callable[[], Tensor]:
    """Begin to pack Gaussians for a file; those on a GPU are packed there, by work that is queued now.

    Returns:
        A function that gives (N, properties) float32 on the CPU, the values in the order of
        :func:`~sharp_cli.formats.ply_layout.vertex_names`. It raises SharpError if one of them is not finite.
    """
    rest = rest_count(gaussians.sh, layout)
    if _on_cpu(gaussians):
        return lambda: _in_blocks(gaussians, layout, rest)
    rows = _rows(gaussians, slice(None), layout, rest)
    packed, finite = start_copy(rows), start_copy(rows.isfinite().all())

    def wait() -> Tensor:
        _check(bool(finite()))
        return packed()

    return wait


def _on_cpu(gaussians: Gaussians) -> bool:
    return gaussians.means.device.type == "cpu"


@torch.inference_mode()
def _in_blocks(gaussians: Gaussians, layout: PlyLayout, rest: int) -> Tensor:
    rows = torch.empty(len(gaussians), len(vertex_names(layout, rest)), dtype=torch.float32)
    stored = gaussians.means, gaussians.colors, gaussians.opacities, gaussians.scales, gaussians.quats
    suited = layout != "full" and not rest and suits_kernels(*stored)
    for start in range(0, len(gaussians), CHUNK):
        part = slice(start, start + CHUNK)
        values = rows[part]
        if suited:
            from sharp_cli.formats.ply_pack import pack

            means, colors, opacities, scales, quats = (tensor[part] for tensor in stored)
            pack(means, colors, _logits(opacities), _logs(scales), quats, values)
        else:
            values.copy_(_rows(gaussians, part, layout, rest))
        _check(all_finite(values))
    return rows


def _rows(gaussians: Gaussians, part: slice, layout: PlyLayout, rest: int) -> Tensor:
    """Some of the rows, float32 on the device of the Gaussians."""
    means = gaussians.means[part]
    normals = means.new_zeros(len(means), 3 if layout == "full" else 0)
    constants = (linear_to_srgb(gaussians.colors[part]) - 0.5) / SH_C0
    logits, logs = _logits(gaussians.opacities[part]), _logs(gaussians.scales[part])
    parts = [means, normals, constants, _rest(gaussians, part, rest), logits[:, None], logs, gaussians.quats[part]]
    return torch.cat(parts, dim=1).float()


def _logits(opacities: Tensor) -> Tensor:
    return torch.logit(opacities.clamp(SMALLEST_OPACITY, LARGEST_OPACITY))


def _logs(scales: Tensor) -> Tensor:
    return scales.clamp(min=SMALLEST_SCALE).log()


def _rest(gaussians: Gaussians, part: slice, coefficients: int) -> Tensor:
    """Harmonics as files hold them, channel by channel, padded with zeros."""
    rest = gaussians.means.new_zeros(len(gaussians.means[part]), 3, coefficients)
    if gaussians.sh is not None and coefficients:
        sh = gaussians.sh[part]
        rest[:, :, : sh.shape[1]] = sh.transpose(1, 2)
    return rest.flatten(1)


def _check(finite: bool) -> None:
    if not finite:
        raise SharpError("cannot write Gaussians: some values are NaN or infinite")
