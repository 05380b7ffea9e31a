"""What the energy balance needs to know of the ground, and what it makes of the weather at a moment.

Apart from the weather everything is a field, and no cell asks its neighbours any more: a few cells can be
taken out and followed through the day.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from srdanet.energy import aggregate
from srdanet_simulator.balance import energy, horizon, light
from srdanet_simulator.balance import weather as sky
from srdanet_simulator.land.landscape import Land
from srdanet_simulator.land.phenology import State
from srdanet_simulator.noise import Field

_WATER = 0.99
"""Emissivity of water."""
SIGHT = 2
"""Fine cells along a cell of the terrain that horizons are looked for in."""


@dataclass(frozen=True)
class Ground:
    """The ground of some fine cells; all fields of one shape, float32."""

    surface: energy.Surface
    east: Field
    """Rise towards east."""
    north: Field
    elevation: Field
    """Height (m)."""
    pool: Field
    """Depth (m) below the surroundings, where cold air gathers."""
    exposure: Field
    """Wind over that of open land, 1 on average."""
    water: Field
    """Share of rivers and ponds, 0-1."""
    longitude: Field
    """Degrees east."""
    latitude: Field
    """Degrees north."""
    horizon: Field
    """Tangent of the horizon's elevation in each of `horizon.DIRECTIONS`, (direction, y, x)."""

    def take(self, index: Any) -> Ground:
        """Some of the cells, as numpy's indexing gives them."""
        parts = {f.name: getattr(self.surface, f.name)[index] for f in fields(self.surface)}
        own = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name not in ("surface", "horizon")}
        whole = index if isinstance(index, tuple) else (index,)
        return Ground(energy.Surface(**parts), **own, horizon=self.horizon[(slice(None), *whole)])

    @cached_property
    def _places(self) -> light.Places:
        return light.Places.of(self.longitude, self.latitude)

    @cached_property
    def _leaning(self) -> Field:
        return light.leaning(self.east, self.north)

    def forcing(self, now: sky.Weather, hour: float, moment: np.datetime64) -> energy.Forcing:
        """Air and light.

        Args:
            now: The day's weather.
            hour: Local solar hour; negative for the day before.
            moment: The same in UTC.
        """
        sunshine = light.shortwave(
            self._places.sun(moment), now, self.east, self.north, self.horizon, self.surface.sky_view, self._leaning
        )
        air = now.air(hour, self.elevation) + sky.cold_pool(hour % 24, now.wind(hour), self.pool)
        moist = np.minimum(now.vapour(self.elevation), sky.saturation(air))
        found = (sunshine, sky.longwave(moist, air), air, moist, now.wind(hour) * self.exposure)
        return energy.Forcing(*(np.asarray(f, dtype=np.float32) for f in found))

    def with_water(self, kelvin: Field, now: sky.Weather, hour: float) -> tuple[Field, Field]:
        """Temperature (K) and emissivity of cells whose land has that temperature.

        Water keeps the season's temperature; rivers and ponds take their share of what the cell emits.
        """
        basin = np.maximum(now.season + 2.0 - sky.LAPSE * self.elevation, 273.6) + 0.6 * sky.daily_course(hour - 1)
        own = self.surface.emissivity * (1 - self.water) * kelvin**4
        emissivity = self.surface.emissivity * (1 - self.water) + _WATER * self.water
        mixed = ((own + _WATER * self.water * basin**4) / emissivity) ** 0.25
        return mixed.astype(np.float32), emissivity.astype(np.float32)


@dataclass(frozen=True)
class Setting:
    """What surrounds the cells of a land."""

    cell: float
    """Fine cell (m)."""
    longitude: Field
    """Degrees east, (y, x)."""
    latitude: Field
    """Degrees north."""
    gusts: Field
    """Logarithm of the wind's share, in standard deviations."""
    skyline: Field
    """Tangents of the horizon's elevation around the `SIGHT` x `SIGHT` cells of the terrain, (direction, y, x)."""


def ground(land: Land, state: State, albedo: Field, slopes: tuple[Field, Field], setting: Setting) -> Ground:
    """The ground of a land in a state.

    Args:
        land: The land.
        state: Its state on the date.
        albedo: Broadband albedo on level ground.
        slopes: Rise towards east and north.
        setting: What is around.
    """
    pool = land.relief.pool
    exposure = np.exp(np.float32(0.08) * setting.gusts) * np.clip(1 - 0.25 * np.tanh(pool / 120.0), 0.7, 1.3)
    east, north = (aggregate(part, SIGHT).astype(np.float32) for part in slopes)
    view = _spread(horizon.sky_view(setting.skyline, east, north))
    return Ground(
        energy.surface(land, state, albedo, view, setting.cell), *slopes, land.relief.elevation, pool,
        exposure.astype(np.float32), land.water, setting.longitude, setting.latitude, _spread(setting.skyline),
    )  # fmt: skip


def join(parts: list[Ground]) -> Ground:
    """Grounds of other cells in one, along the first axis."""

    def one(kind: type, held: list[Any]) -> dict[str, Field]:
        names = [f.name for f in fields(kind) if f.name not in ("surface", "horizon")]
        return {name: np.concatenate([getattr(part, name) for part in held]) for name in names}

    surface = energy.Surface(**one(energy.Surface, [part.surface for part in parts]))
    return Ground(surface, **one(Ground, parts), horizon=np.concatenate([part.horizon for part in parts], axis=1))


def _spread(values: Field) -> Field:
    """Values of the terrain's cells on the fine grid."""
    *more, rows, cols = values.shape
    out = np.empty((*more, rows, SIGHT, cols, SIGHT), np.float32)
    out[:] = values[..., :, None, :, None]
    return out.reshape(*more, rows * SIGHT, cols * SIGHT)
