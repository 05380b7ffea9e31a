"""LST on another grid, in a way that shifts no cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from pyproj.exceptions import CRSError
from rasterio.warp import Resampling, reproject

from srdanet.errors import ArgumentError, GridError
from srdanet.flags import FLAGS, GAP_NEAR, NO_INPUT
from srdanet.grid import coordinates, ground_cell, metres_per_unit

_COARSER = 1.5
"""Ratio of cell sizes from which on the cells of another grid are means instead of the nearest cell."""
_CHUNK = 512


def other_grid(own: GeoBox, crs: str, res: float | None = None) -> GeoBox:
    """The grid of another CRS that covers a grid.

    Args:
        own: The grid to cover.
        crs: Such as `EPSG:32631`.
        res: Cell size in units of `crs`; about that of `own` when None.

    Raises:
        ArgumentError: when `crs` is unknown, or `res` is not above 0.
    """
    try:
        target = CRS(crs)
    except (CRSError, ValueError) as error:
        raise ArgumentError(f"{crs!r} is no CRS", where="crs", todo="Write it like EPSG:32631.") from error
    if res is None:
        res = ground_cell(own) / metres_per_unit(target)
    if not res > 0:
        raise ArgumentError(f"a cell size of {res} is not above 0", where="res", todo="Give metres, or degrees.")
    return own.to_crs(target, resolution=res)  # type: ignore[arg-type]


def on_other_grid(data: xr.Dataset, source: GeoBox, target: GeoBox) -> xr.Dataset:
    """A product on another grid.

    Cells take the value of the nearest cell: nothing is smoothed, and no value lies farther from its place than half a
    cell. Where cells of `target` are 1.5 times larger or more, they are means: of emitted energy (T^4), of variances,
    and each flag that any of their cells has.

    Args:
        data: `lst` (y, x) K and, as far as known, `lst_uncertainty` and `quality`.
        source: Its grid.
        target: Another grid; cells outside the product are missing and have the flag `no_input`. The mean of a cell
            of which a part is missing has `gap_near`.
    """
    if ground_cell(target) >= _COARSER * ground_cell(source):
        out = _means(data, source, target)
    else:
        out = _nearest(data, source, target)
    if "quality" in out and "lst" in out:
        missing, partly = np.isnan(out["lst"]), out["quality"] & NO_INPUT.mask > 0
        partly &= ~missing
        out["quality"][partly] = out["quality"][partly] & ~np.uint8(NO_INPUT.mask) | GAP_NEAR.mask
        out["quality"][missing] = NO_INPUT.mask
    return xr.Dataset({n: (("y", "x"), v) for n, v in out.items()}, coords=coordinates(target))


def crs_of(box: GeoBox) -> CRS:
    """The CRS of a grid that has one.

    Raises:
        GridError: when it has none.
    """
    if box.crs is None:
        raise GridError("has no CRS", todo="Make the product again.")
    return box.crs


def _nearest(data: xr.Dataset, source: GeoBox, target: GeoBox) -> dict[str, NDArray[Any]]:
    """The cell in which each centre lies, computed place by place: GDAL interpolates places, to an eighth of a cell."""
    to_source = Transformer.from_crs(crs_of(target).proj, crs_of(source).proj, always_xy=True)
    out: dict[str, NDArray[Any]] = {
        str(n): np.full(target.shape, 0 if n == "quality" else np.nan, layer.dtype) for n, layer in data.items()
    }
    height, width = source.shape
    for top in range(0, target.shape[0], _CHUNK):
        strip = slice(top, min(top + _CHUNK, target.shape[0]))
        rows, cols = np.mgrid[strip, : target.shape[1]] + 0.5
        x, y = to_source.transform(*(target.affine * (cols, rows)))
        with np.errstate(invalid="ignore"):
            col, row = (np.floor(axis) for axis in ~source.affine * (np.asarray(x), np.asarray(y)))
            inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        at = row[inside].astype(np.int64), col[inside].astype(np.int64)
        for name, values in out.items():
            values[strip][inside] = data[name].values[at]
    return out


def _means(data: xr.Dataset, source: GeoBox, target: GeoBox) -> dict[str, NDArray[Any]]:
    """Means over the cells that each cell covers, by area; flags that any of them has."""
    out: dict[str, NDArray[Any]] = {}
    for name, power in (("lst", 4.0), ("lst_uncertainty", 2.0)):
        if name in data:
            found = np.full(target.shape, np.nan, np.float64)
            _warp(data[name].values.astype(np.float64) ** power, found, source, target, Resampling.average, np.nan)
            out[name] = (found ** (1 / power)).astype(np.float32)
    if "quality" in data:
        out["quality"] = np.zeros(target.shape, np.uint8)
        for flag in FLAGS:
            some = np.zeros(target.shape, np.uint8)
            held = ((data["quality"].values & flag.mask) > 0).astype(np.uint8)
            _warp(held, some, source, target, Resampling.max, None)
            out["quality"] |= np.where(some > 0, flag.mask, 0).astype(np.uint8)
    return out


def _warp(
    values: NDArray[Any], out: NDArray[Any], source: GeoBox, target: GeoBox, how: Resampling, nodata: float | None
) -> None:
    reproject(
        values, out, src_transform=source.affine, src_crs=crs_of(source).to_wkt(), dst_transform=target.affine,
        dst_crs=crs_of(target).to_wkt(), src_nodata=nodata, dst_nodata=nodata, resampling=how, tolerance=0.01,
    )  # fmt: skip
