"""No number is wrong at the ends of the map, of a month or a year: the antimeridian, the poles, leap days, the sea."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from click.testing import CliRunner
from odc.geo.geobox import GeoBox

from granules import write_granule
from srdanet.cli import cli
from srdanet.energy import degrade
from srdanet.grid import Level, Tile, lonlat
from srdanet.product.inspection import inspect_product
from srdanet.product.stored import stored_levels
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
@pytest.mark.parametrize(("grid", "near"), [(EAST, True), (WEST, False)], ids=["east, what is near", "west, all"])
def test_weather_has_no_seam_at_the_antimeridian_nor_at_a_month_s_end(
    tmp_path: Path, layout: str, grid: GeoBox, near: bool
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


# The whole command.

QUICK = ["--overpass", "day", "--model", "bicubic", "--workers", "0"]
SIZE = 14
PLACES = {
    "at the north pole": (Tile(18, 0), 0, 0),
    "at the south pole": (Tile(17, 17), 1200 - SIZE, 1200 - SIZE),
    "at 180 degrees east": (Tile(35, 8), 1200 - SIZE, 1180 - SIZE),
    "at 180 degrees west": (Tile(0, 8), 1200 - SIZE, 20),
    "over the edge of the map": (Tile(35, 9), 200, 1195 - SIZE),
}


def granules(folder: Path, tile: Tile, row: int, col: int, date: dt.date, *, sea: bool = False) -> list[str]:
    """LST by day of a part of a tile, whose value tells row and column, with land cover; of the sea without any LST."""
    parts = {"MODIS_Grid_Daily_1km_LST": 1, "MCD12Q1": 2}
    cells = {grid: (slice(row * n, (row + SIZE) * n), slice(col * n, (col + SIZE) * n)) for grid, n in parts.items()}
    rows, cols = np.mgrid[:SIZE, :SIZE]
    lst = np.zeros((SIZE, SIZE), "u2") if sea else (14000 + 10 * rows + 2 * cols).astype("u2")
    arrays = {"lst_day": lst, "qc_day": np.where(lst > 0, 0, 2).astype("u1")}
    arrays["view_time_day"] = np.full((SIZE, SIZE), 255 if sea else 105, "u1")
    arrays["view_angle_day"] = np.full((SIZE, SIZE), 255 if sea else 60, "u1")
    classes = np.full((2 * SIZE, 2 * SIZE), 17 if sea else 9, "u1")
    common = {"tile": tile, "cells": cells}
    cover = {"layers": ("land_cover",), "arrays": {"land_cover": classes}, "date": dt.date(date.year, 1, 1)}
    return [
        str(write_granule(folder, "MOD11A1", date=date, layers=tuple(arrays), arrays=arrays, **common)),
        str(write_granule(folder, "MCD12Q1", **cover, **common)),
    ]


def heights(path: Path, box: GeoBox) -> Path:
    """A plane of longitude and latitude around a grid, on a grid of degrees that starts west of it and runs on."""
    lon, lat = (values[np.isfinite(values)] for values in lonlat(box))
    west, north, step = float(lon.min()) - 0.05, min(90.0, float(lat.max()) + 0.05), 1 / 120
    step = step if lon.max() - lon.min() < 5 else 1 / 2  # around a pole all longitudes are near
    rows, cols = int((north - max(-90.0, lat.min() - 0.05)) / (1 / 120)), int((lon.max() - west + 0.05) / step)
    y, x = north - (np.arange(rows) + 0.5) / 120, west + (np.arange(cols) + 0.5) * step
    values = (500 + 20 * (y[:, None] - lat.mean()) + 0 * x).astype("f4")
    affine = Affine(step, 0, west, 0, -1 / 120, north)
    with rasterio.open(path, "w", "GTiff", cols, rows, 1, "EPSG:4326", affine, "float32") as file:
        file.write(values, 1)
    return path


@pytest.mark.trial
@pytest.mark.parametrize("place", PLACES)
def test_the_whole_command_at_the_ends_of_the_map(tmp_path: Path, place: str) -> None:
    """Every cell with LST gets a value where it lies, and those over the edge of the map too, if they have LST."""
    tile, row, col = PLACES[place]
    given = granules(tmp_path, tile, row, col, dt.date(2020, 2, 29))
    box = tile.geobox(Level.KM1)[row : row + SIZE, col : col + SIZE]
    given.append(f"elevation={heights(tmp_path / 'dem.tif', box)}")
    words = ["downscale", *given, "--to", "250", "--conserve", "-o", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["time"].startswith("2020-02-29T")
    (stored,) = stored_levels([tmp_path / "out"], 250)
    lst = stored.read()["lst"]
    rows, cols = np.mgrid[:SIZE, :SIZE]
    coarse = (280 + 0.2 * rows + 0.04 * cols).astype("f4")
    ours = lst.sel(x=slice(box.boundingbox.left, box.boundingbox.right))
    ours = ours.sel(y=slice(box.boundingbox.top, box.boundingbox.bottom))
    assert ours.shape == (4 * SIZE, 4 * SIZE)
    np.testing.assert_allclose(degrade(ours.values, 4), coarse, atol=1e-3)
    assert inspect_product(tmp_path / "out")[1] == []
    assert CliRunner().invoke(cli, ["validate", str(tmp_path / "out")]).exit_code == 0


@pytest.mark.trial
def test_a_tile_of_sea_is_said_to_have_no_lst(tmp_path: Path) -> None:
    given = granules(tmp_path, Tile(0, 8), 1000, 100, dt.date(2020, 2, 29), sea=True)
    out = tmp_path / "out"
    for words in (["downscale", *given, "-o", str(out)], ["prepare", *given, "-o", str(tmp_path / "scene.nc")]):
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 1, done.stdout
        assert "LST" in done.stderr
        assert len(done.stderr.splitlines()) <= 2
    assert not out.exists() or not list(out.iterdir())
    assert not (tmp_path / "scene.nc").exists()
    done = CliRunner().invoke(cli, ["run", *given, *QUICK, "-o", str(out)])
    assert done.exit_code == 0, done.stderr
    assert "1 without LST" in done.stdout


@pytest.mark.trial
def test_a_run_over_a_leap_day_and_the_end_of_a_leap_year(tmp_path: Path) -> None:
    """Each day is a unit of its own, with its own date and the weather of its own hours."""
    archive = tmp_path / "archive"
    archive.mkdir()
    days = [dt.date(2020, 2, 28), dt.date(2020, 2, 29), dt.date(2020, 3, 1), dt.date(2020, 12, 31), dt.date(2021, 1, 1)]
    for day in days:
        granules(archive, Tile(0, 8), 1200 - SIZE, 20, day)
    for first, hours in (
        ("2020-02-01T00", 29 * 24),
        ("2020-03-01T00", 24),
        ("2020-12-31T00", 24),
        ("2021-01-01T00", 24),
    ):
        weather(archive / f"era5_{first[:10]}.nc", first, hours, np.arange(177.0, 183.1, 0.25))
    words = ["run", str(archive), "--dates", "2020-02-28/2021-01-01", "--to", "500", *QUICK]
    done = CliRunner().invoke(cli, [*words, "-o", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    records = sorted((tmp_path / "run").rglob("*_provenance.json"))
    times = [json.loads(path.read_text())["time"] for path in records]
    assert [time[:10] for time in times] == [day.isoformat() for day in days]
    # 10:30 local solar time at 179.6 W is 22:28 UTC of the same day, as of its granule.
    assert {time[11:16] for time in times} == {times[0][11:16]}
    for day, path in zip(days, records, strict=True):
        assert f"{day:%Y%j}" in path.name
        assert "t2m" in json.loads(path.read_text())["auxiliary"]["present"]
