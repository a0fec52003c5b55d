"""Small files of every kind that the readers know."""

from __future__ import annotations

import io
import struct
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

Family = Literal["splat", "photo", "weights", "cameras", "list"]
PICTURE = Path(__file__).parents[1] / "data" / "china.jpg"
CASES = PICTURE.with_name("cases") / "splats"
SAMPLES = ("minimal.ksplat", "minimal-v3.spz", "minimal-v4.spz", "pc_test.ply")
CAMERA_CASES = (
    "cam_angle_xy", "cam_applied", "cam_camera_path", "cam_distort_small", "cam_equirect", "cam_inria_cameras",
    "cam_opencv_fisheye", "cam_two_sizes",
)  # fmt: skip
BETWEEN = b"--images--"
"""Between the two files of a COLMAP model."""


def splat_files() -> dict[str, bytes]:
    """One small file of every splat format, and of every kind of .ply."""
    import numpy as np
    import torch
    from plyfile import PlyData, PlyElement

    from sharp_cli import Camera, Gaussians, write_ply, write_splat
    from sharp_cli.formats.ply_layout import PlyLayout
    from sharp_cli.formats.registry import FORMATS
    from sharp_cli.formats.spz import write_spz
    from sharp_cli.formats.stored import as_stored

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
        write_spz(Path(folder) / "four.spz", as_stored(curved), version=4)
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


def sound_files() -> dict[Family, dict[str, bytes]]:
    """Undamaged files by family and kind."""
    return {
        "splat": splat_files(),
        "photo": photo_files(),
        "weights": weights_files(),
        "cameras": camera_files(),
        "list": list_files(),
    }
