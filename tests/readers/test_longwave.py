"""Longwave records and the surface temperature they mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from srdanet.errors import ArgumentError, GranuleError
from srdanet.readers.stations_longwave import STEFAN_BOLTZMANN, Longwave, open_listed, open_longwave, skin_temperature


def test_the_sky_reflected_is_taken_away() -> None:
    kelvin, emissivity, down = np.array([250.0, 300.0, 330.0]), np.array([1.0, 0.97, 0.9]), 320.0
    up = emissivity * STEFAN_BOLTZMANN * kelvin**4 + (1 - emissivity) * down
    np.testing.assert_allclose(skin_temperature(up, down, emissivity), kelvin, rtol=1e-12)
    assert np.isnan(skin_temperature([np.nan, 400.0, 1.0], [300.0, np.nan, 300.0], 0.95)).all()
    for wrong in (0.0, 1.01, -1.0):
        with pytest.raises(ArgumentError, match="emissivity"):
            skin_temperature(400, 300, wrong)


@pytest.fixture
def record() -> Longwave:
    time = np.datetime64("2020-01-01T00:00", "ns") + np.array([0, 30, 60, 180]) * np.timedelta64(1, "m")
    up = STEFAN_BOLTZMANN * np.array([280.0, 284.0, np.nan, 300.0]) ** 4
    return Longwave("here", 1.0, 2.0, time, up, np.full(4, 300.0))


def test_between_measurements_it_is_linear_and_over_gaps_nothing(record: Longwave) -> None:
    hour = np.datetime64("2020-01-01T00:00")
    assert record.at(hour, 1.0) == pytest.approx(280)
    assert record.at(hour + np.timedelta64(15, "m"), 1.0) == pytest.approx(282)
    for minutes in (-1, 60, 100, 181):
        assert np.isnan(record.at(hour + np.timedelta64(minutes, "m"), 1.0))
    assert record.at(hour + np.timedelta64(180, "m"), 1.0) == pytest.approx(300)
    with pytest.raises(ArgumentError, match="no emissivity"):
        record.lst()


DAY = """ Somewhere
   37.70  105.92 2317 m version 1
{rows}"""
ROW = " 2016  32  2  1 {hour} {minute}  0.0 91.65 " + " -1.8 0" * 4 + " {down} {flag} -5.7 0 -6.2 0 {up} 0 -6.3 0"


def test_surfrad_flags_and_order(tmp_path: Path) -> None:
    rows = [
        ROW.format(hour=1, minute=1, down=186.3, flag=0, up=276.0),
        ROW.format(hour=1, minute=0, down=186.3, flag=2, up=276.5),
        ROW.format(hour=1, minute=2, down=-9999.9, flag=0, up=-9999.9),
    ]
    path = tmp_path / "x.dat"
    path.write_text(DAY.format(rows="\n".join(rows) + "\n"))
    found = open_longwave(path)
    assert (found.name, found.latitude, found.longitude) == ("Somewhere", 37.7, -105.92)
    assert str(found.time[0]) == "2016-02-01T01:00:00.000000000"
    np.testing.assert_array_equal(found.up, [276.5, 276.0, np.nan])
    np.testing.assert_array_equal(found.down, [np.nan, 186.3, np.nan])


def test_what_is_no_station_file_is_refused(tmp_path: Path) -> None:
    for name, text in (
        ("a.dat", "one\ntwo\n"),
        ("bon_1.qdat", "Date Time\n1 2\n"),
        ("b.cdf", "no"),
        ("x_1.csv", "a\n"),
    ):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(GranuleError, match=name.split("_")[0]):
            open_longwave(path)
    (tmp_path / "zzz.qdat").write_text("Date Time LWup LWdn\n")
    with pytest.raises(GranuleError, match="which station"):
        open_longwave(tmp_path / "zzz.qdat")
    with pytest.raises(GranuleError, match="no such"):
        open_longwave(tmp_path / "absent.dat")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(GranuleError, match=r"\.qdat"):
        open_longwave(tmp_path / "a.txt")


@pytest.mark.real
def test_surfrad_as_pvlib_reads_it(shared_data: Path) -> None:
    pvlib = pytest.importorskip("pvlib", reason="the oracle of SURFRAD files")
    path = shared_data / "stations" / "surfrad-slv16001.dat"
    expected, place = pvlib.iotools.read_surfrad(str(path))
    found = open_longwave(path)
    assert (found.latitude, found.longitude) == (place["latitude"], -place["longitude"])
    np.testing.assert_array_equal(found.time, expected.index.tz_convert(None).values)
    np.testing.assert_allclose(found.up, expected["uw_ir"])
    np.testing.assert_allclose(found.down, expected["dw_ir"])
    assert 240 < np.nanmin(found.lst(0.97)) < np.nanmax(found.lst(0.97)) < 290


@pytest.mark.real
def test_surfrad_checked(shared_data: Path) -> None:
    path = shared_data / "stations" / "bon_19950510.qdat"
    found = open_longwave(path)
    assert (found.name, found.time.size) == ("Bondville", 480)
    assert np.unique(np.diff(found.time)).tolist() == [180_000_000_000]
    assert (found.up[0], found.down[0]) == (420.8, 387.4)
    air = np.array([float(line.split()[9]) for line in path.read_text().splitlines()[1:]])
    assert np.abs(found.lst(0.97) - air).max() < 6


@pytest.mark.real
def test_arm_as_xarray_reads_it(shared_data: Path) -> None:
    import xarray as xr

    path = shared_data / "stations" / "sgpsirsE13.b1.20190101.000000.cdf"
    found = open_longwave(path)
    assert (found.latitude, found.longitude) == pytest.approx((36.605, -97.485))
    with xr.open_dataset(path, engine="scipy") as expected:
        np.testing.assert_array_equal(found.time, expected["time"].values)
        np.testing.assert_array_equal(found.up, expected["up_long_hemisp"].values)
        np.testing.assert_array_equal(found.down, expected["down_long_hemisp_shaded"].values)
    with pytest.raises(GranuleError, match="up_long_hemisp"):
        open_longwave(path.with_name("sgpmetE13.b1.20190101.000000.cdf"))


@pytest.mark.real
def test_ozflux_agrees_with_its_own_temperature(shared_data: Path) -> None:
    path = shared_data / "ubestarfm-yanco" / "Yanco_insitu_lst_20160205_20160218.csv"
    found = open_longwave(path)
    given = [float(line.split(",")[-1]) for line in path.read_text().splitlines()[1:]]
    np.testing.assert_allclose(found.lst(), given, atol=2e-4)
    assert str(found.time[0]) == "2016-02-04T22:30:00.000000000"
    assert found.at(np.datetime64("2016-02-05T00:15")) == pytest.approx((302.2547 + 303.9834) / 2, abs=1e-3)


def test_a_list_gives_each_record_its_emissivity(tmp_path: Path) -> None:
    row = ROW.format(hour=1, minute=0, down=186.3, flag=0, up=276.0)
    for name in ("a.dat", "b.dat"):
        (tmp_path / name).write_text(DAY.format(rows=row + "\n"))
    listed = tmp_path / "stations.csv"
    listed.write_text("emissivity,file,cover\n0.97,a.dat,grass\n0.9,b.dat,\n")
    first, second = open_listed(listed)
    np.testing.assert_array_equal(first.emissivity, np.full(first.time.shape, 0.97))
    assert (second.lst() > first.lst()).all()
    for text, message in (
        ("emissivity,file\n", "not a list"),
        ("file\na.dat\n", "not a list"),
        ("emissivity,file\nhigh,a.dat\n", "'high'"),
        ("emissivity,file\n0.97,c.dat\n", "no such station file"),
    ):
        listed.write_text(text)
        with pytest.raises(GranuleError, match=message):
            open_listed(listed)
    with pytest.raises(GranuleError, match="no such table"):
        open_listed(tmp_path / "absent.csv")
