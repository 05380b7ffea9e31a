"""Weather: the air over the land on a day.

A climate by latitude and season, a day's anomaly, a lapse rate and a daily course; over
a large scene it changes with latitude, country, coast and the weather systems. Sources:
daily course after Parton & Logan 1981; clear sky after Meinel & Meinel 1976; saturation
vapour after Bolton 1980; sky emission after Brutsaert 1975.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet.arrays import Float64
from srdanet_simulator.land.lattice import Broad
from srdanet_simulator.land.phenology import northern_day, seasonal_wetness
from srdanet_simulator.noise import Field, fractal, smoothstep, stream

LAPSE = 0.0062
"""Fall of air temperature with height (K m-1)."""
SOLAR = 1361.0
STEFAN_BOLTZMANN = 5.670374e-8
Value = float | Field
"""A number, or one that changes over the cells in hand."""


@dataclass(frozen=True)
class Weather:
    """One day's weather at a place, at sea level where height matters."""

    latitude: float
    """Of the scene's middle (degrees north)."""
    longitude: float
    """Degrees east; hours are those of this meridian."""
    date: dt.date
    mean: Value
    """Daily mean air temperature at sea level (K)."""
    season: Value
    """Climate's mean air temperature at sea level at this time of the year, lagging by a month (K)."""
    swing: Value
    """Half the daily range of air temperature (K)."""
    dew: Value
    """Dew point at sea level (K)."""
    speed: Value
    """Wind at 10 m (m s-1), daily mean."""
    direction: float
    """Where the wind goes, radians from east."""
    clear: float
    """Transmissivity of a clear atmosphere for the beam."""
    wetness: Value
    """Mean wetness of the root zone, 0-1."""
    later: Value = 0.0
    """Hours by which the local solar time is ahead of that at `longitude`."""
    varying: Mapping[str, Broad] = field(default_factory=dict, repr=False)
    """What of these changes over a large scene, by name."""

    def along(self, rows: slice) -> Weather:
        """The weather along the middle of some rows of fine cells: fields (x,) where it changes over the scene."""
        return self._with({name: broad.line(rows) for name, broad in self.varying.items()})

    def at(self, row: NDArray[np.generic], col: NDArray[np.generic]) -> Weather:
        """The weather at single places (fine cells): fields of their shape where it changes over the scene."""
        return self._with({name: broad.at(row, col) for name, broad in self.varying.items()})

    def warmth(self, rows: slice) -> Value:
        """Mean air temperature of the last weeks at sea level (K), (y, x) where it changes over the scene."""
        if not self.varying:
            return self.season + 0.3 * (self.mean - self.season)
        mean, season = self.varying["mean"], self.varying["season"]
        return mean.lattice.spread(season.values + 0.3 * (mean.values - season.values)).rows(rows)

    def _with(self, here: dict[str, Any]) -> Weather:
        return replace(self, **here, varying={}) if here else self

    def air(self, hour: float, height: Field) -> Field:
        """Air temperature (K) at a local solar hour and height (m)."""
        course = daily_course(hour + self.later)
        return np.asarray(self.mean + self.swing * course - LAPSE * height, dtype=np.float32)

    def vapour(self, height: Field) -> Field:
        """Vapour pressure (Pa)."""
        return saturation(np.asarray(self.dew - 0.0025 * height, dtype=np.float32))

    def wind(self, hour: float) -> Value:
        """Wind at 10 m (m s-1) at a local solar hour; it calms down at night."""
        return self.speed * _value(1 + 0.35 * np.cos(2 * np.pi * (hour + self.later - 14) / 24))


def saturation(kelvin: Field) -> Field:
    """Saturation vapour pressure (Pa) over water, Bolton 1980."""
    celsius = kelvin - np.float32(273.15)
    return np.asarray(611.2 * np.exp(np.float32(17.67) * celsius / (celsius + np.float32(243.5))), dtype=np.float32)


def daily_course(hour: Value) -> Value:
    """Course of air temperature over the day, about -1 (before sunrise) to 1 (15 h)."""
    return _value(0.92 * np.cos(2 * np.pi * (hour - 15) / 24) + 0.16 * np.cos(4 * np.pi * (hour - 14) / 24))


def _value(values: Any) -> Value:
    """A number as it is, so that it takes the type of what it meets; fields as float32."""
    return float(values) if np.ndim(values) == 0 else np.asarray(values, np.float32)


def weather(seed: int, latitude: float, longitude: float, date: dt.date, aridity: float) -> Weather:
    """Draw a fair day's weather."""
    return _drawn(seed, latitude, longitude, date, latitude, longitude, aridity)


def regional(seed: int, now: Weather, aridity: Broad, longitude: Float64, latitude: Float64, sea: Field) -> Weather:
    """A day's weather as it changes over a large scene, with its latitude, its country and the weather systems.

    Args:
        seed: Seed of the simulation.
        now: The weather in the scene's middle.
        aridity: 0-1, over the scene.
        longitude: Of the nodes of the lattice (degrees east), (y, x).
        latitude: Degrees north.
        sea: Share of sea around each node, 0-1.

    Returns:
        The weather in the middle, with what varies over the scene as fields.
    """
    lattice = aridity.lattice
    rng = stream(seed, "systems", now.date.isoformat())
    warm, moist, windy = (
        fractal(lattice.nodes, rng, slope=4.0, cell=lattice.spacing, outer=1500e3, inner=100e3) for _ in range(3)
    )
    there = _drawn(seed, now.latitude, now.longitude, now.date, latitude, longitude, aridity.values, 1.5 * warm)
    found = {
        "mean": there.mean,
        "season": there.season,
        # the sea hardly feels the day
        "swing": there.swing * (1 - 0.6 * sea),
        "dew": np.minimum(there.dew + 1.2 * moist + 2.0 * sea, there.mean),
        "speed": np.clip(now.speed * np.exp(0.25 * windy) + 1.5 * sea, 1.0, 10.0),
        "wetness": there.wetness,
        "later": (longitude - now.longitude) / 15,
    }
    return replace(now, varying={name: lattice.spread(np.asarray(values)) for name, values in found.items()})


def _drawn(
    seed: int, latitude: float, longitude: float, date: dt.date,
    lat: float | Float64, lon: float | Float64, aridity: float | Field, more: float | Field = 0.0,
) -> Weather:  # fmt: skip
    """The day drawn for a place, as it is at places around it; `more` kelvin are added to the air's temperature."""
    rng = stream(seed, "weather", date.isoformat())
    day = northern_day(date, latitude)
    mild = _oceanic(lat, lon)
    north = np.minimum(np.abs(lat), 75.0)

    def climate(when: float) -> Any:
        season = np.cos(2 * np.pi * (when - 202) / 365)
        return 300.5 - 0.0082 * north**2 + 4.2 * mild + 0.26 * north * (0.8 + 0.5 * aridity - 0.32 * mild) * season

    mean = climate(day) + rng.normal(1.0, 3.0) + more
    # the sun drives the daily range, and is lower and shorter up in a northern winter
    swing = (3.8 + 4.5 * aridity + rng.uniform(0, 2.0)) * (
        1 + 0.3 * np.minimum(north / 45, 1) * np.cos(2 * np.pi * (day - 185) / 365)
    )
    humidity = np.clip(0.74 - 0.45 * aridity + 0.07 * rng.standard_normal(), 0.12, 0.95)
    vapour = humidity * np.asarray(saturation(np.asarray(mean, np.float32)), np.float64)
    log = np.log(vapour / 611.2)
    return Weather(
        latitude=latitude,
        longitude=longitude,
        date=date,
        mean=_value(mean),
        season=_value(climate(day - 25)),
        swing=_value(swing),
        dew=_value(273.15 + 243.5 * log / (17.67 - log)),
        speed=float(np.clip(rng.weibull(2.2) * 3.6, 1.0, 9.0)),
        direction=float(rng.uniform(0, 2 * np.pi)),
        clear=float(rng.uniform(0.66, 0.78)),
        wetness=_value(seasonal_wetness(aridity, lat, day)),
    )


def _oceanic(latitude: float | Float64, longitude: float | Float64) -> Any:
    """How much a place is under the westerlies of the North Atlantic, 0-1: western Europe.

    Its winters are some 10 K milder than those of other land of its latitude (Seager et al. 2002, QJRMS 128); January
    and July have about 4 and 20 degrees C at Orleans.
    """
    at = np.asarray(latitude, np.float32)
    north = np.asarray(smoothstep(at, 34, 44) * smoothstep(at, 72, 62), np.float64)
    return north * np.exp(-(((longitude - 2) / 18) ** 2))


def solar_hour(utc: np.datetime64, longitude: float) -> float:
    """Local solar hour (0-24) as MODIS counts it: UTC plus a day's share of the longitude."""
    seconds = (utc - utc.astype("datetime64[D]")) / np.timedelta64(1, "s")
    return float((seconds / 3600 + longitude / 15) % 24)


def sunlight(zenith: float, day: int, clear: float) -> tuple[float, float]:
    """Clear sky's beam (on a plane across it) and diffuse light (on level ground), W m-2."""
    mu = float(np.cos(np.radians(zenith)))
    if mu <= 0.01:
        return 0.0, 0.0
    distance = 1 + 0.033 * np.cos(2 * np.pi * (day - 3) / 365)
    mass = 1 / (mu + 0.50572 * (96.07995 - zenith) ** -1.6364)
    beam = SOLAR * distance * clear ** (mass**0.678)
    return float(beam), float(0.30 * mu * (SOLAR * distance - beam))


def longwave(vapour: Field, air: Field) -> Field:
    """Longwave radiation of a clear sky (W m-2), Brutsaert 1975."""
    emissivity = 1.24 * (vapour / 100 / air) ** (1 / 7)
    return np.asarray(emissivity * STEFAN_BOLTZMANN * air**4, dtype=np.float32)


def cold_pool(hour: float, speed: Value, depth: Field) -> Field:
    """How much colder (K) the air is where it gathers on a calm night, and warmer on the slopes above.

    After the potential temperature deficits of valleys in Whiteman 2000, about 5 K per 150 m, which build up through
    the night.
    """
    night = float(smoothstep((hour - 17.0) % 24, 0, 10)) if (hour > 16.5 or hour < 7.5) else 0.0
    calm = _value(np.exp(-((speed / 4.0) ** 2)))
    return np.asarray(-4.5 * night * calm * np.tanh(depth / np.float32(90.0)), dtype=np.float32)
