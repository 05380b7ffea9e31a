"""Weather: the air over the land on a day, and what ERA5 would say about it.

The truth is a climate by latitude and season, a day's anomaly, a lapse rate and a
daily course. ERA5's field is the same on its 0.25 degree grid: with the coarse
height of that grid, and an error of its own. Sources: daily course after Parton &
Logan 1981; clear sky after Meinel & Meinel 1976; saturation vapour after Bolton
1980; sky emission after Brutsaert 1975.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet.predictors.solar import sun_at
from srdanet.simulate.land.phenology import northern_day, seasonal_wetness
from srdanet.simulate.noise import Field, hashed, salt, smoothstep, stream

LAPSE = 0.0062
"""Fall of air temperature with height (K m-1)."""
SOLAR = 1361.0
STEFAN_BOLTZMANN = 5.670374e-8
Area = tuple[float, float, float, float]
"""West, south, east, north (degrees)."""
ERA5_STEP = 0.25
"""Spacing of the ERA5 grid (degrees)."""


@dataclass(frozen=True)
class Weather:
    """One day's weather at a place, at sea level where height matters."""

    latitude: float
    longitude: float
    date: dt.date
    mean: float
    """Daily mean air temperature at sea level (K)."""
    season: float
    """Climate's mean air temperature at sea level at this time of the year, lagging by a month (K)."""
    swing: float
    """Half the daily range of air temperature (K)."""
    dew: float
    """Dew point at sea level (K)."""
    speed: float
    """Wind at 10 m (m s-1), daily mean."""
    direction: float
    """Where the wind goes, radians from east."""
    clear: float
    """Transmissivity of a clear atmosphere for the beam."""
    wetness: float
    """Mean wetness of the root zone, 0-1."""

    def air(self, hour: float, height: Field) -> Field:
        """Air temperature (K) at a local solar hour and height (m)."""
        return np.asarray(self.mean + self.swing * daily_course(hour) - LAPSE * height, dtype=np.float32)

    def vapour(self, height: Field) -> Field:
        """Vapour pressure (Pa)."""
        return saturation(np.asarray(self.dew - 0.0025 * height, dtype=np.float32))

    def wind(self, hour: float) -> float:
        """Wind at 10 m (m s-1); it calms down at night."""
        return float(self.speed * (1 + 0.35 * np.cos(2 * np.pi * (hour - 14) / 24)))


def saturation(kelvin: Field) -> Field:
    """Saturation vapour pressure (Pa) over water, Bolton 1980."""
    celsius = kelvin - np.float32(273.15)
    return np.asarray(611.2 * np.exp(np.float32(17.67) * celsius / (celsius + np.float32(243.5))), dtype=np.float32)


def daily_course(hour: float) -> float:
    """Course of air temperature over the day, about -1 (before sunrise) to 1 (15 h)."""
    return float(0.92 * np.cos(2 * np.pi * (hour - 15) / 24) + 0.16 * np.cos(4 * np.pi * (hour - 14) / 24))


def weather(seed: int, latitude: float, longitude: float, date: dt.date, aridity: float) -> Weather:
    """Draw a fair day's weather."""
    rng = stream(seed, "weather", date.isoformat())
    day = northern_day(date, latitude)
    lat = min(abs(latitude), 75.0)

    mild = _oceanic(latitude, longitude)

    def climate(when: float) -> float:
        season = np.cos(2 * np.pi * (when - 202) / 365)
        return float(300.5 - 0.0082 * lat**2 + 4.2 * mild + 0.26 * lat * (0.8 + 0.5 * aridity - 0.32 * mild) * season)

    mean = climate(day) + rng.normal(1.0, 3.0)
    # the sun drives the daily range, and is lower and shorter up in a northern winter
    swing = (3.8 + 4.5 * aridity + rng.uniform(0, 2.0)) * (
        1 + 0.3 * min(lat / 45, 1) * np.cos(2 * np.pi * (day - 185) / 365)
    )
    humidity = np.clip(rng.normal(0.74 - 0.45 * aridity, 0.07), 0.12, 0.95)
    vapour = humidity * float(saturation(np.asarray(mean, np.float32)))
    log = np.log(vapour / 611.2)
    return Weather(
        latitude=latitude,
        longitude=longitude,
        date=date,
        mean=float(mean),
        season=float(climate(day - 25)),
        swing=float(swing),
        dew=float(273.15 + 243.5 * log / (17.67 - log)),
        speed=float(np.clip(rng.weibull(2.2) * 3.6, 1.0, 9.0)),
        direction=float(rng.uniform(0, 2 * np.pi)),
        clear=float(rng.uniform(0.66, 0.78)),
        wetness=seasonal_wetness(aridity, latitude, day),
    )


def _oceanic(latitude: float, longitude: float) -> float:
    """How much a place is under the westerlies of the North Atlantic, 0-1: western Europe.

    Its winters are some 10 K milder than those of other land of its latitude (Seager et al. 2002, QJRMS 128); January
    and July have about 4 and 20 degrees C at Orleans.
    """
    north = float(smoothstep(latitude, 34, 44) * smoothstep(latitude, 72, 62))
    return north * float(np.exp(-(((longitude - 2) / 18) ** 2)))


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


@dataclass(frozen=True)
class Reanalysis:
    """Hourly fields as ERA5 gives them: (time, latitude, longitude), latitude falling."""

    time: NDArray[np.datetime64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    values: dict[str, NDArray[np.float32]]
    """t2m, d2m (K), u10, v10 (m s-1), ssrd (J m-2 in the hour that ends), swvl1 (m3 m-3), sp (Pa)."""


def reanalysis(
    seed: int,
    now: Weather,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    height: Field,
    times: tuple[np.datetime64, ...],
    area: Area,
) -> Reanalysis:
    """What ERA5 would give around a scene.

    Args:
        seed: Seed of the simulation.
        now: The day's weather.
        lon: Longitude of the scene's cells (degrees), (y, x), any level.
        lat: Latitude.
        height: Height (m) of those cells.
        times: Overpasses that must be covered (UTC); whole days are given.
        area: West, south, east and north edge (degrees) of what must be covered.
    """
    rng = stream(seed, "era5", now.date.isoformat())
    step = ERA5_STEP
    west, south = (float(np.floor(edge / step - 1) * step) for edge in area[:2])
    east, north = (float(np.ceil(edge / step + 1) * step) for edge in area[2:])
    north, south = min(north, 90.0), max(south, -90.0)
    lats = np.round(np.arange(north, south - step / 2, -step), 4)
    lons = np.round(np.arange(west, east + step / 2, step), 4)
    first = (min(times) - np.timedelta64(2, "h")).astype("datetime64[D]")
    last = (max(times) + np.timedelta64(2, "h")).astype("datetime64[D]") + np.timedelta64(1, "D")
    hours = np.arange(first, last, np.timedelta64(1, "h")).astype("datetime64[ns]")

    smooth = ndimage.gaussian_filter(height, max(height.shape) / 8, mode="nearest")
    rows = np.clip((lat.max() - lats) / max(np.ptp(lat), 1e-6), 0, 1) * (height.shape[0] - 1)
    cols = np.clip((lons - lon.min()) / max(np.ptp(lon), 1e-6), 0, 1) * (height.shape[1] - 1)
    ground = smooth[np.rint(rows).astype(int)][:, np.rint(cols).astype(int)]
    shape = (len(hours), len(lats), len(lons))

    def wavy(size: float, name: str) -> NDArray[np.float32]:
        """A field that varies smoothly over the nodes and not at all over the day; a node's own, whatever the area."""
        reach = 6
        rows = np.round(lats[0] / step).astype(int) - np.arange(-reach, len(lats) + reach)
        cols = np.round(lons[0] / step).astype(int) + np.arange(-reach, len(lons) + reach)
        noise = hashed(rows[:, None], cols[None, :], salt(seed, f"era5 {name} {now.date}")) - np.float32(0.5)
        smooth = ndimage.gaussian_filter(noise, 1.5, truncate=4.0)[reach:-reach, reach:-reach]
        # a Gaussian of 1.5 nodes leaves 0.188 of the standard deviation (0.289) of uniform numbers
        return np.asarray(size * smooth / (0.188 * 0.289), np.float32)

    bias, damp, gust = rng.normal(0, 0.7) + wavy(0.35, "air"), wavy(0.5, "dew"), 1 + wavy(0.08, "wind")
    soil = np.clip(0.08 + 0.30 * (now.wetness + wavy(0.06, "soil")), 0.02, 0.5)
    out = {name: np.empty(shape, np.float32) for name in ("t2m", "d2m", "u10", "v10", "ssrd", "swvl1", "sp")}
    mesh_lon, mesh_lat = np.meshgrid(lons, lats)
    for n, time in enumerate(hours):
        hour = solar_hour(time, now.longitude)
        out["t2m"][n] = now.air(hour, ground) + bias
        out["d2m"][n] = np.minimum(now.dew - 0.0025 * ground + damp, out["t2m"][n])
        out["u10"][n] = now.wind(hour) * np.cos(now.direction) * gust
        out["v10"][n] = now.wind(hour) * np.sin(now.direction) * gust
        out["swvl1"][n] = soil
        out["sp"][n] = 101325.0 * np.exp(-ground / 8400.0)
        light = np.zeros(shape[1:])
        for minutes in (50, 30, 10):  # three moments of the hour that ends
            zenith, _ = sun_at(time - np.timedelta64(minutes, "m"), mesh_lon, mesh_lat)
            light += _level(np.asarray(zenith), now) / 3
        out["ssrd"][n] = 3600.0 * light
    return Reanalysis(hours, lats, lons, out)


def _level(zenith: NDArray[np.float64], now: Weather) -> NDArray[np.float64]:
    """Clear sky's light on level ground (W m-2) for an array of zenith angles."""
    day = now.date.timetuple().tm_yday
    table = np.arange(0.0, 91.0, 0.5)
    light = [b * np.cos(np.radians(z)) + d for z in table for b, d in (sunlight(float(z), day, now.clear),)]
    return np.asarray(np.interp(zenith, table, light))


def at_cells(
    era5: Reanalysis, time: np.datetime64, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> dict[str, Field]:
    """The fields at places and a moment: bilinear in space, linear in time, sums centred on their hour.

    Returns:
        t2m, d2m (K), wind (m s-1), ssrd (W m-2), swvl1 (m3 m-3), each of lon's shape.
    """
    row = (era5.latitude[0] - lat) / ERA5_STEP
    col = (lon - era5.longitude[0]) / ERA5_STEP
    exact = (time.astype("datetime64[ns]") - era5.time[0]) / np.timedelta64(1, "h")

    def take(name: str, moment: float) -> Field:
        n = int(np.floor(moment))
        share = np.float32(moment - n)
        field = era5.values[name][n] * (1 - share) + era5.values[name][n + 1] * share
        return np.asarray(ndimage.map_coordinates(field, (row, col), order=1, mode="nearest"), dtype=np.float32)

    return {
        "t2m": take("t2m", exact),
        "d2m": take("d2m", exact),
        "wind": np.hypot(take("u10", exact), take("v10", exact)),
        "ssrd": take("ssrd", exact + 0.5) / np.float32(3600),
        "swvl1": take("swvl1", exact),
    }


def longwave(vapour: Field, air: Field) -> Field:
    """Longwave radiation of a clear sky (W m-2), Brutsaert 1975."""
    emissivity = 1.24 * (vapour / 100 / air) ** (1 / 7)
    return np.asarray(emissivity * STEFAN_BOLTZMANN * air**4, dtype=np.float32)


def cold_pool(hour: float, speed: float, depth: Field) -> Field:
    """How much colder (K) the air is where it gathers on a calm night, and warmer on the slopes above.

    After the potential temperature deficits of valleys in Whiteman 2000, about 5 K per 150 m, which build up through
    the night.
    """
    night = float(smoothstep((hour - 17.0) % 24, 0, 10)) if (hour > 16.5 or hour < 7.5) else 0.0
    calm = float(np.exp(-((speed / 4.0) ** 2)))
    return np.asarray(-4.5 * night * calm * np.tanh(depth / np.float32(90.0)), dtype=np.float32)
