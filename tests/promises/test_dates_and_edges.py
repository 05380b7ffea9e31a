"""No number is wrong at the ends of the map or of a month: the antimeridian, the poles, leap days, solar and UTC days."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from srdanet.grid import Level, Tile, lonlat
from srdanet.readers.era5 import open_era5
from srdanet.readers.meteorology import at_overpass

EAST = Tile(35, 8).geobox(Level.KM1)[1170:1200, 1170:1196]  # 179.75 to 179.97 E at the equator
WEST = Tile(0, 8).geobox(Level.KM1)[1170:1200, 4:30]
DIMS = ("valid_time", "latitude", "longitude")


def weather(path: Path, first: str, hours: int, longitude: np.ndarray) -> Path:
    """Air that warms by 0.1 K an hour since 2020, and runs across the antimeridian; radiation, the same."""
    times = np.datetime64(first, "ns") + np.arange(hours) * np.timedelta64(1, "h")
    latitude = np.arange(3.0, -0.1, -0.25)
    hour, lat, lon = np.meshgrid(since(times), latitude, np.mod(longitude, 360), indexing="ij")
    about = {"t2m": (DIMS, air(hour, lon, lat).astype("f8"), {"units": "K"})}
    about["ssrd"] = (DIMS, 3600 * (100 + 0.02 * (hour - 0.5) + lat), {"units": "J m**-2"})
    xr.Dataset(about, {"valid_time": times, "latitude": latitude, "longitude": longitude}).to_netcdf(
        path, engine="h5netcdf"
    )
    return path


def since(times: np.ndarray | np.datetime64) -> np.ndarray:
    """Hours since 2020."""
    return np.asarray((times - np.datetime64("2020-01-01T00", "ns")) / np.timedelta64(1, "h"))


def air(hour: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    return 270 + 0.005 * hour + 0.8 * (np.mod(lon, 360) - 175) + 0.5 * lat


LAYOUTS: dict[str, Callable[[Path, str, int], list[Path]]] = {
    "0 to 360": lambda folder, first, hours: [
        weather(folder / f"a{first[:7]}.nc", first, hours, np.arange(177.0, 183.1, 0.25))
    ],
    "-180 to 180": lambda folder, first, hours: [
        weather(
            folder / f"b{first[:7]}.nc", first, hours, np.r_[np.arange(-180, -176.9, 0.25), np.arange(177, 180, 0.25)]
        )
    ],
    "below -180": lambda folder, first, hours: [
        weather(folder / f"c{first[:7]}.nc", first, hours, np.arange(-183.0, -176.9, 0.25))
    ],
    "two halves": lambda folder, first, hours: [
        weather(folder / f"d{first[:7]}_{half[0]:.0f}.nc", first, hours, half)
        for half in (np.arange(177, 180, 0.25), np.arange(-180, -176.9, 0.25))
    ],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("grid", [EAST, WEST], ids=["east", "west"])
@pytest.mark.parametrize("near", [False, True], ids=["all", "what is near"])
def test_weather_has_no_seam_at_the_antimeridian_nor_at_a_month_s_end(
    tmp_path: Path, layout: str, grid: object, near: bool
) -> None:
    """Two files, of January and February, at 23:24 of the last and 00:24 of the first day."""
    paths = [path for first in ("2020-02-01T00", "2020-01-31T00") for path in LAYOUTS[layout](tmp_path, first, 24)]
    lon, lat = lonlat(grid)
    for moment in map(np.datetime64, ("2020-01-31T23:24", "2020-02-01T00:24")):
        how = {"around": grid, "time": moment} if near else {}
        found = at_overpass(open_era5(paths, sums="hour", **how), grid, moment)
        hour = since(moment)
        np.testing.assert_allclose(found.t2m.values, air(hour, lon, lat), atol=2e-3)
        np.testing.assert_allclose(found.ssrd.values, 100 + 0.02 * hour + lat, atol=2e-3)


def test_weather_of_two_areas_is_not_interpolated_between_them(tmp_path: Path) -> None:
    paths = [
        weather(tmp_path / f"{first:.0f}.nc", "2020-01-31T00", 24, np.arange(first, first + 3.1, 0.25))
        for first in (177.0, -175.0)
    ]
    met = open_era5(paths, sums="hour")
    lon, lat = lonlat(EAST)
    moment = np.datetime64("2020-01-31T10:00")
    found = at_overpass(met, EAST, moment).t2m.values
    np.testing.assert_allclose(found, air(since(moment), lon, lat), atol=2e-3)
    between = Tile(0, 8).geobox(Level.KM1)[1170:1200, 290:300]  # 177.4 W
    assert 182 < np.mod(lonlat(between)[0], 360).mean() < 183
    assert np.isnan(at_overpass(met, between, moment).t2m.values).all()


def test_weather_on_two_grids_of_points_is_said_and_the_first_counts(tmp_path: Path) -> None:
    """As where ERA5 (0.25 degrees) and ERA5-Land (0.1) are given at once."""
    first = weather(tmp_path / "first.nc", "2020-01-31T00", 24, np.arange(177.0, 181.1, 0.25))
    other = weather(tmp_path / "other.nc", "2020-01-31T00", 24, np.arange(177.0, 181.1, 0.1))
    met = open_era5([first, other], sums="hour")
    assert {name for name, _ in met.attrs["left_out"]} == {"other.nc"}
    assert "another grid of points than that of first.nc" in met.attrs["left_out"][0][1]
    lon, lat = lonlat(EAST)
    moment = np.datetime64("2020-01-31T10:00")
    np.testing.assert_allclose(at_overpass(met, EAST, moment).t2m, air(since(moment), lon, lat), atol=2e-3)
