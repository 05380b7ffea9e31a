"""All that is counted of one method on one image, as one value that adds up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet.evaluation.coverage import Coverage
from srdanet.evaluation.statistics import Totals
from srdanet.evaluation.structure import Structure

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Tally:
    """Totals of the error, of the closure on the input, of the claimed uncertainty, and of the structure."""

    error: Totals = field(default_factory=Totals)
    """Result against truth."""
    closure: Totals = field(default_factory=Totals)
    """Degraded result against the input."""
    coverage: Coverage = field(default_factory=Coverage)
    """Empty where the method claims no uncertainty."""
    centred: Coverage = field(default_factory=Coverage)
    """`coverage` with the image's mean error taken away."""
    structure: Structure = field(default_factory=Structure)

    @classmethod
    def of(
        cls, prediction: Floats, truth: Floats, factor: int, sigma: Floats | None = None, closure: Totals | None = None
    ) -> Tally:
        """The tally of one image.

        Args:
            prediction: (y, x) K, NaN = missing.
            truth: Same shape, K, NaN = missing.
            factor: Cells along one side of the coarse cell that was downscaled.
            sigma: Same shape, the uncertainty the method claims, K, NaN = missing; None for none.
            closure: Totals of the degraded result against the input.

        Raises:
            ArgumentError: when the shapes differ.
            GridError: when they are no multiple of `factor`.
        """
        error = Totals.of(prediction, truth, factor)
        counted = cls(error, closure or Totals(), structure=Structure.of(prediction, truth, factor))
        if sigma is None or not error.n:
            return counted
        centred = Coverage.of(prediction - error.bias, truth, sigma)
        return replace(counted, coverage=Coverage.of(prediction, truth, sigma), centred=centred)

    def __add__(self, other: Tally) -> Tally:
        if not isinstance(other, Tally):
            return NotImplemented
        return Tally(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def metrics(self) -> dict[str, float]:
        """All metrics by name; what nothing was counted for is left out."""
        found = {name.replace("_", " "): value for name, value in self.error.metrics().items()}
        if self.closure.n:
            found["closure rmse"] = self.closure.rmse
        found |= self.structure.metrics() | self.coverage.metrics()
        return found | {
            f"centred {name}": value for name, value in self.centred.metrics().items() if "claim" not in name
        }


def combine(parts: Iterable[Tally]) -> Tally:
    """The tally of all parts together; empty for none."""
    return sum(parts, Tally())
