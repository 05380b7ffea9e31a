"""Sums that add up: error totals of parts give the error totals of the whole.

`Totals` has a zero (`Totals()`) and a `+`, so that cells, tiles and days may be
reduced in any order, on any worker, and metrics are functions of the totals alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from srdanet.energy import aggregate
from srdanet.errors import ArgumentError

Floats = NDArray[np.floating[Any]]
T = TypeVar("T")

_ORIGIN = 280.0
"""Sums of squares are taken about this temperature (K), so that float64 loses nothing."""


@dataclass(frozen=True)
class Totals:
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
    def of(cls, prediction: Floats, truth: Floats, factor: int | None = None) -> Totals:
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

    def __add__(self, other: Totals) -> Totals:
        if not isinstance(other, Totals):
            return NotImplemented
        return Totals(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

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


def total(parts: Iterable[Totals]) -> Totals:
    """The totals of all parts together; zero for none."""
    return sum(parts, Totals())


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


def bootstrap(
    groups: Sequence[T],
    statistic: Callable[[Sequence[T]], float],
    *,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic when whole groups (days, pairs) are drawn anew.

    Cells of one day share their weather and cells of one pair their view, so that the
    day or the pair is the unit that may be counted, not the cell (Efron 1979, by blocks).

    Args:
        groups: One value per day or pair: `Totals`, a tuple of them, a number.
        statistic: A function of a list of groups.
        replicates: How many times the groups are drawn, with replacement.
        level: Share of the replicates inside the interval.
        seed: The same seed gives the same interval.
    """
    if not groups:
        return Interval(math.nan, math.nan)
    draws = np.random.default_rng(seed).integers(len(groups), size=(replicates, len(groups)))
    values = [statistic([groups[i] for i in draw]) for draw in draws.tolist()]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def _detail(image: Floats, factor: int) -> NDArray[np.float64]:
    """Valid cells' differences from the mean of their coarse cell, flat."""
    values = image.astype(np.float64)
    mean = aggregate(values, factor)
    detail = values - mean.repeat(factor, axis=-2).repeat(factor, axis=-1)
    flat: NDArray[np.float64] = detail[np.isfinite(detail)]
    return flat


def _over(a: float, b: float) -> float:
    """A / b, NaN where b is zero."""
    return a / b if b else math.nan
