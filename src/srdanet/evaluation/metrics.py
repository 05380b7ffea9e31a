"""What is counted of a result beside the truth: sums that add up, and the metrics that are functions of them.

Every class of sums has a zero (`Totals()`) and a `+`, so that cells, tiles and days may be
reduced in any order, on any worker. All temperatures in K; NaN = missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Self

import numpy as np
from scipy.ndimage import gaussian_filter

from srdanet.arrays import Float64, Floats, repeat
from srdanet.energy import aggregate, surroundings
from srdanet.errors import ArgumentError

Z95 = 1.96
"""Standard deviations that hold 95 % of a normal distribution; one holds 68.3 %."""
_ORIGIN = 280.0
"""Sums of squares are taken about this temperature (K), so that float64 loses nothing."""
_SIGMA, _RADIUS = 1.5, 5
"""SSIM's Gaussian window, 11 cells wide."""
_C1, _C2 = 0.01**2, 0.03**2
"""SSIM's constants, times the squared range."""
SPECTRUM_SIDE = 32
"""Cells along a tile of which a spectrum is taken."""
EDGE_SHARE = 0.1
"""The strongest gradients of the truth that count as edges."""
OCTAVES = (2, 4, 8, 16)
"""Shortest wavelengths, in cells of the result, of the bands in which spectra are compared; each ends at its double."""


@dataclass(frozen=True)
class Sums:
    """A value whose fields add up one by one."""

    def __add__(self, other: Self) -> Self:
        """The sums of both parts together."""
        if type(other) is not type(self):
            return NotImplemented
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Totals(Sums):
    """Sums over cells where prediction and truth are both valid. All temperatures in K."""

    n: float = 0.0
    """Cells."""
    error: float = 0.0
    """Sum of prediction - truth."""
    absolute: float = 0.0
    """Sum of |prediction - truth|."""
    squared: float = 0.0
    """Sum of (prediction - truth)^2."""
    truth: float = 0.0
    """Sum of truth - 280 K."""
    truth_squared: float = 0.0
    """Sum of (truth - 280 K)^2."""
    prediction: float = 0.0
    """Sum of prediction - 280 K."""
    prediction_squared: float = 0.0
    """Sum of (prediction - 280 K)^2."""
    product: float = 0.0
    """Sum of (prediction - 280 K)(truth - 280 K)."""
    detail_n: float = 0.0
    """Cells with a known sub-pixel detail (value minus the mean of its coarse cell)."""
    detail_squared: float = 0.0
    """Sum of (detail of prediction - detail of truth)^2."""
    detail_truth: float = 0.0
    """Sum of (detail of truth)^2."""
    detail_prediction: float = 0.0
    """Sum of (detail of prediction)^2."""

    @classmethod
    def of(cls, prediction: Floats, truth: Floats, factor: int | None = None) -> Self:
        """Totals of one image or a stack of images.

        Args:
            prediction: (..., y, x) K, NaN = missing.
            truth: Same shape, K, NaN = missing.
            factor: Cells along one side of the coarse cell that was downscaled; without
                it, the sums of sub-pixel detail stay zero.

        Raises:
            ArgumentError: when the shapes differ.
            GridError: when they are no multiple of `factor`.
        """
        if prediction.shape != truth.shape:
            raise ArgumentError(f"prediction is {prediction.shape}, truth is {truth.shape}")
        valid = np.isfinite(prediction) & np.isfinite(truth)
        p, t = prediction[valid].astype(np.float64) - _ORIGIN, truth[valid].astype(np.float64) - _ORIGIN
        e = p - t
        sums = (len(e), e.sum(), np.abs(e).sum(), e @ e, t.sum(), t @ t, p.sum(), p @ p, p @ t)
        if factor is None:
            return cls(*map(float, sums))
        dp, dt = (_detail(np.where(valid, image, np.nan), factor) for image in (prediction, truth))
        de = dp - dt
        return cls(*map(float, (*sums, len(de), de @ de, dt @ dt, dp @ dp)))

    @property
    def bias(self) -> float:
        """Mean error, K."""
        return _over(self.error, self.n)

    @property
    def mae(self) -> float:
        """Mean absolute error, K."""
        return _over(self.absolute, self.n)

    @property
    def rmse(self) -> float:
        """Root mean square error, K."""
        return math.sqrt(_over(self.squared, self.n))

    @property
    def std(self) -> float:
        """Standard deviation of the error (RMSE with the bias removed), K."""
        return math.sqrt(max(_over(self.squared, self.n) - self.bias**2, 0.0)) if self.n else math.nan

    @property
    def r2(self) -> float:
        """Coefficient of determination against the truth's own mean; large-scale contrast flatters it."""
        return 1 - _over(self.squared, self.truth_squared - _over(self.truth**2, self.n))

    @property
    def correlation(self) -> float:
        """Pearson's correlation of prediction and truth."""
        truth = self.truth_squared - _over(self.truth**2, self.n)
        prediction = self.prediction_squared - _over(self.prediction**2, self.n)
        covariance = self.product - _over(self.truth * self.prediction, self.n)
        return _over(covariance, math.sqrt(truth * prediction)) if truth > 0 and prediction > 0 else math.nan

    @property
    def detail_rmse(self) -> float:
        """Root mean square error of the sub-pixel detail, K."""
        return math.sqrt(_over(self.detail_squared, self.detail_n))

    @property
    def detail_r2(self) -> float:
        """Share of the truth's sub-pixel variance explained; 0 = no better than a flat coarse cell."""
        return 1 - _over(self.detail_squared, self.detail_truth)

    def metrics(self) -> dict[str, float]:
        """All metrics by name (K, or without unit); NaN where there is nothing to compute them from."""
        names = ("bias", "mae", "rmse", "std", "r2", "correlation", "detail_rmse", "detail_r2")
        return {"cells": self.n, **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True)
class Coverage(Sums):
    """How often the error stays within the stated uncertainty, over cells where both and the truth are valid."""

    n: float = 0.0
    """Cells."""
    within_1: float = 0.0
    """Cells whose error is at most one stated standard deviation."""
    within_z95: float = 0.0
    """Cells whose error is at most 1.96 stated standard deviations."""
    variance: float = 0.0
    """Sum of the stated variance, K2."""

    @classmethod
    def of(cls, prediction: Floats, truth: Floats, sigma: Floats) -> Self:
        """Counts of one image or a stack of images.

        Args:
            prediction: (..., y, x) K, NaN = missing.
            truth: Same shape, K, NaN = missing.
            sigma: Same shape, stated standard deviation, K, NaN = missing.

        Raises:
            ArgumentError: when the shapes differ.
        """
        if not prediction.shape == truth.shape == sigma.shape:
            raise ArgumentError(f"prediction is {prediction.shape}, truth {truth.shape}, uncertainty {sigma.shape}")
        error = np.abs(prediction.astype(np.float64) - truth)
        valid = np.isfinite(error) & np.isfinite(sigma)
        e, s = error[valid], sigma[valid].astype(np.float64)
        return cls(float(e.size), float((e <= s).sum()), float((e <= Z95 * s).sum()), float(s @ s))

    def metrics(self) -> dict[str, float]:
        """Shares within one and within 1.96 standard deviations, and their root mean square (K); {} for no cells."""
        if not self.n:
            return {}
        return {
            "within_1_sigma": self.within_1 / self.n,
            "within_1_96_sigma": self.within_z95 / self.n,
            "uncertainty_rms": math.sqrt(self.variance / self.n),
        }


@dataclass(frozen=True)
class Structure(Sums):
    """Sums over images; every property is a function of them."""

    images: float = 0.0
    """Images with some contrast."""
    decibels: float = 0.0
    """Sum of the images' PSNR."""
    windows: float = 0.0
    """Cells at which SSIM was taken."""
    likeness: float = 0.0
    """Sum of SSIM over them."""
    power: float = 0.0
    """Power of the prediction at wavelengths the coarse image cannot hold."""
    power_truth: float = 0.0
    edge: float = 0.0
    """Sum of the prediction's gradient along the truth's, at the truth's edges."""
    edge_truth: float = 0.0
    power_2: float = 0.0
    """Power of the prediction at wavelengths of up to 4 cells."""
    power_4: float = 0.0
    """At 4 to 8 cells, and so on."""
    power_8: float = 0.0
    power_16: float = 0.0
    truth_2: float = 0.0
    truth_4: float = 0.0
    truth_8: float = 0.0
    truth_16: float = 0.0

    @classmethod
    def of(cls, prediction: Floats, truth: Floats, factor: int) -> Self:
        """Sums of one image.

        Args:
            prediction: (y, x) K, NaN = missing.
            truth: Same shape, K, NaN = missing.
            factor: Cells along one side of the coarse cell that was downscaled.

        Returns:
            Empty where fewer than two cells are known to both or the truth is flat.

        Raises:
            ArgumentError: when the shapes differ or are not of one image.
        """
        if prediction.shape != truth.shape or truth.ndim != 2:
            raise ArgumentError(f"prediction is {prediction.shape}, truth is {truth.shape}", todo="give two (y, x)")
        known = np.isfinite(prediction) & np.isfinite(truth)
        span = float(np.ptp(truth[known])) if known.any() else 0.0
        if not span:
            return cls()
        p, t = (np.where(known, image, np.nan).astype(np.float64) - truth[known].min() for image in (prediction, truth))
        mse = float(np.nanmean((p - t) ** 2))
        psnr = 10 * math.log10(span**2 / mse) if mse else math.inf
        ssim = ssim_map(p, t, span)[known]
        beyond, *octaves = _powers(p, t, factor)
        bands = [sums[of] for of in (0, 1) for sums in octaves]
        return cls(1.0, psnr, float(ssim.size), float(ssim.sum()), *beyond, *_edges(p, t), *bands)

    def metrics(self) -> dict[str, float]:
        """Mean SSIM over cells, mean PSNR (dB) over images, spectral ratios and edge sharpness (1 = as the truth).

        `spectral_ratio` is that of all wavelengths that the coarse image cannot hold, `spectral_ratio_4` that of
        wavelengths of 4 to 8 cells.
        """
        found = {
            "ssim": (self.likeness, self.windows),
            "psnr": (self.decibels, self.images),
            "spectral_ratio": (self.power, self.power_truth),
            "edge_sharpness": (self.edge, self.edge_truth),
            **{f"spectral_ratio_{n}": (getattr(self, f"power_{n}"), getattr(self, f"truth_{n}")) for n in OCTAVES},
        }
        return {name: a / b for name, (a, b) in found.items() if b}


@dataclass(frozen=True)
class Overshoot(Sums):
    """How far a result leaves the range of the coarse LST (and of the truth, if given) in the 3 x 3 cells around."""

    n: float = 0.0
    """Cells."""
    beyond: float = 0.0
    """Cells outside of the range."""
    excess: float = 0.0
    """Sum of their distances from it, K."""
    squared: float = 0.0
    """Sum of the squares of these, K2."""

    @classmethod
    def of(cls, prediction: Floats, coarse: Floats, truth: Floats | None = None) -> Self:
        """Sums of one image.

        Args:
            prediction: (y, x) K, NaN = missing.
            coarse: The LST that was downscaled; its shape divides that of the others. K, NaN = missing.
            truth: Same shape as `prediction`, K, NaN = missing; widens the range, and only its cells count. None: the
                range is that of the coarse LST, and only cells of known coarse ones count.

        Raises:
            ArgumentError: when the shapes do not fit.
        """
        factor = prediction.shape[0] // coarse.shape[0]
        known = repeat(np.isfinite(coarse), factor) if truth is None else np.isfinite(truth)
        if not prediction.shape == known.shape == tuple(n * factor for n in coarse.shape):
            raise ArgumentError(f"prediction is {prediction.shape}, truth {known.shape}, coarse LST {coarse.shape}")
        low, high = coarse, coarse
        if truth is not None:
            blocks = truth.reshape(coarse.shape[0], factor, coarse.shape[1], factor)
            low, high = np.fmin(low, np.fmin.reduce(blocks, (1, 3))), np.fmax(high, np.fmax.reduce(blocks, (1, 3)))
        low, high = surroundings(low)[0], surroundings(high)[1]
        known &= np.isfinite(prediction)
        excess = np.maximum(repeat(low, factor) - prediction, prediction - repeat(high, factor))[known]
        outside = excess[excess > 0].astype(np.float64)
        return cls(float(known.sum()), float(outside.size), float(outside.sum()), float(outside @ outside))

    @property
    def rms(self) -> float:
        """Root mean square distance from the range, K, over all cells; NaN for none."""
        return math.sqrt(_over(self.squared, self.n))

    def metrics(self) -> dict[str, float]:
        """Share of cells outside of the range, and their mean distance from it (K); {} for no cells."""
        if not self.n:
            return {}
        return {"overshoot_share": self.beyond / self.n, "overshoot": self.excess / self.beyond if self.beyond else 0.0}


@dataclass(frozen=True)
class Tally(Sums):
    """All that is counted of one method."""

    error: Totals = field(default_factory=Totals)
    """Result against truth."""
    closure: Totals = field(default_factory=Totals)
    """Degraded result against the input."""
    coverage: Coverage = field(default_factory=Coverage)
    """Empty where the method states no uncertainty."""
    centred: Coverage = field(default_factory=Coverage)
    """`coverage` with the image's mean error taken away."""
    structure: Structure = field(default_factory=Structure)
    overshoot: Overshoot = field(default_factory=Overshoot)
    """Empty where the coarse LST was not given."""

    @classmethod
    def of(
        cls,
        prediction: Floats,
        truth: Floats,
        factor: int,
        sigma: Floats | None = None,
        closure: Totals | None = None,
        coarse: Floats | None = None,
    ) -> Self:
        """The tally of one image.

        Args:
            prediction: (y, x) K, NaN = missing.
            truth: Same shape, K, NaN = missing.
            factor: Cells along one side of the coarse cell that was downscaled.
            sigma: Same shape, the standard deviation that the method states, K, NaN = missing; None for none.
            closure: Totals of the degraded result against the input.
            coarse: (y / factor, x / factor) K, the input itself, NaN = missing; without it no overshoot is counted.

        Raises:
            ArgumentError: when the shapes differ.
            GridError: when they are no multiple of `factor`.
        """
        error = Totals.of(prediction, truth, factor)
        overshoot = Overshoot() if coarse is None else Overshoot.of(prediction, coarse, truth)
        structure = Structure.of(prediction, truth, factor)
        counted = cls(error, closure or Totals(), structure=structure, overshoot=overshoot)
        if sigma is None or not error.n:
            return counted
        centred = Coverage.of(prediction - error.bias, truth, sigma)
        return replace(counted, coverage=Coverage.of(prediction, truth, sigma), centred=centred)

    def metrics(self) -> dict[str, float]:
        """All metrics by name; what nothing was counted for is left out."""
        found = self.error.metrics()
        if self.closure.n:
            found["closure_rmse"] = self.closure.rmse
        found |= self.structure.metrics() | self.overshoot.metrics() | self.coverage.metrics()
        # The mean error taken away does not change the uncertainty itself.
        return found | {f"centred_{k}": v for k, v in self.centred.metrics().items() if k != "uncertainty_rms"}


@dataclass(frozen=True)
class Comparison(Sums):
    """A method and bicubic interpolation on the same cells."""

    model: Tally = field(default_factory=Tally)
    bicubic: Tally = field(default_factory=Tally)


def _detail(image: Floats, factor: int) -> Float64:
    """Valid cells' differences from the mean of their coarse cell, flat."""
    values = image.astype(np.float64)
    mean = aggregate(values, factor)
    detail = values - repeat(mean, factor)
    flat: Float64 = detail[np.isfinite(detail)]
    return flat


def _over(a: float, b: float) -> float:
    """A / b, NaN where b is zero."""
    return a / b if b else math.nan


def ssim_map(prediction: Floats, truth: Floats, span: float) -> Float64:
    """Structural similarity at every cell.

    Args:
        prediction: (y, x), NaN = missing.
        truth: Same shape; known where `prediction` is.
        span: Range of values.

    Returns:
        (y, x) at most 1, NaN where missing; window means are over known cells.
    """
    known = np.isfinite(prediction) & np.isfinite(truth)
    weight = _smooth(known.astype(np.float64))

    def mean(values: Float64) -> Float64:
        return _smooth(np.where(known, values, 0.0)) / np.where(known, weight, np.nan)

    p, t = prediction.astype(np.float64), truth.astype(np.float64)
    mp, mt = mean(p), mean(t)
    vp, vt, cov = mean(p * p) - mp**2, mean(t * t) - mt**2, mean(p * t) - mp * mt
    c1, c2 = _C1 * span**2, _C2 * span**2
    found: Float64 = (2 * mp * mt + c1) / (mp**2 + mt**2 + c1) * (2 * cov + c2) / (vp + vt + c2)
    return found


def _smooth(values: Float64) -> Float64:
    out: Float64 = gaussian_filter(values, _SIGMA, mode="constant", radius=_RADIUS)
    return out


def _powers(prediction: Float64, truth: Float64, factor: int) -> list[tuple[float, float]]:
    """Power of both, over the tiles without a gap: beyond the coarse image's Nyquist frequency, and in `OCTAVES`."""
    side = min(SPECTRUM_SIDE, *truth.shape)
    taper = np.hanning(side + 2)[1:-1]
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(frequency[:, None], frequency)
    # Along the diagonals a grid holds wavelengths below two cells; they count with the shortest.
    upper = (np.inf, *(1 / n for n in OCTAVES[1:]))
    bands = [
        radius > 1 / (2 * factor),
        *((radius > 1 / (2 * n)) & (radius <= u) for n, u in zip(OCTAVES, upper, strict=True)),
    ]
    spectra = np.zeros((2, side, side))
    for row in range(0, truth.shape[0] - side + 1, side):
        for col in range(0, truth.shape[1] - side + 1, side):
            tiles = np.stack([image[row : row + side, col : col + side] for image in (prediction, truth)])
            if np.isfinite(tiles).all():
                levelled = tiles - tiles.mean(axis=(1, 2), keepdims=True)
                spectra += np.abs(np.fft.fft2(levelled * np.outer(taper, taper))) ** 2
    return [(float(spectra[0][band].sum()), float(spectra[1][band].sum())) for band in bands]


def _edges(prediction: Float64, truth: Float64) -> tuple[float, float]:
    """Gradient of both along that of the truth, summed over the truth's edges; noise across it cancels."""
    if min(truth.shape) < 2:
        return 0.0, 0.0
    py, px = np.gradient(prediction)
    ty, tx = np.gradient(truth)
    steep: Float64 = np.hypot(ty, tx)
    if not np.isfinite(steep).any():
        return 0.0, 0.0
    edge = (steep >= np.nanquantile(steep, 1 - EDGE_SHARE)) & (steep > 0)
    along: Float64 = np.asarray(py * ty + px * tx)[edge] / steep[edge]
    return float(along.sum()), float(steep[edge].sum())
