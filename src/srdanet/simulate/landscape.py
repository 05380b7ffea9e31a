"""The land: what grows or stands where, in what parcels, and what of it nobody sees.

A piece of land depends on its seed and place alone, not on the date: a sequence of
dates shares it. The parcels follow field sizes and shapes as in Lesiv et al. 2019
(Global Change Biology 25): strips and blocks of 1-40 ha, pivots of 50 ha.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet.simulate.noise import Field, Ints, fractal, hashed, mix, salt, smoothstep, stream, voronoi
from srdanet.simulate.relief import Relief, terrain

WATER, CONIFER, BROADLEAF, GRASS, SHRUB, CROP, BARE, URBAN = range(8)
"""Kinds of cover on the fine grid."""
CEREAL, SUMMER, LATE, LEY, ORCHARD, FALLOW, DOUBLE = range(7)
"""Kinds of crop: winter cereal or rape, maize-like, beet-like, grass or lucerne, vine or tree, none, two harvests."""

COVER_CELL = 4
"""Fine cells along a land cover cell (500 m) where the fine grid has twice the cells of 250 m."""


@dataclass(frozen=True)
class Character:
    """What kind of country it is. Drawn from the seed and the latitude by `character`."""

    base: float
    """Mean height (m)."""
    relief: float
    """Standard deviation of height before erosion (m)."""
    aridity: float
    """0 (humid) to 1 (desert)."""
    field: float
    """Usual width of a field (m)."""
    shape: float
    """Length of a field over its width."""
    block: float
    """Size of the pieces of country whose fields share a direction (m)."""
    pivots: float
    """Share of the blocks that are irrigated by centre pivots."""
    forest: float
    """Share of the land under forest."""
    crop: float
    """Share of the land that is neither forest nor built and is tilled."""
    lakes: float
    """Share of standing water."""
    towns: float
    """Towns per 1000 square kilometres."""
    crops: tuple[float, ...]
    """Shares of the kinds of crop."""
    soil: float
    """Brightness of the dry soil relative to a middling one."""


@dataclass(frozen=True)
class Land:
    """Everything about the land that does not depend on the date; (y, x) on the fine grid."""

    character: Character
    relief: Relief
    kind: NDArray[np.uint8]
    """WATER ... URBAN."""
    crop: NDArray[np.uint8]
    """CEREAL ... DOUBLE; meaningful where kind is CROP."""
    parcel: Ints
    """Hash of the parcel: `hashed(parcel, n)` is a parcel's n-th random number."""
    sealed: Field
    """Share of the ground that is roof or pavement."""
    water: Field
    """Share of open water."""
    soil: Field
    """Brightness of dry soil relative to a middling one."""
    vigour: Field
    """How well plants grow here: about 1; visible."""
    hidden: Field
    """Moisture anomaly of place that no predictor shows: mean 0, sd 1."""


def character(seed: int, latitude: float) -> Character:
    """Draw a kind of country that is plausible at a latitude (degrees)."""
    rng = stream(seed, "character")
    lat = abs(latitude)
    dry_belt = float(np.exp(-(((lat - 27) / 11) ** 2)))
    aridity = float(np.clip(rng.normal(0.28 + 0.3 * dry_belt, 0.17), 0.03, 0.95))
    relief = float(np.clip(rng.lognormal(np.log(240), 0.9), 15, 900))
    small = rng.random() < 0.35
    field = float(np.clip(rng.lognormal(np.log(120 if small else 240), 0.35), 80, 600))
    wet = 1 - aridity
    weights = np.array([0.9 + lat / 60, 0.7, 0.4, 0.6 * wet, 0.25 + 0.4 * aridity, 0.15 + 0.6 * aridity, 0.0])
    weights[DOUBLE] = 1.2 if 25 < lat < 38 else 0.1
    crops = rng.dirichlet(weights * 3)
    return Character(
        base=float(relief * 1.6 + 15 + rng.exponential(200)),
        relief=relief,
        aridity=aridity,
        field=field,
        shape=float(rng.uniform(1.3, 4.5 if small else 2.5)),
        block=float(rng.uniform(1800, 5000)),
        pivots=float(rng.random() * 0.6) if aridity > 0.5 and rng.random() < 0.5 else 0.0,
        forest=float(np.clip(rng.beta(1.6, 3.2) * (1.25 - aridity), 0.0, 0.8)),
        crop=float(np.clip(rng.beta(3.0, 1.6) * (1.15 - 0.6 * aridity), 0.05, 0.97)),
        lakes=float(rng.exponential(0.008) * wet),
        towns=float(rng.gamma(2.0, 0.9)),
        crops=tuple(float(c) for c in crops),
        soil=float(rng.uniform(0.75, 1.25) * (1 + 0.35 * aridity)),
    )


def build(seed: int, x: Field, y: Field, kind: Character) -> Land:
    """Make the land on a fine grid.

    Args:
        seed: Seed of the land.
        x: Place eastward of the tile's corner (m), (y, x) float32; shape divisible by 4.
        y: Place northward (m).
        kind: What kind of country.
    """
    cell = float(x[0, 1] - x[0, 0])
    shape = (x.shape[0], x.shape[1])
    rng = stream(seed, "land")
    relief = terrain(shape, seed, cell=cell, factor=COVER_CELL, base=kind.base, relief=kind.relief, lakes=kind.lakes)
    steep = ndimage.gaussian_filter(np.hypot(*np.gradient(relief.elevation, cell)), 2.0).astype(np.float32)
    bend = np.clip(steep / 0.15, 0.05, 1)
    wx = x + 350 * bend * fractal(shape, rng, slope=3.5, cell=cell, outer=2500)
    wy = y + 350 * bend * fractal(shape, rng, slope=3.5, cell=cell, outer=2500)
    parcel, block, pivot = parcels(wx, wy, kind, seed)
    own = [hashed(parcel, n) for n in range(3)]

    sealed = _towns(seed, x, y, kind, relief.elevation, steep, own[0])
    cover = np.full(shape, GRASS, np.uint8)
    treeline = 2100 + 200 * fractal(shape, rng, slope=3, cell=cell, outer=8e3)
    patchy = fractal(shape, rng, slope=2.9, cell=cell, outer=18e3)
    wild = patchy + 1.8 * smoothstep(steep, 0.03, 0.25) + 0.7 * (own[1] - 0.5) - 0.8 * relief.wetness * (steep < 0.03)
    tilled = 1.3 * hashed(block, 7) + own[2] + 0.35 * patchy - 5 * smoothstep(steep, 0.06, 0.18)
    tilled -= 3 * smoothstep(relief.elevation, 1100, 1900)
    wooded = wild > np.quantile(wild, 1 - kind.forest)
    rest = tilled[~wooded]
    fields = ~wooded & (tilled > (np.quantile(rest, 1 - kind.crop) if rest.size else 0))
    dry = kind.aridity + 0.12 * fractal(shape, rng, slope=3, cell=cell, outer=15e3) - 0.3 * relief.wetness
    cover[(dry > 0.45) & (own[1] > 0.25)] = SHRUB
    cover[dry > 0.8] = BARE
    needle = 0.6 * fractal(shape, rng, slope=3, cell=cell, outer=6e3) + (relief.elevation - 900) / 500 + own[0] - 0.5
    cover[wooded] = np.where(needle[wooded] > 0, CONIFER, BROADLEAF)
    cover[fields] = CROP
    cover[pivot] = CROP
    cover[(relief.elevation > treeline) & (steep > 0.25)] = BARE
    cover[(relief.elevation > treeline) & (cover != BARE)] = GRASS
    cover[sealed > 0.12] = URBAN
    sealed = np.where(cover == URBAN, sealed, np.where(cover == CROP, 0.01, 0.0)).astype(np.float32)
    water = np.where(relief.lake > 0, np.float32(1), relief.river).astype(np.float32)
    cover[water > 0.5] = WATER

    edges = np.cumsum(kind.crops)
    crop = np.minimum(np.searchsorted(edges, hashed(parcel, 11)), DOUBLE).astype(np.uint8)
    crop[pivot] = np.where(own[1][pivot] < 0.2, FALLOW, SUMMER)
    soil = kind.soil * (1 + 0.13 * fractal(shape, rng, slope=3, cell=cell, outer=20e3) + 0.10 * (own[2] - 0.5))
    vigour = 1 + 0.10 * fractal(shape, rng, slope=2.6, cell=cell, outer=8e3) + 0.35 * (hashed(parcel, 12) - 0.5)
    hidden = 0.7 * fractal(shape, rng, slope=2.4, cell=cell, outer=4e3) + 2.4 * (hashed(parcel, 13) - 0.5)
    fields = (np.asarray(f, np.float32) for f in (sealed, water, soil, vigour, hidden))
    return Land(kind, relief, cover, crop, parcel, *fields)


def parcels(x: Field, y: Field, kind: Character, seed: int) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Cut the country into blocks of one direction and the blocks into parcels.

    Returns:
        Hash of the parcel, hash of the block, and whether the parcel is a centre pivot; each (y, x).
    """
    block = voronoi(x, y, kind.block, salt(seed, "blocks"))
    angle = np.float32(np.pi) * hashed(block, 1)
    # neighbouring blocks differ in field size as holdings do
    width = np.float32(kind.field) * np.exp(0.9 * (hashed(block, 2) - 0.5), dtype=np.float32)
    length = width * (1 + np.float32(kind.shape - 1) * 2 * hashed(block, 3))
    cos, sin = np.cos(angle), np.sin(angle)
    strip = _jittered((x * cos + y * sin) / width, block)
    row = _jittered((y * cos - x * sin) / length + hashed(strip, block, 4), mix(block, strip))
    # some neighbours are farmed as one
    joined = hashed(strip, row >> 1, block, 5) < 0.3
    parcel = mix(block, strip, np.where(joined, row >> 1, row), joined)
    side = np.float32(840.0)
    iu, iv = np.floor(x / side), np.floor(y / side)
    inside = np.hypot(x - (iu + 0.5) * side, y - (iv + 0.5) * side) < np.float32(400.0)
    pivot = (hashed(block, 6) < kind.pivots) & inside
    circle = mix(iu.astype(np.int32), iv.astype(np.int32), salt(seed, "pivots"))
    return np.where(pivot, circle, parcel), block, pivot


def _jittered(position: Field, key: Ints) -> NDArray[np.int32]:
    """Number of the uneven interval a place falls in, along one axis."""
    whole = np.floor(position).astype(np.int32)
    return whole - (position - whole < np.float32(0.6) * hashed(whole, key, 8)).astype(np.int32)


def _towns(seed: int, x: Field, y: Field, kind: Character, elevation: Field, steep: Field, own: Field) -> Field:
    """Share of sealed ground: towns and villages in the flat, with parks, thinning outward."""
    cell = float(x[0, 1] - x[0, 0])
    shape = (x.shape[0], x.shape[1])
    rng = stream(seed, "towns")
    area = shape[0] * shape[1] * cell * cell / 1e9  # in 1000 km2
    big, small = int(rng.poisson(kind.towns * area)), int(rng.poisson(14 * kind.towns * area))
    # Zipf's rule for the radius of towns; villages are hamlets of 150-500 m
    radius = np.concatenate([np.clip(900 * rng.pareto(1.8, big) + 700, 0, 8000), rng.uniform(120, 450, small)])
    rows, cols = rng.integers(0, shape[0], radius.size), rng.integers(0, shape[1], radius.size)
    flat = steep[rows, cols] < 0.1
    density = np.zeros(shape, np.float32)
    wobble = fractal(shape, rng, slope=2.6, cell=cell, outer=2500)
    for r, c, size in zip(rows[flat], cols[flat], radius[flat], strict=True):
        reach = int(3 * size / cell) + 2
        part = slice(max(r - reach, 0), r + reach), slice(max(c - reach, 0), c + reach)
        away = np.hypot(x[part] - x[r, c], y[part] - y[r, c]) / np.float32(size) + np.float32(0.34) * wobble[part]
        np.maximum(density[part], 0.95 * smoothstep(away, 1.4, 0.25), out=density[part])
    parks = smoothstep(fractal(shape, rng, slope=2.2, cell=cell, outer=1200), 0.9, 1.3)
    return (density * (0.65 + 0.35 * own) * (1 - parks)).astype(np.float32)
