"""ERA5 or ERA5-Land: told by the sums of radiation, whatever the grid; else asked for."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from srdanet.errors import ArgumentError, GranuleError
from srdanet.predictors.solar import sun_at
from srdanet.prepare.survey import survey
from srdanet.readers.accumulation import Sums, sums_of
from srdanet.readers.era5 import open_era5

PLACES = {"europe": (4.0, 45.0), "asia": (115.0, 30.0), "america": (-100.0, 40.0), "south": (140.0, -34.0)}
WINDOWS = {"day": (0, 25), "two days": (0, 49), "before noon": (-3, 0), "around noon": (-2, 3), "after noon": (1, 4),
           "evening": (5, 9), "late morning": (-2, 0)}  # fmt: skip
"""Hours from 00 UTC, or (all but the days) from local noon."""


def stack(place: str, window: str, sums: Sums, step: float = 0.25, seed: int = 0) -> xr.DataArray:
    """Radiation (J m-2) below clouds that change from hour to hour, by another sun than the reader's."""
    lon0, lat0 = PLACES[place]
    lon, lat = lon0 + step * np.arange(5), lat0 + step * np.arange(4)
    quarter = np.datetime64("2020-07-15T00:00") + np.arange(-96, 52 * 4) * np.timedelta64(15, "m")
    zenith = sun_at((quarter + np.timedelta64(7, "m"))[:, None, None], lon, lat[:, None])[0]
    power = 1361 * np.maximum(np.cos(np.radians(zenith)), 0)
    hourly = power.reshape(-1, 4, 4, 5).sum(axis=1) * 900  # ends at quarter[4k + 4]
    rng = np.random.default_rng(seed)
    hourly = hourly * (0.65 + 0.1 * rng.uniform(-1, 1, (hourly.shape[0], 1, 1)))
    ends = quarter[::4] + np.timedelta64(1, "h")
    values = hourly
    if sums == "day":
        of = (ends - np.timedelta64(1, "s")).astype("datetime64[D]")
        values = np.concatenate([np.cumsum(hourly[of == day], axis=0) for day in np.unique(of)])
    first, last = WINDOWS[window]
    shift = 0 if "day" in window else round(12 - lon0 / 15) % 24
    start = np.datetime64("2020-07-15T00:00") + np.timedelta64(first + shift, "h")
    keep = (ends >= start) & (ends < start + np.timedelta64(last - first, "h"))
    attrs = {"units": "J m**-2"}
    coords = {"time": ends[keep].astype("datetime64[ns]"), "latitude": lat, "longitude": lon}
    return xr.DataArray(values[keep], coords, ("time", "latitude", "longitude"), "ssrd", attrs)


@pytest.mark.parametrize("step", [0.05, 0.1, 0.25, 1.0])
@pytest.mark.parametrize(("place", "sums"), itertools.product(PLACES, ("hour", "day")))
def test_whole_days_tell_on_any_grid(place: str, sums: Sums, step: float) -> None:
    for window in ("day", "two days"):
        assert sums_of(stack(place, window, sums, step)) == sums


@pytest.mark.parametrize(("place", "window", "sums"), itertools.product(PLACES, WINDOWS, ("hour", "day")))
def test_few_hours_tell_or_say_nothing_but_never_the_wrong(place: str, window: str, sums: Sums) -> None:
    for seed in range(5):
        assert sums_of(stack(place, window, sums, seed=seed)) in (sums, None)


@pytest.mark.parametrize(
    ("window", "sums"), itertools.product(("around noon", "after noon", "before noon"), ("hour", "day"))
)
def test_three_hours_of_sun_tell_in_europe(window: str, sums: Sums) -> None:
    assert sums_of(stack("europe", window, sums)) == sums


def write(path: Path, image: xr.DataArray, **attrs: str) -> Path:
    image.to_dataset().assign_attrs(attrs).to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.parametrize("sums", ["hour", "day"])
def test_power_is_the_same_whichever_way_it_is_summed(tmp_path: Path, sums: Sums) -> None:
    hourly = stack("europe", "day", "hour")
    met = open_era5(write(tmp_path / "x.nc", stack("europe", "day", sums, 0.1 if sums == "hour" else 0.25)))
    at = {"time": "2020-07-15T11:00", "latitude": 45.0, "longitude": 4.0}
    assert float(met.ssrd.sel(at, method="nearest")) == pytest.approx(
        float(hourly.sel(at, method="nearest")) / 3600, rel=1e-4
    )


def dim(image: xr.DataArray) -> xr.DataArray:
    """One hour under cloud: it fits both."""
    return (image * 0 + 1e6).assign_attrs(image.attrs).isel(time=slice(0, 1))


def test_where_the_sums_do_not_tell_the_user_is_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "few.nc", dim(stack("europe", "late morning", "hour")))
    with pytest.raises(ArgumentError, match="era5=FILE or era5_land=FILE"):
        open_era5(path)
    assert float(open_era5(path, sums="hour").ssrd[0, 0, 0]) == pytest.approx(1e6 / 3600, rel=1e-5)
    for name, attrs, sums in (
        ("era5_land_2020.nc", {}, "day"),
        ("y.nc", {"history": "reanalysis-era5-single-levels"}, "hour"),
    ):
        said = write(tmp_path / name, stack("europe", "late morning", sums).isel(time=slice(0, 2)) * 0.2 + 1e5, **attrs)
        found = sums_of(xr.open_dataset(said).ssrd)
        met = open_era5(said)
        assert found is not None or any("says of itself" in note for note in met.attrs["assumed"])


@pytest.mark.parametrize(("sums", "stated"), [("hour", "day"), ("day", "hour")])
def test_what_contradicts_the_sums_is_refused(tmp_path: Path, sums: Sums, stated: Sums) -> None:
    path = write(tmp_path / "x.nc", stack("europe", "day", sums))
    with pytest.raises(GranuleError, match="is stated to be"):
        open_era5(path, sums=stated)
    assert "ssrd" in open_era5(path, sums=sums)


def test_sums_of_no_kind_are_refused(tmp_path: Path) -> None:
    image = stack("europe", "day", "hour") * 3
    with pytest.raises(GranuleError, match="more than the sun can give"):
        open_era5(write(tmp_path / "x.nc", image.assign_attrs(units="J m**-2")))


def test_a_night_needs_no_answer(tmp_path: Path) -> None:
    image = stack("europe", "day", "hour").isel(time=slice(0, 3)) * 0
    met = open_era5(write(tmp_path / "x.nc", image.assign_attrs(units="J m**-2")))
    assert (met.ssrd.values == 0).all()


@pytest.mark.parametrize(("name", "product", "sums"), [("era5", "ERA5", "hour"), ("era5_land", "ERA5-Land", "day")])
def test_weather_can_be_named_for_what_it_is(tmp_path: Path, name: str, product: str, sums: Sums) -> None:
    path = write(tmp_path / "x.nc", stack("europe", "day", sums))
    (found,) = survey([tmp_path, f"{name}={path}"])
    assert (found.kind, found.product, found.sums) == ("meteorology", product, sums)
    assert survey([f"{name.replace('_', '-')}={path}"])[0].sums == sums


def test_a_bad_variable_or_file_costs_itself_only(tmp_path: Path) -> None:
    image = stack("europe", "day", "hour")
    warm = (image * 0 + 290).rename("t2m").assign_attrs(units="K")
    odd = (image * 0 + 0.3).rename("swvl1").assign_attrs(units="kg m**-2")
    cold = (image * 0 + 12).rename("d2m").assign_attrs(units="K")
    xr.merge([image, warm, odd, cold]).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    (tmp_path / "b.nc").write_bytes((tmp_path / "a.nc").read_bytes()[:5000])
    met = open_era5([tmp_path / "a.nc", tmp_path / "b.nc"])
    assert set(met.data_vars) == {"t2m", "ssrd"}
    left = dict(met.attrs["left_out"])
    assert "cannot be read" in left["b.nc"]
    assert any("'kg m**-2'" in why for _, why in met.attrs["left_out"])
    assert any("d2m runs from 12" in why for _, why in met.attrs["left_out"])


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("t2m", 17.0, "degC", 290.15),
        ("t2m", 62.6, "degF", 290.15),
        ("swvl1", 30.0, "%", 0.3),
        ("si10", 36.0, "km/h", 10.0),
    ],
)
def test_known_units_are_converted(tmp_path: Path, name: str, value: float, unit: str, expected: float) -> None:
    image = (stack("europe", "day", "hour") * 0 + value).rename(name).assign_attrs(units=unit)
    met = open_era5(write(tmp_path / "x.nc", image))
    assert float(met[{"si10": "wind"}.get(name, name)].mean()) == pytest.approx(expected, rel=1e-5)
