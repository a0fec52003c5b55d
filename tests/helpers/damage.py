"""Small files of every kind that the readers know, and damaged ones made from them."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tempfile
import zipfile
import zlib
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

Family = Literal["splat", "photo", "weights", "cameras", "list"]
SHARES: dict[Family, int] = {"splat": 8, "photo": 6, "weights": 2, "cameras": 3, "list": 1}

PICTURE = Path(__file__).parents[1] / "data" / "china.jpg"
CASES = PICTURE.with_name("cases") / "splats"
SAMPLES = ("minimal.ksplat", "minimal-v3.spz", "minimal-v4.spz", "pc_test.ply")
CAMERA_CASES = (
    "cam_angle_xy", "cam_applied", "cam_camera_path", "cam_distort_small", "cam_equirect", "cam_inria_cameras",
    "cam_opencv_fisheye", "cam_two_sizes",
)  # fmt: skip
BETWEEN = b"--images--"
"""Between the two files of a COLMAP model."""

NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = (
    b"0", b"1", b"-1", b"255", b"1000000000", b"999999999999999999999", b"1e9", b"nan", b"inf", b"-inf", b"list",
    b"uchar", b"int", b"float", b"double", b"half", b"x", b"opacity", b"f_rest_0", b"vertex", b"face", b"element",
    b"property", b"comment", b"comment sharp image_size -3 0", b"end_header", b"ascii", b"binary_big_endian", b"\xff",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, "", "x", "1", "OPENCV", "../../x", -1, 0, 1, 2, 65, 16383, 10**6, 10**9, 2**31, 2**63, 10**30,
    10**400, -0.5, 0.1, 1e-300, 1e-45, 1e9, 1e38, 1e300, float("nan"), float("inf"), float("-inf"), [], {}, [0], [[]],
    [1e300] * 4,    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], {"x": 1}, "9" * 5000, [0] * 256,
)  # fmt: skip


def splat_files() -> dict[str, bytes]:
    """One small file of every splat format, and of every kind of .ply."""
    import numpy as np
    import torch
    from plyfile import PlyData, PlyElement

    from sharp_cli import Camera, Gaussians, write_ply, write_splat
    from sharp_cli.formats.ply_layout import PlyLayout
    from sharp_cli.formats.registry import FORMATS
    from sharp_cli.formats.spz import write_spz

    draw = torch.Generator().manual_seed(0)
    means, colors, quats = (torch.rand(7, k, generator=draw) for k in (3, 3, 4))
    splat = Gaussians(means, means / 9, quats, colors[:, 0], colors, Camera(64, 48, 60.0), {"weights": "none"})
    curved = replace(splat, sh=torch.randn(7, 3, 3, generator=draw))
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "splat.ply"
        for layout in get_args(PlyLayout):
            write_ply(path, splat, layout)
            files[f"{layout}.ply"] = path.read_bytes()
        for form in FORMATS:
            if form.reader and form.writer and form.suffix != ".ply":
                other = Path(folder) / f"splat{form.suffix}"
                write_splat(other, splat if form.suffix == ".splat" else curved)
                files[other.name] = other.read_bytes()
        write_spz(Path(folder) / "four.spz", curved, version=4)
        files["four.spz"] = (Path(folder) / "four.spz").read_bytes()
        write_ply(path, curved)
        files["harmonics.ply"] = path.read_bytes()
        vertex = PlyData.read(path, mmap=False)["vertex"]
        lists = np.empty(3, [("v", "O")])
        lists["v"] = [np.arange(i) for i in range(3)]
        face = PlyElement.describe(lists, "face", len_types={"v": "u1"}, val_types={"v": "i4"})
        for name, elements, options in (
            ("big", [vertex], {"byte_order": ">"}), ("ascii", [vertex], {"text": True}),
            ("faces", [face, vertex], {"byte_order": "<"}), ("ascii faces", [face, vertex], {"text": True}),
        ):  # fmt: skip
            PlyData(elements, **options).write(path)
            files[f"{name}.ply"] = path.read_bytes()
    return files | {name: (CASES / name).read_bytes() for name in SAMPLES}


def photo_files() -> dict[str, bytes]:
    """One small photo of every kind that this Pillow can write."""
    import numpy as np
    from PIL import Image, ImageCms
    from PIL.ExifTags import IFD, Base

    with Image.open(PICTURE) as opened:
        photo = opened.convert("RGB").resize((40, 28))
    deep = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    exif.get_ifd(IFD.Exif).update({Base.FocalLength: 4.2, Base.FocalLengthIn35mmFilm: 26})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    about: dict[str, Any] = {"exif": exif, "icc_profile": profile}
    pages: dict[str, Any] = {"save_all": True, "append_images": [photo.rotate(180)]}
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "jpeg": (photo, about),
        "jpeg progressive": (photo, {"format": "JPEG", "progressive": True}),
        "jpeg cmyk": (photo.convert("CMYK"), {"format": "JPEG"}),
        "png": (photo, about),
        "png 16": (deep, {"format": "PNG"}),
        "png palette": (photo.quantize(16), {"format": "PNG", "transparency": 3}),
        "png alpha": (photo.convert("LA"), {"format": "PNG"}),
        "webp": (photo, about),
        "webp lossless": (photo.convert("RGBA"), {"format": "WEBP", "lossless": True}),
        "tiff": (photo, {**about, **pages}),
        "tiff 16": (deep, {"format": "TIFF"}),
        "tiff lzw": (photo, {"format": "TIFF", "compression": "tiff_lzw"}),
        "tiff jpeg": (photo, {"format": "TIFF", "compression": "jpeg"}),
        "avif": (photo, about),
        "bmp": (photo, {}),
        "bmp palette": (photo.quantize(16), {"format": "BMP"}),
        "gif": (photo, pages),
    }
    try:
        from pillow_heif import register_heif_opener

        register_heif_opener()
        kinds["heif"] = (photo, about)
    except ImportError:
        pass
    files = {}
    for name, (picture, options) in kinds.items():
        stored = io.BytesIO()
        picture.save(stored, **{"format": name.upper(), **options})
        files[name] = stored.getvalue()
    return files


def weights_files() -> dict[str, bytes]:
    """Weights of a tiny network in every form that is read; pickles hold no config, so their reader needs it."""
    import torch

    from sharp_cli.weights.write import write_weights

    config, tensors = tiny_network()
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights"
        whole = {name: torch.zeros(tensor.shape) for name, tensor in tensors.items()}
        write_weights(path, whole, config, {"name": "tiny"}, torch.float16)
        files["tiny.safetensors"] = path.read_bytes()
        for name, zipped in (("zip.pt", True), ("legacy.pt", False)):
            torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
            files[name] = path.read_bytes()
    return files


def tiny_network() -> tuple[Any, dict[str, Any]]:
    """The config of the smallest network, and tensors of one value each, shown many times."""
    import torch

    from sharp_cli.model.checkpoint import expected_shapes
    from sharp_cli.model.config import SharpConfig

    config = SharpConfig(128, 16, 8, 2, 1, (0, 1), (8, 8, 8, 8, 8), 16, 16, 8, 8)
    return config, {name: torch.zeros(()).expand(shape) for name, shape in expected_shapes(config).items()}


def camera_files() -> dict[str, bytes]:
    """Camera files of other tools: JSON, and COLMAP's two files in one."""
    files = {f"{name}.json": (CASES / f"{name}.json").read_bytes() for name in CAMERA_CASES}
    cameras = struct.pack("<QiiQQ8d", 1, 1, 4, 200, 150, 150, 150, 100, 75, 0.1, 0, 0, 0)
    image = struct.pack("<i7di", 1, 1, 0, 0, 0, 0, 0, 0, 1) + b"a.png\0" + struct.pack("<Q", 1) + bytes(24)
    files["colmap.bin"] = cameras + BETWEEN + struct.pack("<Q", 2) + image + image.replace(b"a.png", b"b.png")
    files["colmap.txt"] = b"# cameras\n1 OPENCV 200 150 150 150 100 75 0.1 0 0 0\n" + BETWEEN
    files["colmap.txt"] += b"# images\n1 1 0 0 0 0 0 0 1 a.png\n\n2 1 0 0 0 0 0 1 1 b.png\n1 2 -1\n"
    return files


def list_files() -> dict[str, bytes]:
    """Lists of file names in every encoding that is read."""
    text = "a.jpg\nfolder/b.jpg\nÄ ö.png\n"
    return {
        "utf8": text.encode(),
        "bom": text.encode("utf-8-sig"),
        "utf16": text.encode("utf-16"),
        "cr": text.replace("\n", "\r").encode(),
        "null": text.replace("\n", "\0").encode(),
    }


def mutate(draw: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """The file after one to five kinds of damage, half of the time to what a container holds."""
    if content.startswith(b"\x1f\x8b") and draw.random() < 0.6:
        return gzip.compress(mutate(draw, gzip.decompress(content), others), 1)
    if content.startswith(b"PK\3\4") and draw.random() < 0.6:
        return mutate_zip(draw, content, others)
    if content.startswith((b"{", b"[")) and draw.random() < 0.6:
        return mutate_json(draw, content)
    damaged = bytearray(content)
    changes = [flip, cut, splice, repeat, number, number]
    if content.startswith(b"ply"):
        changes += [edit_header] * 3
    for _ in range(draw.choice((1, 1, 1, 2, 3, 5))):
        if damaged:
            draw.choice(changes)(draw, damaged, others)
    if damaged.startswith(b"\x89PNG") and draw.random() < 0.7:
        fix_checksums(damaged)
    return bytes(damaged)


def mutate_zip(draw: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """A sound archive of which one member is damaged, or lost, or compressed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    names = list(members)
    chosen = draw.choice(names if draw.random() < 0.5 else names[:1])
    members[chosen] = mutate(draw, members[chosen], [members[chosen], *others])
    if draw.random() < 0.05:
        del members[chosen]
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if draw.random() < 0.1 else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, inner in members.items():
            archive.writestr(zipfile.ZipInfo(name), inner, method)
    return buffer.getvalue()


def mutate_json(draw: random.Random, content: bytes) -> bytes:
    """JSON of which one to three values are of another kind, or far out of range, or missing."""
    document = json.loads(content)
    for _ in range(draw.choice((1, 1, 2, 3))):
        at = document
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw.choice(keys)
            if isinstance(at[key], dict | list) and at[key] and draw.random() < 0.85:
                at = at[key]
                continue
            if draw.random() < 0.15:
                del at[key]
            else:
                at[key] = deepcopy(draw.choice(VALUES))  # later changes must not reach the table
            break
    return json.dumps(document).encode()


def place(draw: random.Random, content: bytearray) -> int:
    """Somewhere in a file, often near its beginning, where the facts are."""
    return draw.randrange(min(len(content), 400) if draw.random() < 0.4 else len(content))


def flip(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    for _ in range(draw.choice((1, 1, 2, 8))):
        content[place(draw, content)] ^= 1 << draw.randrange(8)


def cut(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    if draw.random() < 0.5:
        del content[place(draw, content) :]
    else:
        start = place(draw, content)
        del content[start : start + draw.choice((1, 2, 4, 16, 100))]


def splice(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    other = draw.choice(others)
    start, at = draw.randrange(len(other)), place(draw, content)
    piece = other[start : start + draw.choice((4, 16, 64, 400))]
    content[at : at + draw.choice((0, len(piece)))] = piece


def repeat(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    start, at = place(draw, content), place(draw, content)
    content[at:at] = content[start : start + draw.choice((1, 8, 60, 300))] * draw.choice((1, 1, 2, 40))


def number(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    size, at = draw.choice((1, 2, 4, 8)), place(draw, content)
    value = draw.choice((*NUMBERS, draw.getrandbits(32))) % (1 << 8 * size)
    content[at : at + size] = value.to_bytes(size, draw.choice(("little", "big")))


def edit_header(draw: random.Random, content: bytearray, others: list[bytes]) -> None:
    """Change, drop, double, move or add a line or word of a .ply header."""
    header, mark, body = bytes(content).partition(b"end_header")
    lines = header.split(b"\n")
    at, to = draw.randrange(len(lines)), draw.randrange(len(lines))
    words = lines[at].split() or [b""]
    match draw.randrange(6):
        case 0:
            words[draw.randrange(len(words))] = draw.choice(WORDS)
            lines[at] = b" ".join(words)
        case 1:
            del lines[at]
        case 2:
            lines.insert(to, lines[at])
        case 3:
            lines[at], lines[to] = lines[to], lines[at]
        case 4:
            lines.insert(to, b" ".join(draw.choice(WORDS) for _ in range(draw.randrange(1, 6))))
        case 5:
            lines.insert(
                to, b"property list " + b" ".join(draw.choice((b"uchar", b"int", b"float", b"l")) for _ in "abc")
            )
    content[:] = b"\n".join(lines) + mark + body


def fix_checksums(content: bytearray) -> None:
    """Give every chunk of a PNG the checksum it should have, so that readers look at what is in it."""
    at = 8
    while at + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        if at + 12 + size > len(content):
            return
        struct.pack_into(">I", content, at + 8 + size, zlib.crc32(content[at + 4 : at + 8 + size]))
        at += 12 + size


def sound_files() -> dict[Family, dict[str, bytes]]:
    """Undamaged files by family and kind."""
    return {
        "splat": splat_files(),
        "photo": photo_files(),
        "weights": weights_files(),
        "cameras": camera_files(),
        "list": list_files(),
    }


def make_input(seed: int, index: int, bases: dict[Family, dict[str, bytes]]) -> tuple[Family, str, bytes]:
    """The family, the kind it was made from (often a file name), and the damaged file of an index."""
    draw = random.Random(seed * 1_000_000_007 + index)
    (family,) = draw.choices([*SHARES], [*SHARES.values()])
    kind = draw.choice(sorted(bases[family]))
    return family, kind, mutate(draw, bases[family][kind], list(bases[family].values()))
