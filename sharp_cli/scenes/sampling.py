"""Colors read from pictures: a texture at a footprint, a panorama in a direction, and the sky."""

from __future__ import annotations

import math

from sharp_cli.scenes import layout as at
from sharp_cli.scenes.compiling import inlined, kernel
from sharp_cli.scenes.layout import Doubles, Scene, Textures
from sharp_cli.scenes.noise import noise

Color = tuple[float, float, float]


@inlined
def texture_level(footprint: float) -> int:
    """The level whose texels are nearest in size to a footprint in repeats."""
    level, texels = 0, footprint * at.TEXTURE_SIDE
    while texels > math.sqrt(2.0) and level < at.LEVELS - 1:
        level, texels = level + 1, 0.5 * texels
    return level


@inlined
def texture_at(textures: Textures, index: int, u: float, v: float, level: int) -> Color:
    """Linear RGB of a level of a texture, mirrored at its edges; bilinear."""
    side = at.TEXTURE_SIDE >> level
    start = (at.TEXTURE_SIDE * at.TEXTURE_SIDE - side * side) * 4 // 3
    u -= 2.0 * math.floor(0.5 * u)
    v -= 2.0 * math.floor(0.5 * v)
    x = (2.0 - u if u > 1.0 else u) * side - 0.5
    y = (2.0 - v if v > 1.0 else v) * side - 0.5
    fx, fy = math.floor(x), math.floor(y)
    i, j = int(fx), int(fy)
    a, b = x - fx, y - fy
    i0, i1 = max(i, 0), min(i + 1, side - 1)
    j0, j1 = start + max(j, 0) * side, start + min(j + 1, side - 1) * side
    texels, linear = textures.texels, textures.linear
    w00, w10, w01, w11 = (1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b
    r, g, b = 0.0, 0.0, 0.0
    for texel, weight in ((j0 + i0, w00), (j0 + i1, w10), (j1 + i0, w01), (j1 + i1, w11)):
        r += weight * linear[texels[index, texel, 0]]
        g += weight * linear[texels[index, texel, 1]]
        b += weight * linear[texels[index, texel, 2]]
    return r, g, b


@inlined
def panorama_at(textures: Textures, index: int, x: float, y: float, z: float, turn: float) -> Color:
    """Linear RGB of a panorama in a direction of unit length; ``turn`` in whole turns."""
    pictures, linear = textures.panoramas, textures.linear
    height, width = pictures.shape[1], pictures.shape[2]
    across = math.atan2(x, z) / (2.0 * math.pi) + turn
    u = (across - math.floor(across)) * width
    v = (0.5 - math.asin(min(max(y, -1.0), 1.0)) / math.pi) * height - 0.5
    i, j = int(u), math.floor(v)
    a, b = u - i, v - j
    i0, i1 = i % width, (i + 1) % width
    j0, j1 = min(max(j, 0), height - 1), min(max(j + 1, 0), height - 1)
    w00, w10, w01, w11 = (1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b
    r, g, b = 0.0, 0.0, 0.0
    for row, column, weight in ((j0, i0, w00), (j0, i1, w10), (j1, i0, w01), (j1, i1, w11)):
        r += weight * linear[pictures[index, row, column, 0]]
        g += weight * linear[pictures[index, row, column, 1]]
        b += weight * linear[pictures[index, row, column, 2]]
    return r, g, b


@kernel
def sky(scene: Scene, textures: Textures, x: float, y: float, z: float) -> Color:
    """Linear RGB of what is behind everything, in a direction of unit length."""
    light = scene.light
    gain = light[at.SKY_GAIN]
    if light[at.SKY] >= 0.0:
        r, g, b = panorama_at(textures, int(light[at.SKY]), x, y, z, light[at.SKY_TURN])
        return gain * r, gain * g, gain * b
    rise = math.sqrt(max(y, 0.0))
    r = light[at.HORIZON_R] + rise * (light[at.ZENITH_R] - light[at.HORIZON_R])
    g = light[at.HORIZON_G] + rise * (light[at.ZENITH_G] - light[at.HORIZON_G])
    b = light[at.HORIZON_B] + rise * (light[at.ZENITH_B] - light[at.HORIZON_B])
    toward = x * light[at.KEY_X] + y * light[at.KEY_Y] + z * light[at.KEY_Z]
    if light[at.GLOW] > 0.0 and toward > 0.0:
        glow = light[at.GLOW] * (0.12 * toward**6 + 0.3 * toward**60 + 3.0 * toward**1200)
        r, g, b = r + glow * light[at.KEY_R], g + glow * light[at.KEY_G], b + glow * light[at.KEY_B]
    if light[at.CLOUDS] > 0.0 and y > 0.0:
        cover, white = _clouds(light, x, y, z)
        r, g, b = r + cover * (white - r), g + cover * (white - g), b + cover * (white - b)
    return gain * r, gain * g, gain * b


@inlined
def _clouds(light: Doubles, x: float, y: float, z: float) -> tuple[float, float]:
    """How much a cloud hides of the sky, and how bright it is: a layer overhead, flattened toward the horizon."""
    scale = light[at.CLOUD_SIZE] / (y + 0.15)
    u, v, w = x * scale, z * scale, light[at.CLOUD_SEED]
    thick, weight = 0.0, 0.5
    for _ in range(4):
        thick += weight * noise(u, v, w)
        u, v, w, weight = 2.1 * u, 2.1 * v, w + 7.0, 0.5 * weight
    threshold = 0.95 - 0.75 * light[at.CLOUDS]
    cover = min(max((thick - threshold) / 0.2, 0.0), 1.0) * min(8.0 * y, 1.0)
    return cover * cover * (3.0 - 2.0 * cover), 1.15 - 0.6 * min(max((thick - threshold) / 0.5, 0.0), 1.0)
