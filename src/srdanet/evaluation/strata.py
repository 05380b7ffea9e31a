"""Classes of cells by season, relief, land cover and view angle, so that each can be evaluated by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from srdanet.arrays import Floats, Mask, repeat
from srdanet.datasets.aster import COVER
from srdanet.energy import aggregate
from srdanet.errors import ArgumentError
from srdanet.grid import cell_size, lonlat
from srdanet.predictors.land_cover import GROUPS
from srdanet.scene import LabelledScene

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


def classes(labelled: LabelledScene, by: By) -> dict[str, Mask]:
    """The classes of a labelled scene's finest cells, those without any cell left out.

    Args:
        labelled: The scene; land cover is that of its `surface`, else of its predictors.
        by: What to sort by.

    Returns:
        Name to (y, x) bool on the truth's finest grid.

    Raises:
        ArgumentError: when the scene lacks what it takes.
    """
    if by not in known(labelled):
        raise ArgumentError(f"{labelled.source} cannot be sorted by {by}, which is unknown there", where="by")
    scene, finest = labelled.scene, labelled.truth[labelled.finest]
    found: dict[str, Mask] = {}
    if by == "season" and scene.time is not None:
        found = {season(scene.time, float(lonlat(scene.geobox)[1].mean())): np.ones(finest.shape, bool)}
    elif by == "relief":
        height = scene.variable("elevation") if "elevation" in scene.present else None
        size = cell_size(scene.geobox) * scene.geobox.shape[0]
        found = {} if height is None else relief(height.values, size / height.shape[0])
    elif by == "cover" and _has_shares(labelled) and labelled.surface is not None:
        found = cover({name: labelled.surface[name].values for name in COVER})
    elif by == "cover":
        found = igbp(scene.variable("land_cover").values)
    elif by == "angle":
        found = angle(scene.lst["view_angle"].values)
    brought = {name: _to_rows(mask, finest.shape[0]) for name, mask in found.items()}
    return {name: mask for name, mask in brought.items() if mask.any()}


def _to_rows(mask: Mask, rows: int) -> Mask:
    """A mask on a grid of so many rows: repeated, or true where most of the finer cells are."""
    if rows >= mask.shape[0]:
        return repeat(mask, rows // mask.shape[0])
    return np.asarray(aggregate(mask.astype(np.float32), mask.shape[0] // rows) >= MOST)


def known(labelled: LabelledScene) -> tuple[By, ...]:
    """By what a labelled scene can be sorted; relief always, though without heights it has no class."""
    scene = labelled.scene
    held: dict[By, bool] = {
        "season": scene.time is not None,
        "relief": True,
        "cover": _has_shares(labelled) or "land_cover" in scene.present,
        "angle": "view_angle" in scene.lst,
    }
    return tuple(by for by, there in held.items() if there)


def _has_shares(labelled: LabelledScene) -> bool:
    return labelled.surface is not None and set(COVER) <= set(labelled.surface)


def season(date: np.datetime64, latitude: float) -> str:
    """Meteorological season: winter is December to February in the north, June to August in the south."""
    month = int(date.astype("datetime64[M]").astype(np.int64)) % 12 + 1
    return SEASONS[(month % 12 // 3 + (2 if latitude < 0 else 0)) % 4]


def relief(elevation: Floats, cell: float) -> dict[str, Mask]:
    """Plain, hills and mountains by the standard deviation of height around a cell.

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
    deviation = np.sqrt(np.maximum(second / share - (first / share) ** 2, 0))
    return _by_edges(deviation, RELIEF)


def angle(degrees: Floats) -> dict[str, Mask]:
    """Classes of view angle (y, x), degrees of either sign, NaN = missing."""
    return _by_edges(np.abs(degrees), ANGLES)


def cover(shares: Mapping[str, Floats]) -> dict[str, Mask]:
    """Land cover that takes most of a cell, else `mixed`.

    Args:
        shares: Name to (y, x) fractions, NaN = unknown.

    Returns:
        Name to (y, x) bool; `crop` as farmland.
    """
    named = {FARMLAND if name == "crop" else name: share >= MOST for name, share in shares.items()}
    some = np.logical_or.reduce(list(named.values()))
    return named | {"mixed": np.isfinite(list(shares.values())).all(axis=0) & ~some}


def igbp(classes: NDArray[Any]) -> dict[str, Mask]:
    """Groups of IGBP classes (y, x); farmland under its own name; fill is of no group."""
    return {FARMLAND if name == "crop" else name: np.isin(classes, list(members)) for name, members in GROUPS.items()}


def _by_edges(values: Floats, edges: Mapping[str, float]) -> dict[str, Mask]:
    lows = [*edges.values(), np.inf]
    return {name: (values >= low) & (values < high) for name, low, high in zip(edges, lows, lows[1:], strict=False)}
