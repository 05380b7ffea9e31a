"""Temperature and emitted energy: degrading a fine temperature, and making it agree with a coarse one.

Temperatures do not average; the energy they emit does. A coarse cell's temperature is that of its mean exitance,
`(mean(e T^4) / mean(e))^(1/4)` over its valid cells, with `e` the emissivity (taken as even where it is not given).
Everything is computed in float64, in strips of rows, so that a whole tile at 250 m needs little more memory than its
own input and output.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from srdanet import threads
from srdanet.arrays import Float64, Floats, Mask, repeat
from srdanet.errors import ArgumentError, GridError
from srdanet.grid import Window, windows

CONSERVE_REACH = 8
"""How far (in coarse cells) a coarse value or a fine one changes the result of `conserve`."""

_TRUNCATE = 3.0
"""Standard deviations after which the point spread is cut."""
_LEAST_SPREAD = 0.1
"""Standard deviation in fine cells below which a Gaussian leaves its neighbours nothing."""
_STRIP = 1 << 20
"""About how many fine cells are worked on at a time."""
_SPECTRUM = (0.22, 1.0)
"""Bounds of the eigenvalues of "interpolate, then average over cells"; 0.25 and 1 without gaps."""


def degrade(
    lst: Floats, factor: int, *, emissivity: Floats | None = None, point_spread: float = 0.0, min_valid: float = 0.5
) -> Floats:
    """The temperature a sensor with cells `factor` times coarser would see.

    Args:
        lst: (..., y, x) K, NaN = missing.
        factor: Fine cells along one side of a coarse cell.
        emissivity: Broadcastable to `lst`, 0-1; a cell without it counts as missing.
        point_spread: Standard deviation, in coarse cells, of a Gaussian point spread that
            comes before the box of the coarse cell; both weigh valid cells only.
        min_valid: Share of a coarse cell's fine cells that must be valid.

    Returns:
        (..., y / factor, x / factor) K, NaN = missing; float64 for float64, else float32.

    Raises:
        GridError: when the shape is not a multiple of `factor`.
        ArgumentError: when an argument is out of range or a temperature is below 0 K.
    """
    lst = _floats(lst)
    height, width = _coarse_shape(lst.shape, factor)
    if point_spread < 0:
        raise ArgumentError(f"point_spread is {point_spread}", todo="Give 0 or more coarse cells.")
    emissivity = None if emissivity is None else np.broadcast_to(emissivity, lst.shape)
    halo = int(np.ceil(_TRUNCATE * point_spread))
    out = np.empty((*lst.shape[:-2], height, width), lst.dtype)
    for window in _strips(out.shape, factor, halo):
        fine = window.scaled(factor).outer
        weight, exitance = _energy(lst, emissivity, fine)
        share = _box_sum(weight > 0, factor) / factor**2
        exitance *= weight
        if point_spread * factor > _LEAST_SPREAD:
            blur = partial(gaussian_filter, sigma=point_spread * factor, mode="constant", truncate=_TRUNCATE)
            weight, exitance = (blur(part, axes=(-2, -1)) for part in (weight, exitance))
        total = _box_sum(weight, factor)
        with np.errstate(invalid="ignore", divide="ignore"):
            coarse = np.sqrt(np.sqrt(_box_sum(exitance, factor) / total))
        coarse[~_enough(share, min_valid)] = np.nan
        out[(..., *window.inner)] = coarse[(..., *window.crop)]
    return out


def aggregate(values: Floats, factor: int, min_valid: float = 0.5) -> Floats:
    """Plain mean over the valid cells of each coarse cell, for quantities that average as they are.

    Args:
        values: (..., y, x), any unit, NaN = missing.
        factor: Fine cells along one side of a coarse cell.
        min_valid: Share of a coarse cell's fine cells that must be valid.

    Returns:
        (..., y / factor, x / factor), NaN = missing; float64 for float64, else float32.

    Raises:
        GridError: when the shape is not a multiple of `factor`.
        ArgumentError: when `factor` is below 1.
    """
    values = _floats(values)
    out = np.empty((*values.shape[:-2], *_coarse_shape(values.shape, factor)), values.dtype)
    for window in _strips(out.shape, factor, 0):
        part = values[(..., *window.scaled(factor).inner)].astype(np.float64)
        valid = np.isfinite(part)
        part[~valid] = 0.0
        count = _box_sum(valid, factor)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = _box_sum(part, factor) / count
        mean[~_enough(count / factor**2, min_valid)] = np.nan
        out[(..., *window.inner)] = mean
    return out


def conserve(lst: Floats, coarse: Floats, *, emissivity: Floats | None = None, min_valid: float = 0.5) -> Floats:
    """Bring a fine temperature into agreement with the coarse one it was made from, without blocks.

    Afterwards `degrade(result, factor, emissivity=emissivity, min_valid=min_valid)` equals `coarse` (1e-3 K and better)
    wherever both have a value. What is missing in exitance is added as a continuous field, bilinear between
    coefficients at the coarse cells' centres; these are found by Chebyshev iteration such that the field's cell means,
    over the valid fine cells, are the residuals. A last step per cell scales what the iteration left (below a hundredth
    of the residual) to nothing. Nothing acts farther than `CONSERVE_REACH` coarse cells.

    Args:
        lst: (y, x) K, NaN = missing; stays missing.
        coarse: (y / factor, x / factor) K; where NaN, `lst` stays as it is.
        emissivity: (y, x), 0-1; cells without it stay as they are and do not count.
        min_valid: Share of valid fine cells from which on a coarse cell is closed. Other cells take the correction of
            their neighbours.

    Returns:
        (y, x) K; float64 for float64, else float32.

    Raises:
        GridError: when `lst` does not cover each coarse cell with the same whole number of cells.
        ArgumentError: when a temperature is below 0 K.
    """
    lst, coarse = _floats(lst), np.asarray(coarse)
    factor = lst.shape[0] // max(coarse.shape[0], 1)
    if lst.ndim != 2 or factor < 1 or lst.shape != tuple(n * factor for n in coarse.shape):
        raise GridError(f"{lst.shape} fine cells do not nest in {coarse.shape} coarse ones", where="conserve")
    emissivity = None if emissivity is None else np.broadcast_to(emissivity, lst.shape)
    out = np.empty_like(lst)

    def close(window: Window) -> None:
        fine = window.scaled(factor)
        weight, exitance = _energy(lst, emissivity, fine.outer)
        target = coarse[window.outer].astype(np.float64) ** 4
        closed = _add_residual(weight, exitance, target, factor, min_valid)[fine.crop]
        kept = lst[fine.inner]
        out[fine.inner] = np.where(weight[fine.crop] > 0, np.sqrt(np.sqrt(closed)), kept)
        absent = repeat(np.isnan(coarse[window.inner]), factor)
        out[fine.inner][absent] = kept[absent]

    threads.each(close, _strips(coarse.shape, factor, CONSERVE_REACH))
    return out


def surroundings(coarse: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest of the known cells among each 3 x 3; infinite, the lowest above the highest, without any.

    Args:
        coarse: (y, x) K, NaN = missing.
    """
    known = np.isfinite(coarse)
    low = minimum_filter(np.where(known, coarse, np.inf), 3, mode="nearest")
    high = maximum_filter(np.where(known, coarse, -np.inf), 3, mode="nearest")
    return low, high


def excess(fine: Floats, coarse: Floats) -> Floats:
    """How far (K) each fine cell lies outside the range of the 3 x 3 coarse cells around it.

    Args:
        fine: (y * factor, x * factor) K, NaN = missing.
        coarse: (y, x) K, NaN = missing.

    Returns:
        0 within the range; NaN where the cell is missing, or all of the coarse cells around it are.
    """
    low, high = surroundings(coarse)
    factor, unknown = fine.shape[0] // coarse.shape[0], low > high
    low, high = (repeat(np.where(unknown, np.nan, bound).astype(coarse.dtype), factor) for bound in (low, high))
    return np.maximum(np.maximum(fine - high, low - fine), np.zeros((), fine.dtype))


def _add_residual(weight: Float64, exitance: Float64, target: Float64, factor: int, min_valid: float) -> Float64:
    """Exitance with a continuous field added so that its weighted cell means are `target`."""
    total = _box_sum(weight, factor)
    known = np.isfinite(target) & _enough(_box_sum(weight > 0, factor) / factor**2, min_valid)
    per_cell = np.where(known, 1.0 / np.where(known, total, 1.0), 0.0)
    residual = np.where(known, target - _box_sum(weight * exitance, factor) * per_cell, 0.0)
    stencil = _stencil(weight, known, factor) * per_cell
    coefficients = np.zeros_like(residual)
    low, high = _SPECTRUM
    turns = np.cos(np.pi * (np.arange(CONSERVE_REACH) + 0.5) / CONSERVE_REACH)
    for node in (low + high) / 2 + (high - low) / 2 * turns:
        coefficients += (residual - _apply(stencil, coefficients)) * (known / node)
    # An exitance stays positive even where the two temperatures contradict each other wildly.
    closed = np.maximum(exitance + _field(coefficients, known, factor), exitance * 0.01)
    mean = _box_sum(weight * closed, factor) * per_cell
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(known, target / mean, 1.0)
    closed *= repeat(scale, factor)
    return closed


def _phases(factor: int) -> Iterator[tuple[tuple[slice, slice], list[tuple[int, int, float]]]]:
    """Each fine cell's place in its coarse cell, with its neighbours (row, column, weight)."""
    offset = (np.arange(factor) + 0.5) / factor - 0.5
    # (factor, 3): weight of the previous, own and next coarse cell at each fine cell's centre
    tents = np.stack([np.maximum(-offset, 0), 1 - np.abs(offset), np.maximum(offset, 0)], axis=1)
    for a, b in np.ndindex(factor, factor):
        taps = [(i, j, float(tents[a, i] * tents[b, j])) for i, j in np.ndindex(3, 3) if tents[a, i] * tents[b, j] > 0]
        yield (slice(a, None, factor), slice(b, None, factor)), taps


def _neighbour(padded: NDArray[Any], i: int, j: int) -> NDArray[Any]:
    """Each cell's neighbour: i = 0, 1, 2 is the row above, its own, the one below; j the column likewise."""
    height, width = padded.shape
    return padded[i : i + height - 2, j : j + width - 2]


def _stencil(weight: Float64, known: Mask, factor: int) -> Float64:
    """(3, 3, h, w): share of each neighbour's coefficient in a cell's weighted sum of the field."""
    stencil, padded = np.zeros((3, 3, *known.shape)), np.pad(known, 1)
    for phase, taps in _phases(factor):
        near = [(i, j, share * _neighbour(padded, i, j)) for i, j, share in taps]
        norm = np.sum([part for _, _, part in near], axis=0)
        unit = weight[phase] / np.where(norm > 0, norm, 1.0)
        for i, j, part in near:
            stencil[i, j] += unit * part
    return stencil


def _apply(stencil: Float64, coefficients: Float64) -> Float64:
    """Weighted cell means of the field that belongs to `coefficients`."""
    out, padded = np.zeros_like(coefficients), np.pad(coefficients, 1)
    for i, j in np.ndindex(3, 3):
        out += stencil[i, j] * _neighbour(padded, i, j)
    return out


def _field(coefficients: Float64, known: Mask, factor: int) -> Float64:
    """The continuous field: bilinear between the coefficients of the known cells, 0 far from any."""
    height, width = known.shape
    values, masks = np.pad(coefficients, 1), np.pad(known, 1)
    out = np.empty((height * factor, width * factor))
    for phase, taps in _phases(factor):
        total, norm = np.zeros(known.shape), np.zeros(known.shape)
        for i, j, share in taps:
            total += share * _neighbour(values, i, j)
            norm += share * _neighbour(masks, i, j)
        out[phase] = total / np.where(norm > 0, norm, 1.0)
    return out


def _energy(lst: Floats, emissivity: Floats | None, where: tuple[slice, slice]) -> tuple[Float64, Float64]:
    """Weight (emissivity, 0 = missing) and T^4 (0 = missing) of a part of the image."""
    part = lst[(..., *where)].astype(np.float64)
    weight = np.isfinite(part).astype(np.float64)
    if emissivity is not None:
        given = emissivity[(..., *where)]
        weight *= np.where(np.isfinite(given) & (given > 0), given, 0.0)
    part[weight == 0] = 0.0
    if part.size and part.min() < 0:
        raise ArgumentError(f"a temperature is {part.min():.6g}", todo="Give kelvin: add 273.15 to °C.")
    return weight, np.square(np.square(part))


def _box_sum(values: NDArray[Any], factor: int) -> Float64:
    """Sum over boxes of `factor` x `factor` cells."""
    rows = values[..., 0::factor, :].astype(np.float64)
    for a in range(1, factor):
        rows += values[..., a::factor, :]
    out = rows[..., 0::factor].copy()
    for b in range(1, factor):
        out += rows[..., b::factor]
    return out


def _enough(share: Float64, min_valid: float) -> Mask:
    """Whether the share of valid cells suffices; none is never enough."""
    enough: Mask = (share > 0) & (share >= min_valid - 1e-9)
    return enough


def _strips(shape: tuple[int, ...], factor: int, halo: int) -> Iterator[Window]:
    """Full-width strips of a coarse grid, of about `_STRIP` fine cells each."""
    height, width = shape[-2:]
    cells = max(1, int(np.prod(shape[:-2], dtype=np.int64)) * width * factor**2)
    rows = max(1, 4 * halo, _STRIP // cells)
    for strip in windows((height, 1), rows, halo):
        yield Window((strip.inner[0], slice(0, width)), (strip.outer[0], slice(0, width)))


def _floats(values: NDArray[Any]) -> Floats:
    """As it is when float64, else float32."""
    values = np.asarray(values)
    return values if values.dtype == np.float64 else values.astype(np.float32, copy=False)


def _coarse_shape(shape: tuple[int, ...], factor: int) -> tuple[int, int]:
    if factor < 1 or factor != int(factor):
        raise ArgumentError(f"factor is {factor}", todo="Give a whole number of fine cells per coarse cell.")
    if len(shape) < 2 or shape[-2] % factor or shape[-1] % factor:
        raise GridError(f"{shape} cells cannot be grouped {factor} x {factor}")
    return shape[-2] // factor, shape[-1] // factor
