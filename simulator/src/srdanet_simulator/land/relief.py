"""Terrain that water could have made, from the form of the land (`landform`) down to the fine grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from srdanet_simulator.land.landform import PAD, large_land, one_country, places_of
from srdanet_simulator.land.lattice import Broad, refine, smooth
from srdanet_simulator.land.ranges import Ranges
from srdanet_simulator.land.waters import by_share, coast, drown, level_lakes, rivers, standing
from srdanet_simulator.noise import Field, fractal, smoothstep, stream
from srdanet_simulator.parallel import filter_strips


@dataclass(frozen=True)
class Relief:
    """The terrain of a simulation, (y, x) float32 each, on the fine grid."""

    elevation: Field
    """Height (m)."""
    wetness: Field
    """Topographic wetness, about 0 (ridge) to 1 (valley floor, river bank)."""
    pool: Field
    """Depth (m) below the surroundings' mean height within 2 km: where cold air gathers."""


def at_sea(elevation: Field) -> Field:
    """1 where the sea is, which alone has a height of 0, and 0 on land."""
    return np.asarray(elevation == 0, dtype=np.float32)


def terrain(
    shape: tuple[int, int],
    seed: int,
    *,
    cell: float,
    factor: int,
    base: float,
    relief: float,
    lakes: float | Broad,
    ranges: Ranges | None = None,
) -> tuple[Relief, Field, Field]:
    """Make a drained terrain.

    Args:
        shape: Rows and columns of the fine grid, multiples of `factor`.
        seed: Seed of the land.
        cell: Fine cell (m).
        factor: Fine cells along a cell of the grid on which water is routed (500 m to 1 km).
        base: Mean height (m).
        relief: Standard deviation of height before erosion (m).
        lakes: Share of the land where water may stand, 0-0.1; as it changes over a large land.
        ranges: The shape of a large land, in the place of base and relief.

    Returns:
        The terrain on the fine grid; the share of each cell that is running water; standing water where positive
        (smooth across the shore), the sea included.
    """
    small = (shape[0] // factor, shape[1] // factor)
    coarse = cell * factor
    rng = stream(seed, "relief")
    routed = (small[0] + 2 * PAD, small[1] + 2 * PAD)
    if ranges is None:
        form = one_country(routed, rng, coarse, base, relief)
    else:
        form = large_land(routed, rng, coarse, factor, ranges)
    own = slice(PAD, -PAD), slice(PAD, -PAD)
    height = np.ascontiguousarray(form.height[own])

    steep = np.hypot(*np.gradient(height, np.float32(coarse)))
    elevation = smooth(height, factor)
    detail = fractal(shape, rng, slope=3.2, cell=cell, outer=2.5 * coarse)
    shore = None if ranges is None else coast(height == 0, factor, detail)
    detail *= refine(ndimage.gaussian_filter(steep, 1.0) * np.float32(0.20 * coarse), factor)
    elevation += detail
    del detail
    river, bank = rivers(form.tree, form.height.shape, shape, factor, cell, rng)
    wet = refine(np.log(form.tree.upstream[own]) / np.float32(9.0) - np.sqrt(steep), factor)
    wetness = filter_strips(
        lambda f: smoothstep(ndimage.gaussian_filter(f, factor * 0.5), -0.25, 0.75), wet, 2 * factor + 1
    )
    np.maximum(wetness, bank, out=wetness)
    del wet, bank
    if isinstance(lakes, Broad):
        share = lakes.on(*places_of(small, factor, 0))
        lake = standing(*by_share(form.depth[own], share, height), factor, rng, shape, cell)
        level_lakes(elevation, lake, height, factor)
    else:
        lake = standing(form.depth[own], lakes, factor, rng, shape, cell)
    if ranges is not None:
        np.maximum(elevation, 1, out=elevation)
    if shore is not None:
        drown(elevation, lake, shore)
    surroundings = ndimage.gaussian_filter(height, 2000.0 / coarse, mode="nearest")
    pool = refine(surroundings - ndimage.gaussian_filter(height, 0.6, mode="nearest"), factor)
    return Relief(elevation, wetness, pool), river, lake
