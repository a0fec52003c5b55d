"""Damaged .ply files and photos by the thousand: each must be read or refused in a sentence, soon, in little memory.

    python benchmarks/fuzz.py [--count 100000] [--seed 0] [--jobs 2]

Small files of every kind are flipped, cut, spliced and edited, then given to the readers in processes of their own.
Whatever else happens (another exception, a crash, a slow or a memory-hungry file, one left behind in the folder) is
listed, its file is kept for a closer look, and the exit code is 1. The same seed and index make the same file.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import random
import shutil
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

HANG_SECONDS = 60.0

# A few bytes may honestly claim a photo of 300 megapixels, the most that is opened; a splat's size is in its file.
MOST_SECONDS = {"splat": 2.0, "photo": 20.0}  # of processor time, which other work on the machine does not lengthen
MOST_BYTES = {"splat": 1 << 28, "photo": 6 << 30}

PICTURE = Path(__file__).parents[1] / "tests" / "data" / "china.jpg"

NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = (
    b"0", b"1", b"-1", b"255", b"1000000000", b"999999999999999999999", b"1e9", b"nan", b"inf", b"-inf", b"list",
    b"uchar", b"int", b"float", b"double", b"half", b"x", b"opacity", b"f_rest_0", b"vertex", b"face", b"element",
    b"property", b"comment", b"comment sharp image_size -3 0", b"end_header", b"ascii", b"binary_big_endian", b"\xff",
)  # fmt: skip


def splat_files() -> dict[str, bytes]:
    """One small .ply file of every kind."""
    import numpy as np
    import torch
    from plyfile import PlyData, PlyElement

    from sharp_cli import Camera, Gaussians, write_ply

    draw = torch.Generator().manual_seed(0)
    means, colors, quats = (torch.rand(7, k, generator=draw) for k in (3, 3, 4))
    splat = Gaussians(means, means / 9, quats, colors[:, 0], colors, Camera(64, 48, 60.0), {"weights": "none"})
    curved = replace(splat, sh=torch.randn(7, 3, 3, generator=draw))
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "splat.ply"
        for name, gaussians, layout in (
            ("standard", splat, "standard"), ("full", splat, "full"), ("sharp", splat, "sharp"),
            ("harmonics", curved, "standard"),
        ):  # fmt: skip
            write_ply(path, gaussians, layout)
            files[name] = path.read_bytes()
        write_ply(path, curved)
        vertex = PlyData.read(path, mmap=False)["vertex"]
        lists = np.empty(3, [("v", "O")])
        lists["v"] = [np.arange(i) for i in range(3)]
        face = PlyElement.describe(lists, "face", len_types={"v": "u1"}, val_types={"v": "i4"})
        for name, elements, form in (
            ("big", [vertex], {"byte_order": ">"}), ("ascii", [vertex], {"text": True}),
            ("faces", [face, vertex], {"byte_order": "<"}), ("ascii faces", [face, vertex], {"text": True}),
        ):  # fmt: skip
            PlyData(elements, **form).write(path)
            files[name] = path.read_bytes()
    return files


def photo_files() -> dict[str, bytes]:
    """One small photo of every kind that this Pillow can write."""
    import numpy as np
    from PIL import Image, ImageCms
    from PIL.ExifTags import IFD, Base

    with Image.open(PICTURE) as image:
        photo = image.convert("RGB").resize((40, 28))
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
    for name, (image, options) in kinds.items():
        stored = io.BytesIO()
        image.save(stored, **{"format": name.upper(), **options})
        files[name] = stored.getvalue()
    return files


def mutate(draw: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """The file after one to five injuries."""
    injured = bytearray(content)
    injuries = [flip, cut, splice, repeat, number, number]
    if content.startswith(b"ply"):
        injuries += [edit_header] * 3
    for _ in range(draw.choice((1, 1, 1, 2, 3, 5))):
        if injured:
            draw.choice(injuries)(draw, injured, others)
    if injured.startswith(b"\x89PNG") and draw.random() < 0.7:
        mend_checksums(injured)
    return bytes(injured)


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


def mend_checksums(content: bytearray) -> None:
    """Give every chunk of a PNG the checksum it should have, so that readers look at what is in it."""
    at = 8
    while at + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        if at + 12 + size > len(content):
            return
        struct.pack_into(">I", content, at + 8 + size, zlib.crc32(content[at + 4 : at + 8 + size]))
        at += 12 + size


def make_input(seed: int, index: int, bases: dict[str, dict[str, bytes]]) -> tuple[str, str, bytes]:
    """The family (splat or photo), the kind it came from, and the damaged file of an index."""
    draw = random.Random(seed * 1_000_000_007 + index)
    family = draw.choice(sorted(bases))
    kind = draw.choice(sorted(bases[family]))
    return family, kind, mutate(draw, bases[family][kind], list(bases[family].values()))


def read_splat(path: Path) -> None:
    """All that reads .ply files; what reads must be finite."""
    from sharp_cli.errors import SharpError
    from sharp_cli.formats.ply import read_facts, read_ply
    from sharp_cli.formats.summary import summarize

    with suppress(SharpError):  # it is stricter than read_ply
        read_facts(path)
    splat = read_ply(path)
    for part in (splat.means, splat.scales, splat.quats, splat.opacities, splat.colors, splat.sh):
        assert part is None or part.isfinite().all()
    summarize(path)


def read_picture(path: Path) -> None:
    """All that reads photos; what reads must be a picture."""
    from sharp_cli.photo import read_photo

    photo = read_photo(path)
    assert photo.pixels.shape == (photo.height, photo.width, 3)
    assert photo.pixels.size > 0
    assert 0 < photo.focal_px < float("inf")


READERS = {"splat": read_splat, "photo": read_picture}


def peak_bytes() -> int:
    """Most memory that this process has had; 0 where the system does not tell."""
    from sharp_cli.timing import peak_memory

    return peak_memory().get("process", 0)


def try_input(family: str, content: bytes, folder: Path) -> tuple[str, str]:
    """Give a file to its reader: ("accepted" or "refused", what is wrong about that or nothing)."""
    from sharp_cli.errors import SharpError

    path = folder / "input"
    path.write_bytes(content)
    memory, start = peak_bytes(), time.process_time()
    outcome, wrong = "accepted", ""
    try:
        READERS[family](path)
    except SharpError as error:
        outcome = "refused"
        if not str(error).startswith(str(path)) or "\n" in str(error):
            wrong = f"not a sentence about the file: {error}"
    except BaseException as error:
        line = traceback.extract_tb(error.__traceback__)[-1]
        wrong = f"{type(error).__name__}: {error} ({Path(line.filename).name}:{line.lineno})"
    if (spent := time.process_time() - start) > MOST_SECONDS[family]:
        wrong = wrong or f"slow: {spent:.1f} s of processor time"
    if (grown := peak_bytes() - memory) > MOST_BYTES[family]:
        wrong = wrong or f"memory: {grown / 1e9:.1f} GB"
    if left := [entry.name for entry in folder.iterdir() if entry != path]:
        wrong = wrong or f"left behind: {', '.join(left)}"
        shutil.rmtree(folder)
        folder.mkdir()
    return outcome, wrong


def work(seed: int, indices: range, bases: dict[str, dict[str, bytes]], current: Any, told: SimpleQueue[Any]) -> None:
    """A worker process: every input of its indices; what it is at stands in ``current``."""
    import torch

    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # image libraries complain there about every input
    tally: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "inputs"
        folder.mkdir()
        for index in indices:
            current.value = index
            family, _, content = make_input(seed, index, bases)
            outcome, wrong = try_input(family, content, folder)
            tally[family, outcome] += 1
            if wrong:
                told.put((index, wrong))
            if sum(tally.values()) == 50:  # a crash loses no more than these
                told.put(tally)
                tally = Counter()
    told.put(tally)
    current.value = -1


@dataclass
class Lane:
    """One worker after the other through every n-th index."""

    indices: range
    process: BaseProcess
    current: Any
    seen: tuple[int, float] = field(default_factory=lambda: (0, time.monotonic()))


def run(seed: int, count: int, jobs: int) -> tuple[Counter[tuple[str, str]], dict[int, str]]:
    """All inputs: how many of each family ended how, and what was found at which index."""
    context = multiprocessing.get_context("spawn")
    bases = {"splat": splat_files(), "photo": photo_files()}
    told: SimpleQueue[Any] = context.SimpleQueue()
    tally: Counter[tuple[str, str]] = Counter()
    found: dict[int, str] = {}

    def start(indices: range) -> Lane:
        current = context.Value("q", indices.start, lock=False)
        process = context.Process(target=work, args=(seed, indices, bases, current, told), daemon=True)
        process.start()
        return Lane(indices, process, current)

    lanes = [start(range(job, count, jobs)) for job in range(jobs)]
    while lanes or not told.empty():
        while not told.empty():
            message = told.get()
            if isinstance(message, Counter):
                tally += message
                show_progress(sum(tally.values()), count, len(found))
            else:
                found[message[0]] = message[1]
        time.sleep(0.1)
        for lane in list(lanes):
            at = int(lane.current.value)
            if at != lane.seen[0]:
                lane.seen = (at, time.monotonic())
            hangs = at >= 0 and time.monotonic() - lane.seen[1] > HANG_SECONDS
            if lane.process.is_alive() and not hangs:
                continue
            if hangs:
                lane.process.kill()
            lane.process.join()
            lanes.remove(lane)
            if at >= 0:
                found[at] = f"hangs for {HANG_SECONDS:g} s" if hangs else f"crash, exit code {lane.process.exitcode}"
                lanes.append(start(range(at + jobs, count, jobs)))
    show_progress(0, 0, 0)
    return tally, found


def show_progress(done: int, count: int, found: int) -> None:
    if sys.stderr.isatty():
        print(f"{done:,} of {count:,}, {found} findings" if count else " " * 60, end="\r", file=sys.stderr)


def keep_findings(seed: int, found: dict[int, str]) -> Path:
    """Write the files that were handled badly into a new folder."""
    folder = Path(tempfile.mkdtemp(prefix="sharp-fuzz-"))
    bases = {"splat": splat_files(), "photo": photo_files()}
    for index in sorted(found)[:100]:
        family, kind, content = make_input(seed, index, bases)
        (folder / f"{index}-{family}-{kind.replace(' ', '-')}").write_bytes(content)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    start = time.perf_counter()
    tally, found = run(options.seed, options.count, options.jobs)
    seconds = time.perf_counter() - start
    rate = options.count / seconds
    print(f"{options.count:,} damaged files (seed {options.seed}) in {seconds:.0f} s, {rate:.0f} a second")
    for (family, outcome), number_of in sorted(tally.items()):
        print(f"  {family} {outcome}: {number_of:,}")
    print(f"  findings: {len(found)}")
    if found:
        for index, wrong in sorted(found.items())[:20]:
            print(f"    {index}: {wrong}")
        print(f"  their files: {keep_findings(options.seed, found)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
