"""The error of a mean over many cells, whose errors go together the nearer they lie.

With weights `w` that sum to 1, errors `u` of the single cells and a correlation `rho` that depends on their distance
alone, the variance of the mean is the sum of `w_i w_j u_i u_j rho(d_ij)` over all pairs of cells. On a grid that is
one convolution, which is exact and costs the same for a field and for a country.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from srdanet.arrays import Float64, Floats
from srdanet.errors import ArgumentError, GridError


@dataclass(frozen=True)
class Correlation:
    """Correlation of the errors of two cells with their distance: a sum of exponentials."""

    shares: Sequence[float]
    """Share of the variance of each part; what they lack to 1 is independent from cell to cell."""
    lengths: Sequence[float]
    """Distance (m) at which each part has fallen to 1 / e; infinite for an error common to all cells."""

    def __post_init__(self) -> None:
        if len(self.shares) != len(self.lengths):
            raise ArgumentError("shares and lengths differ in number", todo="Give one length for each share.")
        if min(self.shares, default=0) < 0 or sum(self.shares) > 1 + 1e-9 or min(self.lengths, default=1) <= 0:
            todo = "Give shares of 0 or more that sum to 1 at most, and lengths above 0 m."
            raise ArgumentError(f"shares {self.shares} or lengths {self.lengths} are out of range", todo=todo)

    def at(self, distance: Floats) -> Float64:
        """The correlation of two different cells; 1 at distance 0.

        Args:
            distance: m, any shape.
        """
        distance = np.asarray(distance, np.float64)
        parts = [share * np.exp(-distance / length) for share, length in zip(self.shares, self.lengths, strict=True)]
        return np.where(distance == 0, 1.0, np.sum(parts, axis=0) if parts else 0.0)


CORRELATION = Correlation((0.86, 0.14), (470.0, 25000.0))
"""Errors of the shipped model at 250 m: most of an error reaches about as far as half a 1 km cell, the rest tens of
kilometres. Fitted on 18 ASTER pairs held out from training; around Zhangye, where truth and coarse LST are of one
sensor, the second part is absent and the error of a mean is overstated. An error that a whole image shares (the bias
of the MODIS product) is no part of it. See `docs/notebook/031-error-correlation.md`."""


def error_of_sum(weights: Floats, uncertainty: Floats, cell: float, correlation: Correlation = CORRELATION) -> float:
    """Standard deviation of a weighted sum of cells.

    Args:
        weights: (y, x), of any sign; 0 where a cell does not count. For a mean they sum to 1, for a difference of two
            means to 0.
        uncertainty: (y, x) standard deviation of each cell, such as K; must be known where the weight is not 0.
        cell: Side of a cell (m).
        correlation: Of the errors.

    Returns:
        In the unit of `uncertainty`; NaN where an uncertainty that counts is missing.

    Raises:
        GridError: when the shapes differ.
    """
    if weights.shape != uncertainty.shape or weights.ndim != 2:
        raise GridError(f"weights of {weights.shape} and uncertainty of {uncertainty.shape} cells differ")
    counted = weights != 0
    if not counted.any():
        return float("nan")
    rows, cols = (slice(at.min(), at.max() + 1) for at in np.nonzero(counted))
    part = np.where(counted, weights, 0.0)[rows, cols] * np.where(counted, uncertainty, 0.0)[rows, cols]
    if not np.isfinite(part).all():
        return float("nan")
    # Sums over all pairs at each lag; padded, so that nothing wraps round.
    height, width = part.shape
    shape = tuple(next_fast_len(2 * n, real=True) for n in part.shape)
    pairs = irfft2(np.abs(rfft2(part, shape)) ** 2, shape)
    down, right = (np.minimum(np.arange(n), n - np.arange(n)) for n in shape)
    inside = (down < height)[:, None] & (right < width)
    rho = correlation.at(np.hypot(down[:, None], right) * cell)
    return float(np.sqrt(max(0.0, float((pairs * rho)[inside].sum()))))
