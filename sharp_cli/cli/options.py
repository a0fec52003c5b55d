"""Options of the commands. They stand here so that a command reads as what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sharp_cli.cameras.names import LookAt, Trajectory
from sharp_cli.cli.choices import (
    Device,
    ExportFormat,
    OutputFormat,
    PlyLayout,
    Precision,
    RenderDevice,
    Stereo,
    VideoFormat,
)
from sharp_cli.gaussians.axes import Axes, Up

OUTPUT, BATCH, NETWORK, PHOTO, CAMERA, PICTURE = "Output", "Batch", "Network", "Photo", "Camera", "Picture"
FIT = "Fitting"
"""Groups of ``--help``."""


def option(panel: str, help: str, *names: str, **limits: Any) -> Any:
    """A typer option in a group of ``--help``."""
    return typer.Option(*names, help=help, rich_help_panel=panel, **limits)


# Of several commands


def known_weights(incomplete: str) -> list[str]:
    """Names for shell completion."""
    from sharp_cli.weights.catalog import KNOWN

    return [name for name in KNOWN if name.startswith(incomplete)]


Weights = Annotated[
    str,
    option(
        NETWORK,
        "Known weights (`sharp weights list`), or a .safetensors or .pt file.",
        autocompletion=known_weights,
    ),
]
NetworkDevice = Annotated[
    Device, option(NETWORK, "Where to run; auto is CUDA, else MPS, else CPU.", case_sensitive=False)
]
NetworkPrecision = Annotated[
    Precision, option(NETWORK, "Number format of the backbone; auto is the fastest faithful one.", case_sensitive=False)
]

Overwrite = Annotated[
    bool,
    option(
        OUTPUT,
        "Make again what is done, and replace files of other tools. Without it, results already made from the same "
        "input with the same settings are skipped.",
        "--overwrite",
    ),
]
DryRun = Annotated[bool, option(BATCH, "Print what would be done, and do nothing.", "--dry-run")]
JsonFile = Annotated[
    Path | None,
    option(
        BATCH,
        "Keep a record of the run: inputs, outputs, timings, errors. - prints events as lines of JSON during the run.",
        "--json",
        metavar="FILE",
    ),
]
Timings = Annotated[bool, option(BATCH, "Print seconds per stage for every input.", "--timings")]
FailFast = Annotated[bool, option(BATCH, "Stop after the first input that fails.", "--fail-fast")]
ShardOf = Annotated[
    str | None,
    option(
        BATCH,
        "Work on one of N equal parts of the inputs, 0/N to N-1/N. auto takes it from Slurm, Kubernetes, AWS Batch or "
        "torchrun.",
        "--shard",
        metavar="I/N|auto",
    ),
]
RayAddress = Annotated[
    str | None,
    option(
        BATCH,
        "Work on a Ray cluster that sees the same files: local (this machine), auto (the cluster running here), or its "
        "address.",
        "--ray",
        metavar="local|auto|ADDRESS",
    ),
]
RayCpus = Annotated[
    float | None, option(BATCH, "Cores of each Ray worker. Default: up to 4, or 1 beside a GPU.", "--ray-cpus", min=0.1)
]
RayGpus = Annotated[
    float | None,
    option(BATCH, "GPUs of each Ray worker; 0.5 puts two on one. Default: 1 if there are any.", "--ray-gpus", min=0),
]
Quiet = Annotated[bool, option(BATCH, "Print failures only.", "--quiet", "-q")]

# Of convert

Photos = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Photos, folders (searched recursively), patterns, https:// addresses, or - for a photo or a list on "
        "stdin.",
    ),
]
SplatOut = Annotated[
    Path | None,
    option(
        OUTPUT,
        "A file for one photo (.ply, .sog, .spz, …; see `sharp formats`), else a folder that mirrors the inputs'. "
        "- is stdout. Default: beside each photo.",
        *("--out", "-o"),
    ),
]
Layout = Annotated[
    PlyLayout,
    option(
        OUTPUT,
        "standard opens everywhere; full adds normals and harmonics for old viewers, sharp the published tool's "
        "extra elements.",
    ),
]
FileAxes = Annotated[
    Axes,
    option(
        OUTPUT,
        "Axes of the files: opencv is y down, z forward; opengl is y up, z backward, and the file says so. .glb and "
        ".usdz are always y up.",
        "--axes",
    ),
]
PhotoFormat = Annotated[
    OutputFormat | None, option(OUTPUT, "Format of the splats. Default: by OUT's suffix, else ply.", "--format")
]
MaxGaussians = Annotated[
    int | None,
    option(FIT, "At most this many: merges neighbors, then drops the least important.", "--max-gaussians", min=1),
]
MinOpacity = Annotated[float, option(FIT, "Drop more transparent Gaussians.", "--min-opacity", min=0, max=1)]
Crop = Annotated[
    str | None,
    option(FIT, "Keep a box: x,y,z,x,y,z [m], smallest corner first; or a distance in meters.", metavar="BOX|M"),
]
MaxDepth = Annotated[float | None, option(FIT, "Drop what lies farther along the view [m].", min=1e-6)]
FilmToo = Annotated[bool, option(OUTPUT, "Also render each splat: the default orbit of `sharp render`.", "--render")]
PreviewFilm = Annotated[
    bool, option(OUTPUT, "Also render a small film of 2 seconds at little cost, for a first look.", "--preview-film")
]
OpenViewer = Annotated[bool, option(OUTPUT, "Show the splat in the viewer when it is done, for one photo.", "--open")]
LowVram = Annotated[bool, option(NETWORK, "Run part by part, for devices with little memory.", "--low-vram")]
FocalPx = Annotated[
    float | None, option(PHOTO, "Focal length in pixels. Default: from EXIF, else 30 mm equivalent.", min=0.001)
]
FocalMm = Annotated[float | None, option(PHOTO, "Focal length in mm, 35 mm equivalent.", min=0.001)]
Fov = Annotated[float | None, option(PHOTO, "Horizontal field of view in degrees.", min=0.001, max=179.9)]
EveryFrame = Annotated[int, option(PHOTO, "Of a video, take every N-th frame.", "--every", metavar="N", min=1)]
PhotoBackground = Annotated[str, option(PHOTO, "Color behind transparent photos: a name or #rrggbb.", "--background")]

# Of export

ExportOut = Annotated[
    Path | None,
    option(
        OUTPUT, "A file for one splat, else a folder that mirrors the inputs'. Default: beside each.", "--out", "-o"
    ),
]
ExportTo = Annotated[
    ExportFormat | None, option(OUTPUT, "Format of the results. Default: by OUT's suffix, else html.", "--format")
]
Exported = Annotated[
    list[str],
    typer.Argument(
        metavar="SCENE... [OUT]", help="Splats, folders (searched recursively), patterns, or - for a list on stdin."
    ),
]

# Of render

Splats = Annotated[
    list[str],
    typer.Argument(
        metavar="SCENE...", help="Splats, folders (searched recursively), patterns, or - for a list on stdin."
    ),
]
FilmOut = Annotated[
    Path | None,
    option(
        OUTPUT,
        "A .mp4, .gif or .webp file, or a folder for frames, for one splat; else a folder that mirrors the "
        "inputs'. Default: beside each splat.",
        *("--out", "-o"),
    ),
]
Format = Annotated[VideoFormat | None, option(OUTPUT, "png is a folder of frames. Default: by OUT's suffix, else mp4.")]
Depth = Annotated[
    bool, option(OUTPUT, "Also render the depth: near is bright; for png, 16-bit millimeters.", "--depth")
]
CameraPath = Annotated[Trajectory, option(CAMERA, "The camera's path around the photo's view.", "--trajectory")]
Seconds = Annotated[float, option(CAMERA, "Length of one round.", min=0.001, max=3600)]
Fps = Annotated[float, option(CAMERA, "Frames per second.", min=0.1, max=240)]
Repeat = Annotated[int, option(CAMERA, "Rounds.", min=1, max=1000)]
MaxDisparity = Annotated[
    float,
    option(CAMERA, "How far the nearest content moves, in picture diagonals; safe up to 0.08.", min=0, max=10),
]
MaxZoom = Annotated[
    float, option(CAMERA, "How far to move toward the nearest content; safe up to 0.15.", min=0, max=0.99)
]
Look = Annotated[LookAt, option(CAMERA, "Turn to the focus point, or look straight ahead.", "--look-at")]
Cameras = Annotated[
    Path | None,
    option(
        CAMERA,
        "Use the cameras of a file: transforms.json or camera_path.json (nerfstudio), cameras.json (3D Gaussian "
        "Splatting), or a COLMAP folder.",
        metavar="FILE|FOLDER",
    ),
]
UpAxis = Annotated[
    Up | None,
    option(
        CAMERA, "World axis that points up, for splats without a camera. Default: as the file says, else -y.", "--up"
    ),
]
Scale = Annotated[float, option(CAMERA, "Meters per unit of the splat, for --depth and --stereo.", min=1e-9, max=1e9)]
SaveCameras = Annotated[
    Path | None, option(CAMERA, "Write the cameras as a transforms.json, for one splat.", metavar="FILE")
]
PictureSize = Annotated[
    str | None,
    option(
        PICTURE,
        "Long side, or both sides; with --stereo, of each eye. Default: the photo's, at most 1920.",
        "--size",
        metavar="PX|WxH",
    ),
]
SplatBackground = Annotated[str, option(PICTURE, "Color behind the splat: a name or #rrggbb.", "--background")]
Alpha = Annotated[bool, option(PICTURE, "Transparent pictures: png, which is then the default, or webp.", "--alpha")]
StereoLayout = Annotated[
    Stereo | None,
    option(PICTURE, "sbs: two eyes side by side, for headsets: twice as wide as --size.", "--stereo"),
]
Ipd = Annotated[float, option(PICTURE, "Distance between the eyes in meters.", min=0, max=1000)]
FilmDevice = Annotated[
    RenderDevice,
    option(
        PICTURE,
        "Where to render; auto is CUDA with gsplat, another GPU by WebGPU, else the CPU.",
        "--device",
        case_sensitive=False,
    ),
]
