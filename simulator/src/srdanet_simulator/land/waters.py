"""Water on the fine grid: rivers with meanders, lakes and their level, the shore of the sea.

Source: width of rivers, Leopold & Maddock 1953.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet.arrays import repeat
from srdanet_simulator.land.drainage import Tree
from srdanet_simulator.land.landform import PAD
from srdanet_simulator.land.lattice import refine, smooth
from srdanet_simulator.noise import Field, fractal, smoothstep
from srdanet_simulator.parallel import each, filter_strips, strips

_BANK = 0.5
"""Depth below that of the shore, as a share of it, at which the ground around a lake is as high as it was."""
_BASIN = 3.0
"""Distance from a lake (cells of the routing grid) at which it is so in any case."""


def rivers(
    tree: Tree, routed: tuple[int, ...], shape: tuple[int, int], factor: int, cell: float, rng: np.random.Generator
) -> tuple[Field, Field]:
    """Running water drawn along the tree with meanders: share of each fine cell, and the banks' wetness."""
    area = tree.upstream.ravel() * np.float32((cell * factor / 1000.0) ** 2)
    nodes = np.flatnonzero(area > 12.0)
    ends = tree.receiver[nodes]
    along = (np.arange(2 * factor) / (2.0 * factor))[None, :]
    places = []
    for axis in (0, 1):
        a, b = (np.unravel_index(n, routed)[axis][:, None] - PAD for n in (nodes, ends))
        bend = fractal((routed[0], routed[1]), rng, slope=3.0, cell=cell * factor, outer=1500.0).ravel()
        at, after = (bend[n][:, None] * factor * 0.45 for n in (nodes, ends))
        straight = ((a + (b - a) * along) + 0.5) * factor - 0.5
        places.append(np.rint(straight + at + (after - at) * along).astype(np.int64))
    inside = (places[0] >= 0) & (places[0] < shape[0]) & (places[1] >= 0) & (places[1] < shape[1])
    # hydraulic geometry: width grows with the root of discharge; 350 m at 115000 km2 (Loire), 200 at 36000 (Rhine)
    width = np.broadcast_to((1.1 * np.sqrt(area[nodes]))[:, None], inside.shape)
    river = np.zeros(shape, np.float32)
    np.maximum.at(river, (places[0][inside], places[1][inside]), width[inside].astype(np.float32))

    def bank(width: Field) -> Field:
        line = ndimage.gaussian_filter(np.sqrt(width / np.float32(30.0)), 300.0 / cell)
        return np.asarray(np.clip(line * np.float32(3.0), 0, 1), dtype=np.float32)

    def share(width: Field) -> Field:
        broad = ndimage.grey_dilation(np.maximum(width - np.float32(cell), 0), size=(3, 3)) / np.float32(2 * cell)
        wet = np.minimum(np.maximum(width / np.float32(cell), broad), 1)
        return np.where(wet > np.float32(0.12), wet, np.float32(0))

    return filter_strips(share, river, 1), filter_strips(bank, river, int(1200.0 / cell) + 2)


def standing(
    depth: Field, share: float, factor: int, rng: np.random.Generator, shape: tuple[int, int], cell: float
) -> Field:
    """Standing water in the deepest depressions, with fractal shores: positive where there is water, (y, x).

    Args:
        depth: Of depressions on the routing grid, in metres or scaled by `by_share`.
        share: Of the land under water.
        factor: Fine cells along a cell of the routing grid.
        rng: Source of randomness.
        shape: Rows and columns of the fine grid.
        cell: Fine cell (m).
    """
    if share <= 0 or not np.any(depth > 1.0):
        return np.full(shape, -1.0, np.float32)
    level = max(float(np.quantile(depth, 1 - share)), 1.0)
    surface = smooth(ndimage.gaussian_filter(depth - level, 0.8), factor)
    surface += np.float32(0.15 * level) * fractal(shape, rng, slope=3.0, cell=cell, outer=3e3) - np.float32(0.1)
    # shores in a flat basin wander far: no more water than was asked for
    surface -= np.float32(max(float(np.quantile(surface[::4, ::4], 1 - share)), 0.0))
    return surface


def by_share(depth: Field, share: Field, height: Field) -> tuple[Field, float]:
    """Depths scaled so that one level fills each place's share of all the land's depressions, and the mean share."""
    # broad basins fill up with sediment, not with water
    depth = np.maximum(depth - ndimage.gaussian_filter(depth, 25.0), 0)
    order = np.sort(depth[height > 0][::5])
    rank = np.minimum((order.size * (1 - share)).astype(np.intp), order.size - 1)
    return (depth / np.maximum(order[rank], 3)).astype(np.float32), float(share.mean(dtype=np.float64))


def level_lakes(elevation: Field, lake: Field, height: Field, factor: int) -> None:
    """Give each lake one height in place, the lowest that the ground has in it; the ground goes down to its shore.

    Args:
        elevation: (y, x) m on the fine grid.
        lake: Positive where lakes are, smooth across their shores.
        height: The ground (m) on the routing grid.
        factor: Fine cells along a cell of it.
    """
    rows, cols = height.shape
    deepest = lake.reshape(rows, factor, cols, factor).max((1, 3))
    bodies, count = ndimage.label(deepest > 0, np.ones((3, 3)))
    if not count:
        return
    lowest = ndimage.minimum(height, bodies, np.arange(1, count + 1)).astype(np.float32)
    away, nearest = ndimage.distance_transform_edt(bodies == 0, return_indices=True)
    level = lowest[bodies[tuple(nearest)] - 1]
    # 0 in the lake's cells and all that touch them, so that it stays level
    beyond = refine(np.clip((away.astype(np.float32) - 1.5) / np.float32(_BASIN), 0, 1), factor)

    def lower(part: slice) -> None:
        on = repeat(level[part.start // factor : part.stop // factor], factor)
        share = np.maximum(smoothstep(lake[part], 0, -_BANK), beyond[part])
        elevation[part] = on + share * (elevation[part] - on)

    each(lower, strips((elevation.shape[0], elevation.shape[1]), factor))


def coast(sea: NDArray[np.bool_], factor: int, rough: Field) -> Field | None:
    """Positive where the sea is on the fine grid, with a rough shore; None where there is none."""
    if not sea.any():
        return None
    surface = refine(ndimage.gaussian_filter(np.where(sea, np.float32(1), np.float32(-1)), 0.8), factor)
    surface += np.float32(0.4) * np.clip(rough, -1.5, 1.5)
    return surface


def drown(elevation: Field, lake: Field, shore: Field) -> None:
    """Put the sea, where `shore` is positive, at 0 m in place and count it as water; land goes down to it, to 1 m."""
    # inland `coast` is -0.4 at most
    np.multiply(elevation, np.clip(shore / np.float32(-0.4), 0, 1), out=elevation, where=lake <= 0)
    np.maximum(elevation, 1, out=elevation)
    sea = shore > 0
    elevation[sea], lake[sea] = 0, 1
