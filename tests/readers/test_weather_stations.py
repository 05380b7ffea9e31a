"""Station tables: reading, refusing, and bringing them to a grid."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from srdanet.errors import GranuleError, SceneError
from srdanet.grid import Level, Tile, lonlat
from srdanet.readers.meteorology import at_overpass, open_stations

GRID = Tile(18, 4).geobox(Level.KM1)[300:320, 400:412]
LON, LAT = lonlat(GRID)
WHEN = np.datetime64("2020-07-15T10:30")


def table(tmp_path: Path, *rows: str, header: str = "time, longitude, latitude, t2m, ssrd") -> Path:
    path = tmp_path / "stations.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_one_station_is_linear_in_time_and_the_same_everywhere(tmp_path: Path) -> None:
    place = f"{LON[0, 0]:.4f}, {LAT[0, 0]:.4f}"
    path = table(tmp_path, f"2020-07-15T10:00, {place}, 290, 500", f"2020-07-15T11:00Z, {place}, 294,")
    met = open_stations(path)
    assert met.sizes == {"station": 1, "time": 2}
    result = at_overpass(met, GRID, WHEN - np.timedelta64(15, "m"))
    assert np.allclose(result.t2m, 291.0)
    assert result.t2m.attrs["units"] == "K"
    assert "ssrd" not in result


def test_offsets_are_brought_to_utc(tmp_path: Path) -> None:
    met = open_stations(table(tmp_path, "2020-07-15T18:30+08:00, 6, 46, 290, 500"))
    assert met.time.values[0] == WHEN


def test_nearer_stations_weigh_more_and_exactly_at_one_it_counts_alone(tmp_path: Path) -> None:
    a, b = (LON[2, 3], LAT[2, 3]), (LON[15, 8], LAT[15, 8])
    rows = [f"{WHEN}, {lon:.7f}, {lat:.7f}, {t}, 500" for (lon, lat), t in ((a, 280), (b, 300))]
    got = at_overpass(open_stations(table(tmp_path, *rows)), GRID, WHEN).t2m.values
    assert got[2, 3] == pytest.approx(280, abs=0.05)
    assert got[15, 8] == pytest.approx(300, abs=0.05)
    assert got[2, 3] < got[5, 4] < got[12, 7] < got[15, 8]


def test_stations_too_far_or_silent_do_not_count(tmp_path: Path) -> None:
    met = open_stations(table(tmp_path, f"{WHEN}, 100, 30, 280, 500"))
    with pytest.raises(SceneError, match="within 200 km"):
        at_overpass(met, GRID, WHEN)
    place = f"{LON[0, 0]:.4f}, {LAT[0, 0]:.4f}"
    sparse = open_stations(table(tmp_path, f"2020-07-15T06:00, {place}, 280, 0", f"2020-07-15T14:00, {place}, 290, 0"))
    with pytest.raises(SceneError, match="06:00 to 2020-07-15T14:00"):
        at_overpass(sparse, GRID, WHEN)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2020-07-15T10:00, 6, 46, 17.5, -500", "line 3.*t2m = 17.5 is impossible in K"),
        ("15.7.2020, 6, 46, 290, 500", "line 3.*cannot be read"),
        ("2020-07-15T10:00, 6, 146, 290, 500", "line 3.*not a place on Earth"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str, message: str) -> None:
    path = table(tmp_path, "2020-07-15T10:00, 6, 46, 290, 500", row)
    with pytest.raises(GranuleError, match=message):
        open_stations(path)


def test_a_table_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("time,longitude,latitude,t2m,Höhe\n".encode("latin-1"))
    with pytest.raises(GranuleError, match=r"table\.csv: The file is not a table in UTF-8"):
        open_stations(path)


def test_columns_are_required(tmp_path: Path) -> None:
    with pytest.raises(GranuleError, match="needs time, longitude, latitude"):
        open_stations(table(tmp_path, "1,2,3", header="date,lon,lat"))
    with pytest.raises(GranuleError, match="no rows"):
        open_stations(table(tmp_path))
    with pytest.raises(GranuleError, match="no such"):
        open_stations(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        ("ssrd", "-2.1", ""),
        ("ssrd", "-0", ""),
        ("ssrd", "-19.9", ""),
        ("ssrd", "-9999", ""),
        ("ssrd", "-500", "line 2: ssrd = -500 is impossible"),
        ("ssrd", "bad", "line 2: ssrd = 'bad' is not a number"),
        ("t2m", "-9999", ""),
        ("t2m", "NaN", ""),
        ("t2m", "NA", ""),
        ("t2m", "12.5", "line 2: t2m = 12.5 is impossible in K"),
        ("time", "15.7.2020", "line 2: The row cannot be read"),
        ("latitude", "146", "line 2: .* not a place on Earth; the row is left out"),
    ],
)
def test_a_bad_field_costs_itself_only(tmp_path: Path, field: str, value: str, note: str) -> None:
    bad = {"time": "2020-07-15T02:00", "longitude": "6", "latitude": "46", "t2m": "285", "ssrd": "3"} | {field: value}
    rows = [",".join(bad.values()), *(f"2020-07-15T{h}:00, 6, 46, 290, 500" for h in ("09", "10", "11"))]
    met = open_stations(table(tmp_path, *rows))
    assert float(at_overpass(met, GRID, WHEN).t2m.mean()) == pytest.approx(290, abs=0.1)
    assert met.attrs["left_out"] == []
    assert len(met.attrs["assumed"]) == bool(note)
    if note:
        assert re.search(note, met.attrs["assumed"][0])
    night = met.sel(time=met.time < np.datetime64("2020-07-15T03:00"))
    if field == "ssrd" and -20 <= float(value if value != "bad" else "-9999") <= 0:
        assert (night.ssrd.values == 0).all()
    elif field in night.data_vars:
        assert np.isnan(night[field].values).all()


def test_a_column_in_another_unit_costs_itself_only(tmp_path: Path) -> None:
    met = open_stations(table(tmp_path, *(f"2020-07-15T{h}:00, 6, 46, 17.5, 500" for h in ("09", "10", "11"))))
    assert list(met.data_vars) == ["ssrd"]
    ((what, why),) = met.attrs["left_out"]
    assert what == "t2m of stations.csv"
    assert "line 2: t2m = 17.5 is impossible in K" in why
