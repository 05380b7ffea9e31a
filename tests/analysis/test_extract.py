from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from click.testing import CliRunner
from odc.geo.geom import Geometry, box

from srdanet.analysis.errors import CORRELATION, Correlation, error_of_sum
from srdanet.analysis.extract import extract, table
from srdanet.cli import cli
from srdanet.errors import ArgumentError, GranuleError
from srdanet.flags import flag_attributes
from srdanet.grid import SINUSOIDAL, Level, Tile, coordinates, lonlat
from srdanet.product import Origin, write_product
from srdanet.product.stored import stored_levels
from srdanet.readers.places import LONLAT, Place, cover, read_points, read_regions

BOX = Tile(18, 4).geobox(Level.M250)[800:848, 400:440]
"""48 x 40 cells of 250 m."""


def result(shift: float = 0.0) -> xr.Dataset:
    """Each cell's temperature says where it is; one missing row."""
    rows, cols = np.mgrid[:48, :40]
    lst = (290 + shift + 0.1 * rows + 0.003 * cols).astype(np.float32)
    lst[30] = np.nan
    error = np.where(np.isfinite(lst), np.float32(0.5) + np.float32(0.02) * cols.astype(np.float32), np.float32(np.nan))
    quality = np.where(np.isfinite(lst), np.where(cols > 20, 4, 0), 1).astype(np.uint8)
    data = {"lst": (("y", "x"), lst, {"units": "K"}), "lst_uncertainty": (("y", "x"), error)}
    return xr.Dataset({**data, "quality": (("y", "x"), quality, flag_attributes())}, coords=coordinates(BOX))


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days and a night."""
    folder = tmp_path_factory.mktemp("series")
    views = (
        ("2020-07-16T10:30:00", True, 1.0),
        ("2020-07-15T10:32:00", True, 0.0),
        ("2020-07-15T22:10:00", False, -15.0),
    )
    for time, day, shift in views:
        write_product(result(shift), folder, f"x_{time[:10]}_{day}", origin=Origin(time=time, day=day, tile="h18v04"))
    return folder


def square(rows: slice, cols: slice) -> Geometry:
    """A region that covers whole cells exactly, in the grid's CRS."""
    bounds = BOX[rows, cols].boundingbox
    return box(bounds.left, bounds.bottom, bounds.right, bounds.top, SINUSOIDAL)


def test_a_point_takes_its_cell(products: Path, tmp_path: Path) -> None:
    lon, lat = lonlat(BOX)
    path = tmp_path / "points.csv"
    path.write_text(f"Name;LAT;Lon\nmill;{lat[7, 33]};{lon[7, 33]}\nhill;{lat[30, 2]};{lon[30, 2]}\n")
    values = extract(stored_levels([products]), read_points(path))
    assert [(v.place, v.time, v.part) for v in values][::2] == [
        ("mill", "2020-07-15T10:32:00", "day"), ("mill", "2020-07-15T22:10:00", "night"),
        ("mill", "2020-07-16T10:30:00", "day"),
    ]  # fmt: skip
    mill, hill = values[:2]
    assert mill.lst == pytest.approx(290 + 0.7 + 0.099, abs=1e-3)
    assert (mill.uncertainty, mill.quality, mill.valid_share) == (pytest.approx(1.16), "gap_near", 1.0)
    assert np.isnan(hill.lst)
    assert (hill.quality, hill.valid_share) == ("no_input", 0.0)


def test_cells_count_by_their_share_in_a_region() -> None:
    whole = cover(Place("field", square(slice(3, 6), slice(10, 14)).to_crs(LONLAT, resolution=100)), BOX)
    assert whole is not None
    inside = np.zeros(BOX.shape)
    inside[whole.rows, whole.cols] = whole.share
    expected = np.zeros(BOX.shape)
    expected[3:6, 10:14] = 1
    np.testing.assert_allclose(inside, expected, atol=0.13)
    bounds = BOX[3:4, 10:11].boundingbox
    half = box(bounds.left, bounds.bottom, (bounds.left + bounds.right) / 2, bounds.top, SINUSOIDAL)
    part = cover(Place("half", half.to_crs(LONLAT, resolution=100)), BOX)
    assert part is not None
    assert part.share.sum() == pytest.approx(0.5, abs=0.07)
    tiny = box(bounds.left + 100, bounds.bottom + 100, bounds.left + 101, bounds.bottom + 101, SINUSOIDAL)
    speck = cover(Place("speck", tiny.to_crs(LONLAT)), BOX)
    assert speck is not None
    assert speck.rows.start + int(np.argwhere(speck.share)[0, 0]) == 3
    assert cover(Place("elsewhere", box(20, 0, 21, 1, LONLAT)), BOX) is None


def test_a_region_has_the_mean_of_its_cells_and_says_how_much_it_knows(products: Path, tmp_path: Path) -> None:
    path = tmp_path / "fields.geojson"
    shapes = {"north": square(slice(2, 12), slice(4, 34)), "gap": square(slice(29, 31), slice(5, 20))}
    features = [
        {"type": "Feature", "properties": {"Name": name}, "geometry": shape.to_crs(LONLAT, resolution=100).json}
        for name, shape in shapes.items()
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    north, gap, *_ = extract(stored_levels([products]), read_regions(path), least_valid=0.6)
    cells = result()["lst"].values[2:12, 4:34].astype(float)
    assert north.lst == pytest.approx(np.mean(cells**4) ** 0.25, abs=0.02)
    assert north.spread == pytest.approx(cells.std(), rel=0.05)
    assert north.cells == pytest.approx(300, rel=0.02)
    assert north.quality == "gap_near"
    assert np.isnan(gap.lst)
    assert gap.valid_share == pytest.approx(0.5, abs=0.05)


def test_error_of_a_mean_is_the_sum_over_all_pairs() -> None:
    rng = np.random.default_rng(3)
    weights, error = rng.uniform(-0.2, 1, (5, 7)), rng.uniform(0.3, 2, (5, 7))
    weights[1, 2] = 0
    error[1, 2] = np.nan
    rows, cols = (axis.ravel() for axis in np.mgrid[:5, :7])
    distance = 250.0 * np.hypot(rows[:, None] - rows, cols[:, None] - cols)
    correlation = Correlation((0.6, 0.1), (700.0, 9000.0))
    part = np.where(weights == 0, 0, weights * np.where(weights == 0, 0, error)).ravel()
    expected = np.sqrt(part @ correlation.at(distance) @ part)
    assert error_of_sum(weights, error, 250.0, correlation) == pytest.approx(expected, rel=1e-9)


def test_error_of_a_mean_lies_between_one_cell_and_independent_cells() -> None:
    weights, error = np.full((40, 40), 1 / 1600), np.full((40, 40), 1.2)
    alone, common = (
        error_of_sum(weights, error, 232.0, c) for c in (Correlation((), ()), Correlation((1,), (np.inf,)))
    )
    assert (alone, common) == (pytest.approx(1.2 / 40), pytest.approx(1.2))
    assert 5 * alone < error_of_sum(weights, error, 232.0, CORRELATION) < common / 2


def test_the_command_writes_a_table_and_a_picture(products: Path, tmp_path: Path) -> None:
    lon, lat = lonlat(BOX)
    points, out, plot = (tmp_path / name for name in ("points.csv", "series.csv", "series.png"))
    points.write_text(f"lon,lat\n{lon[7, 33]},{lat[7, 33]}\n100,10\n")
    arguments = ["extract", str(products), "--at", str(points), "-o", str(out), "--plot", str(plot)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "no product covers point-2" in done.output
    frame = pd.read_csv(out, parse_dates=["time"])
    assert frame["lst"].tolist() == pytest.approx([290.799, 275.799, 291.799], abs=1e-3)
    assert frame["time"].iloc[0] == pd.Timestamp("2020-07-15T10:32:00")
    assert plot.read_bytes().startswith(b"\x89PNG")
    again = CliRunner().invoke(cli, arguments)
    assert (again.exit_code, out.stat().st_size > 0) == (1, True)


def test_parquet_holds_the_same_as_csv(products: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from srdanet.analysis.extract import write_table

    lon, lat = lonlat(BOX)
    values = extract(
        stored_levels([products]),
        [Place("a", Geometry({"type": "Point", "coordinates": [lon[5, 5], lat[5, 5]]}, LONLAT))],
    )
    write_table(values, tmp_path / "series.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "series.parquet"), table(values), check_dtype=False)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.csv", "x,y\n1,2\n", "header with the columns"),
        ("p.csv", "lon,lat\n1,north\n", "line 2"),
        ("p.csv", "lon,lat\n700000,5000000\n", "no longitude and latitude"),
        ("p.csv", "name,lon,lat\na,1,2\na,3,4\n", "'a' twice"),
        ("f.geojson", "not json", "not GeoJSON"),
        ("f.geojson", '{"type": "Point", "coordinates": [1, 2]}', "FeatureCollection"),
        ("f.geojson", '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}', "no polygon"),
    ],
)  # fmt: skip
def test_bad_places_are_refused_with_the_reason(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(GranuleError, match=words):
        (read_points if name.endswith("csv") else read_regions)(path)


def test_places_beside_all_products_are_an_error(products: Path) -> None:
    with pytest.raises(ArgumentError, match="no product covers"):
        extract(stored_levels([products]), [Place("far", box(20, 0, 21, 1, LONLAT))])
