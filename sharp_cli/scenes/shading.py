"""From a ray to a color: what a surface is painted with, and the light that falls on it."""

from __future__ import annotations

import math

from sharp_cli.scenes import layout as at
from sharp_cli.scenes.compiling import inlined
from sharp_cli.scenes.layout import Doubles, Scene, Textures
from sharp_cli.scenes.noise import noise
from sharp_cli.scenes.sampling import Color, panorama_at, sky, texture_at, texture_level
from sharp_cli.scenes.screen import DIMMED, Tile
from sharp_cli.scenes.tracing import blocked, normal_at, to_local

SLANTED = 1.8
"""From this ratio of a pixel's long side on a surface to its short one on, it is read in three places."""


@inlined
def light_from(
    scene: Scene, textures: Textures, tile: Tile, shape: int, t: float,
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, pixel: float,
) -> Color:  # fmt: skip
    """Linear RGB that reaches the camera along a ray.

    Args:
        tile: of the picture, that the ray is in.
        shape: that the ray meets, -1 for the sky.
        t: depth of that.
        dx, dy, dz: the ray's direction with depth 1.
        pixel: a pixel's width at depth 1 [m].
    """
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    vx, vy, vz = dx / length, dy / length, dz / length
    if shape < 0:
        return sky(scene, textures, vx, vy, vz)
    r, g, b = _surface(scene, textures, tile, shape, ox + t * dx, oy + t * dy, oz + t * dz, vx, vy, vz, t, pixel)
    light = scene.light
    if light[at.HAZE] > 0.0:
        clear = math.exp(-light[at.HAZE] * t * length)
        r = clear * r + (1.0 - clear) * light[at.HAZE_R]
        g = clear * g + (1.0 - clear) * light[at.HAZE_G]
        b = clear * b + (1.0 - clear) * light[at.HAZE_B]
    return r, g, b


@inlined
def _surface(
    scene: Scene, textures: Textures, tile: Tile, shape: int, x: float, y: float, z: float,
    vx: float, vy: float, vz: float, t: float, pixel: float,
) -> Color:  # fmt: skip
    """The light that leaves a place on a shape against the ray's unit direction."""
    light, matrices = scene.light, scene.to_local
    materials, m = scene.materials, scene.material[shape]
    lx, ly, lz = to_local(matrices, shape, x, y, z, 1.0)
    gx, gy, gz = normal_at(scene, shape, lx, ly, lz)
    nx = matrices[shape, 0, 0] * gx + matrices[shape, 1, 0] * gy + matrices[shape, 2, 0] * gz
    ny = matrices[shape, 0, 1] * gx + matrices[shape, 1, 1] * gy + matrices[shape, 2, 1] * gz
    nz = matrices[shape, 0, 2] * gx + matrices[shape, 1, 2] * gy + matrices[shape, 2, 2] * gz
    size = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-300
    facing = (nx * vx + ny * vy + nz * vz) / size
    if facing > 0.0:
        size, facing = -size, -facing
    nx, ny, nz = nx / size, ny / size, nz / size

    out_of_focus = light[at.APERTURE] * abs(1.0 / t - 1.0 / light[at.FOCUS])
    footprint = t * math.sqrt(pixel * pixel + out_of_focus * out_of_focus)
    stretch = 1.0 / max(-facing, 0.1)
    if materials[m, at.PANORAMA] >= 0.0:
        r, g, b = _from_stage(scene, textures, int(materials[m, at.PANORAMA]), x, y, z)
    else:
        ex, ey, ez, taps = 0.0, 0.0, 0.0, 1
        if stretch > SLANTED:  # three taps along the long side
            reach = footprint * stretch / 3.0 / math.sqrt(max(1.0 - facing * facing, 1e-6))
            ex, ey, ez = reach * (vx - facing * nx), reach * (vy - facing * ny), reach * (vz - facing * nz)
            ex, ey, ez = to_local(matrices, shape, ex, ey, ez, 0.0)
            footprint *= math.sqrt(stretch / 2.0)
            taps = 3
        r, g, b = _paint(scene, textures, shape, lx, ly, lz, ex, ey, ez, taps, gx, gy, gz, footprint)
    if materials[m, at.PATCHES] > 0.0:
        f = 1.0 / materials[m, at.PATCH_SIZE]
        uneven = 1.0 + 2.0 * materials[m, at.PATCHES] * (noise(x * f, y * f, z * f) - 0.5)
        r, g, b = uneven * r, uneven * g, uneven * b
    return _lit(scene, tile, m, r, g, b, x, y, z, nx, ny, nz, vx, vy, vz, t)


@inlined
def _from_stage(scene: Scene, textures: Textures, index: int, x: float, y: float, z: float) -> Color:
    """A panorama thrown onto the scene's walls and ground from where it was taken."""
    light = scene.light
    x, y, z = x - light[at.STAGE_X], y - light[at.STAGE_Y], z - light[at.STAGE_Z]
    size = math.sqrt(x * x + y * y + z * z) + 1e-9
    r, g, b = panorama_at(textures, index, x / size, y / size, z / size, light[at.SKY_TURN])
    gain = light[at.SKY_GAIN]
    return gain * r, gain * g, gain * b


@inlined
def _paint(
    scene: Scene, textures: Textures, shape: int, x: float, y: float, z: float, ex: float, ey: float, ez: float,
    taps: int, gx: float, gy: float, gz: float, footprint: float,
) -> Color:  # fmt: skip
    """What color a shape has round a local place with a local gradient.

    Read in so many ``taps``, ``ex``, ``ey``, ``ez`` from each other; the footprint of each in meters.
    """
    materials, m, metric = scene.materials, scene.material[shape], scene.metric
    if materials[m, at.FIT_U] > 0.0:
        size = footprint * materials[m, at.FIT_U] / (2.0 * max(metric[shape, 0], 1e-6))
        index, level = int(materials[m, at.TEXTURE]), texture_level(size)
        r, g, b = 0.0, 0.0, 0.0
        for tap in range(taps):
            way = tap - 0.5 * (taps - 1)
            u, v = _fitted(scene.kinds[shape], x + way * ex, y + way * ey, z + way * ez, gx, gy, gz)
            tr, tg, tb = texture_at(textures, index, u * materials[m, at.FIT_U], v * materials[m, at.FIT_V], level)
            r, g, b = r + tr, g + tg, b + tb
        return _tinted(textures, materials, m, at.TEXTURE, at.RED, r / taps, g / taps, b / taps)
    # in meters along the shape's own axes
    mx, my, mz = metric[shape, 0], metric[shape, 1], metric[shape, 2]
    x, y, z, ex, ey, ez = x * mx, y * my, z * mz, ex * mx, ey * my, ez * mz
    wx, wy, wz = abs(gx / mx), abs(gy / my), abs(gz / mz)
    largest = 1.0 / (max(wx, max(wy, wz)) + 1e-300)
    wx, wy, wz = (wx * largest) ** 6, (wy * largest) ** 6, (wz * largest) ** 6
    share = 0.0
    if materials[m, at.TEXTURE_2] >= 0.0:
        share = _mixture(materials, m, x, y, z, ex, ey, ez, taps, footprint)
    r, g, b = 0.0, 0.0, 0.0
    for layer in range(2):
        part = share if layer else 1.0 - share
        if part > 0.0:
            which = at.TEXTURE_2 if layer else at.TEXTURE
            r1, g1, b1 = _three_sided(textures, materials, m, which, x, y, z, ex, ey, ez, taps, wx, wy, wz, footprint)
            r, g, b = r + part * r1, g + part * g1, b + part * b1
    return r, g, b


@inlined
def _mixture(
    materials: Doubles, m: int, x: float, y: float, z: float, ex: float, ey: float, ez: float, taps: int,
    footprint: float,
) -> float:  # fmt: skip
    """Share of the second texture at a place in meters."""
    f = 1.0 / materials[m, at.MIX_SIZE]
    if footprint * f < 0.03:  # so near that all taps find the same
        taps = 1
    share = 0.0
    for tap in range(taps):
        way = tap - 0.5 * (taps - 1)
        u, v, w = f * (x + way * ex), f * (y + way * ey), f * (z + way * ez)
        place = 0.7 * noise(u, v, w) + 0.3 * noise(5.1 * u, 5.1 * v, 5.1 * w)
        share += min(max((place - materials[m, at.MIX_LEVEL]) * 8.0 + 0.5, 0.0), 1.0)
    return share / taps


@inlined
def _fitted(kind: int, x: float, y: float, z: float, gx: float, gy: float, gz: float) -> tuple[float, float]:
    """Texture coordinates in [0, 1] over a whole face, v downwards."""
    if kind == at.CONE:
        return math.atan2(y, x) / (2.0 * math.pi) + 0.5, 0.5 - 0.5 * z
    if abs(gx) > max(abs(gy), abs(gz)):
        return 0.5 + 0.5 * z, 0.5 - 0.5 * y
    if abs(gy) > abs(gz):
        return 0.5 + 0.5 * x, 0.5 - 0.5 * z
    return 0.5 + 0.5 * x, 0.5 - 0.5 * y


@inlined
def _three_sided(
    textures: Textures, materials: Doubles, m: int, which: int, x: float, y: float, z: float,
    ex: float, ey: float, ez: float, taps: int, wx: float, wy: float, wz: float, footprint: float,
) -> Color:  # fmt: skip
    """A texture laid on along the three axes, blended by how much the surface faces each."""
    index, repeat = int(materials[m, which]), materials[m, which + 1]
    level = texture_level(repeat * footprint)
    r, g, b, total = 0.0, 0.0, 0.0, 0.0
    for axis in range(3):
        if axis == 0:
            weight, u, v, eu, ev = wx, z, -y, ez, -ey
        elif axis == 1:  # walls and bark stay upright, ground may lie any way
            cosine, sine = materials[m, at.COSINE], materials[m, at.SINE]
            weight, u, v = wy, cosine * x - sine * z, sine * x + cosine * z
            eu, ev = cosine * ex - sine * ez, sine * ex + cosine * ez
        else:
            weight, u, v, eu, ev = wz, x, -y, ex, -ey
        if weight < 0.03:
            continue
        total += weight * taps
        for tap in range(taps):
            way = tap - 0.5 * (taps - 1)
            tr, tg, tb = texture_at(
                textures,
                index,
                repeat * (u + way * eu) + materials[m, at.SHIFT_U],
                repeat * (v + way * ev) + materials[m, at.SHIFT_V],
                level,
            )
            r, g, b = r + weight * tr, g + weight * tg, b + weight * tb
    color = at.RED if which == at.TEXTURE else at.RED_2
    return _tinted(textures, materials, m, which, color, r / total, g / total, b / total)


@inlined
def _tinted(
    textures: Textures, materials: Doubles, m: int, which: int, color: int, r: float, g: float, b: float
) -> Color:
    """A texture's value relative to its mean, with some of its hue and contrast, times the material's color."""
    means, index = textures.means, int(materials[m, which])
    mean_r, mean_g, mean_b = means[index, 0], means[index, 1], means[index, 2]
    gray = (r + g + b) / (mean_r + mean_g + mean_b)
    tint, contrast = materials[m, at.TINT], materials[m, at.CONTRAST]
    r = 1.0 + contrast * ((1.0 - tint) * r / mean_r + tint * gray - 1.0)
    g = 1.0 + contrast * ((1.0 - tint) * g / mean_g + tint * gray - 1.0)
    b = 1.0 + contrast * ((1.0 - tint) * b / mean_b + tint * gray - 1.0)
    return (
        min(max(r, 0.04) * materials[m, color], 1.0),
        min(max(g, 0.04) * materials[m, color + 1], 1.0),
        min(max(b, 0.04) * materials[m, color + 2], 1.0),
    )


@inlined
def _lit(
    scene: Scene, tile: Tile, m: int, r: float, g: float, b: float, x: float, y: float, z: float,
    nx: float, ny: float, nz: float, vx: float, vy: float, vz: float, t: float,
) -> Color:  # fmt: skip
    light, materials = scene.light, scene.materials
    kx, ky, kz, distance, strength = light[at.KEY_X], light[at.KEY_Y], light[at.KEY_Z], math.inf, 1.0
    if light[at.KEY_POINT] > 0.0:
        kx, ky, kz = kx - x, ky - y, kz - z
        distance = math.sqrt(kx * kx + ky * ky + kz * kz) + 1e-9
        kx, ky, kz = kx / distance, ky / distance, kz / distance
        strength = min(light[at.KEY_POINT] ** 2 / (distance * distance + 0.05), 2.5)  # lamps have a size
    open_to_key = nx * kx + ny * ky + nz * kz
    lift = 1e-4 * (1.0 + t)
    x, y, z = x + lift * nx, y + lift * ny, z + lift * nz
    if open_to_key > 0.0 and light[at.KEY_G] > 0.0:
        far = distance - 2e-3 if light[at.KEY_POINT] > 0.0 else 2e3
        if blocked(scene, x, y, z, kx, ky, kz, far):
            strength = 0.0
    else:
        strength = 0.0
    opened = _openness(scene, tile, x, y, z, nx, ny, nz)
    if materials[m, at.PANORAMA] >= 0.0:  # its light is baked in: only what stands on it takes some away
        bright = (0.4 + 0.6 * opened) * (1.0 if strength > 0.0 or open_to_key <= 0.0 else 0.65)
        return bright * r, bright * g, bright * b
    key = strength * max(open_to_key, 0.0)
    fill = max(0.3 + 0.7 * (nx * light[at.FILL_X] + ny * light[at.FILL_Y] + nz * light[at.FILL_Z]), 0.0) * opened
    up = opened * (0.5 + 0.5 * ny)
    down = opened * (0.5 - 0.5 * ny)
    glow = materials[m, at.EMISSION]
    shine, mirror = 0.0, 0.0
    if materials[m, at.SHINE] > 0.0:
        hx, hy, hz = kx - vx, ky - vy, kz - vz
        size = math.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
        gloss = materials[m, at.GLOSS]
        half = (nx * hx + ny * hy + nz * hz) / size
        if strength > 0.0 and half > 0.0:
            shine = materials[m, at.SHINE] * strength * half**gloss * (gloss + 8.0) * 0.04
        grazing = 1.0 + (nx * vx + ny * vy + nz * vz)
        mirror = materials[m, at.SHINE] * (0.1 + 0.9 * grazing**4) * opened
    return (
        r * (key * light[at.KEY_R] + fill * light[at.FILL_R] + up * light[at.UP_R] + down * light[at.DOWN_R] + glow)
        + shine * light[at.KEY_R]
        + mirror * light[at.UP_R],
        g * (key * light[at.KEY_G] + fill * light[at.FILL_G] + up * light[at.UP_G] + down * light[at.DOWN_G] + glow)
        + shine * light[at.KEY_G]
        + mirror * light[at.UP_G],
        b * (key * light[at.KEY_B] + fill * light[at.FILL_B] + up * light[at.UP_B] + down * light[at.DOWN_B] + glow)
        + shine * light[at.KEY_B]
        + mirror * light[at.UP_B],
    )


@inlined
def _openness(scene: Scene, tile: Tile, x: float, y: float, z: float, nx: float, ny: float, nz: float) -> float:
    """Share of the ambient light that arrives past nearby objects (as balls) and into corners, by rule of thumb."""
    opened, strength = 1.0, scene.light[at.OCCLUSION]
    balls, planes = scene.occluders, scene.creases
    for k in range(tile.ball_count):
        i = tile.balls[tile.row, k]
        bx, by, bz = balls[i, 0] - x, balls[i, 1] - y, balls[i, 2] - z
        square = bx * bx + by * by + bz * bz
        radius = balls[i, 3] * balls[i, 3]
        if square > DIMMED * DIMMED * radius:
            continue
        toward = nx * bx + ny * by + nz * bz
        if toward > 0.0:
            opened *= 1.0 - strength * toward / math.sqrt(square) * min(radius / square, 1.0)
    for i in range(len(planes)):
        distance = planes[i, 0] * x + planes[i, 1] * y + planes[i, 2] * z - planes[i, 3]
        if distance > 5.0 * planes[i, 4]:
            continue
        away = 0.5 - 0.5 * (planes[i, 0] * nx + planes[i, 1] * ny + planes[i, 2] * nz)
        opened *= 1.0 - strength * away * math.exp(-max(distance, 0.0) / planes[i, 4])
    return opened
