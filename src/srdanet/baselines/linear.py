"""Sharpeners with one relation of LST to NDVI, and their blend with interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from scipy.ndimage import uniform_filter

from srdanet.arrays import Float64, Floats, Mask, repeat
from srdanet.baselines.interpolation import BICUBIC
from srdanet.baselines.sharpening import FEWEST_CELLS, Method, Predictors, Residual, Sharpener, Trend, as_dataset
from srdanet.energy import aggregate
from srdanet.scene import Scene

_COVER_POWER = 0.625
"""Exponent of NDVI's relation to fractional cover (Choudhury 1994, as Agam et al. use it)."""


@dataclass(frozen=True)
class TsHarp(Sharpener):
    """TsHARP: one straight line through all coarse cells, and the residual of each added back.

    Agam, Kustas, Anderson, Li, Neale (2007), *A vegetation index based technique for spatial sharpening of thermal
    imagery*, Remote Sensing of Environment 107, 545-558. They compare four variables, of which these are two, and
    repeat the residual in the fine cells; a smooth residual is more accurate and is what this project's tables hold.
    """

    variable: Literal["ndvi", "cover"] = "ndvi"
    """`cover` is the fractional cover 1 - ((max - NDVI) / (max - min))^0.625, max and min being the scene's."""
    residual: Residual = "spline"
    name: str = "tsharp"

    def _trend(self, lst: Floats, predictors: Predictors) -> Trend:
        fine, coarse = predictors.fine[0], predictors.coarse[0]
        if self.variable == "cover":
            low, high = np.nanmin(fine), np.nanmax(fine)
            fine, coarse = (1 - ((high - ndvi) / (high - low)) ** _COVER_POWER for ndvi in (fine, coarse))
        return _polynomial(lst, fine, coarse, predictors.valid_cells(lst), 1)


@dataclass(frozen=True)
class DisTrad(Sharpener):
    """DisTrad: a parabola in NDVI through the most uniform coarse cells, and the residual of each cell added back.

    Kustas, Norman, Anderson, French (2003), *Estimating subpixel surface temperatures and energy fluxes from the
    vegetation index-radiometric temperature relationship*, Remote Sensing of Environment 85, 429-440. Of the cells with
    NDVI of 0 to 0.2, of 0.2 to 0.5 and above, those are taken whose fine NDVI has the lowest coefficient of variation.
    """

    share: float = 0.25
    """Of the cells of each of the three classes of NDVI."""
    residual: Residual = "nearest"
    name: str = "distrad"

    def _trend(self, lst: Floats, predictors: Predictors) -> Trend:
        fine, coarse = predictors.fine[0], predictors.coarse[0]
        known = predictors.valid_cells(lst)
        uniform = self._uniform(fine, coarse, known)
        return _polynomial(lst, fine, coarse, uniform if uniform.sum() >= FEWEST_CELLS else known, 2)

    def _uniform(self, fine: Floats, coarse: Floats, known: Mask) -> Mask:
        """(y, x): the cells that the parabola is fitted to."""
        factor = fine.shape[0] // coarse.shape[0]
        deviation = np.sqrt(aggregate(np.square(fine - repeat(coarse, factor)), factor))
        variation = deviation / np.maximum(np.abs(coarse), 1e-3)
        chosen = np.zeros(known.shape, bool)
        for low, high in ((0, 0.2), (0.2, 0.5), (0.5, np.inf)):
            members = known & (coarse >= low) & (coarse < high)
            if members.any():
                chosen |= members & (variation <= np.quantile(variation[members], self.share))
        return chosen


@dataclass(frozen=True)
class MovingWindow(Sharpener):
    """A line of its own for each coarse cell, through the cells of a window around it; the residual is added back.

    As Jeganathan et al. (2011), *Evaluating a thermal image sharpening model over a mixed agricultural landscape in
    India*, International Journal of Applied Earth Observation and Geoinformation 13, 178-191, whose local variant of
    TsHARP this is. Where a window holds too few cells, or NDVI does not vary in it, the line of the whole scene serves.
    """

    window: int = 9
    """Coarse cells along its side; odd."""
    residual: Residual = "nearest"
    name: str = "moving-window"

    def _trend(self, lst: Floats, predictors: Predictors) -> Trend:
        fine, coarse, known = predictors.fine[0], predictors.coarse[0], predictors.valid_cells(lst)
        temperature, ndvi = (np.where(known, v, 0).astype(np.float64) for v in (lst, coarse))
        # Differences to the scene's means, so that the sums below lose no digits.
        level, middle = temperature[known].mean(), ndvi[known].mean()
        temperature, ndvi = (temperature - level) * known, (ndvi - middle) * known
        number = self._sum(known.astype(np.float64))
        n = np.maximum(number, 1)
        t, v = self._sum(temperature) / n, self._sum(ndvi) / n
        variance = self._sum(ndvi**2) / n - v**2
        covariance = self._sum(ndvi * temperature) / n - v * t
        whole = (ndvi * temperature).sum() / (ndvi**2).sum()
        sure = (number > FEWEST_CELLS - 0.5) & (variance > 1e-6)
        slope = np.where(sure, covariance / np.where(sure, variance, 1), whole)
        offset = np.where(number > 0.5, t - slope * v, 0) + level - slope * middle
        slope, offset = slope.astype(np.float32), offset.astype(np.float32)
        factor = predictors.factor
        return Trend(repeat(slope, factor) * fine + repeat(offset, factor), slope * coarse + offset)

    def _sum(self, values: Float64) -> Float64:
        """Over the window around each cell; nothing lies outside."""
        total: Float64 = uniform_filter(values, self.window, mode="constant") * self.window**2
        return total


@dataclass(frozen=True)
class Blend:
    """A share of a sharpener and the rest interpolation: less noise of the one, less blur of the other.

    The shares are those of Zhang et al. (2026, arXiv 2511.05964), who blend 0.57 of a kernel-driven regression with
    0.43 of interpolation; in most climates the mean is better than either.
    """

    sharpener: Method = TsHarp()
    interpolation: Method = BICUBIC
    share: float = 0.57
    name: str = "blend"

    def __call__(self, scene: Scene, factor: int) -> xr.Dataset:
        """`lst` (y * factor, x * factor) K of a scene; attributes as `sharpening.sharpen` gives them."""
        sharp = self.sharpener(scene, factor)
        fine = sharp["lst"].values * np.float32(self.share)
        fine += self.interpolation(scene, factor)["lst"].values * np.float32(1 - self.share)
        return as_dataset(scene, factor, fine, self.name, **{k: v for k, v in sharp.attrs.items() if k != "method"})


def _polynomial(lst: Floats, fine: Floats, coarse: Floats, cells: Mask, degree: int) -> Trend:
    """A polynomial fitted to some of the coarse cells and applied to all, coarse and fine."""
    ndvi = coarse[cells].astype(np.float64)
    degree = min(degree, len(np.unique(ndvi)) - 1)
    line = np.polynomial.Polynomial.fit(ndvi, lst[cells].astype(np.float64), degree)
    coefficients = line.convert().coef.astype(np.float32)

    def value(ndvi: Floats) -> Floats:
        # Horner's way and in place: a fine image may be a whole tile.
        total = np.where(np.isnan(ndvi), ndvi, np.float32(0))
        for coefficient in coefficients[::-1]:
            total *= ndvi
            total += coefficient
        return total

    return Trend(value(fine), value(coarse))
