"""``.usdz``: OpenUSD's ``ParticleField3DGaussianSplat`` in a package. Write only; needs the extra ``usd``.

The stage is y up with meters as its unit, so positions and rotations are turned half around x.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sharp_cli.errors import SharpError, install_extra
from sharp_cli.formats.metadata import to_metadata, write_with_record
from sharp_cli.formats.stored import StoredSplat, check_some, half_turned


def write_usdz(path: str | PathLike[str], splat: StoredSplat, provenance: Mapping[str, str] | None = None) -> None:
    """Write a ``.usdz`` file; drops spherical harmonics. ``provenance`` goes into a record beside it.

    Raises:
        SharpError: the usd-core package is missing, or there is no Gaussian.
        OSError: the file cannot be written.
    """
    try:
        from pxr import Gf, Sdf, Usd, UsdGeom, UsdUtils, UsdVol, Vt
    except ImportError as error:
        raise SharpError(f"writing .usdz needs usd-core ({install_extra('usd')})") from error
    check_some(splat, path)
    columns = half_turned(splat).columns.to_write(max_degree=0)
    with TemporaryDirectory() as folder:
        layer = Path(folder) / "splat.usdc"
        stage = Usd.Stage.CreateNew(str(layer))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        field = UsdVol.ParticleField3DGaussianSplat.Define(stage, "/Splat")
        stage.SetDefaultPrim(field.GetPrim())
        prim = field.GetPrim()
        real_last = np.roll(columns.quats, -1, axis=1)
        values = {
            "positions": Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(columns.means)),
            "orientations": Vt.QuatfArray.FromNumpy(np.ascontiguousarray(real_last, np.float32)),
            "scales": Vt.Vec3fArray.FromNumpy(np.exp(columns.log_scales)),
            "opacities": Vt.FloatArray.FromNumpy(np.ascontiguousarray(columns.opacities)),
            "radiance:sphericalHarmonicsCoefficients": Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(columns.dc)),
        }
        for name, value in values.items():
            prim.GetAttribute(name).Set(value)
        prim.GetAttribute("radiance:sphericalHarmonicsDegree").Set(0)
        low, high = columns.means.min(axis=0), columns.means.max(axis=0)
        extent = Vt.Vec3fArray([Gf.Vec3f(*map(float, low)), Gf.Vec3f(*map(float, high))])
        prim.CreateAttribute("extent", Sdf.ValueTypeNames.Float3Array).Set(extent)
        stage.Save()
        package = Path(folder) / "splat.usdz"
        if not UsdUtils.CreateNewUsdzPackage(str(layer), str(package)):
            raise SharpError(f"cannot write {path}: OpenUSD could not pack it")
        write_with_record(Path(path), package.read_bytes(), to_metadata(splat, provenance))
