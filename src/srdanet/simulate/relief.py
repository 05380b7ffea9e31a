"""Terrain that water could have made: a fractal surface, drained and incised.

The drainage tree of a fractal surface is its minimum spanning tree under "highest
point on the way", so that every depression spills over its lowest saddle; rivers
then cut down along that tree by the stream power law.

Sources: Braun & Willett 2013 (implicit stream power, Geomorphology 180-181);
Barnes et al. 2014 (depressions and spill levels, Computers & Geosciences 62).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from srdanet.simulate.noise import Field, fractal, smoothstep, stream

_EROSION = 0.22
"""How strongly one pass of stream power cuts (per root of upstream cells)."""
_PASSES = 3


@dataclass(frozen=True)
class Tree:
    """Which way water leaves each cell of a grid.

    levels: flat indices of the cells by distance from the outlet, nearest first.
    """

    receiver: NDArray[np.int64]
    """Flat index of the next cell downstream; an outlet is its own receiver."""
    levels: tuple[NDArray[np.int64], ...]
    upstream: Field
    """Cells that drain through each cell, itself included; (y, x)."""


@dataclass(frozen=True)
class Relief:
    """The terrain of a simulation, (y, x) float32 each, on the fine grid."""

    elevation: Field
    """Height (m)."""
    river: Field
    """Share of the cell that is running water, 0-1."""
    lake: Field
    """Standing water where positive (m of depth, smooth across the shore)."""
    wetness: Field
    """Topographic wetness, about 0 (ridge) to 1 (valley floor, river bank)."""
    pool: Field
    """Depth (m) below the surroundings' mean height within 2 km: where cold air gathers."""


def drain(height: Field) -> Tree:
    """The drainage tree of a surface; every cell reaches the edge, depressions overflow."""
    rows, cols = height.shape
    count = rows * cols
    flat = height.ravel().astype(np.float64)
    base = flat.min() - 1.0
    index = np.arange(count).reshape(rows, cols)
    pairs = [
        (index[:, :-1], index[:, 1:], 1.0),
        (index[:-1], index[1:], 1.0),
        (index[:-1, :-1], index[1:, 1:], np.sqrt(2)),
        (index[:-1, 1:], index[1:, :-1], np.sqrt(2)),
    ]
    start = np.concatenate([a.ravel() for a, _, _ in pairs])
    end = np.concatenate([b.ravel() for _, b, _ in pairs])
    length = np.concatenate([np.full(a.size, d) for a, _, d in pairs])
    # among equal saddles the steepest way down wins
    weight = np.maximum(flat[start], flat[end]) - base - 0.05 * np.abs(flat[start] - flat[end]) / length
    edge = np.unique(np.concatenate([index[0], index[-1], index[:, 0], index[:, -1]]))
    start, end = np.concatenate([start, edge]), np.concatenate([end, np.full(edge.size, count)])
    weight = np.concatenate([weight, flat[edge] - base])
    graph = sparse.coo_matrix((np.maximum(weight, 1e-9), (start, end)), shape=(count + 1, count + 1)).tocsr()
    tree = csgraph.minimum_spanning_tree(graph)
    _, before = csgraph.breadth_first_order(tree, count, directed=False)
    before = before.astype(np.int64)
    before[count] = count

    depth, jump = (before != np.arange(count + 1)).astype(np.int64), before.copy()
    while np.any(jump != count):  # pointer jumping: twice as far each time
        depth = depth + depth[jump]
        jump = jump[jump]
    order = np.argsort(depth[:count], kind="stable")
    cuts = np.flatnonzero(np.diff(depth[order])) + 1
    levels = tuple(np.split(order, cuts))

    area = np.ones(count + 1)
    for level in reversed(levels):
        np.add.at(area, before[level], area[level])
    receiver = np.where(before[:count] == count, np.arange(count), before[:count])
    return Tree(receiver, levels, area[:count].reshape(rows, cols).astype(np.float32))


def spill(height: Field, tree: Tree) -> Field:
    """The level (m) to which water stands in each cell's depression; the height itself outside."""
    level = height.ravel().copy()
    for cells in tree.levels:
        level[cells] = np.maximum(level[cells], level[tree.receiver[cells]])
    return level.reshape(height.shape)


def incise(height: Field, tree: Tree, strength: float) -> Field:
    """One implicit pass of stream power erosion along the tree."""
    cut = height.ravel().copy()
    gain = strength * np.sqrt(tree.upstream.ravel())
    for cells in tree.levels:
        below = cut[tree.receiver[cells]]
        cut[cells] = np.maximum((cut[cells] + gain[cells] * below) / (1 + gain[cells]), below + np.float32(0.01))
    return cut.reshape(height.shape)


def terrain(
    shape: tuple[int, int], seed: int, *, cell: float, factor: int, base: float, relief: float, lakes: float
) -> Relief:
    """Make a drained terrain.

    Args:
        shape: Rows and columns of the fine grid, multiples of `factor`.
        seed: Seed of the land.
        cell: Fine cell (m).
        factor: Fine cells along a cell of the grid on which water is routed (about 500 m).
        base: Mean height (m).
        relief: Standard deviation of height before erosion (m).
        lakes: Share of the land where water may stand, 0-0.1.

    Returns:
        The terrain on the fine grid.
    """
    small = (shape[0] // factor, shape[1] // factor)
    coarse = cell * factor
    rng = stream(seed, "relief")
    raw = fractal(small, rng, slope=3.2, cell=coarse, outer=60e3)
    rough = smoothstep(fractal(small, rng, slope=4.0, cell=coarse, outer=90e3), -1.2, 1.4)
    height = (base + relief * raw * (0.35 + rough)).astype(np.float32)
    # the sea and the plains: what would lie far below the base is filled with sediment
    floor = np.float32(base - 0.9 * relief)
    height = np.where(height < floor, floor + 0.12 * (height - floor), height).astype(np.float32)
    tree = drain(height)
    depth = spill(height, tree) - height
    for _ in range(_PASSES):
        height = incise(height, tree, _EROSION)
        height = ndimage.gaussian_filter(height, 0.4, mode="nearest")
        tree = drain(height)

    detail = fractal(shape, rng, slope=3.2, cell=cell, outer=2.5 * coarse)
    steep = np.hypot(*np.gradient(height, coarse)).astype(np.float32)
    elevation = (
        _refine(height, factor, 3)
        + _refine(ndimage.gaussian_filter(steep, 1.0), factor) * np.float32(0.20 * coarse) * detail
    )
    log_area = np.log(tree.upstream)
    river, bank = _rivers(tree, small, shape, factor, cell, rng)
    wet = _refine(log_area / np.float32(9.0) - np.sqrt(steep), factor)
    wetness = smoothstep(ndimage.gaussian_filter(wet, factor * 0.5), -0.25, 0.75)
    lake = _lakes(depth, lakes, factor, rng, shape, cell)
    surroundings = ndimage.gaussian_filter(height, 2000.0 / coarse, mode="nearest")
    pool = _refine(surroundings - ndimage.gaussian_filter(height, 0.6, mode="nearest"), factor)
    return Relief(elevation, river, lake, np.maximum(wetness, bank), pool)


def _refine(values: Field, factor: int, order: int = 1) -> Field:
    """Interpolate to cells `factor` times finer."""
    return np.asarray(ndimage.zoom(values, factor, order=order, mode="nearest", grid_mode=True), dtype=np.float32)


def _lakes(
    depth: Field, share: float, factor: int, rng: np.random.Generator, shape: tuple[int, int], cell: float
) -> Field:
    """Standing water in the deepest depressions, with fractal shores: positive where there is water."""
    if share <= 0 or not np.any(depth > 1.0):
        return np.full(shape, -1.0, np.float32)
    level = max(float(np.quantile(depth, 1 - share)), 1.0)
    shore = fractal(shape, rng, slope=3.0, cell=cell, outer=3e3)
    surface = _refine(ndimage.gaussian_filter(depth - level, 0.8), factor, 3)
    return surface + np.float32(0.15 * level) * shore - np.float32(0.1)


def _rivers(
    tree: Tree, small: tuple[int, int], shape: tuple[int, int], factor: int, cell: float, rng: np.random.Generator
) -> tuple[Field, Field]:
    """Running water drawn along the tree with meanders: share of each fine cell, and the banks' wetness."""
    area = tree.upstream.ravel() * np.float32((cell * factor / 1000.0) ** 2)
    nodes = np.flatnonzero(area > 12.0)
    along = (np.arange(2 * factor) / (2.0 * factor))[None, :]
    ends = tree.receiver[nodes]
    places = []
    for axis, stride in ((0, small[1]), (1, 1)):
        a = (nodes // stride if axis == 0 else nodes % small[1])[:, None]
        b = (ends // stride if axis == 0 else ends % small[1])[:, None]
        straight = ((a + (b - a) * along) + 0.5) * factor - 0.5
        bend = fractal(shape, rng, slope=3.0, cell=cell, outer=1500.0)
        rows, cols = nodes // small[1], nodes % small[1]
        at = bend[np.minimum(rows * factor, shape[0] - 1), np.minimum(cols * factor, shape[1] - 1)][:, None]
        at_end = bend[np.minimum(ends // small[1] * factor, shape[0] - 1), ends % small[1] * factor][:, None]
        places.append(np.rint(straight + (at + (at_end - at) * along) * factor * 0.45).astype(np.int64))
    inside = (places[0] >= 0) & (places[0] < shape[0]) & (places[1] >= 0) & (places[1] < shape[1])
    # hydraulic geometry (Leopold & Maddock 1953): width grows with the root of discharge
    width = np.broadcast_to((2.2 * np.sqrt(area[nodes]))[:, None], inside.shape)
    river = np.zeros(shape, np.float32)
    np.maximum.at(river, (places[0][inside], places[1][inside]), width[inside].astype(np.float32))
    broad = ndimage.grey_dilation(np.where(river > cell, river - cell, 0), size=(3, 3)) / (2 * cell)
    share = np.clip(np.maximum(river / cell, broad), 0, 1).astype(np.float32)
    line = ndimage.gaussian_filter((river > 0) * np.sqrt(river / 30.0).astype(np.float32), 300.0 / cell)
    return np.where(share > 0.12, share, 0).astype(np.float32), np.clip(line * 3.0, 0, 1)
