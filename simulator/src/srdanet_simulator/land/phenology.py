"""The land on a date: green and dry plants, their height, bare soil, and water in the root zone.

Greenness follows the double logistic curve of Beck et al. 2006 (Remote Sensing of
Environment 100) by kind of cover and crop; seasons shift with latitude and height
as in Hopkins' law (4 days a degree, 3 days per 100 m).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet_simulator.land import landscape as ls
from srdanet_simulator.noise import Field, draws, fractal, smoothstep, stream

# day of year of green-up and of senescence, least and greatest green cover, for 45 N at sea level
_CROPS = {
    ls.CEREAL: (84, 168, 0.40, 0.93),
    ls.SUMMER: (158, 262, 0.20, 0.90),
    ls.LATE: (142, 292, 0.20, 0.92),
    ls.LEY: (75, 318, 0.62, 0.90),
    ls.ORCHARD: (108, 305, 0.38, 0.58),
    ls.FALLOW: (85, 300, 0.16, 0.24),
    ls.DOUBLE: (180, 268, 0.15, 0.92),
}
_WILD = {
    ls.CONIFER: (100, 320, 0.78, 0.86),
    ls.BROADLEAF: (110, 300, 0.34, 0.93),
    ls.GRASS: (78, 315, 0.56, 0.84),
    ls.SHRUB: (80, 315, 0.30, 0.45),
    ls.BARE: (120, 270, 0.01, 0.06),
    ls.URBAN: (95, 308, 0.38, 0.72),
    ls.WATER: (100, 300, 0.0, 0.0),
}
# height (m) when full grown
_HEIGHT = {ls.CONIFER: 16.0, ls.BROADLEAF: 13.0, ls.GRASS: 0.22, ls.SHRUB: 0.8, ls.BARE: 0.03, ls.URBAN: 7.0}
_CROP_HEIGHT = {ls.CEREAL: 0.8, ls.SUMMER: 2.0, ls.LATE: 0.6, ls.LEY: 0.35, ls.ORCHARD: 2.8, ls.DOUBLE: 1.8}


@dataclass(frozen=True)
class State:
    """The land on one date; (y, x) float32 on the fine grid."""

    green: Field
    """Share of the ground under green plants, 0-1."""
    dry: Field
    """Share under dead plants and stubble, 0-1; the rest is bare, sealed or water."""
    leaf: Field
    """Leaf area over ground (m2 m-2), mean over the cell."""
    height: Field
    """Height of plants or houses (m)."""
    moisture: Field
    """Water in the root zone: 0 wilting point, 1 field capacity. Hidden from all predictors."""
    surface: Field
    """Water in the soil's first centimetres, 0-1. Hidden, but wet soil is darker."""
    stomata: Field
    """Factor on the canopy's conductance: sort, age, health. Hidden."""
    tilth: Field
    """Factor on the roughness for heat: rows, tillage, lodging. Hidden."""
    snow: Field
    """Share of the ground under snow as seen from above, 0-1."""


def seasonal_wetness(aridity: float | Field, latitude: Any, day: float) -> float | Field:
    """Mean wetness of the root zone (0-1) by climate and northern-equivalent day of the year."""
    summer = np.cos(2 * np.pi * (day - 200) / 365)
    monsoon: Any = 1 - 2 * smoothstep(np.abs(latitude), 21, 27)
    if np.ndim(latitude) == 0:
        monsoon = 1.0 if abs(latitude) < 24 else -1.0
    wet: Any = np.clip(0.86 - 0.72 * aridity + monsoon * summer * (0.06 + 0.22 * aridity), 0.03, 0.97)
    return float(wet) if np.ndim(wet) == 0 else np.asarray(wet, np.float32)


def northern_day(date: dt.date, latitude: float) -> float:
    """Day of the year, shifted by half a year in the south."""
    day = date.timetuple().tm_yday
    return float((day + 182) % 365) if latitude < 0 else float(day)


def showers(shape: tuple[int, int], seed: int, date: dt.date, cell: float) -> tuple[Field, Field]:
    """Where it rained in the last weeks: by regions and by places, mean 0 and sd 1, (y, x).

    Args:
        shape: Rows and columns.
        seed: Seed of the simulation.
        date: Date.
        cell: Fine cell (m).
    """
    rng = stream(seed, "state", date.isoformat())
    rain = fractal(shape, rng, slope=3.2, cell=cell, outer=60e3, inner=2e3)
    return rain, fractal(shape, rng, slope=2.6, cell=cell, outer=6e3)


def on_date(land: ls.Land, date: dt.date, latitude: float | Field, rained: tuple[Field, Field], warmth: Field) -> State:
    """The land's state on a date.

    Args:
        land: The land.
        date: Date.
        latitude: Degrees north, (y, x) where it matters that it changes.
        rained: See `showers`.
        warmth: Mean air temperature (K) of the last weeks, (y, x).
    """
    day = northern_day(date, float(np.mean(latitude)))
    aridity = land.character.aridity
    drawn = draws(land.parcel)
    own = [drawn(20 + n) for n in range(5)]
    tilled = land.kind == ls.CROP
    code = np.where(tilled, land.crop, land.kind + 16)

    def look(wild: dict[int, float], crops: dict[int, float]) -> Field:
        table = np.zeros(32, np.float32)
        for key, value in crops.items():
            table[key] = value
        for key, value in wild.items():
            table[key + 16] = value
        return table.take(code)

    def parameter(n: int) -> Field:
        return look({k: v[n] for k, v in _WILD.items()}, {k: v[n] for k, v in _CROPS.items()})

    # rain of the last weeks, then places, then parcels: what satellites of reflectance do not see
    rain, shower = rained
    wet = seasonal_wetness(aridity, latitude, day) + 0.22 * (land.relief.wetness - 0.3)
    # in the cold little evaporates: soils fill up, and what made them differ is gone (Seneviratne et al. 2010,
    # Earth-Science Reviews 99: energy-limited against water-limited)
    drying = np.float32(0.3) + np.float32(0.7) * smoothstep(warmth, 276.0, 288.0)
    wet = wet + drying * (0.12 * rain + 0.06 * shower + 0.065 * land.hidden)
    watered = tilled & (own[0] < 0.15 + 0.85 * aridity) & _among(land.crop, ls.SUMMER, ls.LATE, ls.LEY, ls.DOUBLE)
    season = float(smoothstep(day, 110, 150) * smoothstep(day, 275, 250))
    since = drawn(30 + date.toordinal() // 12)  # share of the turn gone since the last watering
    irrigated = np.where(watered, season * (0.35 + 0.65 * (1 - since)), 0)
    moisture = np.clip(np.maximum(wet, irrigated * (0.9 + 0.1 * own[1])), 0.02, 1).astype(np.float32)

    late = 3.5 * (np.clip(np.abs(latitude), 25, 60) - 45) * np.where(tilled & (code != ls.SUMMER), 1, 0.7)
    late = late + 0.025 * np.clip(land.relief.elevation, 0, 2500) + 22 * (own[2] - 0.5)
    start, end = parameter(0) + late, parameter(1) + np.where(code == ls.CEREAL, late, -0.6 * late)
    curve = 1 / (1 + np.exp(-(day - start) / 9)) - 1 / (1 + np.exp(-(day - end) / 8))
    lowest, highest = parameter(2), parameter(3)
    # where winters are mild, cereals, grass and what grows under trees stay green; frost browns all but needles
    dormant = np.where(land.kind == ls.CONIFER, np.float32(0), smoothstep(warmth, 277.0, 269.0))
    lowest = lowest * (1 - np.float32(0.7) * dormant)
    # the first of two harvests: winter wheat before maize
    early = np.where(
        code == ls.DOUBLE, 1 / (1 + np.exp(-(day - start + 95) / 9)) - 1 / (1 + np.exp(-(day - end + 108) / 6)), 0
    )
    curve = np.clip(np.maximum(curve, early), 0, 1)
    # plants without water turn yellow: grass and shrub follow the season's wetness, trees hardly
    thirst = smoothstep(wet + 0.12 * (own[3] - 0.5), 0.02, 0.5)
    thirst = np.where(watered, 1, np.where(land.kind == ls.CONIFER, 0.7 + 0.3 * thirst, thirst))
    thirst = np.where(land.kind == ls.BROADLEAF, 0.5 + 0.5 * thirst, thirst)
    full = np.clip((lowest + (highest - lowest) * curve) * land.vigour, 0, 0.97)
    cut = (code == ls.LEY) & (own[1] < 0.25) & (day > 130) & (day < 290)
    green = np.where(cut, 0.45, 1) * full * (0.25 + 0.75 * thirst)
    stood = smoothstep(np.asarray(day - end, np.float32), -12, 5) * (drawn(26) < 0.6)
    litter = np.where(tilled, 0.65 * stood, 0.55 * highest)
    dry = np.clip(np.maximum(litter, full * (1 - thirst)), 0, 1) * (1 - green)
    growth = np.where(_among(land.kind, ls.CONIFER, ls.BROADLEAF, ls.URBAN, ls.SHRUB), 1, np.clip(green / 0.8, 0.06, 1))
    height = np.maximum(look(_HEIGHT, _CROP_HEIGHT) * growth, 0.02) * (0.8 + 0.4 * own[4])
    open_ground = (1 - land.sealed) * (1 - land.water)
    green, dry = green * open_ground, dry * open_ground
    leaf = -2.0 * np.log(1 - np.clip(green, 0, 0.97)) * np.where(land.kind == ls.CONIFER, 1.3, 1)
    bare_water = 0.75 * moisture + 0.10 * shower + np.where(watered & (since < 0.15), 0.3 * season, 0)
    surface = np.clip(bare_water * (1 - 0.5 * aridity) - 0.1, 0.02, 1)
    stomata = np.exp(0.32 * (drawn(27) - 0.5) * 2 + 0.12 * shower)
    tilth = np.exp(1.0 * (drawn(28) - 0.5))
    trees = _among(land.kind, ls.CONIFER, ls.BROADLEAF)
    snow = smoothstep(warmth + 1.2 * shower, 272.0, 266.5) * np.where(trees, 0.45, 1) * (1 - 0.6 * land.sealed)
    parts = (green, dry, leaf, height, moisture, surface, stomata, tilth, snow * (1 - land.water))
    return State(*(np.ascontiguousarray(p, dtype=np.float32) for p in parts))


def _among(codes: NDArray[np.uint8], *wanted: int) -> NDArray[np.bool_]:
    """`np.isin` of codes of kinds or crops, by a table."""
    table = np.zeros(8, np.bool_)
    table[list(wanted)] = True
    return table.take(codes)
