"""What covers the land: woods, fields, towns and waters on a drained terrain.

Smooth random fields and the terrain are made over the whole scene; all else is a
function of a cell and of them, computed in strips of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet_simulator.land.landscape import (
    BARE,
    BROADLEAF,
    CONIFER,
    CROP,
    DOUBLE,
    FALLOW,
    GRASS,
    SHRUB,
    SUMMER,
    URBAN,
    WATER,
    Character,
    Land,
)  # fmt: skip
from srdanet_simulator.land.lattice import Broad
from srdanet_simulator.land.parcels import parcels, patchwork
from srdanet_simulator.land.provinces import Provinces
from srdanet_simulator.land.relief import Relief, terrain
from srdanet_simulator.land.towns import towns
from srdanet_simulator.noise import Field, Ints, fractal, hashed, smoothstep, stream
from srdanet_simulator.parallel import both, each, filter_strips, strips

_ROUTING = 4
"""Fine cells along a cell of the grid on which water is routed."""
_FIELDS = {
    "east": (3.5, 2500.0, 0.0),
    "north": (3.5, 2500.0, 0.0),
    "treeline": (3.0, 8e3, 2000.0),
    "patchy": (2.9, 18e3, 0.0),
    "dry": (3.0, 15e3, 2000.0),
    "needle": (3.0, 6e3, 0.0),
    "soil": (3.0, 20e3, 0.0),
    "vigour": (2.6, 8e3, 0.0),
    "hidden": (2.4, 4e3, 0.0),
}
"""Random fields: slope of the spectrum, outer and inner wavelength (m), see `fractal`."""
_SAMPLE = 1 << 16
"""Cells from which the limits are taken that give woods and fields their shares."""
_FEW = 100
"""Cells of that sample from which a province's own limits can be told."""
Part = tuple[slice, slice]
Limit = float | Broad


@dataclass(frozen=True)
class _Country:
    """What all cells' cover is computed from; (y, x) on the fine grid."""

    seed: int
    kind: Character
    x: Field
    y: Field
    relief: Relief
    steep: Field
    fields: dict[str, Field]
    provinces: Provinces | None

    def parcels(self, part: Part) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Parcels, whose edges wind where the land is steep."""
        bend = 350 * np.clip(self.steep[part] / np.float32(0.15), 0.05, 1)
        wx, wy = (at[part] + bend * self.fields[way][part] for at, way in ((self.x, "east"), (self.y, "north")))
        if self.provinces is None:
            return parcels(wx, wy, self.kind, self.seed)
        return patchwork(wx, wy, self.provinces.kinds, self.provinces.of(part), self.seed)

    def crops(self, rows: slice, parcel: Ints) -> NDArray[np.uint8]:
        """What the parcels of some rows would grow."""
        drawn = hashed(parcel, 11)
        if self.provinces is None:
            found = np.searchsorted(np.cumsum(self.kind.crops).astype(np.float32), drawn)
            return np.asarray(np.minimum(found, DOUBLE), dtype=np.uint8)
        crop = np.zeros(drawn.shape, np.uint8)
        for limit in self.provinces.crops[:DOUBLE]:
            crop += drawn > limit.rows(rows)
        return crop

    def wants(self, part: Part, parcel: Ints, block: Ints) -> tuple[Field, Field]:
        """How much a place asks to be wooded, and to be tilled."""
        steep, height, patchy = self.steep[part], self.relief.elevation[part], self.fields["patchy"][part]
        wild = patchy + 1.8 * smoothstep(steep, 0.03, 0.25) + 0.7 * (hashed(parcel, 1) - 0.5)
        wild -= 0.8 * self.relief.wetness[part] * (steep < 0.03)
        tilled = 1.3 * hashed(block, 7) + hashed(parcel, 2) + 0.35 * patchy - 5 * smoothstep(steep, 0.06, 0.18)
        tilled -= 3 * smoothstep(height, 1100, 1900)
        return wild, tilled

    def limits(self) -> tuple[Limit, Limit]:
        """Where wants begin to be met, so that the shares come out as the character has them."""
        step = max(1, int(np.sqrt(self.x.size / _SAMPLE)))
        part = slice(None, None, step), slice(None, None, step)
        parcel, block, _ = self.parcels(part)
        wild, tilled = self.wants(part, parcel, block)
        if self.provinces is None:
            return _limits(wild, tilled, self.kind)
        owner, land = self.provinces.of(part), self.relief.elevation[part] > 0
        found = []
        for n, kind in enumerate(self.provinces.kinds):
            mine = land & (owner == n)
            # provinces that lie beyond the scene or under the sea are judged by all its land
            there = mine if mine.sum() > _FEW else land
            found.append(_limits(wild[there], tilled[there], kind))
        woods, fields = (self.provinces.blend(limits) for limits in zip(*found, strict=True))
        return woods, fields


def _limits(wild: Field, tilled: Field, kind: Character) -> tuple[float, float]:
    """Above which wants land is wooded, and the rest of it tilled."""
    woods = float(np.quantile(wild, 1 - kind.forest))
    rest = tilled[wild <= woods]
    return woods, float(np.quantile(rest, 1 - kind.crop)) if rest.size else 0.0


def build(seed: int, x: Field, y: Field, kind: Character, provinces: Provinces | None = None) -> Land:
    """Make the land on a fine grid.

    Args:
        seed: Seed of the land.
        x: Place eastward of the scene's middle meridian (m), (y, x) float32; shape divisible by 4.
        y: Place northward of the tile's upper edge (m).
        kind: What kind of country; with provinces that of the middle.
        provinces: How the country varies over a large scene.
    """
    cell = float(x[0, 1] - x[0, 0])
    shape = (x.shape[0], x.shape[1])

    def field(name: str) -> Field:
        slope, outer, shortest = _FIELDS[name]
        return fractal(shape, stream(seed, "land", name), slope=slope, cell=cell, outer=outer, inner=shortest)

    # water finds its way on one thread; meanwhile another draws
    (relief, river, lake), fields = both(
        lambda: terrain(
            shape, seed, cell=cell, factor=_ROUTING, base=kind.base, relief=kind.relief,
            lakes=kind.lakes if provinces is None else provinces.blend([one.lakes for one in provinces.kinds]),
            ranges=None if provinces is None else provinces.ranges,
        ),
        lambda: {name: field(name) for name in _FIELDS},
    )  # fmt: skip
    steep = filter_strips(lambda height: _steepness(height, cell), relief.elevation, 10)
    country = _Country(seed, kind, x, y, relief, steep, fields, provinces)
    often = None
    if provinces is not None:
        steep[relief.elevation == 0] = 1  # nobody lives on the sea
        often = provinces.blend([one.towns for one in provinces.kinds])
    built = towns(seed, x, y, kind, steep, often)
    limits = country.limits()
    # the fields that end as the land's own are overwritten where they lie
    land = Land(
        kind, relief, np.empty(shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.uint32),
        sealed=built, water=lake, soil=fields["soil"], vigour=fields["vigour"], hidden=fields["hidden"],
        varying={} if provinces is None else provinces.varying(),
    )  # fmt: skip

    def fill(rows: slice) -> None:
        _fill(land, country, limits, river, rows)

    each(fill, strips(shape, 1))
    return land


def _fill(land: Land, country: _Country, limits: tuple[Limit, Limit], river: Field, rows: slice) -> None:
    """Compute rows of the land in place; sealed holds the towns, water the lakes, soil to hidden their fields."""
    part = rows, slice(None)
    relief, fields = country.relief, country.fields
    aridity, soil = (_here(land.varying.get(name, getattr(country.kind, name)), rows) for name in ("aridity", "soil"))
    woods, tillage = (_here(limit, rows) for limit in limits)
    parcel, block, pivot = country.parcels(part)
    own = [hashed(parcel, n) for n in range(3)]
    wild, tilled = country.wants(part, parcel, block)
    height, steep = relief.elevation[part], country.steep[part]
    wooded = wild > woods
    treeline = 2100 + 200 * fields["treeline"][part]
    dry = aridity + 0.12 * fields["dry"][part] - 0.3 * relief.wetness[part]
    needle = 0.6 * fields["needle"][part] + (height - 900) / 500 + own[0] - 0.5
    cover = np.full(parcel.shape, GRASS, np.uint8)
    cover[(dry > 0.45) & (own[1] > 0.25)] = SHRUB
    cover[dry > 0.8] = BARE
    np.copyto(cover, np.where(needle > 0, np.uint8(CONIFER), np.uint8(BROADLEAF)), where=wooded)
    cover[~wooded & (tilled > tillage)] = CROP
    cover[pivot] = CROP
    high = height > treeline
    cover[high & (steep > 0.25)] = BARE
    cover[high & (cover != BARE)] = GRASS
    sealed = land.sealed[part] * (0.65 + 0.35 * own[0]) * (height != 0)
    cover[sealed > 0.12] = URBAN
    land.sealed[part] = np.where(cover == URBAN, sealed, np.where(cover == CROP, np.float32(0.01), np.float32(0)))
    land.water[part] = np.where(land.water[part] > 0, np.float32(1), river[part])
    cover[land.water[part] > 0.5] = WATER
    crop = country.crops(rows, parcel)
    crop[pivot] = np.where(own[1][pivot] < 0.2, FALLOW, SUMMER)
    land.kind[part], land.crop[part], land.parcel[part] = cover, crop, parcel
    land.soil[part] = soil * (1 + 0.13 * land.soil[part] + 0.10 * (own[2] - 0.5))
    land.vigour[part] = 1 + 0.10 * land.vigour[part] + 0.35 * (hashed(parcel, 12) - 0.5)
    land.hidden[part] = 0.7 * land.hidden[part] + 2.4 * (hashed(parcel, 13) - 0.5)


def _here(value: float | Field | Broad, rows: slice) -> float | Field:
    """A number that may change over the land, in some rows."""
    return value.rows(rows) if isinstance(value, Broad) else value


def _steepness(elevation: Field, cell: float) -> Field:
    """Rise over run within some two cells, (y, x)."""
    rise = np.hypot(*np.gradient(elevation, np.float32(cell)))
    return np.asarray(ndimage.gaussian_filter(rise, 2.0), dtype=np.float32)
