"""Where and when: season, relief, land cover and view angle as names of cells, so that each may be judged apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from srdanet.evaluation.datasets import COVER
from srdanet.predictors.land_cover import GROUPS

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
By = Literal["season", "relief", "cover", "angle"]
"""What results may be sorted by."""

SEASONS = ("winter", "spring", "summer", "autumn")
RELIEF = {"plain": 0.0, "hills": 20.0, "mountains": 100.0}
"""Lowest standard deviation of height (m) within `RELIEF_KM` of each class."""
RELIEF_KM = 5.0
"""Side of the square in which the relief around a cell is taken."""
ANGLES = {"below 20 deg": 0.0, "20 to 40 deg": 20.0, "from 40 deg": 40.0}
"""Lowest view angle of each class, to either side of nadir."""
FARMLAND = "farmland"
MOST = 0.5
"""Share of a cell that a land cover must take to name it."""


def season(date: np.datetime64, latitude: float) -> str:
    """Meteorological season: winter is December to February in the north, June to August in the south."""
    month = int(date.astype("datetime64[M]").astype(np.int64)) % 12 + 1
    return SEASONS[(month % 12 // 3 + (2 if latitude < 0 else 0)) % 4]


def relief(elevation: Floats, cell: float) -> dict[str, Mask]:
    """Plain, hills and mountains by the spread of height around a cell.

    Args:
        elevation: (y, x) m, NaN = missing.
        cell: Side of a cell, m.

    Returns:
        Name to (y, x) bool; where the height is missing a cell is of no class.
    """
    side = max(3, round(RELIEF_KM * 1000 / cell) // 2 * 2 + 1)
    known = np.isfinite(elevation)
    height = np.where(known, elevation, 0.0).astype(np.float64)
    middle = height[known].mean() if known.any() else 0.0
    height = np.where(known, height - middle, 0.0)
    share, first, second = (uniform_filter(v, side, mode="nearest") for v in (known * 1.0, height, height**2))
    share = np.where(known, share, np.nan)
    spread = np.sqrt(np.maximum(second / share - (first / share) ** 2, 0))
    return _classes(spread, RELIEF)


def angle(degrees: Floats) -> dict[str, Mask]:
    """Classes of view angle (y, x), degrees of either sign, NaN = missing."""
    return _classes(np.abs(degrees), ANGLES)


def cover(shares: Floats) -> dict[str, Mask]:
    """Land cover that takes most of a cell, else `mixed`.

    Args:
        shares: (7, y, x) fractions in the order of `datasets.COVER`, NaN = unknown.

    Returns:
        Name to (y, x) bool; farmland under its own name.
    """
    named = {FARMLAND if name == "crop" else name: share >= MOST for name, share in zip(COVER, shares, strict=True)}
    some = np.logical_or.reduce(list(named.values()))
    return named | {"mixed": np.isfinite(shares).all(axis=0) & ~some}


def igbp(classes: NDArray[Any]) -> dict[str, Mask]:
    """Groups of IGBP classes (y, x); farmland under its own name; fill is of no group."""
    return {FARMLAND if name == "crop" else name: np.isin(classes, list(members)) for name, members in GROUPS.items()}


def present(masks: Mapping[str, Mask]) -> Iterator[tuple[str, Mask]]:
    """The classes that have any cell."""
    return ((name, mask) for name, mask in masks.items() if mask.any())


def _classes(values: Floats, edges: Mapping[str, float]) -> dict[str, Mask]:
    lows = [*edges.values(), np.inf]
    return {name: (values >= low) & (values < high) for name, low, high in zip(edges, lows, lows[1:], strict=False)}
