"""The whole processing chain on a synthetic scene whose 250 m truth is known.

The scene is written in the real file formats, prepared like any download, downscaled with the shipped model, written
as a product, and compared with its truth.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.arrays import Progress, silent
from srdanet.atomic import refuse_existing
from srdanet.downscaling.plan import ProductFiles, RunPlan, stem_of
from srdanet.grid import coordinates, geobox_of, nesting, refine
from srdanet.interpolation import interpolate
from srdanet.prepare import prepare
from srdanet.product.produce import produce
from srdanet.product.product import check_outputs
from srdanet.product.record import Origin
from srdanet.scene import Scene
from srdanet_simulator import Simulation, simulate, write
from srdanet_simulator.comparison import write_comparison


@dataclass(frozen=True)
class Demo:
    """What the demo leaves behind."""

    rasters: Mapping[int, str]
    """Per level (m), the GeoTIFF of temperature."""
    picture: str
    """1 km, 250 m and truth side by side."""
    provenance: str
    rmse: Mapping[str, float]
    """K at 250 m against the truth: the 1 km cells repeated, bicubic, SRDA-Net."""

    def lines(self) -> list[str]:
        """For people."""
        rows = [f"{level} m   {path}" for level, path in self.rasters.items()]
        errors = [f"  {name:16} {value:.2f} K" for name, value in self.rmse.items()]
        return [
            *rows,
            f"record  {self.provenance}",
            f"picture {self.picture}",
            "RMSE against the truth at 250 m",
            *errors,
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def run_demo(
    directory: str | os.PathLike[str],
    *,
    seed: int = 3,
    size: int = 64,
    model: str | Path = "default",
    overwrite: bool = False,
    command: Sequence[str] = ("srdanet", "demo"),
    progress: Progress = silent,
) -> Demo:
    """Simulate, prepare, downscale, write, compare.

    Args:
        directory: `granules/`, `scene.nc`, the product and `comparison.png` go here.
        seed: Which land.
        size: 1 km cells on a side.
        model: Same as in `downscale`.
        overwrite: Replace what an earlier demo left.
        command: What was typed, for the record.
        progress: Same as in `produce`.

    Raises:
        OutputError: when something of the same name exists and `overwrite` is off, or cannot be written.
        ModelError: when the model cannot be loaded.
    """
    folder = Path(directory)
    picture = folder / "comparison.png"
    refuse_existing([folder / "granules", folder / "scene.nc", picture], overwrite=overwrite)
    land = simulate(seed, size)
    stem = stem_of(land.geobox, land.time, land.day)
    check_outputs(folder, stem, RunPlan.of(land.geobox, to=250).levels.values(), overwrite=overwrite)
    write(land, folder / "granules", overwrite=overwrite)
    whole = prepare([folder / "granules"], tile=land.tile, date=land.date, day=land.day)
    scene = _part(whole, land.geobox)
    scene.save(folder / "scene.nc", overwrite=overwrite)
    files = produce(scene, folder, model=model, command=command, progress=progress, overwrite=overwrite).files
    origin = Origin(tile=str(land.tile), time=scene.when, day=land.day)
    return _compare(land, scene.lst["lst"], files, picture, origin, overwrite=overwrite)


def _part(scene: Scene, box: GeoBox) -> Scene:
    """The part of a scene over `box`: granules cover whole tiles, the simulation does not."""

    def cut(data: xr.Dataset) -> xr.Dataset:
        lies = nesting(box, geobox_of(data))
        rows, cols = (
            slice(start, start + n * lies.factor) for start, n in zip((lies.row, lies.col), box.shape, strict=True)
        )
        return data.isel(y=rows, x=cols).assign_coords(coordinates(refine(box, lies.factor)))

    return replace(scene, lst=cut(scene.lst), auxiliary=tuple(cut(data) for data in scene.auxiliary))


def _compare(
    land: Simulation,
    coarse: xr.DataArray,
    files: ProductFiles,
    picture: Path,
    origin: Origin,
    *,
    overwrite: bool,
) -> Demo:
    """Errors against the truth, and the picture."""
    with rasterio.open(files.rasters[250]["lst"]) as file:
        fine = np.asarray(file.read(1))
    ways = {
        "1 km repeated": interpolate(coarse.values, 4, "nearest"),
        "bicubic": interpolate(coarse.values, 4, "bicubic"),
        "SRDA-Net": fine,
    }
    # All are judged on the same cells: those that every one of them has.
    common = np.logical_and.reduce([np.isfinite(way) for way in ways.values()])
    rmse = {name: float(np.sqrt(np.mean((way - land.truth)[common] ** 2))) for name, way in ways.items()}
    grid = coordinates(refine(land.geobox, 4))
    panels = {"MODIS, 1 km": coarse}
    for heading, values in (("SRDA-Net, 250 m", fine), ("truth, 250 m", land.truth)):
        panels[heading] = xr.DataArray(values, dims=("y", "x"), coords=grid)
    write_comparison(picture, panels, origin=origin, overwrite=overwrite)
    rasters = {level: str(paths["lst"]) for level, paths in files.rasters.items()}
    return Demo(rasters, str(picture), str(files.provenance), rmse)
