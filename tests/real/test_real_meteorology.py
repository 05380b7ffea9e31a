"""A real ERA5 field in GRIB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from srdanet.errors import GranuleError, SceneError
from srdanet.grid import Level, Tile, lonlat
from srdanet.readers.era5 import open_era5
from srdanet.readers.meteorology import at_overpass

NOON = np.datetime64("2017-01-01T12:00", "ns")
SAMPLE = "era5/era5-single-level-scalar-time.grib"
_PARAMETER, _STEP = 16, slice(26, 29)
"""Where a GRIB 1 message holds its parameter, and start, end and kind of its time range."""


def test_temperature_is_in_kelvin_where_it_belongs(shared_data: Path) -> None:
    met = open_era5(shared_data / SAMPLE)
    assert met.t2m.shape == (1, 121, 201)
    assert met.time.values[0] == NOON
    assert (float(met.latitude[0]), float(met.latitude[-1])) == (30, 60)
    assert (float(met.longitude[0]), float(met.longitude[-1])) == (-10, 40)
    assert float(met.t2m.mean()) == pytest.approx(279.356, abs=0.001)
    # New Year's noon 2017: the Alps froze, the Gulf of Lion did not.
    assert float(met.t2m.sel(latitude=46.5, longitude=8.5).item()) < 275
    assert float(met.t2m.sel(latitude=42.5, longitude=4.5).item()) > 282


def test_on_a_tile(shared_data: Path) -> None:
    met = open_era5(shared_data / SAMPLE, around=Tile(18, 4).geobox(Level.KM1), time=NOON)
    grid = Tile(18, 4).geobox(Level.KM1)[600:640, 500:530]
    got = at_overpass(met, grid, NOON).t2m
    lon, lat = lonlat(grid)
    truth = met.t2m.isel(time=0).interp(latitude=lat[7, 9], longitude=lon[7, 9]).item()
    assert got.values[7, 9] == pytest.approx(truth, abs=1e-3)
    with pytest.raises(SceneError, match="2017-01-01T12:00"):
        at_overpass(met, grid, NOON + np.timedelta64(1, "h"))
    with pytest.raises(SceneError, match="does not cover"):
        at_overpass(met, Tile(26, 5).geobox(Level.KM1)[0:5, 0:7], NOON)


def test_accumulated_fields_carry_the_end_of_their_hour(shared_data: Path, tmp_path: Path) -> None:
    message = bytearray((shared_data / SAMPLE).read_bytes())
    message[_PARAMETER] = 169  # surface solar radiation downwards: 280 J m-2 rather than 280 K
    message[_STEP] = bytes((6, 7, 4))  # accumulated from 6 to 7 hours after 12 UTC
    (tmp_path / "ssrd.grib").write_bytes(message)
    met = open_era5([tmp_path / "ssrd.grib", shared_data / SAMPLE])
    ssrd = met.ssrd.dropna("time", how="all")
    assert ssrd.time.values.tolist() == [(NOON + np.timedelta64(7, "h")).astype(int)]
    assert float(ssrd.mean()) == pytest.approx(279.356 / 3600, rel=1e-4)
    assert float(met.t2m.sel(time=NOON).mean()) == pytest.approx(279.356, abs=0.001)


def test_a_cut_or_foreign_grib_is_refused(shared_data: Path, tmp_path: Path) -> None:
    with pytest.raises(GranuleError, match="none of the variables"):
        open_era5(shared_data / "era5/era5-levels-members.grib")
    (tmp_path / "cut.grib").write_bytes((shared_data / SAMPLE).read_bytes()[:20_000])
    with pytest.raises(GranuleError):
        open_era5(tmp_path / "cut.grib")
