"""Where a ray in a shape's local frame meets the shape: one small kernel a kind.

Each returns the smallest ray parameter beyond ``near``, or infinity. Directions need no unit length.
"""

from __future__ import annotations

import math

from sharp_cli.scenes import layout as at
from sharp_cli.scenes.compiling import inlined, kernel
from sharp_cli.scenes.layout import Doubles

STEPS = 256
"""Most steps toward a shape that is known by its distance only; a dozen do, but for rays along its surface."""
EVERY = (1 << 62) - 1
"""Bits of all capsules of a BLOB, which may have 62."""


@inlined
def hit_flat(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, outline: float, near: float) -> float:
    if dz == 0.0:
        return math.inf
    t = -oz / dz
    if not t > near:
        return math.inf
    x, y = ox + t * dx, oy + t * dy
    if outline == at.DISC:
        inside = x * x + y * y <= 1.0
    elif outline == at.TRIANGLE:
        inside = y >= -1.0 and 2.0 * abs(x) <= 1.0 - y
    else:
        inside = abs(x) <= 1.0 and abs(y) <= 1.0
    return t if inside else math.inf


@inlined
def hit_box(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, near: float) -> float:
    first, last = -math.inf, math.inf
    for o, d in ((ox, dx), (oy, dy), (oz, dz)):
        inverse = 1.0 / d if d != 0.0 else math.copysign(1e300, d)
        a, b = (-1.0 - o) * inverse, (1.0 - o) * inverse
        first, last = max(first, min(a, b)), min(last, max(a, b))
    if first > last or not last > near:
        return math.inf
    return first if first > near else last


@inlined
def hit_ball(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, near: float) -> float:
    a = dx * dx + dy * dy + dz * dz
    b = ox * dx + oy * dy + oz * dz
    # the distance from the center to the ray, not from the origin: exact for far small balls
    px, py, pz = ox - b / a * dx, oy - b / a * dy, oz - b / a * dz
    rest = 1.0 - (px * px + py * py + pz * pz)
    if rest < 0.0:
        return math.inf
    root = math.sqrt(rest / a)
    t = -b / a - root
    if t > near:
        return t
    t += 2.0 * root
    return t if t > near else math.inf


@inlined
def hit_cone(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, top: float, closed: float, near: float
) -> float:
    slope = 0.5 * (top - 1.0)
    radius, grows = 0.5 * (1.0 + top) + slope * oz, slope * dz
    a = dx * dx + dy * dy - grows * grows
    b = ox * dx + oy * dy - radius * grows
    c = ox * ox + oy * oy - radius * radius
    best = math.inf
    rest = b * b - a * c
    if rest >= 0.0 and a != 0.0:
        root = math.sqrt(rest)
        for sign in (-1.0, 1.0):
            t = (-b + sign * root) / a
            z = oz + t * dz
            if near < t < best and -1.0 <= z <= 1.0 and radius + t * grows >= 0.0:
                best = t
    if closed > 0.0 and dz != 0.0:
        for end, r in ((-1.0, 1.0), (1.0, top)):
            t = (end - oz) / dz
            x, y = ox + t * dx, oy + t * dy
            if near < t < best and x * x + y * y <= r * r:
                best = t
    return best


@inlined
def _to_capsule(x: float, y: float, z: float, capsules: Doubles, i: int) -> tuple[float, float, float, float]:
    """From the nearest place on a capsule's axis to a point, and how far along the axis that place is, in [0, 1]."""
    ax, ay, az = x - capsules[i, at.START_X], y - capsules[i, at.START_Y], z - capsules[i, at.START_Z]
    bx, by, bz = capsules[i, at.ALONG_X], capsules[i, at.ALONG_Y], capsules[i, at.ALONG_Z]
    h = min(max((ax * bx + ay * by + az * bz) * capsules[i, at.INVERSE_SQUARE], 0.0), 1.0)
    return ax - h * bx, ay - h * by, az - h * bz, h


@inlined
def blob_distance(
    x: float, y: float, z: float, capsules: Doubles, start: int, stop: int, blend: float, members: int
) -> float:
    """How far the smooth union of capsules ``start`` to ``stop`` is, at least, from a point.

    Of ``members``' bits, counted from ``start``, those that are 0 leave a capsule out.
    """
    total, sharpness = math.inf, 0.25 / blend
    for i in range(start, stop):
        if not (members >> (i - start)) & 1:
            continue
        ax, ay, az, h = _to_capsule(x, y, z, capsules, i)
        d = math.sqrt(ax * ax + ay * ay + az * az) - capsules[i, at.RADIUS] - h * capsules[i, at.GROWTH]
        closeness = max(blend - abs(total - d), 0.0)
        total = min(total, d) - sharpness * closeness * closeness
    return total


@kernel
def blob_gradient(
    x: float, y: float, z: float, capsules: Doubles, start: int, stop: int, blend: float
) -> tuple[float, float, float]:
    """Of :func:`blob_distance`."""
    total, gx, gy, gz = math.inf, 0.0, 0.0, 0.0
    for i in range(start, stop):
        ax, ay, az, h = _to_capsule(x, y, z, capsules, i)
        length = math.sqrt(ax * ax + ay * ay + az * az)
        d = length - capsules[i, at.RADIUS] - h * capsules[i, at.GROWTH]
        closeness = max(blend - abs(total - d), 0.0)
        share = 0.5 * closeness / blend  # of the farther one
        if d < total:
            share = 1.0 - share
        total = min(total, d) - 0.25 * closeness * closeness / blend
        if share > 0.0:
            part, lean = share / (length + 1e-300), 0.0
            if 0.0 < h < 1.0:  # a cone's side leans
                lean = share * capsules[i, at.GROWTH] * capsules[i, at.INVERSE_SQUARE]
            gx = (1.0 - share) * gx + part * ax - lean * capsules[i, at.ALONG_X]
            gy = (1.0 - share) * gy + part * ay - lean * capsules[i, at.ALONG_Y]
            gz = (1.0 - share) * gz + part * az - lean * capsules[i, at.ALONG_Z]
    return gx, gy, gz


@inlined
def _members_near(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, capsules: Doubles, start: int, stop: int
) -> tuple[int, float, float]:
    """Bits of the capsules that a ray passes near enough to matter for where it meets their smooth union.

    And the ray parameters from and up to which it does.
    """
    members, inverse, first, last = 0, 1.0 / (dx * dx + dy * dy + dz * dz), math.inf, -math.inf
    for i in range(start, stop):
        ax, ay, az = capsules[i, at.MIDDLE_X] - ox, capsules[i, at.MIDDLE_Y] - oy, capsules[i, at.MIDDLE_Z] - oz
        along = (ax * dx + ay * dy + az * dz) * inverse
        ax, ay, az = ax - along * dx, ay - along * dy, az - along * dz
        rest = capsules[i, at.SQUARE_REACH] - (ax * ax + ay * ay + az * az)
        if rest > 0.0:
            members |= 1 << (i - start)
            half = math.sqrt(rest * inverse)
            first, last = min(first, along - half), max(last, along + half)
    return members, first, last


@inlined
def round_distance(x: float, y: float, z: float, hx: float, hy: float, hz: float, radius: float) -> float:
    """Signed distance to a box of half sizes ``hx``, ``hy``, ``hz`` whose edges are rounded by ``radius``."""
    x, y, z = abs(x) - hx + radius, abs(y) - hy + radius, abs(z) - hz + radius
    outside = math.sqrt(max(x, 0.0) ** 2 + max(y, 0.0) ** 2 + max(z, 0.0) ** 2)
    return outside + min(max(x, max(y, z)), 0.0) - radius


@inlined
def round_gradient(
    x: float, y: float, z: float, hx: float, hy: float, hz: float, radius: float
) -> tuple[float, float, float]:
    """Of :func:`round_distance`, of any length."""
    a, b, c = abs(x) - hx + radius, abs(y) - hy + radius, abs(z) - hz + radius
    largest = max(a, max(b, c))
    if largest <= 0.0:
        a, b, c = a - largest + 1e-9, b - largest + 1e-9, c - largest + 1e-9
    return math.copysign(max(a, 0.0), x), math.copysign(max(b, 0.0), y), math.copysign(max(c, 0.0), z)


@kernel
def hit_distance(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float,
    is_blob: bool, params: Doubles, i: int, capsules: Doubles, near: float, far: float,
) -> float:  # fmt: skip
    """Step to a BLOB or a ROUND by its distance; ``far``: where the ray leaves the shape's bounds."""
    speed = math.sqrt(dx * dx + dy * dy + dz * dz)
    start, stop = int(params[i, 0]), int(params[i, 1])
    members, pace = EVERY, 0.95 / speed
    if is_blob:
        members, first, last = _members_near(ox, oy, oz, dx, dy, dz, capsules, start, stop)
        near, far = max(near, first), min(far, last)
        if near > far:
            return math.inf
    t = near
    for step in range(STEPS):
        x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
        if is_blob:
            d = blob_distance(x, y, z, capsules, start, stop, params[i, 2], members)
        else:
            d = round_distance(x, y, z, params[i, 0], params[i, 1], params[i, 2], params[i, 3])
        if abs(d) < 1e-4 * max(t * speed, 0.1) and step > 0:
            return t
        if d < 0.0 and step == 0:
            d = 1e-3  # a ray that starts within leaves through the inside
        t += pace * abs(d)
        if t > far:
            return math.inf
    return math.inf


@inlined
def height_at(heights: Doubles, start: int, columns: int, i: int, j: int) -> float:
    return heights[start + j * columns + i]


@kernel
def hit_terrain(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float,
    heights: Doubles, params: Doubles, shape: int, near: float, far: float,
) -> float:  # fmt: skip
    """Walk the grid's cells; within one the surface is bilinear, so the ray meets it at the root of a quadratic."""
    start, columns, rows = int(params[shape, 0]), int(params[shape, 1]), int(params[shape, 2])
    t = near + 1e-9
    x, z = ox + t * dx, oz + t * dz
    i = min(max(math.floor(x), 0), columns - 2)
    j = min(max(math.floor(z), 0), rows - 2)
    for _ in range(columns + rows):
        leave_x = ((i + 1 if dx > 0.0 else i) - ox) / dx if dx != 0.0 else math.inf
        leave_z = ((j + 1 if dz > 0.0 else j) - oz) / dz if dz != 0.0 else math.inf
        leave = min(leave_x, leave_z, far)
        h00, h10 = height_at(heights, start, columns, i, j), height_at(heights, start, columns, i + 1, j)
        h01, h11 = height_at(heights, start, columns, i, j + 1), height_at(heights, start, columns, i + 1, j + 1)
        if oy + min(t * dy, leave * dy) <= max(max(h00, h10), max(h01, h11)):
            found = _hit_patch(ox - i, oy, oz - j, dx, dy, dz, h00, h10 - h00, h01 - h00, h00 - h10 - h01 + h11)
            for candidate in found:
                if t - 1e-9 <= candidate <= leave + 1e-9 and candidate > near:
                    return candidate
        if leave >= far:
            return math.inf
        if leave_x < leave_z:
            i += 1 if dx > 0.0 else -1
        else:
            j += 1 if dz > 0.0 else -1
        if i < 0 or j < 0 or i > columns - 2 or j > rows - 2:
            return math.inf
        t = max(t, leave)
    return math.inf


@inlined
def _hit_patch(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, h: float, hx: float, hz: float, hxz: float
) -> tuple[float, float]:
    """Where y = h + hx·x + hz·z + hxz·x·z along the ray, in ascending order."""
    a = hxz * dx * dz
    b = hx * dx + hz * dz + hxz * (ox * dz + oz * dx) - dy
    c = h + hx * ox + hz * oz + hxz * ox * oz - oy
    if abs(a) < 1e-12:
        t = -c / b if b != 0.0 else math.inf
        return t, math.inf
    rest = b * b - 4.0 * a * c
    if rest < 0.0:
        return math.inf, math.inf
    q = -0.5 * (b + math.copysign(math.sqrt(rest), b))
    s, t = q / a, (c / q if q != 0.0 else math.inf)
    return min(s, t), max(s, t)
