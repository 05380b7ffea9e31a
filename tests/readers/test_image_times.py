"""The time of an image: every form in which a file states it counts, and contradiction is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from affine import Affine

from srdanet.arrays import parse_utc, read_time
from srdanet.errors import FLAGS, ArgumentError, GranuleError
from srdanet.prepare import plan, prepare
from srdanet.readers.dates import name_times
from srdanet.readers.rasters import open_raster
from srdanet.statements import Stated, settle_time

LST = (290 + np.random.default_rng(0).normal(0, 3, (6, 7))).astype("f4")
DAY = np.datetime64("2020-07-15")
AT = np.datetime64("2020-07-15T10:40:00")
Y, X = 5199500.0 - 1000 * np.arange(6), 400500.0 + 1000 * np.arange(7)


def stack(path: Path, time: Any, attrs: dict[str, Any] | None = None, dim: str = "time", **about: Any) -> Path:
    """A NetCDF of one image for each time; later images are warmer by 10 K each."""
    count = len(time)
    values = LST + 10 * np.arange(count, dtype="f4")[:, None, None]
    data = {"LST": ((dim, "y", "x"), values, {"units": "K", "crs": "EPSG:32631", **about})}
    coords = {dim: (dim, time, attrs or {}), "y": Y, "x": X}
    xr.Dataset(data, coords).to_netcdf(path, engine="h5netcdf")
    return path


def single(path: Path, whole: dict[str, Any] | None = None, scalar: Any = None, **about: Any) -> Path:
    """A NetCDF of one image without an axis of time."""
    data = xr.Dataset({"LST": (("y", "x"), LST, {"units": "K", "crs": "EPSG:32631", **about})}, {"y": Y, "x": X}, whole)
    if scalar is not None:
        data = data.assign_coords(time=scalar)
    data.to_netcdf(path, engine="h5netcdf")
    return path


def tif(path: Path, **tags: str) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", height=6, width=7, count=1, dtype="float32", crs="EPSG:32631",
        transform=Affine(1000, 0, 400000, 0, -1000, 5200000),
    ) as file:  # fmt: skip
        file.write(LST, 1)
        file.update_tags(**tags)
    return path


FORMS = {
    "axis": lambda p: stack(p / "a.nc", np.array([AT], "M8[ns]")),
    "axis in decimal days": lambda p: stack(
        p / "a.nc", [7501 + 10 / 24 + 40 / 1440], {"units": "days since 2000-01-01"}
    ),
    "axis in seconds": lambda p: stack(p / "a.nc", [1594809600], {"units": "seconds since 1970-01-01"}, dim="t"),
    "scalar coordinate": lambda p: single(p / "a.nc", scalar=np.datetime64(AT, "ns")),
    "attribute time": lambda p: single(p / "a.nc", time="2020-07-15T10:40:00Z"),
    "attribute of the file": lambda p: single(p / "a.nc", {"time_coverage_start": "2020-07-15T12:40:00+02:00"}),
    "tag of TIFF": lambda p: tif(p / "a.tif", TIFFTAG_DATETIME="2020:07:15 10:40:00"),
    "tag of acquisition": lambda p: tif(p / "a.tif", ACQUISITION_DATE="2020-07-15", ACQUISITION_TIME="10:40:00"),
    "tag of Landsat": lambda p: tif(p / "a.tif", DATE_ACQUIRED="2020-07-15", SCENE_CENTER_TIME="10:40:00.1234567Z"),
    "tag of Earth Engine": lambda p: tif(p / "a.tif", **{"system:time_start": "1594809600000"}),
    "tags of a NetCDF": lambda p: tif(
        p / "a.tif", NETCDF_DIM_time="1594809600", **{"time#units": "seconds since 1970-01-01"}
    ),
    "name of AppEEARS": lambda p: tif(p / "MOD11A1.061_LST_Day_1km_doy2020197104000_aid0001.tif"),
    "name in ISO": lambda p: tif(p / "lst_20200715T104000.tif"),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_a_time_counts(form: str, tmp_path: Path) -> None:
    path = FORMS[form](tmp_path)
    made = plan([f"lst={path}"])
    assert (made.date, made.time) == (DAY.item(), AT)
    assert open_raster(path, name="lst", date=DAY.item()).attrs["time"] == str(AT)
    assert np.array_equal(open_raster(path, name="lst", time="2020-07-15T10:42"), LST), "the same view"
    for wrong in ({"date": "2020-07-18"}, {"time": "2020-07-15T01:30"}, {"time": "2020-07-14"}):
        if form == "tag of TIFF" and wrong == {"time": "2020-07-14"}:
            continue  # a file may be written after the day of its image
        if form.startswith("name"):
            (note,) = plan([f"lst={path}"], **wrong).assumed
            assert "takes precedence" in note, "a name may hold the day of an export"
            continue
        with pytest.raises(ArgumentError, match="2020-07-15"):
            plan([f"lst={path}"], **wrong)


def test_a_date_without_an_hour_stays_a_day(tmp_path: Path) -> None:
    for path in (
        stack(tmp_path / "a.nc", [7501.0], {"units": "days since 2000-01-01", "calendar": "julian"}),
        stack(tmp_path / "b.nc", [20200715]),
        tif(tmp_path / "c.tif", ACQUISITION_DATE="2020-07-15"),
        tif(tmp_path / "doy2020197000000.tif"),
    ):
        made = plan([f"lst={path}"])
        assert (made.date, made.time) == (DAY.item(), None)
        assert plan([f"lst={path}"], time="2020-07-15T10:40").time == AT, "the hour comes from the caller"
    bare = plan([f"lst={tif(tmp_path / 'd.tif')}"], time="2020-07-15")
    assert (bare.date, bare.time) == (DAY.item(), None)


def test_of_several_images_a_day_the_hour_chooses(tmp_path: Path) -> None:
    hours = [np.datetime64(f"2020-07-15T{clock}", "ns") for clock in ("00:00", "01:30", "10:30", "13:30")]
    path = stack(tmp_path / "day.nc", np.array(hours))
    got = open_raster(path, name="lst", date=DAY.item(), time="2020-07-15T10:30")
    assert np.allclose(got, LST + 20)
    assert plan([f"lst={path}"], time="2020-07-15T13:30").time == np.datetime64("2020-07-15T13:30:00")
    with pytest.raises(ArgumentError, match=r"4 images of 2020-07-15: 00:00, 01:30, 10:30, 13:30 UTC\n  Give time="):
        open_raster(path, name="lst", date=DAY.item())
    with pytest.raises(ArgumentError, match="covers 2020-07-15T00:00 to 2020-07-15T13:30 without it"):
        open_raster(path, name="lst", time="2020-07-15T11:00")
    weather = open_raster(path, name="t2m", time="2020-07-15T11:00")
    assert np.allclose(weather, LST + 20), "weather of the nearest hour will do"
    with pytest.raises(ArgumentError):
        open_raster(path, name="t2m", time="2020-07-15T05:00")


def test_companions_are_of_the_lsts_own_time(tmp_path: Path) -> None:
    lst = tif(tmp_path / "lst_2020_197.tif")
    night = stack(tmp_path / "qc.nc", np.array(["2020-07-16"], "M8[ns]"))
    with pytest.raises(ArgumentError, match="2020-07-16"):
        plan([f"lst={lst}", f"qc={night}"])
    older = stack(tmp_path / "ndvi.nc", np.array(["2020-07-11"], "M8[ns]"))
    assert plan([f"lst={lst}", f"ndvi={older}"]).source("raster:ndvi").distance == -4


def test_what_is_not_understood_is_refused_or_said(tmp_path: Path) -> None:
    with pytest.raises(GranuleError, match="'noleap'"):
        open_raster(
            stack(tmp_path / "a.nc", [7501], {"units": "days since 2000-01-01", "calendar": "noleap"}), name="lst"
        )
    with pytest.raises(GranuleError, match="'fortnights since"):
        open_raster(stack(tmp_path / "b.nc", [7], {"units": "fortnights since 2000-01-01"}), name="lst")
    noted = open_raster(single(tmp_path / "c.nc", time="in summer"), name="lst").attrs["assumed"]
    assert any("'in summer'" in note for note in noted)
    unknown = prepare([f"lst={tif(tmp_path / 'e.tif')}"])
    assert unknown.provenance["assumed"] == [
        "the date of the LST is not known: the result takes no account of season and sun"
    ]
    period = tif(tmp_path / "f.tif", RANGEBEGINNINGDATE="2020-07-11", RANGEENDINGDATE="2020-07-18")
    assert plan([f"lst={period}"], date="2020-07-15").date == DAY.item(), "a composite says no day"


def test_a_day_of_local_solar_time_agrees() -> None:
    fiji = [Stated("the date", (DAY,)), Stated("its axis", (np.datetime64("2020-07-14T22:40:00"),))]
    assert str(settle_time(fiji, longitude=178.0)) == "2020-07-14T22:40:00"
    with pytest.raises(ArgumentError, match="the date says 2020-07-15, but its axis says 2020-07-14T22:40"):
        settle_time(fiji, longitude=0.0)


@pytest.mark.parametrize(
    "time",
    [
        "2020-07-15T10:40", "2020-07-15 10:40:00", "2020-07-15T10:40Z", "2020-07-15T12:40+02:00", "20200715T104000",
        "2020-07-15T10:40:00.000000000", "2020:07:15 10:40:00", AT, np.datetime64(AT, "ns"),
        pd.Timestamp("2020-07-15T10:40"), dt.datetime(2020, 7, 15, 10, 40),
        dt.datetime(2020, 7, 15, 10, 40, tzinfo=dt.UTC),
        dt.datetime(2020, 7, 15, 12, 40, tzinfo=dt.timezone(dt.timedelta(hours=2))), np.array([AT]),
        xr.DataArray(AT),
    ],
)  # fmt: skip
def test_times_are_read_in_every_form(time: object, recwarn: pytest.WarningsRecorder) -> None:
    assert parse_utc(time) == AT
    assert not [w for w in recwarn if "timezone" in str(w.message)]


@pytest.mark.parametrize(
    "day", ["2020-07-15", "20200715", "2020197", dt.date(2020, 7, 15), dt.datetime(2020, 7, 15), DAY]
)
def test_days_are_days(day: object) -> None:
    assert (read_time(day), read_time(day).dtype) == (DAY, np.dtype("M8[D]"))


@pytest.mark.parametrize(
    "wrong", [20200715, 2020197, np.int64(1594809600), 1594809600.0, True, "2020", "2020-07", np.datetime64("2020-07"),
              pd.NaT, "noon", "2020-13-01", np.array([DAY, DAY])],
)  # fmt: skip
def test_numbers_months_and_riddles_are_no_time(wrong: object) -> None:
    with pytest.raises(ArgumentError, match="time"):
        read_time(wrong)


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("MOD11A1.061_LST_Day_1km_doy2020197_aid0001.tif", DAY),
        ("MOD11A1.061_LST_Day_1km_doy2020197000000_aid0001.tif", DAY),
        ("ECO2LSTE.001_SDS_LST_doy2020197104000_aid0001.tif", AT),
        ("MOD11A1_LST_Day_1km_2020_197.tif", DAY),
        ("2020_07_15.tif", DAY),
        ("LST_20200715.tif", DAY),
        ("lst-2020-07-15-v2.nc", DAY),
        ("MOD11A1.A2020197.h18v04.061.2020198093245.hdf", DAY),
        ("MOD11_L2.A2020197.1040.061.2020198093245.nc", AT),
        ("LC08_L2SP_196024_20200715_20200722_02_T1_ST_B10.tif", DAY),
        ("ECOv002_L2T_LSTE_21485_013_11SPS_20200715T104000_0710_01_LST.tif", AT),
        ("S3A_SL_2_LST____20200715T104000_20200715T104300_20200716T1.nc", AT),
        (r"C:\exports\lst_20200715_1000m.tif", DAY),
        ("lst_20200715_104000.tif", AT),
        ("lst_2020_250m.tif", None),
        ("lst_2020_400.tif", None),
        ("20200711_20200718.tif", None),
    ],
)
def test_names_of_the_usual_tools(name: str, time: np.datetime64 | None) -> None:
    assert name_times(name) == (() if time is None else (time,))


def test_hints_are_spelled_for_who_asks(tmp_path: Path) -> None:
    path = stack(tmp_path / "two.nc", np.array(["2020-07-14", "2020-07-15"], "M8[ns]"))
    with pytest.raises(ArgumentError, match="Give date=") as caught:
        plan([f"lst={path}"])
    assert "--" not in str(caught.value)
    token = FLAGS.set({})
    try:
        with pytest.raises(ArgumentError, match="Give --date"):
            plan([f"lst={path}"])
    finally:
        FLAGS.reset(token)
