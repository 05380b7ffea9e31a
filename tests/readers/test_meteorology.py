"""ERA5 in both layouts, zipped, and at the moment of the overpass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import weather_files as wf
import xarray as xr

from srdanet.errors import ArgumentError, GranuleError, SceneError
from srdanet.grid import Level, Tile, lonlat
from srdanet.readers.era5 import open_era5
from srdanet.readers.meteorology import at_overpass
from srdanet.variables import WEATHER

TILE = Tile(18, 4)
GRID = TILE.geobox(Level.KM1)[300:340, 400:430]  # 46.1-46.5 N, 5.6-6.0 E, asymmetric
HOURS = (9, 10, 11, 12)


def hour(h: float) -> np.datetime64:
    return wf.START + np.timedelta64(round(h * 3600), "s")


def expected(h: float) -> dict[str, np.ndarray]:
    lon, lat = lonlat(GRID)
    u = wf.u10(lon, lat, h)
    out = {"t2m": wf.t2m(lon, lat, h), "d2m": wf.t2m(lon, lat, h) - 9, "wind": 5 / 3 * u}
    return out | {"ssrd": wf.power(lon, lat, h), "swvl1": wf.soil(lon, lat, h)}


TOLERANCE = {"t2m": 1e-3, "d2m": 1e-3, "wind": 1e-4, "ssrd": 0.05, "swvl1": 1e-5}


@pytest.mark.parametrize("layout", ["old", "new", "zip", "two files"])
def test_linear_fields_come_out_exactly_in_every_layout(tmp_path: Path, layout: str) -> None:
    if layout == "old":
        paths = [wf.write_old(tmp_path / "old.nc", HOURS)]
    elif layout == "new":
        paths = [wf.write_new(tmp_path / "new.nc", HOURS)]
    elif layout == "zip":
        paths = [wf.write_zip(tmp_path / "both.zip", HOURS)]
    else:
        paths = [wf.write_new(tmp_path / "b.nc", (11, 12)), wf.write_new(tmp_path / "a.nc", (9, 10))]
    met = open_era5(paths)
    assert set(met.data_vars) == set(WEATHER)
    assert np.all(np.diff(met.latitude) > 0)
    assert np.all(np.diff(met.longitude) > 0)
    result = at_overpass(met, GRID, hour(10.3))
    for name, truth in expected(10.3).items():
        packed = 12 if layout == "old" else 1
        error = np.abs(result[name].values - truth).max()
        assert error < TOLERANCE[name] * packed, name
        assert result[name].dims == ("y", "x")


def test_radiation_belongs_to_the_middle_of_its_hour(tmp_path: Path) -> None:
    met = open_era5(wf.write_new(tmp_path / "new.nc", HOURS))
    lon, lat = lonlat(GRID)
    at_stamp = met.ssrd.sel(time=hour(10)).interp(latitude=46.0, longitude=5.0).item()
    assert at_stamp == pytest.approx(wf.power(5.0, 46.0, 9.5), abs=0.01)
    middle = at_overpass(met, GRID, hour(10.5)).ssrd.values
    assert np.abs(middle - wf.power(lon, lat, 10.5)).max() < 0.05


def test_each_cell_has_its_own_time_and_nat_is_missing(tmp_path: Path) -> None:
    met = open_era5(wf.write_new(tmp_path / "new.nc", HOURS))
    lon, lat = lonlat(GRID)
    hours = 9.6 + 0.04 * np.arange(GRID.shape[0])[:, None] + 0.01 * np.arange(GRID.shape[1])
    times = wf.START + np.round(hours * 3600).astype("timedelta64[s]")
    times[3, 7] = np.datetime64("NaT")
    result = at_overpass(met, GRID, times)
    assert np.isnan(result.t2m.values[3, 7])
    assert np.isnan(result.t2m.values).sum() == 1
    assert np.nanmax(np.abs(result.t2m.values - wf.t2m(lon, lat, hours))) < 1e-3


def test_the_last_half_hour_of_radiation_holds_but_no_more(tmp_path: Path) -> None:
    met = open_era5(wf.write_new(tmp_path / "new.nc", (10, 11)))
    late, middle = (at_overpass(met, GRID, hour(h)).ssrd.values for h in (10.9, 10.5))
    assert np.array_equal(late, middle)
    with pytest.raises(SceneError, match=r"2020-07-15T10:00 to 2020-07-15T11:00"):
        at_overpass(met, GRID, hour(11.2))


def test_uncovered_place_says_what_is_covered(tmp_path: Path) -> None:
    met = open_era5(wf.write_new(tmp_path / "new.nc", HOURS))
    elsewhere = Tile(18, 4).geobox(Level.KM1)[1000:1010, 0:10]
    with pytest.raises(SceneError, match=r"45 to 52 N, 3 to 9 E"):
        at_overpass(met, elsewhere, hour(10))


def test_a_gap_in_the_hours_is_refused(tmp_path: Path) -> None:
    met = open_era5([wf.write_new(tmp_path / "a.nc", (2,)), wf.write_new(tmp_path / "b.nc", (12,))], sums="hour")
    with pytest.raises(SceneError, match="gap of 10 hours"):
        at_overpass(met, GRID, hour(6))
    assert np.isfinite(at_overpass(met[["t2m"]], GRID, hour(12)).t2m.values).all()


def test_reading_only_what_is_needed_gives_the_same(tmp_path: Path) -> None:
    path = wf.write_old(tmp_path / "old.nc", range(24))
    whole, part = open_era5(path), open_era5(path, around=GRID, time=hour(10.3))
    assert part.sizes["time"] < whole.sizes["time"]
    assert part.sizes["longitude"] < whole.sizes["longitude"]
    a, b = (at_overpass(m, GRID, hour(10.3)) for m in (whole, part))
    for name in WEATHER:
        assert np.allclose(a[name].values, b[name].values, rtol=1e-6), name
    with pytest.raises(GranuleError, match="2020-07-15T00:00 to 2020-07-15T23:00"):
        open_era5(path, time=np.datetime64("2020-08-01"))


def test_longitudes_from_0_to_360_meet_at_greenwich(tmp_path: Path) -> None:
    lon = np.arange(-4.0, 9.1, 0.25)
    met = open_era5(wf.write_old(tmp_path / "old.nc", HOURS, longitude=lon))
    assert met.longitude.values[0] == -4
    grid = Tile(17, 4).geobox(Level.KM1)[300:310, 1190:1200]
    east, north = lonlat(grid)
    assert east.max() < 0
    assert np.abs(at_overpass(met, grid, hour(10)).t2m.values - wf.t2m(east, north, 10)).max() < 0.01


def test_a_global_field_joins_at_its_seam(tmp_path: Path) -> None:
    lon = np.arange(0.0, 360.0, 2.0)
    wave = 280 + 5 * np.cos(np.radians(lon))
    data = np.broadcast_to(wave, (1, LAT.size, lon.size)).astype("f4")
    coords = {"valid_time": [hour(10)], "latitude": LAT, "longitude": lon}
    ds = xr.Dataset({"t2m": (("valid_time", "latitude", "longitude"), data, {"units": "K"})}, coords)
    ds.to_netcdf(tmp_path / "globe.nc", engine="h5netcdf")
    met = open_era5(tmp_path / "globe.nc")
    grid = Tile(35, 8).geobox(Level.KM1)[1190:1200, 1190:1200]  # 179.9 E at the equator, beyond the last meridian
    east, _ = lonlat(grid)
    assert east.min() > 179
    truth = 280 + 5 * np.cos(np.radians(east))
    assert np.abs(at_overpass(met, grid, hour(10)).t2m.values - truth).max() < 0.01


LAT = np.arange(60.0, -60.1, -2.0)


def test_missing_soil_water_over_sea_stays_missing(tmp_path: Path) -> None:
    path = wf.write_new(tmp_path / "new.nc", HOURS)
    with xr.open_dataset(path, engine="h5netcdf") as ds:
        dry = ds.load()
    dry["swvl1"] = dry.swvl1.where(dry.longitude < 5.7)
    dry.to_netcdf(tmp_path / "sea.nc", engine="h5netcdf")
    result = at_overpass(open_era5(tmp_path / "sea.nc"), GRID, hour(10))
    lon, _ = lonlat(GRID)
    assert np.isfinite(result.swvl1.values[lon < 5.6]).all()
    assert np.isnan(result.swvl1.values[lon > 5.7]).all()
    assert np.isfinite(result.t2m.values).all()


def test_preliminary_hours_fill_up_the_final_ones(tmp_path: Path) -> None:
    data = wf.fields(HOURS)["t2m"]
    both = np.stack([data, data + 1], axis=1)
    both[2:, 0] = np.nan
    dims = ("time", "expver", "latitude", "longitude")
    coords = {"time": [hour(h) for h in HOURS], "expver": [1, 5], "latitude": wf.LATITUDE, "longitude": wf.LONGITUDE}
    xr.Dataset({"t2m": (dims, both, {"units": "K"})}, coords).to_netcdf(tmp_path / "e.nc", engine="h5netcdf")
    got = open_era5(tmp_path / "e.nc").t2m.sortby("latitude", ascending=False).values
    assert np.allclose(got[:2], data[:2])
    assert np.allclose(got[2:], data[2:] + 1)


def test_era5_land_radiation_runs_on_from_midnight(tmp_path: Path) -> None:
    fine = np.round(np.arange(46.0, 46.6, 0.1), 2)
    hours = np.arange(0, 13)
    coords = {"valid_time": [hour(h) for h in hours], "latitude": fine, "longitude": fine - 40}
    hourly = np.where(hours > 4, 3600.0 * 100 * (hours - 4), 0)
    summed = np.cumsum(hourly)
    data = np.broadcast_to(summed[:, None, None], (13, fine.size, fine.size))
    ds = xr.Dataset({"ssrd": (("valid_time", "latitude", "longitude"), data, {"units": "J m**-2"})}, coords)
    ds.to_netcdf(tmp_path / "land.nc", engine="h5netcdf")
    met = open_era5(tmp_path / "land.nc")
    assert np.allclose(met.ssrd.values[1:, 0, 0], hourly[1:] / 3600)
    assert np.isnan(met.ssrd.values[0]).all()
    assert any("ERA5-Land" in note for note in met.attrs["assumed"])


@pytest.mark.parametrize(
    ("unit", "message"), [("furlong", "in 'furlong'"), ("", None)], ids=["wrong unit refused", "no unit assumed"]
)
def test_units_are_checked(tmp_path: Path, unit: str, message: str | None) -> None:
    path = wf.write_new(tmp_path / "u.nc", HOURS, ("t2m",), units={"t2m": unit})
    if message:
        with pytest.raises(GranuleError, match=message):
            open_era5(path)
    else:
        assert "taken as K" in open_era5(path).attrs["assumed"][0]


def test_impossible_values_are_refused(tmp_path: Path) -> None:
    path = wf.write_new(tmp_path / "u.nc", HOURS, ("t2m",))
    with xr.open_dataset(path, engine="h5netcdf") as ds:
        cold = ds.load()
    cold["t2m"] = (cold.t2m - 273.15).assign_attrs(units="K")
    cold.to_netcdf(tmp_path / "c.nc", engine="h5netcdf")
    with pytest.raises(GranuleError, match="beyond what is possible"):
        open_era5(tmp_path / "c.nc")


def test_bad_files_and_arguments(tmp_path: Path) -> None:
    with pytest.raises(GranuleError, match="no such file"):
        open_era5(tmp_path / "none.nc")
    with pytest.raises(ArgumentError, match="No file"):
        open_era5([])
    (tmp_path / "text.nc").write_text("html error page")
    with pytest.raises(GranuleError, match="neither NetCDF nor GRIB"):
        open_era5(tmp_path / "text.nc")
    good = wf.write_new(tmp_path / "good.nc", HOURS)
    (tmp_path / "cut.nc").write_bytes(good.read_bytes()[:4000])
    with pytest.raises(GranuleError, match="cannot be read"):
        open_era5(tmp_path / "cut.nc")
    met = open_era5(good)
    with pytest.raises(ArgumentError, match="shape"):
        at_overpass(met, GRID, np.full((3, 4), hour(10)))
    with pytest.raises(SceneError, match="No cell has an overpass time"):
        at_overpass(met, GRID, np.datetime64("NaT"))
