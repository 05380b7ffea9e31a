"""The form of a land on the grid on which water is routed: what rises, and what rivers leave of it.

A fractal surface with a regional tilt is lifted in belts and along fold axes, and eroded by
the stream power law (`erosion`) meanwhile, so that valleys branch, ridges run along the
folds, and rivers cross the land from its high side to its low one, where alone water leaves.
A large land has the shape of its `ranges` in the place of the tilt, and may have a sea.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet_simulator.land.drainage import Tree, rim
from srdanet_simulator.land.erosion import PASSES, erode
from srdanet_simulator.land.lattice import Places
from srdanet_simulator.land.ranges import Ranges
from srdanet_simulator.noise import Field, fractal, smoothstep

PAD = 16
"""Cells around the scene on which water is routed too, so that rivers come from somewhere."""
_LEAVES = 0.35
"""Share of a large land's rim, its lowest part, where water leaves."""
_RELIEVED = 50.0
"""Relief (m) beyond which depressions are as deep as it is high."""
_WINDING = 8e3
"""How far coasts wander (m, standard deviation)."""
_HINTERLAND = 8e3
"""Distance (m) from the coast at which land rises as it does inland: without, ranges would stand in the surf."""
_SPREAD = 0.68
"""Standard deviation of height after erosion over that before it, in the median over lands."""


@dataclass(frozen=True)
class Landform:
    """The terrain on the routing grid, padding included."""

    height: Field
    tree: Tree
    depth: Field
    """Water that stood in each depression before rivers cut through (m)."""


def one_country(shape: tuple[int, int], rng: np.random.Generator, cell: float, base: float, relief: float) -> Landform:
    """Lift and erode a land on the routing grid."""
    raw = fractal(shape, rng, slope=3.2, cell=cell, outer=60e3)
    belt = smoothstep(fractal(shape, rng, slope=4.0, cell=cell, outer=90e3), -1.0, 1.2)
    fold = _folds(shape, rng, cell, float(rng.uniform(0, np.pi)))
    folded = np.float32(rng.uniform(0.1, 1.0))
    down = _regional_slope(shape, float(rng.uniform(0, 2 * np.pi)))
    height = 0.45 * raw * (np.float32(0.35) + belt) - 0.35 * down
    # the sea and the plains: what would lie far below the rest is filled with sediment
    height = np.float32(relief) * np.where(height < -0.9, -0.9 + 0.12 * (height + 0.9), height)
    lift = _uplift(raw, fold, folded)
    lift *= np.float32(relief / PASSES) * (0.10 + belt)

    height, tree, depth = erode(height, lift, down, rng, cell)
    scale = np.float32(_SPREAD * relief / max(float(height.std(dtype=np.float64)), 1e-6))
    height = np.float32(base) + (height - np.float32(height.mean(dtype=np.float64))) * scale
    return Landform(np.asarray(height, np.float32), tree, depth)


def large_land(shape: tuple[int, int], rng: np.random.Generator, cell: float, factor: int, ranges: Ranges) -> Landform:
    """Lift and erode a large land on the routing grid; the sea has height 0, and nothing else."""
    raw = fractal(shape, rng, slope=3.2, cell=cell, outer=60e3)
    belt = smoothstep(fractal(shape, rng, slope=4.0, cell=cell, outer=90e3), -1.0, 1.2)
    fold = _folds(shape, rng, cell, ranges.strike)
    folded = np.float32(rng.uniform(0.3, 1.0))
    places = places_of(shape, factor, PAD)
    # linear between nodes, they would crease the ground
    root, relief = (ndimage.gaussian_filter(part.on(*places), 5.0) for part in (ranges.root, ranges.relief))
    bends = (raw, fractal(shape, rng, slope=3.2, cell=cell, outer=60e3))
    wandering = (
        at + np.float32(_WINDING / cell * factor) * bend for at, bend in zip(np.ix_(*places), bends, strict=True)
    )
    height = ranges.base(ranges.inland.at(*wandering), root)
    height += 0.45 * relief * raw * (np.float32(0.35) + belt)
    sea = _open_water(height < 0)
    height = np.where(sea, np.float32(0), np.maximum(height, 1))
    lift = _uplift(raw, fold, folded)
    lift *= relief / PASSES * (0.10 + belt) * _off_the_sea(sea, cell)

    height, tree, depth = erode(height, lift, outlets(height), rng, cell)
    height = np.where(sea, 0, np.maximum(height, 1))
    # plains have their lakes as ranges do, only shallower
    depth *= np.where(sea, np.float32(0), _RELIEVED / (relief + _RELIEVED))
    return Landform(np.asarray(height, np.float32), tree, depth)


def outlets(height: Field) -> Field:
    """Where water leaves a large land: 1 along the low part of its rim, -1 along the rest, which is never empty."""
    edge = rim(*height.shape)
    around = height.ravel()[edge]
    down = np.zeros(height.size, np.float32)
    down[edge] = np.where(around <= np.quantile(around, _LEAVES), 1, -1)
    # the rim of an island may be sea but for a cell, which a coarser grid would miss
    highest = edge[np.argmax(around)]
    row, col = np.unravel_index(edge, height.shape)
    away = np.maximum(np.abs(row - highest // height.shape[1]), np.abs(col - highest % height.shape[1]))
    down[edge[away <= 2]] = -1
    return down.reshape(height.shape)


def places_of(shape: tuple[int, int], factor: int, pad: int) -> tuple[Places, Places]:
    """Middles of the routing grid's rows and columns, in fine cells from the scene's corner."""
    rows, cols = (factor * (np.arange(n) - pad + 0.5) for n in shape)
    return rows, cols


def _open_water(below: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies below the level of the sea and has a way to it along the rim of the grid."""
    bodies, _ = ndimage.label(below)
    open_ones = np.unique(bodies.ravel()[rim(*below.shape)])
    return np.isin(bodies, open_ones[open_ones > 0])


def _off_the_sea(sea: NDArray[np.bool_], cell: float) -> Field:
    """How much of the uplift a place takes part in: nothing at sea, all of it some kilometres inland."""
    if not sea.any():
        return np.ones(sea.shape, np.float32)
    return smoothstep(ndimage.distance_transform_edt(~sea).astype(np.float32) * np.float32(cell), 0, _HINTERLAND)


def _uplift(raw: Field, fold: Field, folded: float | np.float32) -> Field:
    """How fast places rise, about 1: as blocks of the fractal surface, as folds, or (`folded`, 0-1) as some of both."""
    return 1.5 * (1 - folded) * (1 + 0.5 * raw).clip(0) + 2.5 * folded * fold


def _regional_slope(shape: tuple[int, int], way: float) -> Field:
    """How far down a plane that falls towards `way` (radians) a place lies: -1 in one corner, 1 in the other."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    cos, sin = np.cos(way), np.sin(way)
    return np.asarray((cos * x[None, :] + sin * y[:, None]) / (abs(cos) + abs(sin)), dtype=np.float32)


def _folds(shape: tuple[int, int], rng: np.random.Generator, cell: float, strike: float) -> Field:
    """Fold axes: 1 on long ridges some 10 km apart, 0 half-way between, bent over some 100 km."""
    straight = fractal(shape, rng, slope=4.0, cell=cell, outer=8e3, grain=(strike, 9.0))
    bend = [np.float32(6e3 / cell) * fractal(shape, rng, slope=4.5, cell=cell, outer=80e3) for _ in range(2)]
    rows, cols = np.indices(shape, dtype=np.float32)
    bent = ndimage.map_coordinates(straight, (rows + bend[0], cols + bend[1]), order=1, mode="reflect")
    return np.asarray(np.clip(1 - np.abs(bent) / np.float32(1.6), 0, 1), dtype=np.float32)
