"""Blending each tile's splats into its pixels, front to back, and the gradient back to front (docs/network.md §10).

The innermost loops run along pixel rows without branches, so the compiler vectorizes them. For that, all planes of a
tile (transmittance, red, …) lie in one array at fixed distances, indexed by unsigned integers, and everything is
float32. Rows have a margin, so that whole vectors fit beyond a tile's last pixel.
"""

from __future__ import annotations

import math

import numpy as np

from sharp_cli.render.backends.cpu import layout as at
from sharp_cli.render.backends.cpu.layout import FAINTEST, TILE, Bins, Canvas, Floats, Integers, Longs
from sharp_cli.runtime.kernels import inlined, kernel

LANES = 8
"""Pixels are computed in multiples of this."""
STRIDE = TILE + LANES
PLANE = STRIDE * TILE
RAMP, P1, P2, P3, P4, P5, P6, P7 = (np.uint64(i * PLANE) for i in range(8))
"""Where planes begin; the first holds the x of each pixel's center."""
L0, L1, L2, L3, L4, L5, L6, L7, L8, L9 = (np.uint64(i * STRIDE) for i in range(10))

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
LAST_PIXEL = np.float32(TILE - 1)
SLACK = np.float32(0.01)  # pixels; the comparison of alpha itself decides
LOG2_FAINTEST = np.float32(math.log2(FAINTEST))
MOST_OPAQUE = np.float32(0.999)
STOP_AT = np.float32(1e-4)
CHECK_EVERY = 64

LOWEST = np.float32(-8)
EIGHTH_ROOT = np.polynomial.Chebyshev.interpolate(lambda x: np.exp2(x / 8), 6, domain=[-8, 0])
C0, C1, C2, C3, C4, C5, C6 = (np.float32(c) for c in EIGHTH_ROOT.convert(kind=np.polynomial.Polynomial).coef)


@inlined
def _exp2(x: np.float32) -> np.float32:
    """2^x for x in [−8, 0], with a relative error of 1e-6; still rising above 0."""
    x = x if x > LOWEST else LOWEST
    root = ((((((C6 * x + C5) * x + C4) * x + C3) * x + C2) * x + C1) * x) + C0
    root = root * root
    root = root * root
    return root * root


@inlined
def _span(low: np.float32, high: np.float32) -> tuple[int, int]:
    """First pixel with its center at or after ``low`` (or one before), and the count up to ``high``, within a tile."""
    low, high = low - HALF, high - HALF + SLACK
    if high < ZERO or low > LAST_PIXEL:
        return 0, 0
    first = int(max(low, ZERO))
    return first, int(min(high, LAST_PIXEL)) + 1 - first


@inlined
def _outline(splats: Floats, i: int, left: int, top: int) -> tuple[np.float32, np.float32, int, int, int, int]:
    """Center relative to the tile, and the splat's box in it: first x, width, first y, height."""
    x, y = splats[i, at.X] - np.float32(left), splats[i, at.Y] - np.float32(top)
    first_x, width = _span(x - splats[i, at.HALF_WIDTH], x + splats[i, at.HALF_WIDTH])
    first_y, height = _span(y - splats[i, at.HALF_HEIGHT], y + splats[i, at.HALF_HEIGHT])
    return x, y, first_x, width, first_y, height


@inlined
def _row(
    x: np.float32, ridge: np.float32, u: np.float32, inverse_ux: np.float32, first: int, width: int
) -> tuple[int, int]:
    """First x and width of one row of a splat.

    Args:
        ridge: the exponent where u = 0.
        u: its value in the column of the splat's center.
        first, width: those of the whole splat; narrow splats keep them.
    """
    if ridge < LOG2_FAINTEST:
        return 0, 0
    if width > LANES:
        half = math.sqrt(ridge - LOG2_FAINTEST)
        return _span(x + (-u - half) * inverse_ux, x + (half - u) * inverse_ux)
    return first, width


@inlined
def _lanes(width: int) -> np.uint64:
    return np.uint64((width + LANES - 1) // LANES * LANES)


@kernel
def _fill_ramp(planes: Floats) -> None:
    for i in range(PLANE):
        planes[i] = np.float32(i % STRIDE) + HALF


@kernel
def blend(start: int, stop: int, bins: Bins, colors: Floats, canvas: Canvas, last: Integers) -> None:
    """Render tiles ``start`` to ``stop`` into ``canvas``.

    ``last`` (H, W) gets the index, in its tile's list, of the last splat that a pixel blends, or −1.
    """
    splats, starts, order = bins.splats, bins.starts, bins.order
    height, width = last.shape
    tiles_x = (width + TILE - 1) // TILE
    planes = np.empty(8 * PLANE, np.float32)
    _fill_ramp(planes)
    for tile in range(start, stop):
        left, top = tile % tiles_x * TILE, tile // tiles_x * TILE
        columns, rows = min(TILE, width - left), min(TILE, height - top)
        planes[PLANE:] = ZERO
        for y in range(TILE):
            for x in range(STRIDE):
                i = np.uint64(y * STRIDE + x)
                planes[P1 + i] = ONE if y < rows and x < columns else -ONE
                planes[P6 + i] = -ONE
        for rank in range(starts[tile + 1] - starts[tile]):
            if rank % CHECK_EVERY == 0 and planes[P1:P2].max() <= ZERO:
                break
            _blend_splat(splats, colors, order[starts[tile] + rank], np.float32(rank), left, top, planes)
        for y in range(rows):
            for x in range(columns):
                i = np.uint64(y * STRIDE + x)
                canvas.transmittance[top + y, left + x] = abs(planes[P1 + i])
                canvas.color[top + y, left + x, 0] = planes[P2 + i]
                canvas.color[top + y, left + x, 1] = planes[P3 + i]
                canvas.color[top + y, left + x, 2] = planes[P4 + i]
                canvas.depth[top + y, left + x] = planes[P5 + i]
                last[top + y, left + x] = int(planes[P6 + i])


@inlined
def _blend_splat(
    splats: Floats, colors: Floats, splat: int, rank: np.float32, left: int, top: int, planes: Floats
) -> None:
    x, y, box_x, box_width, box_y, box_height = _outline(splats, splat, left, top)
    ux, uy, vy = splats[splat, at.UX], splats[splat, at.UY], splats[splat, at.VY]
    peak, z, inverse_ux = splats[splat, at.PEAK], splats[splat, at.DEPTH], splats[splat, at.INVERSE_UX]
    red, green, blue = colors[splat, 0], colors[splat, 1], colors[splat, 2]
    for row in range(box_y, box_y + box_height):
        dy = np.float32(row) + HALF - y
        v, offset = vy * dy, uy * dy
        ridge = peak - v * v
        first, width = _row(x, ridge, offset, inverse_ux, box_x, box_width)
        begin = np.uint64(row * STRIDE + first)
        for i in range(begin, begin + _lanes(width)):
            u = ux * (planes[RAMP + i] - x) + offset
            exponent = ridge - u * u
            alpha = _exp2(exponent)
            alpha = alpha if alpha < MOST_OPAQUE else MOST_OPAQUE
            alpha = alpha if exponent >= LOG2_FAINTEST else ZERO
            before = planes[P1 + i]  # negative once the pixel is finished
            after = before - alpha * before
            goes_on = after > STOP_AT
            weight = alpha * before if goes_on else ZERO
            planes[P1 + i] = after if goes_on else -abs(before)
            planes[P2 + i] += weight * red
            planes[P3 + i] += weight * green
            planes[P4 + i] += weight * blue
            planes[P5 + i] += weight * z
            planes[P6 + i] = rank if weight > ZERO else planes[P6 + i]


@kernel
def blend_backward(
    start: int,
    stop: int,
    bins: Bins,
    colors: Floats,
    transmittance: Floats,
    last: Integers,
    v_canvas: Canvas,
    firsts: Longs,
    sums: Floats,
) -> None:
    """Sum gradients over the pixels of tiles ``start`` to ``stop``.

    Splat i's sums in its k-th tile (row by row in its box) go to sums[firsts[i] + k], which must be zero before.
    """
    splats, boxes, starts, order = bins.splats, bins.boxes, bins.starts, bins.order
    height, width = last.shape
    tiles_x = (width + TILE - 1) // TILE
    planes = np.empty(8 * PLANE, np.float32)
    lanes = np.empty(10 * STRIDE, np.float32)
    _fill_ramp(planes)
    for tile in range(start, stop):
        tile_x, tile_y = tile % tiles_x, tile // tiles_x
        left, top = tile_x * TILE, tile_y * TILE
        planes[PLANE:] = ZERO
        planes[P3:P4] = -ONE
        deepest = -1
        for y in range(min(TILE, height - top)):
            for x in range(min(TILE, width - left)):
                i = np.uint64(y * STRIDE + x)
                remaining = transmittance[top + y, left + x]
                planes[P1 + i] = remaining
                planes[P2 + i] = remaining * v_canvas.transmittance[top + y, left + x]
                planes[P3 + i] = last[top + y, left + x]
                planes[P4 + i] = v_canvas.color[top + y, left + x, 0]
                planes[P5 + i] = v_canvas.color[top + y, left + x, 1]
                planes[P6 + i] = v_canvas.color[top + y, left + x, 2]
                planes[P7 + i] = v_canvas.depth[top + y, left + x]
                deepest = max(deepest, last[top + y, left + x])
        for rank in range(deepest, -1, -1):
            i = order[starts[tile] + rank]
            slot = firsts[i] + (tile_y - boxes[i, 1]) * (boxes[i, 2] - boxes[i, 0]) + tile_x - boxes[i, 0]
            _blend_splat_backward(splats, colors, i, np.float32(rank), left, top, planes, lanes, sums, slot)


@inlined
def _blend_splat_backward(
    splats: Floats, colors: Floats, splat: int, rank: np.float32, left: int, top: int, planes: Floats, lanes: Floats,
    sums: Floats, slot: int,
) -> None:  # fmt: skip
    x, y, box_x, box_width, box_y, box_height = _outline(splats, splat, left, top)
    ux, uy, vy = splats[splat, at.UX], splats[splat, at.UY], splats[splat, at.VY]
    peak, z, inverse_ux = splats[splat, at.PEAK], splats[splat, at.DEPTH], splats[splat, at.INVERSE_UX]
    red, green, blue = colors[splat, 0], colors[splat, 1], colors[splat, 2]
    widest = _lanes(box_width)
    lanes[:] = ZERO
    for row in range(box_y, box_y + box_height):
        dy = np.float32(row) + HALF - y
        v, offset = vy * dy, uy * dy
        ridge = peak - v * v
        first, width = _row(x, ridge, offset, inverse_ux, box_x, box_width)
        begin = np.uint64(row * STRIDE + first)
        for lane in range(_lanes(width)):
            i = begin + lane
            u = ux * (planes[RAMP + i] - x) + offset
            exponent = ridge - u * u
            full = _exp2(exponent)
            alpha = full if full < MOST_OPAQUE else MOST_OPAQUE
            alpha = alpha if exponent >= LOG2_FAINTEST else ZERO
            alpha = alpha if rank <= planes[P3 + i] else ZERO
            # planes: transmittance in front of this splat, and the weighted ∂ of all that lies behind it
            inverse = ONE / (ONE - alpha)
            before = planes[P1 + i] * inverse
            behind = planes[P2 + i]
            weight = alpha * before
            v_red, v_green, v_blue, v_deep = planes[P4 + i], planes[P5 + i], planes[P6 + i], planes[P7 + i]
            v_weight = red * v_red + green * v_green + blue * v_blue + z * v_deep
            g = alpha * (before * v_weight - behind * inverse)
            g = g if full <= MOST_OPAQUE else ZERO
            planes[P1 + i] = before
            planes[P2 + i] = behind + weight * v_weight
            gu, gv = g * u, g * v
            lanes[L0 + lane] += g
            lanes[L1 + lane] += gu
            lanes[L2 + lane] += gv
            lanes[L3 + lane] += gu * u
            lanes[L4 + lane] += gu * v
            lanes[L5 + lane] += gv * v
            lanes[L6 + lane] += weight * v_red
            lanes[L7 + lane] += weight * v_green
            lanes[L8 + lane] += weight * v_blue
            lanes[L9 + lane] += weight * v_deep
    for k in range(10):
        total = ZERO
        for lane in range(widest):
            total += lanes[k * STRIDE + lane]
        sums[slot, k] = total
