"""Rivers cut into a land while it rises: passes of uplift, stream power and creep on the routing grid.

Sources: uplift against stream power, Braun & Willett 2013 (Geomorphology 180-181) and
Cordonnier et al. 2016 (Computer Graphics Forum 35).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from srdanet.simulate.land.drainage import Tree, drain, incise, rim, spill
from srdanet.simulate.noise import Field

PASSES = 6
"""Passes of uplift and erosion."""
_STRENGTH = 0.35
"""How strongly one pass of stream power cuts (per root of upstream cells)."""
_CREEP = (0.6, 0.35)
"""How far (cells) soil creeps in the first and in the last pass: early ridges are broad, late gullies sharp."""


def erode(height: Field, lift: Field, down: Field, rng: np.random.Generator, cell: float) -> tuple[Field, Tree, Field]:
    """Erode a land that rises.

    Args:
        height: Before erosion (m), (y, x).
        lift: How far the land rises in each pass (m), (y, x).
        down: How far down the regional slope each place lies, -1 to 1, (y, x): water leaves where it is low.
        rng: Source of randomness.
        cell: Side of a cell (m).

    Returns:
        Height (m), its drainage, and the water (m) that stood in each depression before rivers cut through.
    """
    edge = rim(*height.shape)
    low, high = (edge[side.ravel()[edge] > 0.35] for side in (down, -down))
    # the greatest river comes in where the high rim is lowest, from a basin of so many square kilometres
    inflow = np.zeros(height.size, np.float32)
    inflow[high[np.argmin(height.ravel()[high])]] = rng.lognormal(np.log(600), 0.9) * 1e6 / cell**2
    tree = drain(height, low, inflow)
    depth = spill(height, tree) - height
    for creep in np.linspace(*_CREEP, PASSES):
        height = ndimage.gaussian_filter(incise(height, tree, _STRENGTH, lift), creep, mode="nearest")
        tree = drain(height, low, inflow)
    return height, tree, depth
