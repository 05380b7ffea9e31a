"""Nearest, bilinear and bicubic interpolation: what every method has to beat.

Bicubic is exactly `torch.nn.functional.interpolate(mode="bicubic", align_corners=False)`:
cubic convolution (Keys 1981) with a = -0.75, edges replicated, no antialiasing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from srdanet.baselines.base import Auxiliary
from srdanet.errors import ArgumentError
from srdanet.grid import coordinates, geobox_of, refine

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
Kind = Literal["nearest", "bilinear", "bicubic"]

_KEYS_A = -0.75
"""Keys's parameter; -0.75 is torch's and OpenCV's choice, -0.5 GDAL's."""
_REACH = 2
"""Cells beyond its own from which a fine cell may draw."""


def interpolate(values: Floats, factor: int, kind: Kind = "bicubic") -> Floats:
    """Interpolate to cells `factor` times finer.

    Missing cells are filled by the mean of their valid neighbours before and are
    missing again after, so that a gap spoils no cell beside it.

    Args:
        values: (..., y, x), NaN = missing.
        factor: Fine cells along one side of a coarse cell.
        kind: The method.

    Returns:
        (..., y * factor, x * factor), NaN = missing; float64 for float64, else float32.

    Raises:
        ArgumentError: when `factor` is no positive whole number or `kind` is unknown.
    """
    if kind != "nearest" and kind not in _KERNELS:
        raise ArgumentError(f"there is no interpolation {kind!r}", todo=f"choose from nearest, {', '.join(_KERNELS)}")
    if int(factor) != factor or factor < 1:
        raise ArgumentError(f"factor is {factor}", todo="give a whole number of 1 or more")
    dtype = np.float64 if values.dtype == np.float64 else np.float32
    if kind == "nearest":
        return _replicate(values.astype(dtype), factor)
    valid = np.isfinite(values)
    fine: Doubles = values.astype(np.float64)
    if not valid.all():
        fine = _fill(fine, valid)
    for axis in (-2, -1):
        fine = _along(fine, factor, axis, _KERNELS[kind])
    if not valid.all():
        fine[~_replicate(valid, factor)] = np.nan
    return fine.astype(dtype)


@dataclass(frozen=True)
class Interpolation:
    """An interpolation as a downscaler; auxiliary data, time and day are left unused."""

    kind: Kind = "bicubic"

    def __call__(
        self,
        lst: xr.DataArray,
        auxiliary: Auxiliary = None,
        *,
        factor: int,
        time: np.datetime64 | None = None,
        day: bool | None = None,
    ) -> xr.Dataset:
        """Interpolate `lst` (y, x) K; see `rivals.base.Downscaler`."""
        fine = interpolate(np.asarray(lst.values), factor, self.kind)
        attrs = {"units": "K", "grid_mapping": "spatial_ref", "long_name": f"land surface temperature, {self.kind}"}
        return xr.Dataset({"lst": (("y", "x"), fine, attrs)}, coordinates(refine(geobox_of(lst), factor)))


def _linear(distance: Doubles) -> Doubles:
    weight: Doubles = np.clip(1 - np.abs(distance), 0, None)
    return weight


def _cubic(distance: Doubles) -> Doubles:
    """Keys's cubic convolution kernel."""
    a, d = _KEYS_A, np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d**2 + 1
    far = a * (((d - 5) * d + 8) * d - 4)
    weight: Doubles = np.where(d <= 1, near, np.where(d < 2, far, 0.0))
    return weight


_KERNELS: Mapping[str, Callable[[Doubles], Doubles]] = {"bilinear": _linear, "bicubic": _cubic}


def _along(values: Doubles, factor: int, axis: int, kernel: Callable[[Doubles], Doubles]) -> Doubles:
    """Interpolate along one axis: the `factor` fine cells of a coarse cell each have fixed weights."""
    values = np.moveaxis(values, axis, -1)
    size = values.shape[-1]
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(_REACH, _REACH)], mode="edge")
    fine = np.zeros((*values.shape, factor))
    for phase in range(factor):
        centre = (phase + 0.5) / factor - 0.5
        for tap, weight in enumerate(kernel(np.arange(-_REACH, _REACH + 1, dtype=np.float64) - centre)):
            if weight:
                fine[..., phase] += weight * padded[..., tap : tap + size]
    return np.moveaxis(fine.reshape(*values.shape[:-1], size * factor), -1, axis)


def _replicate(values: NDArray[Any], factor: int) -> NDArray[Any]:
    return values.repeat(factor, axis=-2).repeat(factor, axis=-1)


def _fill(values: Doubles, valid: NDArray[np.bool_]) -> Doubles:
    """Grow the valid cells by their neighbours' means, as far as interpolation reaches; 0 beyond."""
    filled, known = np.where(valid, values, 0.0), valid
    for _ in range(_REACH):
        count, ring = _neighbours(known.astype(np.float64)), _neighbours(filled)
        new = ~known & (count > 0)
        filled[new] = ring[new] / count[new]
        known = known | new
    return filled


def _neighbours(values: Doubles) -> Doubles:
    """Sum over each cell's 3 x 3 neighbourhood, 0 outside the image."""
    for axis in (-2, -1):
        moved = np.moveaxis(values, axis, -1)
        padded = np.pad(moved, [(0, 0)] * (moved.ndim - 1) + [(1, 1)])
        values = np.moveaxis(padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:], -1, axis)
    return values
