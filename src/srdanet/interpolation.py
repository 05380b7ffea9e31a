"""Nearest, bilinear and bicubic interpolation of images with gaps.

Bicubic is exactly `torch.nn.functional.interpolate(mode="bicubic", align_corners=False)`:
cubic convolution (Keys 1981) with a = -0.75, edges replicated, no antialiasing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from srdanet import threads
from srdanet.arrays import Float64, Floats, Mask, repeat
from srdanet.errors import ArgumentError
from srdanet.grid import Window, windows

Kind = Literal["nearest", "bilinear", "bicubic"]

_KEYS_A = -0.75
"""Keys's parameter; -0.75 is torch's and OpenCV's choice, -0.5 GDAL's."""
_REACH = 2
"""Cells beyond its own from which a fine cell may draw; gaps are filled from as far."""
_STRIP = 1 << 19
"""About how many fine cells are worked on at a time."""


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
        raise ArgumentError(f"{kind!r} is not an interpolation", todo=f"Choose from nearest, {', '.join(_KERNELS)}.")
    if int(factor) != factor or factor < 1:
        raise ArgumentError(f"factor is {factor}", todo="Give a whole number of 1 or more.")
    dtype = np.float64 if values.dtype == np.float64 else np.float32
    if kind == "nearest":
        return repeat(values.astype(dtype), factor)
    *outer, height, width = values.shape
    out = np.empty((*outer, height * factor, width * factor), dtype)

    def strip(rows: Window) -> None:
        fine = rows.scaled(factor)
        part = _interpolated(values[..., rows.outer[0], :], factor, _KERNELS[kind])
        out[..., fine.inner[0], :] = part[..., fine.crop[0], :]

    # Strips of rows stay in the cache; what a cell is made of lies within the halo.
    many = max(1, _STRIP // max(1, out.size // max(1, height)))
    threads.each(strip, windows((height, 1), many, 2 * _REACH))
    return out


def _interpolated(values: Floats, factor: int, kernel: Callable[[Float64], Float64]) -> Float64:
    valid = np.isfinite(values)
    fine: Float64 = values.astype(np.float64)
    if not valid.all():
        fine = _fill(fine, valid)
    for axis in (-2, -1):
        fine = _along(fine, factor, axis, kernel)
    if not valid.all():
        fine[~repeat(valid, factor)] = np.nan
    return fine


def interpolate_rows(values: Floats, factor: int, rows: slice, kind: Kind = "bicubic") -> Floats:
    """The part of `interpolate` that belongs to some of the coarse rows, in the memory that these need."""
    first = max(0, rows.start - 2 * _REACH)
    part = interpolate(values[first : rows.stop + 2 * _REACH], factor, kind)
    return part[(rows.start - first) * factor : (rows.stop - first) * factor]


def _linear(distance: Float64) -> Float64:
    weight: Float64 = np.clip(1 - np.abs(distance), 0, None)
    return weight


def _cubic(distance: Float64) -> Float64:
    """Keys's cubic convolution kernel."""
    a, d = _KEYS_A, np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d**2 + 1
    far = a * (((d - 5) * d + 8) * d - 4)
    weight: Float64 = np.where(d <= 1, near, np.where(d < 2, far, 0.0))
    return weight


_KERNELS: Mapping[str, Callable[[Float64], Float64]] = {"bilinear": _linear, "bicubic": _cubic}


def _along(values: Float64, factor: int, axis: int, kernel: Callable[[Float64], Float64]) -> Float64:
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


def _fill(values: Float64, valid: Mask) -> Float64:
    """Grow the valid cells by their neighbours' means, as far as interpolation reaches; 0 beyond."""
    filled, known = np.where(valid, values, 0.0), valid
    for _ in range(_REACH):
        count, ring = _neighbours(known.astype(np.float64)), _neighbours(filled)
        new = ~known & (count > 0)
        filled[new] = ring[new] / count[new]
        known = known | new
    return filled


def _neighbours(values: Float64) -> Float64:
    """Sum over each cell's 3 x 3 neighbourhood, 0 outside the image."""
    for axis in (-2, -1):
        moved = np.moveaxis(values, axis, -1)
        padded = np.pad(moved, [(0, 0)] * (moved.ndim - 1) + [(1, 1)])
        values = np.moveaxis(padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:], -1, axis)
    return values
