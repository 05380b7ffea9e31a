"""What a model was trained on: the range of each input there, and how far others lie outside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from srdanet.arrays import Float32, Floats, repeat
from srdanet.predictors.stack import CHANNELS, CLASSES, CONTEXT, RELATIVE
from srdanet.variables import WEATHER

BOUNDED = ("lst", *(name for name in CHANNELS if name not in (*RELATIVE, *CLASSES)), *WEATHER, "sun_elevation", "cell")
"""Inputs that have a range. Of the relative ones a network sees the departure from their surroundings alone, shares of
land cover have no other range than 0 to 1, and the rest are directions and signs."""
SHARE = 0.0005
"""Share of the values of training that may lie below a range, and above it: broken cells must not widen it."""
MARGIN = 0.05
"""How far outside a range, in widths of it, is still near."""
GROWTH = 1.0
"""By how much the standard deviation grows for each width of the range beyond the margin: a rule of caution, not a
measured one (docs/notebook/033-far-from-training.md)."""
WIDEST = 50.0
"""Standard deviation (K) up to which it grows; more would say no more."""


@dataclass(frozen=True)
class Domain:
    """The ranges of training; a model without any is never far from it."""

    ranges: Mapping[str, Sequence[float]]
    """Lowest and highest usual value of names in `BOUNDED`, in their units."""

    def excess(self, lst: Floats, channels: Floats, context: Floats) -> Float32 | None:
        """How far the inputs of one step lie beyond the margin around the ranges; missing values lie nowhere.

        Args:
            lst: (h, w) coarse LST, K, NaN = missing.
            channels: (len(CHANNELS), 2h, 2w), NaN = missing.
            context: (len(CONTEXT), h, w), NaN = missing.

        Returns:
            (2h, 2w) widths of the range, of the input that lies farthest out; None where all is near.
        """
        out: Float32 | None = None
        for name, values in self._inputs(lst, channels, context):
            low, high = self.ranges[name]
            width = high - low
            first, last = low - MARGIN * width, high + MARGIN * width
            # Most windows have nothing far, and that is soon told.
            if not (np.fmin.reduce(values, None) < first or np.fmax.reduce(values, None) > last):
                continue
            beyond = np.fmax(np.fmax(first - values, values - last) / width, 0).astype(np.float32)
            beyond = beyond if values.shape == channels.shape[1:] else repeat(beyond, 2)
            out = beyond if out is None else np.maximum(out, beyond)
        return out

    def _inputs(self, lst: Floats, channels: Floats, context: Floats) -> Iterator[tuple[str, Floats]]:
        for name in self.ranges:
            if name == "lst":
                yield name, lst
            elif name in CHANNELS:
                yield name, channels[CHANNELS.index(name)]
            else:
                yield name, context[CONTEXT.index(name)]


def widened(sigma: Float32, excess: Float32 | None) -> Float32:
    """A standard deviation (K) made larger where the inputs are far from those of training (`Domain.excess`)."""
    if excess is None:
        return sigma
    return np.maximum(sigma, np.minimum(sigma * (1 + GROWTH * excess), np.float32(WIDEST)))


def joined(*trainings: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """The ranges of several trainings, one after the other."""
    out: dict[str, Sequence[float]] = {}
    for ranges in trainings:
        for name, limits in ranges.items():
            both = (*limits, *out.get(name, ()))
            out[name] = (min(both), max(both))
    return out
