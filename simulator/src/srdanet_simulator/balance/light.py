"""Sunlight on the land at a moment: where the sun stands over each cell, and what of it a slope gets.

Over a part of a tile the sun's direction changes by a few degrees: it is computed in the
middle and followed outward along its change with longitude and latitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from srdanet.arrays import Float32
from srdanet.predictors.solar import sun_at
from srdanet_simulator.balance import horizon as around
from srdanet_simulator.balance import weather as sky
from srdanet_simulator.noise import Field

_STEP = 0.25
"""Degrees over which changes are taken."""


@dataclass(frozen=True)
class Places:
    """Where some cells lie, within a few hundred kilometres of each other."""

    longitude: float
    """Of their middle (degrees east)."""
    latitude: float
    away: Field
    """Longitude from the middle (degrees)."""
    up: Field
    """Latitude from the middle (degrees)."""

    @classmethod
    def of(cls, longitude: Field, latitude: Field) -> Places:
        """Those of cells' longitude and latitude (degrees)."""
        lon, lat = float(longitude.mean(dtype=np.float64)), float(latitude.mean(dtype=np.float64))
        return cls(lon, lat, longitude - np.float32(lon), latitude - np.float32(lat))

    def sun(self, moment: np.datetime64) -> Sun:
        """The sun over them."""
        around = (0.0, _STEP, 0.0), (0.0, 0.0, _STEP)
        found = sun_at(moment, self.longitude + np.array(around[0]), self.latitude + np.array(around[1]))
        zenith, azimuth = np.radians(found)
        side = np.sin(zenith)
        middle, east, north = np.array([side * np.sin(azimuth), side * np.cos(azimuth), np.cos(zenith)]).T
        turn, rise = (((there - middle) / _STEP).astype(np.float32) for there in (east, north))
        return Sun(float(found[0][0]), float(found[1][0]), self, (middle.astype(np.float32), turn, rise))


@dataclass(frozen=True)
class Sun:
    """The sun over some cells at a moment. Of the direction towards it each component is a field of the cells."""

    zenith: float
    """In the middle (degrees)."""
    azimuth: float
    """In the middle (degrees from north)."""
    places: Places
    direction: tuple[Float32, Float32, Float32]
    """East, north and up in the middle, and their change with a degree of longitude and of latitude."""

    @cached_property
    def east(self) -> Field:
        """Eastward component."""
        return self._component(0)

    @cached_property
    def north(self) -> Field:
        """Northward component."""
        return self._component(1)

    @cached_property
    def up(self) -> Field:
        """Upward component: the cosine of the zenith."""
        return self._component(2)

    def _component(self, n: int) -> Field:
        middle, turn, rise = (part[n] for part in self.direction)
        field: Field = turn * self.places.away
        field += middle
        field += rise * self.places.up
        return field

    def facing(self, east: Field, north: Field, lean: Field | None = None) -> Field:
        """Cosine of the sun's incidence, 0 where it stands behind the slope.

        Args:
            east: Rise of the slope towards east.
            north: Rise towards north.
            lean: Their `leaning`, where it is known already.
        """
        facing = self.up - self.east * east
        facing -= self.north * north
        facing /= leaning(east, north) if lean is None else lean
        return np.asarray(np.maximum(facing, 0), dtype=np.float32)


def leaning(east: Field, north: Field) -> Field:
    """Length of the normal of a slope that rises so towards east and north; upward it has 1."""
    return np.asarray(np.sqrt(1 + east * east + north * north))


def sun_over(moment: np.datetime64, longitude: Field, latitude: Field) -> Sun:
    """The sun over places (degrees) within a few hundred kilometres of each other."""
    return Places.of(longitude, latitude).sun(moment)


def shortwave(
    sun: Sun, now: sky.Weather, east: Field, north: Field, horizon: Field, sky_view: Field, lean: Field | None = None
) -> Field:
    """Clear sky's light on slopes (W m-2): the beam where no terrain stands before the sun, and the sky's light.

    Args:
        sun: Where it stands.
        now: The day's weather.
        east: Rise of the slope towards east.
        north: Rise towards north.
        horizon: (direction, ...) tangent of the horizon's elevation.
        sky_view: Share of the sky's light that a slope gets.
        lean: `leaning` of the slope, where it is known already.
    """
    day = now.date.timetuple().tm_yday
    low, here, high = (sky.sunlight(sun.zenith + d, day, now.clear) for d in (-_STEP, 0.0, _STEP))
    if here == (0.0, 0.0):
        return np.zeros_like(east)
    # how beam and sky change with the cosine of the zenith
    step = np.cos(np.radians(sun.zenith - _STEP)) - np.cos(np.radians(sun.zenith + _STEP))
    above = sun.up - np.float32(np.cos(np.radians(sun.zenith)))
    beam, diffuse = (
        np.float32(h) + np.float32((a - b) / step) * above for a, h, b in zip(low, here, high, strict=True)
    )
    lit = around.sunlit(horizon, sun.zenith, sun.azimuth)
    total = np.maximum(beam, 0)
    total *= sun.facing(east, north, lean)
    total *= lit
    total += np.maximum(diffuse, 0) * sky_view
    return np.asarray(total, dtype=np.float32)
