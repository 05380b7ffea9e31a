"""What ERA5 would say of the weather: the same on a grid of 0.25 degrees, with coarse heights and its own error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from srdanet.arrays import Float64
from srdanet.grid import SPHERE_RADIUS, lonlat
from srdanet.predictors.solar import sun_at
from srdanet_simulator.balance.weather import Weather, solar_hour, sunlight
from srdanet_simulator.noise import Field, hashed, salt, stream

Area = tuple[float, float, float, float]
"""West, south, east, north (degrees)."""
ERA5_STEP = 0.25
"""Spacing of the ERA5 grid (degrees)."""
_MODEL = 12e3
"""Standard deviation (m) of what a cell of ERA5's model, 31 km a side, averages over."""


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
    box: GeoBox,
    height: Field,
    times: tuple[np.datetime64, ...],
    area: Area,
) -> Reanalysis:
    """What ERA5 would give around a scene.

    Args:
        seed: Seed of the simulation.
        now: The day's weather.
        box: The scene's cells, any level.
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

    ground, now = _at_nodes(now, box, height, lons, lats)
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
    soil = np.where(ground == 0, 0, np.clip(0.08 + 0.30 * (now.wetness + wavy(0.06, "soil")), 0.02, 0.5))
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


def _at_nodes(now: Weather, box: GeoBox, height: Field, lons: Float64, lats: Float64) -> tuple[Field, Weather]:
    """Height (m) as ERA5's nodes have it, 0 at sea, and the weather there; beyond the scene as at its edge."""
    if not now.varying:
        lon, lat = lonlat(box)
        # the scene's heights, smoothed over an eighth of it
        smooth = ndimage.gaussian_filter(height, max(height.shape) / 8, mode="nearest")
        rows = np.clip((lat.max() - lats) / max(np.ptp(lat), 1e-6), 0, 1) * (height.shape[0] - 1)
        cols = np.clip((lons - lon.min()) / max(np.ptp(lon), 1e-6), 0, 1) * (height.shape[1] - 1)
        return smooth[np.rint(rows).astype(int)][:, np.rint(cols).astype(int)], now
    rise = np.radians(lats)[:, None]
    col, row = ~box.affine * (SPHERE_RADIUS * np.cos(rise) * np.radians(lons)[None, :], SPHERE_RADIUS * rise)
    share = next(iter(now.varying.values())).lattice.shape[0] / box.shape[0]
    sigma = _MODEL / abs(box.affine.a)
    sea = ndimage.gaussian_filter((height == 0).astype(np.float32), sigma, mode="nearest")
    smooth = ndimage.gaussian_filter(height, sigma, mode="nearest")
    row, col = (np.clip(at, 0.5, side - 0.5) for at, side in zip(np.broadcast_arrays(row, col), box.shape, strict=True))
    where = np.rint(row - 0.5).astype(int), np.rint(col - 0.5).astype(int)
    return np.where(sea[where] > 0.5, np.float32(0), smooth[where]), now.at(row * share, col * share)


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
