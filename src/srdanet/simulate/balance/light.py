"""Sunlight on the land at a moment: where the sun stands over each cell, and what of it a slope gets.

Over a part of a tile the sun's direction changes by a few degrees: it is computed in the
middle and followed outward along its change with longitude and latitude.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from srdanet.predictors.solar import sun_at
from srdanet.simulate.balance import horizon as around
from srdanet.simulate.balance import weather as sky
from srdanet.simulate.noise import Field

_STEP = 0.25
"""Degrees over which changes are taken."""


@dataclass(frozen=True)
class Sun:
    """The sun over some cells at a moment."""

    zenith: float
    """In the middle (degrees)."""
    azimuth: float
    """In the middle (degrees from north)."""
    east: Field
    """Components of the direction towards the sun, one for each cell; `up` is the cosine of the zenith."""
    north: Field
    up: Field

    def facing(self, east: Field, north: Field) -> Field:
        """Cosine of the sun's incidence, 0 where it stands behind the slope that rises so towards east and north."""
        facing = (self.up - self.east * east - self.north * north) / np.sqrt(1 + east * east + north * north)
        return np.asarray(np.maximum(facing, 0), dtype=np.float32)


def sun_over(moment: np.datetime64, longitude: Field, latitude: Field) -> Sun:
    """The sun over places (degrees) within a few hundred kilometres of each other."""
    lon, lat = float(longitude.mean(dtype=np.float64)), float(latitude.mean(dtype=np.float64))
    middle = _direction(moment, lon, lat)
    turn = ((_direction(moment, lon + _STEP, lat) - middle) / _STEP).astype(np.float32)
    rise = ((_direction(moment, lon, lat + _STEP) - middle) / _STEP).astype(np.float32)
    away, up = longitude - np.float32(lon), latitude - np.float32(lat)
    parts = (np.float32(middle[n]) + turn[n] * away + rise[n] * up for n in range(3))
    zenith, azimuth = sun_at(moment, lon, lat)
    return Sun(float(zenith), float(azimuth), *parts)


def _direction(moment: np.datetime64, lon: float, lat: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    zenith, azimuth = (np.radians(float(angle)) for angle in sun_at(moment, lon, lat))
    side = np.sin(zenith)
    return np.array([side * np.sin(azimuth), side * np.cos(azimuth), np.cos(zenith)])


def shortwave(sun: Sun, now: sky.Weather, east: Field, north: Field, horizon: Field, sky_view: Field) -> Field:
    """Clear sky's light on slopes (W m-2): the beam where no terrain stands before the sun, and the sky's light.

    Args:
        sun: Where it stands.
        now: The day's weather.
        east: Rise of the slope towards east.
        north: Rise towards north.
        horizon: (direction, ...) tangent of the horizon's elevation.
        sky_view: Share of the sky's light that a slope gets.
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
    total = np.maximum(beam, 0) * sun.facing(east, north) * lit + np.maximum(diffuse, 0) * sky_view
    return np.asarray(total, dtype=np.float32)
