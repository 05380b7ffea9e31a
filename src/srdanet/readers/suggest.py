"""A grid in metres for an image in degrees, so that it can be downscaled."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError, GridError
from srdanet.grid import GRID_LEFT, GRID_TOP, SINUSOIDAL, SPHERE_RADIUS, Level, geobox_of
from srdanet.readers.resampling import corners

_NEAR = 0.12
"""A cell this close (relative) to a MODIS level is taken for one."""
_REPEATED = 1.5
"""Usual run of equal neighbours from which an image counts as replicated from a coarser one."""


def repeats(data: xr.DataArray) -> tuple[float, float]:
    """How many equal neighbours an image usually has in a row: (down, across), the median.

    1 for measured values. An image replicated n times by nearest neighbour has about
    n across; down it may have fewer, where the coarse grid is sheared.
    """
    values = np.asarray(data.transpose("y", "x").values)
    return _run(values.T), _run(values)


def _run(lines: NDArray[np.floating]) -> float:
    """Median length of the runs of equal values along the rows of an image, missing ones left out."""
    lengths = []
    for line in lines:
        starts = np.flatnonzero(np.concatenate([[True], (line[1:] != line[:-1]) & ~np.isnan(line[1:] + line[:-1])]))
        runs = np.diff(np.append(starts, line.size))
        lengths.append(runs[np.isfinite(line[starts])])
    every = np.concatenate(lengths)
    return float(np.median(every)) if every.size else 1.0


def suggest_grid(data: xr.DataArray, *, kind: Literal["auto", "modis", "utm"] = "auto") -> GeoBox:
    """A projected grid for an image, with cells about as large as the image's own.

    An image of about 1 km, 500 m or 250 m comes from MODIS, most likely: `auto` gives
    it the MODIS sinusoidal lattice, on which `to_grid(..., "nearest")` finds the
    provider's values again, moved by up to half a cell where the export had resampled
    them. Any other gets UTM of its centre; one in metres already, with square cells, keeps
    its own grid, which costs nothing. An image replicated from a coarser one
    gets the coarser cell size. Cells outside the image are NaN after `to_grid`; far
    from the central meridian the sheared sinusoidal grid leaves large empty corners,
    which `kind="utm"` avoids.

    Args:
        data: (y, x) with `y`, `x` and a CRS in degrees or metres.
        kind: `modis` or `utm` to decide otherwise.

    Returns:
        North-up square cells that cover the whole image.

    Raises:
        GridError: when the image has no place.
        ArgumentError: when `kind` is unknown.
    """
    if kind not in ("auto", "modis", "utm"):
        raise ArgumentError(f"kind={kind!r} is not one of auto, modis, utm")
    place = geobox_of(data, name=str(data.name or "raster"), degrees=True)
    longitude, latitude = (float(np.nanmean(c)) for c in corners(place, CRS(4326)))
    degree = np.radians(1) * SPHERE_RADIUS
    geographic = place.crs is not None and place.crs.geographic
    metres = np.array([degree, degree * np.cos(np.radians(latitude))]) if geographic else np.ones(2)
    down, across = np.array([-place.affine.e, place.affine.a]) * metres
    runs = repeats(data)
    if kind == "auto" and not geographic and max(runs) <= _REPEATED and abs(down / across - 1) < 1e-6:
        return place
    size = float(max(down * runs[0], across * runs[1]) if max(runs) > _REPEATED else max(down, across))
    levels = [level for level in (Level.KM1, Level.M500, Level.M250) if abs(size / level.metres - 1) < _NEAR]
    if kind == "modis" or (kind == "auto" and levels):
        level = levels[0] if levels else min(Level, key=lambda lv: abs(np.log(size / lv.metres)))
        return _cover(place, SINUSOIDAL, level.metres, (GRID_LEFT, GRID_TOP))
    if abs(latitude) > 84:
        raise GridError(f"UTM ends at 84 degrees; the centre lies at {latitude:.1f}", todo="warp it to a polar grid")
    zone = int((longitude + 180) // 6) % 60 + 1
    digits = int(np.floor(np.log10(size))) - 1
    return _cover(place, CRS(32600 + zone + (100 if latitude < 0 else 0)), round(size, -digits), (0.0, 0.0))


def _cover(place: GeoBox, crs: CRS, size: float, origin: tuple[float, float]) -> GeoBox:
    """The smallest part of the lattice of `crs` through `origin` that covers a grid."""
    x, y = corners(place, crs)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise GridError("part of the image lies outside the target projection", todo="cut it first")
    cols = np.array([x.min(), x.max()]) / size - origin[0] / size
    rows = origin[1] / size - np.array([y.max(), y.min()]) / size
    col0, row0 = (int(np.floor(c[0] + 1e-6)) for c in (cols, rows))
    col1, row1 = (int(np.ceil(c[1] - 1e-6)) for c in (cols, rows))
    affine = Affine(size, 0, origin[0] + col0 * size, 0, -size, origin[1] - row0 * size)
    return GeoBox((row1 - row0, col1 - col0), affine, crs)
