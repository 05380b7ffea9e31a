"""Rivers cut into a land while it rises: passes of uplift, stream power and creep on the routing grid.

Sources: uplift against stream power, Braun & Willett 2013 (Geomorphology 180-181) and
Cordonnier et al. 2016 (Computer Graphics Forum 35).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet_simulator.land.drainage import Tree, drain, incise, rim, spill
from srdanet_simulator.noise import Field

PASSES = 6
"""Passes of uplift and erosion."""
_STRENGTH = 0.35
"""How strongly one pass of stream power cuts (per root of upstream cells)."""
_CREEP = (0.6, 0.35)
"""How far (cells) soil creeps in the first and in the last pass: early ridges are broad, late gullies sharp."""
_LARGE = 1 << 19
"""Grids of more cells are eroded on one of half the rows and columns first, for time."""
_EARLY = 4
"""Passes of these. Stream power that goes with the root of the area cuts the same on any grid."""


def erode(height: Field, lift: Field, down: Field, rng: np.random.Generator, cell: float) -> tuple[Field, Tree, Field]:
    """Erode a land that rises.

    Args:
        height: Before erosion (m), (y, x).
        lift: How far the land rises in each pass (m), (y, x).
        down: How far down the regional slope each place of the rim lies, -1 to 1, (y, x): water leaves where it is low.
        rng: Source of randomness.
        cell: Side of a cell (m).

    Returns:
        Height (m), its drainage, and the water (m) that stood in each depression before rivers cut through.
    """
    discharge = rng.lognormal(np.log(600), 0.9) * 1e6 / cell**2
    water = _Water.over(height, down, discharge)
    creep = np.linspace(*_CREEP, PASSES)
    if height.size > _LARGE:
        change, depth = _coarsely(height, lift, down, discharge, creep[:_EARLY])
        height, _ = _passes(height + change, lift, water, creep[_EARLY:])
    else:
        height, depth = _passes(height, lift, water, creep)
    return height, water.drain(height), depth


@dataclass(frozen=True)
class _Water:
    """Where water leaves a grid, and comes in."""

    outlets: NDArray[np.int64]
    inflow: Field

    @classmethod
    def over(cls, height: Field, down: Field, discharge: float) -> _Water:
        """Of a land: the greatest river comes in where the high rim is lowest, from a basin of so many cells."""
        edge = rim(*height.shape)
        low, high = (edge[side.ravel()[edge] > 0.35] for side in (down, -down))
        inflow = np.zeros(height.size, np.float32)
        inflow[high[np.argmin(height.ravel()[high])]] = discharge
        return cls(low, inflow)

    def drain(self, height: Field) -> Tree:
        """The drainage of a surface."""
        return drain(height, self.outlets, self.inflow)


def _passes(height: Field, lift: Field, water: _Water, creep: NDArray[np.float64]) -> tuple[Field, Field]:
    """The height after passes of uplift, stream power and creep, and the water that stood in depressions before."""
    depth = None
    for far in creep:
        tree = water.drain(height)
        depth = spill(height, tree) - height if depth is None else depth
        height = ndimage.gaussian_filter(incise(height, tree, _STRENGTH, lift), far, mode="nearest")
    assert depth is not None
    return height, depth


def _coarsely(
    height: Field, lift: Field, down: Field, discharge: float, creep: NDArray[np.float64]
) -> tuple[Field, Field]:
    """How far passes on every other row and column change the height; the water in depressions before them."""
    rows, cols = (np.linspace(0, side - 1, -(-side // 2)).round().astype(np.intp) for side in height.shape)
    # soil creeps as far in metres
    before, lifted = (ndimage.gaussian_filter(part, 0.7)[rows][:, cols] for part in (height, lift))
    water = _Water.over(before, down[rows][:, cols], discharge / 4)
    after, depth = _passes(before, lifted, water, creep / 2)
    size = [fine / coarse for fine, coarse in zip(height.shape, after.shape, strict=True)]
    change, stood = (ndimage.zoom(part, size, order=1) for part in (after - before, depth))
    return change, stood
