"""Which way water leaves a surface, how high it stands, and how it cuts.

The drainage tree of a surface is its minimum spanning tree under "highest point on the
way", so that every depression spills over its lowest saddle; rivers then cut down along
that tree by the stream power law, while the land rises.

Sources: Braun & Willett 2013 (implicit stream power, Geomorphology 180-181);
Barnes et al. 2014 (depressions and spill levels, Computers & Geosciences 62).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from srdanet_simulator.noise import Field


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


def drain(height: Field, outlets: NDArray[np.int64] | None = None, inflow: NDArray[np.float32] | None = None) -> Tree:
    """The drainage tree of a surface; every cell reaches an outlet, depressions overflow.

    Args:
        height: (y, x) m.
        outlets: Flat indices of the cells where water leaves; the whole rim when None.
        inflow: Cells outside the grid whose water enters at each cell, flat; none when None.
    """
    rows, cols = height.shape
    count = rows * cols
    flat = height.ravel().astype(np.float64)
    base = flat.min() - 1.0
    index = np.arange(count, dtype=np.int32).reshape(rows, cols)
    pairs = [
        (index[:, :-1], index[:, 1:], 1.0),
        (index[:-1], index[1:], 1.0),
        (index[:-1, :-1], index[1:, 1:], np.sqrt(2)),
        (index[:-1, 1:], index[1:, :-1], np.sqrt(2)),
    ]
    start = np.concatenate([a.ravel() for a, _, _ in pairs])
    end = np.concatenate([b.ravel() for _, b, _ in pairs])
    length = np.concatenate([np.full(a.size, d, np.float32) for a, _, d in pairs])
    # among equal saddles the steepest way down wins
    weight = np.maximum(flat[start], flat[end]) - base - 0.05 * np.abs(flat[start] - flat[end]) / length
    leave = rim(rows, cols) if outlets is None else outlets
    start = np.concatenate([start, leave.astype(np.int32)])
    end = np.concatenate([end, np.full(leave.size, count, np.int32)])
    weight = np.concatenate([weight, flat[leave] - base])
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
    if inflow is not None:
        area[:count] += inflow
    for level in reversed(levels):
        np.add.at(area, before[level], area[level])
    receiver = np.where(before[:count] == count, np.arange(count), before[:count])
    return Tree(receiver, levels, area[:count].reshape(rows, cols).astype(np.float32))


def rim(rows: int, cols: int) -> NDArray[np.int64]:
    """Flat indices of the cells along the edge of a grid."""
    index = np.arange(rows * cols, dtype=np.int64).reshape(rows, cols)
    return np.unique(np.concatenate([index[0], index[-1], index[:, 0], index[:, -1]]))


def spill(height: Field, tree: Tree) -> Field:
    """The level (m) to which water stands in each cell's depression; the height itself outside."""
    level = height.ravel().copy()
    for cells in tree.levels:
        level[cells] = np.maximum(level[cells], level[tree.receiver[cells]])
    return level.reshape(height.shape)


def incise(height: Field, tree: Tree, strength: float, uplift: Field | None = None) -> Field:
    """One implicit pass of stream power erosion along the tree.

    Args:
        height: (y, x) m.
        tree: Its drainage.
        strength: How strongly water cuts, per root of the cells upstream.
        uplift: How far (m) the land rises meanwhile; outlets stay where they are. None: nowhere.
    """
    cut = height.ravel().copy()
    gain = np.float32(strength) * np.sqrt(tree.upstream.ravel())
    if uplift is not None:
        inland = tree.receiver != np.arange(cut.size)
        cut[inland] += uplift.ravel()[inland]
    for cells in tree.levels:
        below = cut[tree.receiver[cells]]
        cut[cells] = np.maximum((cut[cells] + gain[cells] * below) / (1 + gain[cells]), below + np.float32(0.01))
    return cut.reshape(height.shape)
