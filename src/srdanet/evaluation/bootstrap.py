"""Confidence intervals by drawing whole groups (days, pairs) anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


NO_INTERVAL = Interval(math.nan, math.nan)
"""Where there is but one image, or none."""


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
        groups: One value per day or pair: sums, or a number.
        statistic: A function of a list of groups.
        replicates: How many times the groups are drawn, with replacement.
        level: Share of the replicates inside the interval.
        seed: The same seed gives the same interval.
    """
    if not groups:
        return NO_INTERVAL
    draws = np.random.default_rng(seed).integers(len(groups), size=(replicates, len(groups)))
    values = [statistic([groups[i] for i in draw]) for draw in draws.tolist()]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
