"""Heat islands: how much warmer a city is than the land around it, by rings of distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from srdanet.analysis.errors import error_of_sum
from srdanet.arrays import Mask
from srdanet.errors import ArgumentError
from srdanet.grid import ground_cell
from srdanet.product.stored import StoredLevel
from srdanet.readers.places import Place, cover

RINGS = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0)
"""Distances (km) between which the rings lie; the last ring is the reference."""


@dataclass(frozen=True)
class Ring:
    """One ring around a point."""

    inner: float
    """km."""
    outer: float
    """km."""
    lst: float
    """K: mean of the cells; NaN where none is known."""
    intensity: float
    """K: how much warmer than the last ring."""
    uncertainty: float
    """K, one standard deviation of the intensity; errors that both rings share cancel."""
    cells: int
    """Cells with LST."""
    valid_share: float
    """Share of the ring's cells with LST."""


def heat_island(
    product: StoredLevel, centre: Place, edges: Sequence[float] = RINGS, *, left_out: Mask | None = None
) -> list[Ring]:
    """Mean LST of rings around a point, and how much warmer each is than the last.

    Args:
        product: One level of a product.
        centre: The city's middle.
        edges: Rising distances (km).
        left_out: (y, x) cells that do not count, such as water.

    Raises:
        ArgumentError: when the point lies outside the product, the edges do not rise, or the last ring has no LST.
    """
    if len(edges) < 3 or min(np.diff(edges)) <= 0 or edges[0] < 0:
        raise ArgumentError(f"edges {list(edges)} make no rings", todo="Give three distances or more (km), rising.")
    at = cover(centre, product.geobox)
    if at is None:
        todo = "Give longitude and latitude of a point within it."
        raise ArgumentError(f"{centre.name} lies outside the product", where=product.note, todo=todo)
    data, cell = product.read(), ground_cell(product.geobox)
    lst = data["lst"].values.astype(np.float64)
    rows, cols = np.ogrid[: lst.shape[0], : lst.shape[1]]
    crs = product.geobox.crs
    # Degrees of longitude are shorter than those of latitude.
    narrow = np.cos(np.radians(centre.shape.coords[0][1])) if crs is not None and crs.geographic else 1.0
    distance = np.hypot(rows - at.rows.start, (cols - at.cols.start) * narrow) * cell / 1000
    counted = np.ones(lst.shape, bool) if left_out is None else ~left_out
    known = np.isfinite(lst) & counted
    rings = [(distance >= a) & (distance < b) for a, b in pairwise(edges)]
    weights = [np.where(ring & known, 1.0, 0.0) / max(1, (ring & known).sum()) for ring in rings]
    means = [float((w * np.where(known, lst, 0)).sum()) if w.any() else float("nan") for w in weights]
    if not np.isfinite(means[-1]):
        what = f"there is no LST {edges[-2]:g} to {edges[-1]:g} km from {centre.name}"
        raise ArgumentError(what, where=product.note, todo="Give nearer rings.")
    error = data["lst_uncertainty"].values if "lst_uncertainty" in data else np.full(lst.shape, np.nan)
    found = []
    for a, b, ring, weight, mean in zip(edges, edges[1:], rings, weights, means, strict=False):
        stated = error_of_sum(weight - weights[-1], error, cell) if weight.any() else float("nan")
        cells, whole = int((ring & known).sum()), int((ring & counted).sum())
        warmer = round(mean - means[-1], 3)
        share = round(cells / whole, 4) if whole else 0.0
        found.append(Ring(a, b, round(mean, 3), warmer, 0.0 if ring is rings[-1] else round(stated, 3), cells, share))
    return found
