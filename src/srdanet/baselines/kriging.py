"""Area-to-point regression kriging."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from srdanet.arrays import Float64, Floats
from srdanet.baselines.sharpening import (
    Chosen,
    Predictors,
    Sharpener,
    Trend,
    as_samples,
    fill_nearest,
    least_squares,
    predict,
)


@dataclass(frozen=True)
class Atprk(Sharpener):
    """Area-to-point regression kriging: a linear regression, and kriging of its residual from cells to points.

    Wang, Shi, Atkinson, Zhao (2015), *Downscaling MODIS images with area-to-point regression kriging*, Remote Sensing
    of Environment 166, 191-204. The variogram of points is an exponential one, chosen such that it gives the residual's
    variogram when averaged over coarse cells (deconvolution). The result is coherent: its plain means over coarse cells
    with all predictors are the LST given.
    """

    window: int = 5
    """Coarse cells along the side of the square that a fine cell's residual is kriged from; odd."""
    lags: int = 8
    """Coarse cells up to which the variogram is looked at."""
    chosen: Chosen = "all"
    name: str = "atprk"

    def _trend(self, lst: Floats, predictors: Predictors) -> Trend:
        known = predictors.valid_cells(lst)
        coefficients = least_squares(as_samples(predictors.coarse, known), lst[known])

        def line(samples: Floats) -> Floats:
            return np.asarray(coefficients[0] + samples @ coefficients[1:])

        fine, coarse = predict(line, predictors.fine), predict(line, predictors.coarse)
        residual = np.where(known, lst - coarse, np.nan)
        factor = predictors.factor
        practical_range = fit_range(residual, factor, self.lags)
        kriged = krige(residual, kriging_weights(factor, practical_range, self.window))
        # The sharpener adds the residual that remains, which is none: the means of `kriged` are `residual`.
        return Trend(fine + kriged, np.asarray(coarse + residual, np.float32))


def krige(residual: Floats, weights: Float64) -> Floats:
    """A residual (y, x) K by weights (factor, factor, window, window): (y * factor, x * factor), missing where it was.

    Missing neighbours take the value of the nearest cell, which changes no mean: the weights of each neighbour add up
    to nothing over a coarse cell.
    """
    factor, window = weights.shape[0], weights.shape[-1]
    height, width = residual.shape
    padded = np.pad(fill_nearest(residual), window // 2, mode="edge")
    out = np.zeros((height * factor, width * factor), np.float32)
    for a, b in np.ndindex(factor, factor):
        part = np.zeros((height, width))
        for i, j in np.ndindex(window, window):
            part += weights[a, b, i, j] * padded[i : i + height, j : j + width]
        out[a::factor, b::factor] = np.where(np.isnan(residual), np.nan, part)
    return out


def kriging_weights(factor: int, practical_range: float, window: int) -> Float64:
    """Weights (factor, factor, window, window) of ordinary kriging of a fine cell from the coarse cells around its own.

    Args:
        factor: Fine cells along a coarse one.
        practical_range: Practical range of the exponential variogram, in coarse cells.
        window: Coarse cells along the side of the square; odd.
    """
    half = window // 2
    table = _covariance(factor, practical_range, 2 * half)
    between = table.mean((0, 1))
    cells = np.stack(np.meshgrid(range(window), range(window), indexing="ij"), -1).reshape(-1, 2)
    offsets = cells[:, None] - cells[None] + 2 * half
    size = len(cells)
    system = np.ones((size + 1, size + 1))
    system[:size, :size] = between[offsets[..., 0], offsets[..., 1]]
    system[size, size] = 0
    right = np.ones((size + 1, factor, factor))
    right[:size] = np.moveaxis(
        table[:, :, half : 3 * half + 1, half : 3 * half + 1].reshape(factor, factor, size), -1, 0
    )
    solved = np.linalg.solve(system, right.reshape(size + 1, -1))[:size]
    return np.asarray(solved.T.reshape(factor, factor, window, window))


def fit_range(residual: Floats, factor: int, lags: int) -> float:
    """Practical range, in coarse cells, of the point variogram whose means over cells fit a residual (y, x) best."""
    measured, counts = _variogram(residual, lags)
    if not counts.any() or not measured.any():
        return 1.0
    best, chosen = np.inf, 1.0
    for practical_range in np.geomspace(0.5, 4.0 * lags, 24):
        means = _covariance(factor, practical_range, lags).mean((0, 1))[lags, lags:]
        model = (means[0] - means[1:])[: len(measured)]
        sill = (counts * model * measured).sum() / (counts * model**2).sum()
        misfit = (counts * (measured - sill * model) ** 2).sum()
        if misfit < best:
            best, chosen = misfit, float(practical_range)
    return chosen


def _variogram(residual: Floats, lags: int) -> tuple[Float64, Float64]:
    """Half the mean squared difference of cells 1, 2, ... apart along rows and columns, and the number of pairs."""
    squares, counts = np.zeros(lags), np.zeros(lags)
    for lag in range(1, lags + 1):
        for image in (residual, residual.T):
            difference = image[lag:] - image[:-lag]
            squares[lag - 1] += np.nansum(difference**2)
            counts[lag - 1] += np.isfinite(difference).sum()
    return squares / np.maximum(2 * counts, 1), counts


def _covariance(factor: int, practical_range: float, most: int) -> Float64:
    """Covariance of each fine cell with coarse cells: (factor, factor, 2 most + 1, 2 most + 1), sill 1.

    The last two axes are the coarse cell's offset from the fine cell's own, -most to most. A coarse cell is the mean of
    its factor x factor fine cells.
    """
    steps = np.arange(-most * factor - factor + 1, (most + 1) * factor) / factor
    points = np.exp(-3 * np.hypot(steps[:, None], steps[None]) / practical_range)
    # Sums over a coarse cell's fine cells, by differences of running sums.
    sums = np.pad(points, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    boxes = sums[factor:, factor:] - sums[:-factor, factor:] - sums[factor:, :-factor] + sums[:-factor, :-factor]
    boxes /= factor**2
    # A fine cell at place p sees a coarse cell's first fine cell at offset * factor - p.
    first = np.arange(2 * most + 1) * factor + factor - 1
    rows = first[None] - np.arange(factor)[:, None]
    return np.asarray(boxes[rows[:, None, :, None], rows[None, :, None, :]])
