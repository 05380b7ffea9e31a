"""Terrain that water could have made: land that rises along folds while rivers cut into it.

A fractal surface with a regional tilt is lifted in belts and along fold axes, and eroded by
the stream power law (`drainage`) meanwhile, so that valleys branch, ridges run along the
folds, and rivers cross the land from its high side to its low one, where alone water leaves.

Sources: uplift against stream power, Braun & Willett 2013 (Geomorphology 180-181) and
Cordonnier et al. 2016 (Computer Graphics Forum 35); width of rivers, Leopold & Maddock 1953.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet.simulate.land.drainage import Tree, rim
from srdanet.simulate.land.erosion import PASSES, erode
from srdanet.simulate.land.lattice import Broad, Places
from srdanet.simulate.land.ranges import Ranges
from srdanet.simulate.noise import Field, enlarge, fractal, smoothstep, stream
from srdanet.simulate.parallel import filtered

_PAD = 16
"""Cells around the scene on which water is routed too, so that rivers come from somewhere."""
_LEAVES = 0.35
"""Share of a large land's rim, its lowest part, where water leaves."""
_RELIEVED = 50.0
"""Relief (m) beyond which depressions are as deep as it is high."""
_WINDING = 8e3
"""How far coasts wander (m, standard deviation)."""
_SPREAD = 0.68
"""Standard deviation of height after erosion over that before it, in the median over lands."""


@dataclass(frozen=True)
class Relief:
    """The terrain of a simulation, (y, x) float32 each, on the fine grid."""

    elevation: Field
    """Height (m)."""
    wetness: Field
    """Topographic wetness, about 0 (ridge) to 1 (valley floor, river bank)."""
    pool: Field
    """Depth (m) below the surroundings' mean height within 2 km: where cold air gathers."""


@dataclass(frozen=True)
class _Landform:
    """The terrain on the routing grid, padding included."""

    height: Field
    tree: Tree
    depth: Field
    """Water that stood in each depression before rivers cut through (m)."""


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
        lakes: Share of the land where water may stand, 0-0.1.
        ranges: The shape of a large land, in the place of base and relief.

    Returns:
        The terrain on the fine grid; the share of each cell that is running water; standing water where positive
        (m of depth, smooth across the shore), the sea included.
    """
    small = (shape[0] // factor, shape[1] // factor)
    coarse = cell * factor
    rng = stream(seed, "relief")
    routed = (small[0] + 2 * _PAD, small[1] + 2 * _PAD)
    if ranges is None:
        form = _landform(routed, rng, coarse, base, relief)
    else:
        form = _large_landform(routed, rng, coarse, factor, ranges)
    own = slice(_PAD, -_PAD), slice(_PAD, -_PAD)
    height = np.ascontiguousarray(form.height[own])

    steep = np.hypot(*np.gradient(height, np.float32(coarse)))
    elevation = _smooth(height, factor)
    detail = fractal(shape, rng, slope=3.2, cell=cell, outer=2.5 * coarse)
    sea = None if ranges is None else _coast(form.height[own] == 0, factor, detail)
    detail *= _refine(ndimage.gaussian_filter(steep, 1.0) * np.float32(0.20 * coarse), factor)
    elevation += detail
    del detail
    river, bank = _rivers(form.tree, form.height.shape, shape, factor, cell, rng)
    wet = _refine(np.log(form.tree.upstream[own]) / np.float32(9.0) - np.sqrt(steep), factor)
    wetness = filtered(lambda f: smoothstep(ndimage.gaussian_filter(f, factor * 0.5), -0.25, 0.75), wet, 2 * factor + 1)
    np.maximum(wetness, bank, out=wetness)
    del wet, bank
    if isinstance(lakes, float):
        lake = _lakes(form.depth[own], lakes, factor, rng, shape, cell)
    else:
        places = _places(small, factor, 0)
        lake = _lakes(*_by_share(form.depth[own], lakes.on(*places), height), factor, rng, shape, cell)
        _level(elevation, lake, height, factor)
    if sea is not None:
        np.maximum(elevation, 1, out=elevation)
        elevation[sea], lake[sea] = 0, 1
    surroundings = ndimage.gaussian_filter(height, 2000.0 / coarse, mode="nearest")
    pool = _refine(surroundings - ndimage.gaussian_filter(height, 0.6, mode="nearest"), factor)
    return Relief(elevation, wetness, pool), river, lake


def _landform(shape: tuple[int, int], rng: np.random.Generator, cell: float, base: float, relief: float) -> _Landform:
    """Lift and erode a land on the routing grid."""
    raw = fractal(shape, rng, slope=3.2, cell=cell, outer=60e3)
    belt = smoothstep(fractal(shape, rng, slope=4.0, cell=cell, outer=90e3), -1.0, 1.2)
    fold = _folds(shape, rng, cell, float(rng.uniform(0, np.pi)))
    folded = np.float32(rng.uniform(0.1, 1.0))
    down = _regional_slope(shape, float(rng.uniform(0, 2 * np.pi)))
    height = 0.45 * raw * (np.float32(0.35) + belt) - 0.35 * down
    # the sea and the plains: what would lie far below the rest is filled with sediment
    height = np.float32(relief) * np.where(height < -0.9, -0.9 + 0.12 * (height + 0.9), height)
    lift = 1.5 * (1 - folded) * (1 + 0.5 * raw).clip(0) + 2.5 * folded * fold
    lift *= np.float32(relief / PASSES) * (0.10 + belt)

    height, tree, depth = erode(height, lift, down, rng, cell)
    scale = np.float32(_SPREAD * relief / max(float(height.std(dtype=np.float64)), 1e-6))
    height = np.float32(base) + (height - np.float32(height.mean(dtype=np.float64))) * scale
    return _Landform(np.asarray(height, np.float32), tree, depth)


def _large_landform(
    shape: tuple[int, int], rng: np.random.Generator, cell: float, factor: int, ranges: Ranges
) -> _Landform:
    """Lift and erode a large land on the routing grid; the sea has height 0, and nothing else."""
    raw = fractal(shape, rng, slope=3.2, cell=cell, outer=60e3)
    belt = smoothstep(fractal(shape, rng, slope=4.0, cell=cell, outer=90e3), -1.0, 1.2)
    fold = _folds(shape, rng, cell, ranges.strike)
    folded = np.float32(rng.uniform(0.3, 1.0))
    places = _places(shape, factor, _PAD)
    # as linear as between nodes the ground would have creases
    root, relief = (ndimage.gaussian_filter(part.on(*places), 5.0) for part in (ranges.root, ranges.relief))
    bends = (raw, fractal(shape, rng, slope=3.2, cell=cell, outer=60e3))
    wandering = (
        at + np.float32(_WINDING / cell * factor) * bend for at, bend in zip(np.ix_(*places), bends, strict=True)
    )
    height = ranges.base(ranges.inland.at(*wandering), root)
    height += 0.45 * relief * raw * (np.float32(0.35) + belt)
    sea = _open_water(height < 0)
    height = np.where(sea, np.float32(0), np.maximum(height, 1))
    lift = 1.5 * (1 - folded) * (1 + 0.5 * raw).clip(0) + 2.5 * folded * fold
    lift *= np.where(sea, np.float32(0), relief / PASSES * (0.10 + belt))

    # water leaves where the rim is low
    edge = rim(*shape)
    around = height.ravel()[edge]
    down = np.zeros(height.size, np.float32)
    down[edge] = np.where(around <= np.quantile(around, _LEAVES), 1, -1)
    height, tree, depth = erode(height, lift, down.reshape(shape), rng, cell)
    height = np.where(sea, 0, np.maximum(height, 1))
    # plains have their lakes as ranges do, only shallower
    depth *= np.where(sea, np.float32(0), _RELIEVED / (relief + _RELIEVED))
    return _Landform(np.asarray(height, np.float32), tree, depth)


def _places(shape: tuple[int, int], factor: int, pad: int) -> tuple[Places, Places]:
    """Middles of the routing grid's rows and columns, in fine cells from the scene's corner."""
    rows, cols = (factor * (np.arange(n) - pad + 0.5) for n in shape)
    return rows, cols


def _open_water(below: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies below the level of the sea and has a way to it along the rim of the grid."""
    bodies, _ = ndimage.label(below)
    open_ones = np.unique(bodies.ravel()[rim(*below.shape)])
    return np.isin(bodies, open_ones[open_ones > 0])


def _coast(sea: NDArray[np.bool_], factor: int, rough: Field) -> NDArray[np.bool_] | None:
    """The sea on the fine grid, with a rough shore; None where there is none."""
    if not sea.any():
        return None
    surface = _refine(ndimage.gaussian_filter(np.where(sea, np.float32(1), np.float32(-1)), 0.8), factor)
    surface += np.float32(0.4) * np.clip(rough, -1.5, 1.5)
    return surface > 0


def _by_share(depth: Field, share: Field, height: Field) -> tuple[Field, float]:
    """Depths of standing water scaled so that one level gives each region its share, and the share of all."""
    # broad basins fill up with sediment, not with water
    depth = np.maximum(depth - ndimage.gaussian_filter(depth, 25.0), 0)
    order = np.sort(depth[height > 0][::5])
    rank = np.minimum((order.size * (1 - share)).astype(np.intp), order.size - 1)
    return (depth / np.maximum(order[rank], 3)).astype(np.float32), float(share.mean(dtype=np.float64))


def _level(elevation: Field, lake: Field, height: Field, factor: int) -> None:
    """Give each lake the height of its lowest shore, in place."""
    rows, cols = height.shape
    deepest = lake.reshape(rows, factor, cols, factor).max((1, 3))
    bodies, count = ndimage.label(deepest > 0, np.ones((3, 3)))
    if not count:
        return
    lowest = ndimage.minimum(height, bodies, np.arange(1, count + 1))
    level = np.concatenate([[0], lowest]).astype(np.float32)[bodies]
    np.copyto(elevation, level.repeat(factor, 0).repeat(factor, 1), where=lake > 0)


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


def _refine(values: Field, factor: int) -> Field:
    """Interpolate linearly to cells `factor` times finer."""
    return enlarge(enlarge(values, factor, 0), factor, 1)


def _smooth(values: Field, factor: int) -> Field:
    """Interpolate by a quadratic spline, whose coefficients are those of finer splines when doubled linearly."""
    fine: Field = ndimage.spline_filter(values, 2, mode="reflect", output=np.float32)
    while factor > 1:
        fine, factor = _refine(fine, 2), factor // 2
    return fine


def _lakes(
    depth: Field, share: float, factor: int, rng: np.random.Generator, shape: tuple[int, int], cell: float
) -> Field:
    """Standing water in the deepest depressions, with fractal shores: positive where there is water."""
    if share <= 0 or not np.any(depth > 1.0):
        return np.full(shape, -1.0, np.float32)
    level = max(float(np.quantile(depth, 1 - share)), 1.0)
    surface = _smooth(ndimage.gaussian_filter(depth - level, 0.8), factor)
    surface += np.float32(0.15 * level) * fractal(shape, rng, slope=3.0, cell=cell, outer=3e3) - np.float32(0.1)
    # shores in a flat basin wander far: no more water than was asked for
    surface -= np.float32(max(float(np.quantile(surface[::4, ::4], 1 - share)), 0.0))
    return surface


def _rivers(
    tree: Tree, routed: tuple[int, ...], shape: tuple[int, int], factor: int, cell: float, rng: np.random.Generator
) -> tuple[Field, Field]:
    """Running water drawn along the tree with meanders: share of each fine cell, and the banks' wetness."""
    area = tree.upstream.ravel() * np.float32((cell * factor / 1000.0) ** 2)
    nodes = np.flatnonzero(area > 12.0)
    ends = tree.receiver[nodes]
    along = (np.arange(2 * factor) / (2.0 * factor))[None, :]
    places = []
    for axis in (0, 1):
        a, b = (np.unravel_index(n, routed)[axis][:, None] - _PAD for n in (nodes, ends))
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

    return filtered(share, river, 1), filtered(bank, river, int(1200.0 / cell) + 2)
