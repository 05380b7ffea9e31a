"""Statistical uncertainty: intervals from redrawing whole groups, and a paired test of two methods.

Cells of one day share their weather and cells of one pair their view, so that the day, the pair or, within one scene,
a block of it is the unit that may be counted, not the cell (Efron 1979, by blocks).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import wilcoxon

from srdanet.arrays import Float64

_AT_A_TIME = 100
"""Replicates held in memory together."""


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


NO_INTERVAL = Interval(math.nan, math.nan)
"""Where there is but one image, or none."""


def bootstrap(
    groups: ArrayLike,
    statistic: Callable[[Float64], Float64],
    *,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic when whole groups (days, pairs, blocks) are drawn anew.

    Args:
        groups: (n, ...) one value or one set of sums per group.
        statistic: From drawn groups (replicates, n, ...) to one value each (replicates,).
        replicates: How many times the groups are drawn, with replacement.
        level: Share of the replicates inside the interval.
        seed: The same seed gives the same interval.
    """
    values = np.asarray(groups, np.float64)
    if not len(values):
        return NO_INTERVAL
    draws = np.random.default_rng(seed).integers(len(values), size=(replicates, len(values)))
    parts = (draws[start : start + _AT_A_TIME] for start in range(0, replicates, _AT_A_TIME))
    found = np.concatenate([statistic(values[part]) for part in parts])
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def paired(first: ArrayLike, second: ArrayLike) -> float:
    """Probability of differences as large as these between two methods that are equally good.

    Wilcoxon's signed rank test, two-sided: of each group's error of one method and of the other. It asks for no normal
    distribution, and cannot find below 2 / 2^n with n groups.

    Args:
        first: (n,) error of each group, such as its RMSE.
        second: (n,) the same of the other method.

    Returns:
        p; 1 where all differences are zero, NaN where there are fewer than two groups.
    """
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    if len(difference) < 2:
        return math.nan
    if not difference.any():
        return 1.0
    return float(wilcoxon(difference, zero_method="zsplit").pvalue)


def holm(probabilities: Sequence[float]) -> list[float]:
    """The probabilities of several tests, raised for their number (Holm 1979); NaN stays, and does not count."""
    values = np.asarray(probabilities, np.float64)
    order = [i for i in np.argsort(values) if not np.isnan(values[i])]
    raised, highest = [float(v) for v in values], 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, float(values[i]) * (len(order) - rank)))
        raised[i] = highest
    return raised
