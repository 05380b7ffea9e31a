"""Bring an image from one grid to another: area mean, nearest, bilinear, majority.

GDAL's "average" looks only at two opposite corners of each target cell. On the
sinusoidal grid cells are sheared on the ground, and far from the central meridian
that window collapses or doubles (h26v05: 10 of 84 points; h08v05: twice too wide).
So cells are sampled here on a regular raster of points inside the true
parallelogram: corners are projected exactly, the points between them bilinearly
(error below a metre for cells up to 6 km).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float64, Floats, Mask
from srdanet.errors import ArgumentError, GridError
from srdanet.grid import coordinates, geobox_of, windows

How = Literal["mean", "nearest", "bilinear", "mode"]

MIN_VALID = 0.5
"""Share of a cell that must be valid; below it the cell is missing."""
_BLOCK = 512
_MOST_SPLITS, _MOST_VOTES = 256, 32
"""Sample points along a cell's side, at most: for means (the work grows with the source, not with this) and classes."""
NOWHERE = -1e9
"""An index outside every image, for points off the map."""


def corners(geobox: GeoBox, crs: CRS) -> tuple[Float64, Float64]:
    """Cell corners of `geobox` in another CRS, each (y+1, x+1); not finite where off the map.

    Longitudes run on past 180 degrees rather than jump.
    """
    height, width = geobox.shape
    cols, rows = np.meshgrid(np.arange(width + 1.0), np.arange(height + 1.0))
    x, y = (np.asarray(c, dtype=np.float64) for c in geobox.affine * (cols, rows))
    if geobox.crs is None:
        raise GridError("The target grid has no CRS.", todo="Give a grid with a CRS.")
    if crs != geobox.crs:
        x, y = geobox.crs.transformer_to_crs(crs)(x, y)
    if crs.geographic and np.isfinite(x).any():
        centre = x[np.isfinite(x)][0]
        x = centre + np.mod(x - centre + 180, 360) - 180
    return x, y


def near_corners(geobox: GeoBox, crs: CRS, every: int) -> tuple[Floats, Floats]:
    """As `corners`, with only each `every`-th corner projected and those between found linearly: far cheaper."""
    height, width = geobox.shape
    knots = GeoBox((height // every + 1, width // every + 1), geobox.affine * Affine.scale(every), geobox.crs)
    x, y = corners(knots, crs)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return corners(geobox, crs)
    places = np.broadcast_arrays(np.arange(height + 1.0)[:, None] / every, np.arange(width + 1.0) / every)
    return interpolate_within(x, places), interpolate_within(y, places)


def splits_for(x: Floats, y: Floats, affine: Affine) -> int:
    """How many source cells lie along the longer side of a target cell (at the middle of a block), at least 1."""
    row, col = (x.shape[0] - 1) // 2, (x.shape[1] - 1) // 2
    ratio = max(
        float(np.hypot((x[i, j] - x[row, col]) / affine.a, (y[i, j] - y[row, col]) / affine.e))
        for i, j in ((row + 1, col), (row, col + 1))
    )
    return int(np.clip(np.ceil(ratio - 1e-3), 1, _MOST_SPLITS)) if np.isfinite(ratio) else 1


def sub_points(x: Floats, y: Floats, splits: int) -> Iterator[tuple[Floats, Floats]]:
    """For each of splits x splits evenly spread places in a cell: its (x, y) in every cell.

    Args:
        x: Of the cell corners, (rows + 1, columns + 1).
        y: As `x`.
        splits: Places along each side of a cell.
    """
    places = (np.arange(splits) + 0.5).astype(x.dtype) / splits
    for v in places:
        left = [c[:-1] + v * (c[1:] - c[:-1]) for c in (x, y)]
        across = [c[:, 1:] - c[:, :-1] for c in left]
        for u in places:
            px, py = (c[:, :-1] + u * step for c, step in zip(left, across, strict=True))
            yield px, py


def sample(values: Floats, affine: Affine, x: Floats, y: Floats, *, order: int, period: float | None = None) -> Floats:
    """Values at points; order 0 takes the cell the point is in, 1 is bilinear between cell centres.

    Args:
        values: (rows, columns) float, NaN = missing.
        affine: From (column, row) of cell corners to (x, y).
        x: Any shape, in the image's CRS; may be not finite.
        y: As `x`.
        order: 0 or 1. Bilinear weights go to valid cells only; half of the weight must be valid.
        period: 360 for longitudes, so that any turn of the circle finds the image.

    Returns:
        The shape of `x`, NaN outside the image and where missing.
    """
    col, row, inside = _locate(values.shape, affine, x, y, period)
    if order == 0:
        found = values[np.where(inside, row, 0).astype(np.intp), np.where(inside, col, 0).astype(np.intp)]
        return np.where(inside, found, np.asarray(np.nan, values.dtype))
    return interpolate(values, [np.where(inside, row - 0.5, NOWHERE), np.where(inside, col - 0.5, NOWHERE)])


def _locate(
    shape: tuple[int, ...], affine: Affine, x: Floats, y: Floats, period: float | None
) -> tuple[Floats, Floats, Mask]:
    """Fractional column and row of points in an image, and whether they lie in it."""
    if period is not None:
        x = affine.c + np.mod(x - affine.c, period)
    col, row = ~affine * (x, y)
    return col, row, (col >= 0) & (col < shape[1]) & (row >= 0) & (row < shape[0])


def interpolate(values: Floats, places: Sequence[Floats]) -> Floats:
    """Linear interpolation in every axis at fractional indices, weights on valid values only.

    A point needs at least half of its weight on valid values, else it is NaN. The last
    value holds for half a cell beyond its centre; farther out is NaN.

    Args:
        values: Any shape, float, NaN = missing.
        places: One array of finite indices for each axis of `values`, all of one shape; 0 is the first value.

    Returns:
        The shape of the places.
    """
    outside = np.zeros(places[0].shape, dtype=bool)
    for place, size in zip(places, values.shape, strict=True):
        outside |= (place < -0.5) | (place > size - 0.5)
    inner = [np.clip(place, 0, size - 1) for place, size in zip(places, values.shape, strict=True)]
    padded = np.pad(values, (0, 1), mode="edge")
    out = interpolate_within(padded, inner)
    missing = np.isnan(out) & ~outside
    if missing.any():
        # A NaN spoils its neighbours even with weight zero: do those points again, weighted.
        some = [place[missing] for place in inner]
        total = interpolate_within(padded, some, lambda corner: np.where(np.isnan(corner), 0, corner))
        weight = interpolate_within(padded, some, lambda corner: np.isfinite(corner).astype(values.dtype))
        enough = weight >= MIN_VALID - 1e-6
        out[missing] = np.where(enough, total / np.where(enough, weight, 1), np.nan)
    out[outside] = np.nan
    return out


def interpolate_within(
    values: Floats, places: Sequence[Floats], read: Callable[[Floats], Floats] = lambda corner: corner
) -> Floats:
    """Linear interpolation at places that all have a next value along every axis; a NaN spoils all around it.

    This is what reading heights for a whole tile spends its time on (400 million points): plain numpy in
    single precision takes a fifth of the time of scipy's `map_coordinates`.

    Args:
        values: Any shape, float.
        places: One array of indices for each axis, at least 0 and below its size - 1.
        read: What is done to the values before they are mixed.
    """
    index = np.zeros(places[0].shape, dtype=np.intp)
    shares = []
    for place, size in zip(places, values.shape, strict=True):
        low = place.astype(np.int32)
        shares.append(place - low.astype(place.dtype))
        index = index * size + low
    flat = values.ravel()

    def mixed(first: int, axis: int) -> Floats:
        if axis == values.ndim:
            return read(flat[first:].take(index))
        low = mixed(first, axis + 1)
        return low + shares[axis] * (mixed(first + strides[axis], axis + 1) - low)

    strides = [int(np.prod(values.shape[axis + 1 :])) for axis in range(values.ndim)]
    return mixed(0, 0)


def to_grid(data: xr.DataArray, geobox: GeoBox, how: How = "mean") -> xr.DataArray:
    """Bring an image to a grid.

    What it costs: `nearest` moves values by up to half a source cell; `mean` from cells
    of about the target's size blurs by up to one cell (each target cell is the area
    weighted mean of those it touches); `bilinear` smooths, and is no area mean.

    Args:
        data: (y, x) float or integer with `y`, `x` and a CRS in degrees or metres; NaN = missing.
        geobox: The target grid.
        how: `mean` (area mean of the valid cells), `nearest`, `bilinear`, or `mode` (the
            class that covers most of the cell, for classes).

    Returns:
        (y, x) float32 on `geobox`, attributes kept; NaN where fewer than half of a cell is valid.

    Raises:
        GridError: when the image has no coordinates or CRS, or lies outside the target grid.
        ArgumentError: when `how` is unknown.
    """
    if how not in ("mean", "nearest", "bilinear", "mode"):
        raise ArgumentError(f"how={how!r} is not one of mean, nearest, bilinear, mode.")
    name = str(data.name or "raster")
    source = geobox_of(data, name=name, degrees=True)
    assert source.crs is not None  # geobox_of raised otherwise
    values = np.asarray(data.transpose("y", "x").values, dtype=np.float32)
    period = 360.0 if source.crs.geographic else None
    out = np.full(geobox.shape, np.nan, dtype=np.float32)
    touched = False
    for window in windows((geobox.shape[0], geobox.shape[1]), _BLOCK // 4 if how == "mode" else _BLOCK, 0):
        x, y = corners(geobox[window.inner], source.crs)
        splits = 1
        if how in ("mean", "mode"):
            # Two points along each source cell, at least four along the target's: so nested grids come out exactly.
            most = _MOST_VOTES if how == "mode" else _MOST_SPLITS
            splits = min(max(4, 2 * splits_for(x, y, source.affine)), most)
        points = sub_points(x, y, splits)
        order = 1 if how == "bilinear" else 0
        taken = (sample(values, source.affine, px, py, order=order, period=period) for px, py in points)
        block = _majority(taken, splits) if how == "mode" else mean_of_valid(taken, splits)
        inside = _locate(values.shape, source.affine, x, y, period)[2]
        touched = touched or bool(inside.any() or np.isfinite(block).any())
        out[window.inner] = block
    if not touched:
        box = source.boundingbox
        where = f"{name} ({box.left:.6g}, {box.bottom:.6g}, {box.right:.6g}, {box.top:.6g} in {str(source.crs)[:40]})"
        todo = "Check the CRS, or choose another place."
        raise GridError("The image lies outside the target grid.", where=where, todo=todo)
    attrs = {k: v for k, v in data.attrs.items() if k not in ("grid_mapping", "crs")} | {"regridded": how}
    return xr.DataArray(out, dims=("y", "x"), coords=coordinates(geobox), attrs=attrs, name=data.name)


def mean_of_valid(taken: Iterable[Floats], splits: int) -> Float64:
    """Mean of the splits x splits samples of each cell that are valid; NaN where fewer than half are."""
    total = count = np.zeros((1, 1))
    for values in taken:
        valid = np.isfinite(values)
        total = total + np.where(valid, values, 0)
        count = count + valid
    enough = count >= MIN_VALID * splits**2
    return np.where(enough, total / np.where(enough, count, 1), np.nan)


def _majority(taken: Iterator[Floats], splits: int) -> Floats:
    """The most frequent valid value of each cell (the lower on a tie); NaN where fewer than half are valid."""
    stack = np.stack(list(taken))
    valid = np.isfinite(stack)
    best = np.full(stack.shape[1:], np.nan)
    most = np.zeros(stack.shape[1:])
    for value in np.unique(stack[valid]):
        count = (stack == value).sum(axis=0)
        best, most = np.where(count > most, value, best), np.maximum(count, most)
    return np.where(valid.sum(axis=0) >= MIN_VALID * splits**2, best, np.nan)
