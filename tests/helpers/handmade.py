"""Picture files and color profiles written byte by byte, so that no test asks Pillow what is right."""

from __future__ import annotations

import struct
import zlib

import numpy as np

D50 = np.array([0.9642, 1.0, 0.8249])
D65 = np.array([0.3127 / 0.3290, 1.0, (1 - 0.3127 - 0.3290) / 0.3290])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3_PRIMARIES = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))


def png(
    bits: int, color_type: int, samples: np.ndarray, chunks: tuple[tuple[bytes, bytes], ...] = (), late: bool = False
) -> bytes:
    """A PNG of (H, W, C) samples of 8 or 16 bits; extra chunks stand before the pixels, or after them."""
    height, width = samples.shape[:2]
    rows = samples.astype(">u2" if bits == 16 else "u1").reshape(height, -1)
    data = (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0))
    all_chunks = [header, data, *chunks] if late else [header, *chunks, data]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in [*all_chunks, (b"IEND", b"")]
    )


def tiff(width: int, height: int, pixels: bytes, bits: tuple[int, ...], photometric: int, **more: int) -> bytes:
    """A little-endian TIFF of one uncompressed strip; ``more`` are short values named ``tag_NUMBER``."""
    tags: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: bits,
        259: (1,),
        262: (photometric,),
        273: (8,),
        277: (len(bits),),
        278: (height,),
        279: (len(pixels),),
    }
    tags |= {int(name.removeprefix("tag_")): (value,) for name, value in more.items()}
    start = 8 + len(pixels) + len(pixels) % 2
    overflow = start + 2 + 12 * len(tags) + 4
    entries, extra = b"", b""
    for tag, values in sorted(tags.items()):
        kind, code = (3, "H") if tag not in (273, 279) else (4, "I")
        body = struct.pack(f"<{len(values)}{code}", *values)
        if len(body) > 4:
            entries += struct.pack("<HHII", tag, kind, len(values), overflow + len(extra))
            extra += body
        else:
            entries += struct.pack("<HHI4s", tag, kind, len(values), body)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", start) + pixels.ljust(start - 8, b"\0") + directory + extra


Value = int | str | bytes | tuple[int, int]


def exif(
    main: dict[int, Value],
    camera: dict[int, Value] | None = None,
    interop: dict[int, Value] | None = None,
    order: str = "<",
    stray: dict[int, int] | None = None,
) -> bytes:
    """An EXIF block from its TIFF header on; fractions are not reduced.

    Args:
        stray: tags whose value is said to lie at this offset.
    """
    block = b"II*\0" if order == "<" else b"MM\0*"
    block += struct.pack(order + "I", 8)
    directories = [dict(main), dict(camera or {}), dict(interop or {})]
    for directory, pointer in ((directories[0], 0x8769), (directories[1], 0xA005)):
        if (directory is directories[0] and camera) or (directory is directories[1] and interop):
            directory[pointer] = 0  # filled in when the place is known
    for directory in directories:
        if not directory:
            break
        overflow = len(block) + 2 + 12 * len(directory) + 4
        entries, extra = struct.pack(order + "H", len(directory)), b""
        values = {tag: _exif_value(value, order) for tag, value in directory.items()}
        extra_size = sum(len(body) + len(body) % 2 for _, _, body in values.values() if len(body) > 4)
        for tag, (kind, count, body) in sorted(values.items()):
            if tag in (0x8769, 0xA005) and directory[tag] == 0:
                kind, body = 4, struct.pack(order + "I", overflow + extra_size)
            if stray and tag in stray:
                body = struct.pack(order + "I", stray[tag])
            elif len(body) > 4:
                place, extra = overflow + len(extra), extra + body + b"\0" * (len(body) % 2)
                body = struct.pack(order + "I", place)
            entries += struct.pack(order + "HHI", tag, kind, count) + body.ljust(4, b"\0")
        block += entries + bytes(4) + extra
    return block


def _exif_value(value: Value, order: str) -> tuple[int, int, bytes]:
    """Type, count and bytes of a tag."""
    if isinstance(value, str):
        body = value.encode() + b"\0"
        return 2, len(body), body
    if isinstance(value, bytes):
        return 7, len(value), value
    if isinstance(value, tuple):
        return 5, 1, struct.pack(order + "II", *value)
    return (3, 1, struct.pack(order + "H", value)) if value < 1 << 16 else (4, 1, struct.pack(order + "I", value))


def jpeg_segments(data: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG with further segments (marker, body) right behind its start."""
    more = b"".join(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments)
    return data[:2] + more + data[2:]


def png_chunk(kind: bytes, body: bytes, checksum: int | None = None) -> bytes:
    return (
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body) if checksum is None else checksum)
    )


def cmyk_jpeg(blocks: list[tuple[int, int, int, int]], adobe_transform: int | None) -> bytes:
    """A JPEG of flat 8 × 8 blocks in one row, with four stored samples each.

    Only DC coefficients: with a quantizer of 8 everywhere, a block's DC is its sample minus 128.
    """

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    bits = ""
    before = [0, 0, 0, 0]
    for block in blocks:
        for component, sample in enumerate(block):
            difference = sample - 128 - before[component]
            before[component] = sample - 128
            size = abs(difference).bit_length()
            bits += f"{size:04b}"  # a code of 4 bits for each size
            if size:
                bits += f"{difference if difference > 0 else difference + 2**size - 1:0{size}b}"
            bits += "0"  # end of block
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")

    adobe = b"" if adobe_transform is None else segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([adobe_transform]))
    frame = struct.pack(">BHHB", 8, 8, 8 * len(blocks), 4) + b"".join(bytes([i, 0x11, 0]) for i in (1, 2, 3, 4))
    dc_table = b"\0" + bytes([0, 0, 0, 12] + [0] * 12) + bytes(range(12))
    ac_table = b"\x10" + bytes([1] + [0] * 15) + b"\0"
    start = b"\x04" + b"".join(bytes([i, 0]) for i in (1, 2, 3, 4)) + b"\0\x3f\0"
    tables = segment(0xDB, b"\0" + b"\x08" * 64) + segment(0xC0, frame) + segment(0xC4, dc_table + ac_table)
    return b"\xff\xd8" + adobe + tables + segment(0xDA, start) + scan + b"\xff\xd9"


def rgb_to_xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Linear RGB with a D65 white → XYZ, from the primaries' chromaticities."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    return columns * np.linalg.solve(columns, D65)


def adapt(white_from: np.ndarray, white_to: np.ndarray) -> np.ndarray:
    """Bradford's chromatic adaptation of XYZ."""
    return np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ white_to) / (BRADFORD @ white_from)) @ BRADFORD


def srgb_decode(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def srgb_encode(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def p3_to_srgb(values: np.ndarray) -> np.ndarray:
    """Display P3 0..255 (…, 3) → sRGB 0..255, not rounded."""
    matrix = np.linalg.solve(rgb_to_xyz(SRGB_PRIMARIES), rgb_to_xyz(P3_PRIMARIES))
    return 255 * srgb_encode(srgb_decode(values / 255) @ matrix.T)


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """CIE Lab (D50) → sRGB 0..255, not rounded."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    xyz = D50 * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    matrix = np.linalg.solve(rgb_to_xyz(SRGB_PRIMARIES), adapt(D50, D65))
    return 255 * srgb_encode(xyz @ matrix.T)


def _fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def _profile(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"handmade\0"
    described = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78,
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(*D50),
        b"cprt": b"text\0\0\0\0public domain\0",
    } | tags
    table, data = struct.pack(">I", len(described)), b""
    for name, body in described.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(described) + len(data), len(body))
        data += body.ljust(-(-len(body) // 4) * 4, b"\0")
    size = 128 + len(table) + len(data)
    header = struct.pack(">I4sI4s4s4s12s4s", size, b"none", 0x02400000, kind, space, pcs, b"\0" * 12, b"acsp")
    return (header.ljust(68, b"\0") + _fixed(*D50)).ljust(128, b"\0") + table + data


def p3_profile() -> bytes:
    """Display P3: its primaries, white D65, sRGB's curve."""
    columns = (adapt(D65, D50) @ rgb_to_xyz(P3_PRIMARIES)).T
    curve = b"para\0\0\0\0\0\x03\0\0" + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {
        name: b"XYZ \0\0\0\0" + _fixed(*xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
    }
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def gray_profile(gamma: float) -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve})


def ink_to_lab(inks: np.ndarray) -> np.ndarray:
    """The made-up press of :func:`cmyk_profile`: Lab falls and turns linearly with ink, (…, 4) in 0..1 → (…, 3)."""
    rates = np.array([[-20.0, -25.0, -5.0, -45.0], [-25.0, 35.0, -5.0, 0.0], [-25.0, -5.0, 40.0, 0.0]])
    return np.array([100.0, 0.0, 0.0]) + inks @ rates.T


def cmyk_profile() -> bytes:
    """A press profile whose table has only the 16 corners of ink space."""
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    lab = ink_to_lab(corners)
    table = np.rint(np.stack([lab[:, 0] * 652.8, (lab[:, 1] + 128) * 256, (lab[:, 2] + 128) * 256], axis=-1))
    lut = b"mft2\0\0\0\0" + bytes([4, 3, 2, 0]) + _fixed(*np.eye(3).ravel()) + struct.pack(">HH", 2, 2)
    lut += struct.pack(">HH", 0, 65535) * 4 + table.astype(">u2").tobytes() + struct.pack(">HH", 0, 65535) * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut})
