"""What the regression sharpeners share: predictors at both scales, a regression on the coarse one, residual correction.

All of them assume that a relation of LST to predictors, found between coarse cells, holds between the fine ones too.
They differ in the relation (`Trend`) and in how the coarse residual, what it leaves unexplained, is downscaled.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from srdanet.arrays import Float32, Float64, Floats, Mask, repeat
from srdanet.energy import aggregate
from srdanet.errors import ArgumentError
from srdanet.grid import coordinates, refine
from srdanet.interpolation import interpolate, interpolate_rows
from srdanet.predictors.overpass import Overpass
from srdanet.predictors.stack import CHANNELS, Stack
from srdanet.scene import Scene

Method = Callable[[Scene, int], xr.Dataset]
"""From a scene and a factor to a dataset with `lst` (y * factor, x * factor) K, missing where the scene's is."""
Residual = Literal["nearest", "bilinear", "bicubic", "spline"]
"""How a coarse residual reaches the fine cells: repeated (`nearest`, as most authors do) or interpolated."""
Chosen = Literal["ndvi", "all"]
"""The predictors that a regression uses."""

FEWEST_CELLS = 8
"""Coarse cells with LST and predictors below which no regression is tried."""
_DEPENDENT = 1e-5
"""Singular values below this (relative) are float32 rounding: shares of land cover add up to 1 but for it."""
_NDVI_FROM = ("ndvi", "red", "nir")
_STRIP = 1 << 20
"""About how many fine cells are worked on at a time."""


@dataclass(frozen=True)
class Predictors:
    """Predictors of a scene on the target grid, and their means over the coarse cells."""

    names: tuple[str, ...]
    """Of `predictors.stack.CHANNELS`, in its units."""
    fine: Float32
    """(len(names), y * factor, x * factor), NaN = missing."""
    coarse: Float32
    """(len(names), y, x), NaN = missing: where fewer than half of the fine cells are known."""

    @property
    def factor(self) -> int:
        """Fine cells along a coarse one."""
        return int(self.fine.shape[1] // self.coarse.shape[1])

    def valid_cells(self, lst: Floats) -> Mask:
        """(y, x): coarse cells with LST and every predictor."""
        return np.asarray(np.isfinite(lst) & np.isfinite(self.coarse).all(0))


@dataclass(frozen=True)
class Trend:
    """What a regression says of a scene, K, NaN = unknown."""

    fine: Floats
    """(y * factor, x * factor)."""
    coarse: Floats
    """(y, x): the same of the coarse cells; what is missing to the LST is the residual."""


class Sharpener(ABC):
    """A scene's LST by a regression and the correction of its residual.

    Where no trend is known (missing predictors, or too few cells for a regression) the result is bicubic
    interpolation.
    """

    name: str
    residual: Residual = "nearest"
    chosen: Chosen = "ndvi"

    @abstractmethod
    def _trend(self, lst: Floats, predictors: Predictors) -> Trend | None:
        """What the regression says of LST (y, x) K and predictors; None where the scene allows none."""

    def __call__(self, scene: Scene, factor: int) -> xr.Dataset:
        """Sharpen a scene.

        Args:
            scene: Any scene.
            factor: Fine cells along a coarse one, 2 or more.

        Returns:
            `lst` (y * factor, x * factor) K, missing exactly where the coarse cell is. Attributes: `method`;
            `predictors` that were used, or `none`; `interpolated_cells`, how many fine cells are mere interpolation.

        Raises:
            ArgumentError: when `factor` is below 2.
            MissingExtraError: when the sharpener is made of trees and scikit-learn is not installed.
        """
        lst = np.asarray(scene.lst["lst"].values, np.float32)
        predictors = read_predictors(scene, factor, self.chosen)
        enough = predictors.names and predictors.valid_cells(lst).sum() >= FEWEST_CELLS
        trend = self._trend(lst, predictors) if enough else None
        names = predictors.names if trend else ()
        if trend is None:
            fine = np.full((lst.shape[0] * factor, lst.shape[1] * factor), np.nan, np.float32)
        else:
            rest = np.asarray(lst - trend.coarse, np.float32)
            fine = np.asarray(trend.fine + downscale_residual(rest, factor, self.residual), np.float32)
        del predictors, trend
        missing = repeat(np.isnan(lst), factor)
        fine[missing] = np.nan
        unknown = np.isnan(fine) & ~missing
        for rows in strips((lst.shape[0], lst.shape[1]), factor):
            here = slice(rows.start * factor, rows.stop * factor)
            if unknown[here].any():
                fine[here][unknown[here]] = interpolate_rows(lst, factor, rows)[unknown[here]]
        used = " ".join(names) or "none"
        return as_dataset(scene, factor, fine, self.name, predictors=used, interpolated_cells=int(unknown.sum()))


def as_dataset(scene: Scene, factor: int, fine: Floats, method: str, **attributes: str | int) -> xr.Dataset:
    """A dataset of `lst` (y * factor, x * factor) K on the fine grid of a scene."""
    attrs = {"units": "K", "grid_mapping": "spatial_ref", "long_name": f"land surface temperature, {method}"}
    box = refine(scene.geobox, factor)
    return xr.Dataset({"lst": (("y", "x"), fine, attrs)}, coordinates(box), {"method": method, **attributes})


def read_predictors(scene: Scene, factor: int, chosen: Chosen = "all") -> Predictors:
    """The predictors of a scene, as the network is given them.

    Of `all`, those are left out that are unknown in more than half of the coarse cells with LST, or alike in all of
    them.

    Raises:
        ArgumentError: when `factor` is below 2.
    """
    if int(factor) != factor or factor < 2:
        raise ArgumentError(f"factor is {factor}", where="factor", todo="Give a whole number of 2 or more.")
    lst = scene.lst["lst"].values
    height, width = lst.shape
    auxiliary, overpass = scene.auxiliary, scene.overpass
    if chosen == "ndvi":
        # Nothing else is read, and without a time no sun is computed: both would cost more than the regression.
        auxiliary = tuple(dataset[[n for n in _NDVI_FROM if n in dataset]] for dataset in auxiliary)
        overpass = Overpass()
    stack = Stack(scene.geobox, auxiliary, overpass, scene.nestings)
    fine: dict[str, Float32] = {}
    for rows in strips((height, width), factor):
        # One more row on either side: slopes need their neighbours.
        outer = slice(max(rows.start - 1, 0), min(rows.stop + 1, height))
        channels = stack.read(outer, slice(0, width), factor).channels if stack.present else ()
        inner = slice((rows.start - outer.start) * factor, (rows.stop - outer.start) * factor)
        for name, values in zip(CHANNELS, channels, strict=False):
            part = values[inner]
            if chosen == "ndvi" and name != "ndvi":
                continue
            if name not in fine and np.isfinite(part).any():
                fine[name] = np.full((height * factor, width * factor), np.nan, np.float32)
            if name in fine:
                fine[name][rows.start * factor : rows.stop * factor] = part
    coarse = {name: np.asarray(aggregate(values, factor), np.float32) for name, values in fine.items()}
    have = np.isfinite(lst)
    names = []
    for name, values in coarse.items():
        known = values[have & np.isfinite(values)]
        if known.size and 2 * known.size >= have.sum() and np.ptp(known) > 0:
            names.append(name)
    if not names:
        empty = np.empty((0, height, width), np.float32)
        return Predictors((), np.empty((0, height * factor, width * factor), np.float32), empty)
    # A single predictor may be a whole tile at 250 m: no copy.
    whole = fine[names[0]][None] if len(names) == 1 else np.stack([fine.pop(name) for name in names])
    return Predictors(tuple(names), whole, np.stack([coarse[name] for name in names]))


def strips(shape: tuple[int, int], factor: int) -> Iterator[slice]:
    """Rows of coarse cells, about `_STRIP` fine cells at a time."""
    step = max(2, _STRIP // (shape[1] * factor**2))
    return (slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step))


def downscale_residual(residual: Floats, factor: int, how: Residual) -> Floats:
    """A coarse residual (y, x) K, NaN = missing, on the fine grid (y * factor, x * factor), missing where it was.

    `spline` is the cubic B-spline through the coarse values (`scipy.ndimage.zoom`, order 3), missing ones replaced by
    their nearest neighbours before.
    """
    if how != "spline":
        return interpolate(residual, factor, how)
    missing = np.isnan(residual)
    if missing.all():
        return repeat(residual, factor)
    fine: Floats = ndimage.zoom(fill_nearest(residual), factor, order=3, mode="nearest", grid_mode=True)
    fine[repeat(missing, factor)] = np.nan
    return fine


def fill_nearest(values: Floats) -> Floats:
    """Missing cells (y, x) take the value of the nearest known one; unchanged when none is known, or all are."""
    missing = np.isnan(values)
    if not missing.any() or missing.all():
        return values
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    filled: Floats = values[tuple(nearest)]
    return filled


def as_samples(values: Floats, where: Mask | None = None) -> Floats:
    """Predictors (n, y, x) as samples (cells, n), all or those of a mask."""
    cells: Floats = values.reshape(len(values), -1).T if where is None else values[:, where].T
    return cells


def predict(function: Callable[[Float32], NDArray[np.floating]], predictors: Floats) -> Float32:
    """A function of samples (cells, n), applied wherever all predictors (n, y, x) are known: (y, x), else NaN."""
    _, height, width = predictors.shape
    out = np.full((height, width), np.nan, np.float32)
    for rows in strips((height, width), 1):
        part = predictors[:, rows]
        known = np.asarray(np.isfinite(part).all(0))
        if known.any():
            out[rows][known] = function(np.asarray(as_samples(part, known), np.float32))
    return out


def least_squares(samples: Floats, lst: Floats) -> Float64:
    """Constant and slopes (1 + n) of the linear regression of `lst` (cells) on `samples` (cells, n).

    The smallest of all solutions where predictors depend on one another, as shares of land cover do.
    """
    centre, scale = samples.mean(0, dtype=np.float64), samples.std(0, dtype=np.float64)
    scale = np.where(scale > 0, scale, 1.0)
    level = float(lst.mean(dtype=np.float64))
    slopes = np.linalg.lstsq((samples - centre) / scale, lst - level, rcond=_DEPENDENT)[0] / scale
    return np.concatenate([[level - float(centre @ slopes)], slopes])
