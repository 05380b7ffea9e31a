"""The sun's place against pvlib's, local time against UTC, and light on slopes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pvlib
import pytest

from srdanet.predictors.solar import (
    declination,
    equation_of_time,
    illumination,
    solar_to_utc,
    sun_at,
    sun_at_local_time,
)

MOMENTS = [
    "2000-02-26T10:30", "2003-12-21T01:17", "2012-06-21T16:45", "2020-03-20T12:00",
    "2020-07-15T10:40", "2020-11-03T22:22", "2024-02-29T05:05", "2035-09-23T19:31",
]  # fmt: skip
PLACES = [(0.0, 0.1), (14.0, 46.5), (100.2, 38.9), (-105.9, 37.7), (146.3, -35.0), (-60.0, -23.0), (179.5, 68.0)]


def oracle(time: str, lon: float, lat: float) -> tuple[float, float]:
    row = pvlib.solarposition.get_solarposition(pd.DatetimeIndex([time], tz="UTC"), lat, lon).iloc[0]
    return row.zenith, row.azimuth


@pytest.mark.parametrize("time", MOMENTS)
def test_sun_is_pvlib_s(time: str) -> None:
    for lon, lat in PLACES:
        zenith, azimuth = sun_at(np.datetime64(time), lon, lat)
        expected_zenith, expected_azimuth = oracle(time, lon, lat)
        assert zenith == pytest.approx(expected_zenith, abs=0.02)
        turn = (azimuth - expected_azimuth + 180) % 360 - 180
        assert abs(turn) * np.sin(np.radians(expected_zenith)) < 0.02


def test_arrays_broadcast() -> None:
    times = np.array(["2020-07-15T10:40", "NaT"], "datetime64[s]")
    lon, lat = np.array([9.0, 10.0, 11.0])[:, None], np.array([46.0])
    zenith, azimuth = sun_at(times, lon, lat)
    assert zenith.shape == azimuth.shape == (3, 2)
    assert np.isnan(zenith[:, 1]).all()
    assert zenith[2, 0] == sun_at(times[0], 11.0, 46.0)[0]


def test_declination_and_equation_of_time() -> None:
    assert declination("2020-06-21") == pytest.approx(23.44, abs=0.01)
    assert declination(np.datetime64("2020-12-21")) == pytest.approx(-23.44, abs=0.01)
    assert declination("2020-03-20T03:50") == pytest.approx(0.0, abs=0.02)
    days = np.arange("2021-01-01", "2022-01-01", dtype="datetime64[D]")
    expected = pvlib.solarposition.equation_of_time_spencer71(np.arange(1, 366)) / 60
    assert np.abs(equation_of_time(days) - expected).max() < 0.015
    assert equation_of_time("2021-11-03") == pytest.approx(16.45 / 60, abs=0.003)


@pytest.mark.parametrize(("lat", "noon"), [(45.0, 180.0), (-45.0, 0.0)])
def test_the_sun_crosses_from_east_to_west(lat: float, noon: float) -> None:
    zenith, azimuth = sun_at_local_time(5.0, np.array([9.0, 12.0, 15.0]), lat)
    assert 0 < azimuth[0] < 180
    assert (azimuth[1] - noon + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
    assert 180 < azimuth[2] < 360
    assert zenith[0] == pytest.approx(zenith[2])
    assert zenith[1] == pytest.approx(abs(lat - 5.0))


def test_local_view_time_leads_to_the_same_sun() -> None:
    """A MODIS view time is mean solar time: the equation of time must be added to it."""
    date, lon, lat, hours = "2020-11-03", 14.0, 46.5, 10.5
    direct = sun_at(solar_to_utc(date, hours, lon), lon, lat)
    local = sun_at_local_time(declination("2020-11-03T09:34"), hours + equation_of_time(date), lat)
    assert direct == pytest.approx(local, abs=0.02)
    assert direct[0] == pytest.approx(oracle("2020-11-03T09:34:00", lon, lat)[0], abs=0.02)


@pytest.mark.parametrize(
    ("hours", "lon", "expected"),
    [
        (10.5, 15.0, "2020-07-15T09:30:00"),
        (10.6, -105.0, "2020-07-15T17:36:00"),
        (22.3, -105.0, "2020-07-15T05:18:00"),
        (10.5, 172.5, "2020-07-15T23:00:00"),
        (0.0, 0.0, "2020-07-15T00:00:00"),
        (23.9999, 0.0, "2020-07-15T00:00:00"),
    ],
)
def test_view_time_to_utc_within_the_granule_s_day(hours: float, lon: float, expected: str) -> None:
    assert solar_to_utc("2020-07-15", hours, lon) == np.datetime64(expected)


def test_view_times_as_images() -> None:
    hours = np.array([[10.5, np.nan, 10.7], [10.6, 10.6, np.nan]])
    times = solar_to_utc(np.datetime64("2020-07-15"), hours, np.array([0.0, 15.0, 30.0]))
    assert times.dtype == np.dtype("datetime64[s]")
    assert (np.isnat(times) == np.isnan(hours)).all()
    assert times[0, 2] == np.datetime64("2020-07-15T08:42:00")
    assert solar_to_utc("2020-07-15", 30.0, 0.0) == np.datetime64("2020-07-15T06:00:00")


def test_light_on_slopes() -> None:
    steep = 1.0
    assert illumination(0.0, 0.0, 60.0, 123.0) == pytest.approx(0.5)
    assert illumination(0.0, steep, 45.0, 180.0) == pytest.approx(1.0), "a south slope facing the southern sun"
    assert illumination(0.0, -steep, 45.0, 180.0) == pytest.approx(0.0, abs=1e-12)
    assert illumination(steep, 0.0, 60.0, 90.0) == 0.0, "a west slope in the morning"
    assert illumination(-steep, 0.0, 45.0, 90.0) == pytest.approx(1.0), "an east slope in the morning"
    assert illumination(-steep, 0.0, 91.0, 90.0) == 0.0, "the sun is down"


def test_light_is_missing_where_the_slope_or_the_sun_is() -> None:
    east = np.array([0.1, np.nan, 0.1], np.float32)
    light = illumination(east, np.zeros(3, np.float32), np.array([30.0, 30.0, np.nan]), 100.0)
    assert light.dtype == np.float32
    assert np.isnan(light).tolist() == [False, True, True]
    assert np.isnan(illumination(east, np.zeros(3, np.float32), 120.0, 100.0)).tolist() == [False, True, False]
