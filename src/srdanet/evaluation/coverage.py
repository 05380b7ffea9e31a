"""Does the error stay within the uncertainty that was claimed: counts that add up."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet.errors import ArgumentError

Floats = NDArray[np.floating[Any]]

WIDE = 1.96
"""Standard deviations that hold 95 % of a normal distribution; one holds 68.3 %."""


@dataclass(frozen=True)
class Coverage:
    """Counts over cells where prediction, truth and claimed uncertainty are all valid."""

    n: float = 0.0
    """Cells."""
    narrow: float = 0.0
    """Cells whose error is at most one claimed standard deviation."""
    wide: float = 0.0
    """Cells whose error is at most 1.96 claimed standard deviations."""
    claimed_squared: float = 0.0
    """Sum of the claimed variance, K2."""

    @classmethod
    def of(cls, prediction: Floats, truth: Floats, sigma: Floats) -> Coverage:
        """Counts of one image or a stack of images.

        Args:
            prediction: (..., y, x) K, NaN = missing.
            truth: Same shape, K, NaN = missing.
            sigma: Same shape, claimed standard deviation, K, NaN = missing.

        Raises:
            ArgumentError: when the shapes differ.
        """
        if not prediction.shape == truth.shape == sigma.shape:
            raise ArgumentError(f"prediction is {prediction.shape}, truth {truth.shape}, uncertainty {sigma.shape}")
        error = np.abs(prediction.astype(np.float64) - truth)
        valid = np.isfinite(error) & np.isfinite(sigma)
        e, s = error[valid], sigma[valid].astype(np.float64)
        return cls(float(e.size), float((e <= s).sum()), float((e <= WIDE * s).sum()), float(s @ s))

    def __add__(self, other: Coverage) -> Coverage:
        if not isinstance(other, Coverage):
            return NotImplemented
        return Coverage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def metrics(self) -> dict[str, float]:
        """Shares within one and within 1.96 sigma, and the claimed uncertainty's root mean square (K); {} for none."""
        if not self.n:
            return {}
        claimed = (self.claimed_squared / self.n) ** 0.5
        return {"within 1 s": self.narrow / self.n, "within 1.96 s": self.wide / self.n, "claimed rms": claimed}
