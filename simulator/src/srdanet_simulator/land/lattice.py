"""Smooth fields over a large scene, known on a coarse lattice and enlarged where they are needed.

What changes over a hundred kilometres is drawn every eight; a strip of a whole tile then takes its share of it.
Places are counted in fine cells from the scene's upper left corner, margin included: the first cell's middle is at 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet_simulator.noise import Field, enlarge

_BEYOND = 3
"""Nodes beyond the scene on every side: water is routed, and coasts wander, a little beyond it."""
Places = NDArray[np.floating[Any]]
"""Rows or columns in fine cells, whole or not."""


@dataclass(frozen=True)
class Lattice:
    """Nodes every few kilometres over a scene and a little beyond it."""

    shape: tuple[int, int]
    """Rows and columns of the fine grid."""
    cell: float
    """Fine cell (m)."""
    step: int
    """Fine cells from node to node."""

    @classmethod
    def over(cls, shape: tuple[int, int], cell: float, spacing: float = 8000.0) -> Lattice:
        """A lattice of about that spacing (m)."""
        return cls(shape, cell, max(1, round(spacing / cell)))

    @property
    def spacing(self) -> float:
        """From node to node (m)."""
        return self.step * self.cell

    @property
    def nodes(self) -> tuple[int, int]:
        """Rows and columns of nodes."""
        rows, cols = (-(-side // self.step) + 1 + 2 * _BEYOND for side in self.shape)
        return rows, cols

    def places(self) -> tuple[Places, Places]:
        """Where the rows of nodes, and their columns, lie (fine cells)."""
        rows, cols = (self.step * (np.arange(n) - float(_BEYOND)) for n in self.nodes)
        return rows, cols

    def spread(self, values: NDArray[np.floating]) -> Broad:
        """A field from its values at the nodes, (y, x)."""
        return Broad(self, np.ascontiguousarray(values, np.float32))


@dataclass(frozen=True)
class Broad:
    """A smooth field, linear between the nodes of its lattice."""

    lattice: Lattice
    values: Field
    """At the nodes, (y, x)."""

    def on(self, down: Places, right: Places) -> Field:
        """On a grid of places: (len(down), len(right))."""
        (row, low), (col, left) = (self._nearest(at, axis) for axis, at in enumerate((down, right)))
        lines = self.values[row] + low[:, None] * (self.values[row + 1] - self.values[row])
        out = lines.take(col, 1)
        out += left * (lines.take(col + 1, 1) - out)
        return out

    def rows(self, rows: slice) -> Field:
        """In the fine cells of some rows, (y, x)."""
        return self.on(np.arange(rows.start, rows.stop) + 0.5, np.arange(self.lattice.shape[1]) + 0.5)

    def line(self, rows: slice) -> Field:
        """Along the middle of some rows of fine cells, (x,)."""
        return self.on(np.array([(rows.start + rows.stop) / 2]), np.arange(self.lattice.shape[1]) + 0.5).ravel()

    def at(self, row: NDArray[np.generic], col: NDArray[np.generic]) -> Field:
        """At single places, of their common shape; beyond the lattice as at its edge."""
        where = [np.asarray(at, np.float64) / self.lattice.step + _BEYOND for at in np.broadcast_arrays(row, col)]
        return np.asarray(ndimage.map_coordinates(self.values, where, order=1, mode="nearest"), dtype=np.float32)

    def _nearest(self, at: Places, axis: int) -> tuple[NDArray[np.intp], Field]:
        """The node before each place along an axis, and how far on it lies, 0-1."""
        exact = np.clip(at / self.lattice.step + _BEYOND, 0, self.lattice.nodes[axis] - 1.001)
        node = np.floor(exact).astype(np.intp)
        return node, (exact - node).astype(np.float32)


def refine(values: Field, factor: int) -> Field:
    """Interpolate linearly to cells `factor` times finer."""
    return enlarge(enlarge(values, factor, 0), factor, 1)


def smooth(values: Field, factor: int) -> Field:
    """Interpolate by a quadratic spline; `factor` is a power of two.

    Its coefficients on a grid twice as fine are those of the coarser one, interpolated linearly (Chaikin 1974,
    Computer Graphics and Image Processing 3).
    """
    fine: Field = ndimage.spline_filter(values, 2, mode="reflect", output=np.float32)
    while factor > 1:
        fine, factor = refine(fine, 2), factor // 2
    return fine
