"""SRTM tiles brought to a grid: places, seams, voids, refusals."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError, GranuleError, GridError, SceneError
from srdanet.grid import SINUSOIDAL, Level, Tile, coarsen, lonlat
from srdanet.readers import elevation
from srdanet.readers.elevation import inspect_elevation, open_elevation


def plane(lon: NDArray[np.floating], lat: NDArray[np.floating]) -> NDArray[np.floating]:
    """Heights that grow by 1500 m a degree north and 1000 m a degree east: metres even after rounding."""
    return 1000 * (lon - 4) + 1500 * (lat - 43)


def hgt(folder: Path, lat: int, lon: int, size: int = 1201, void: tuple[slice, slice] | None = None) -> Path:
    """A tile whose heights are `plane`, or tell its place otherwise."""
    step = 1 / (size - 1)
    heights = plane(*np.meshgrid(lon + step * np.arange(size), lat + 1 - step * np.arange(size)))
    values = np.round(heights).astype(">i2")
    if void is not None:
        values[void] = -32768
    name = f"{'N' if lat >= 0 else 'S'}{abs(lat):02d}{'E' if lon >= 0 else 'W'}{abs(lon):03d}.hgt"
    (folder / name).write_bytes(values.tobytes())
    return folder / name


def geotiff(path: Path, values: NDArray[np.generic], affine: Affine, crs: str | None = "EPSG:4326", **tags) -> Path:
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1}
    with rasterio.open(path, "w", dtype=values.dtype, transform=affine, crs=crs, **profile, **tags) as file:
        file.write(values, 1)
    return path


def around(lon: float, lat: float, rows: int = 60, cols: int = 44, level: Level = Level.M250) -> GeoBox:
    """A part of the MODIS grid around a place."""
    whole = Tile(18, 4).geobox(level)
    x = np.radians(lon) * 6371007.181 * np.cos(np.radians(lat))
    y = np.radians(lat) * 6371007.181
    col, row = ~whole.affine * (x, y)
    return whole[int(row) - rows // 2 : int(row) + rows // 2, int(col) - cols // 2 : int(col) + cols // 2]


@pytest.mark.parametrize("level", [Level.M250, Level.KM1])
def test_a_slope_comes_out_exactly_where_it_is(tmp_path: Path, level: Level) -> None:
    grid = around(5.4, 44.6, level=level)
    got = open_elevation(hgt(tmp_path, 44, 5), grid)
    assert got.dtype == np.float32
    assert got.attrs["units"] == "m"
    error = got.values - plane(*lonlat(grid))
    # rounding to whole metres leaves 0.3 m at a post; a shift of one post would be more than 1 m
    assert np.abs(error).max() < 0.6
    assert abs(error.mean()) < 0.05


def test_joins_of_node_centred_tiles_leave_no_trace(tmp_path: Path) -> None:
    paths = [hgt(tmp_path, lat, lon) for lat in (44, 43) for lon in (4, 5)]
    grid = around(5.0, 44.0)
    got = open_elevation(paths, grid)
    assert np.abs(got.values - plane(*lonlat(grid))).max() < 0.6
    assert got.attrs["sources"] == ["N44E004.hgt", "N44E005.hgt", "N43E004.hgt", "N43E005.hgt"]


def test_joins_of_cell_centred_tiles_leave_no_trace(tmp_path: Path) -> None:
    paths = []
    for lat in (44, 43):
        for lon in (4, 5):
            c = (np.arange(1200) + 0.5) / 1200
            heights = plane(*np.meshgrid(lon + c, lat + 1 - c)).astype(np.float32)
            affine = Affine(1 / 1200, 0, lon, 0, -1 / 1200, lat + 1)
            paths.append(geotiff(tmp_path / f"N{lat}E{lon:03d}.tif", heights, affine))
    grid = around(5.0, 44.0)
    assert np.abs(open_elevation(paths, grid).values - plane(*lonlat(grid))).max() < 0.01


def test_files_of_another_raster_fill_up_and_the_first_wins(tmp_path: Path) -> None:
    fine = hgt(tmp_path, 44, 5)
    flat = np.full((300, 300), 77, dtype=np.int16)
    coarse = geotiff(tmp_path / "coarse.tif", flat, Affine(0.01, 0, 4.0, 0, -0.01, 46.0))
    grid = around(5.0, 44.5)
    lon, lat = lonlat(grid)
    got = open_elevation([fine, coarse], grid).values
    east, west = lon > 5.005, lon < 4.995
    assert np.abs(got - plane(lon, lat))[east].max() < 0.6
    assert np.all(got[west] == 77)
    assert np.all(open_elevation([coarse, fine], grid).values == 77)


@pytest.mark.parametrize("nodata", [None, -32768, -9999])
def test_voids_are_left_out_of_the_mean(tmp_path: Path, nodata: int | None) -> None:
    c = (np.arange(1200) + 0.5) / 1200
    values = np.round(plane(*np.meshgrid(5 + c, 45 - c))).astype(np.int16)
    values[400:520, 300:500] = nodata or -32768
    values[::17, ::13] = nodata or -32767
    path = geotiff(tmp_path / "d.tif", values, Affine(1 / 1200, 0, 5, 0, -1 / 1200, 45), nodata=nodata)
    grid = around(5.33, 44.6, 70, 90, Level.M250)
    lon, lat = lonlat(grid)
    got = open_elevation(path, grid).values
    hole = (lon > 5.2530) & (lon < 5.4140) & (lat > 44.5695) & (lat < 44.6640)
    assert np.isnan(got[hole]).all()
    rest = (lon < 5.2465) | (lon > 5.42) | (lat < 44.5635) | (lat > 44.67)
    assert hole.any()
    assert rest.any()
    # single voids move the centre of a cell a little; none of their values gets in
    assert np.abs(got - plane(lon, lat))[rest].max() < 25


def test_any_projected_grid_will_do_and_beyond_the_files_is_missing(tmp_path: Path) -> None:
    path = hgt(tmp_path, 44, 5)
    grid = GeoBox((50, 70), Affine(300, 0, 655_000, 0, -300, 4_987_000), "EPSG:32631")
    lon, lat = lonlat(grid)
    got = open_elevation(path, grid).values
    inside = (lon > 5.01) & (lon < 5.99) & (lat < 44.99)
    assert np.abs(got - plane(lon, lat))[inside].max() < 0.6
    assert np.isnan(got[lat > 45.01]).all()
    assert (lat > 45.01).any()


def test_southern_and_western_names(tmp_path: Path) -> None:
    values = np.full((1201, 1201), 12, dtype=">i2")
    values[:600] = 34  # the northern half
    (tmp_path / "S23W047.hgt").write_bytes(values.tobytes())
    tile = Tile(13, 11).geobox(Level.KM1)[220:380]
    lon, lat = lonlat(tile)
    got = open_elevation(tmp_path / "S23W047.hgt", tile).values
    assert np.all(got[(lat > -22.48) & (lat < -22.02) & (lon > -46.98) & (lon < -46.02)] == 34)
    assert np.all(got[(lat > -22.98) & (lat < -22.52) & (lon > -46.98) & (lon < -46.02)] == 12)
    assert np.isnan(got[(lat > -21.98) | (lat < -23.02) | (lon < -47.02) | (lon > -45.98)]).all()


def test_the_far_side_of_the_earth_has_no_seam(tmp_path: Path) -> None:
    paths = [hgt(tmp_path, -17, lon) for lon in (178, 179, -180)]  # posts at 180 degrees stand in two files
    for path, west in zip(paths, (178, 179, 180), strict=True):
        heights = plane(*np.meshgrid((west - 174) / 10 + np.arange(1201) / 12000, -16 - np.arange(1201) / 1200))
        path.write_bytes(np.round(heights + 95_000).astype(">i2").tobytes())
    grid = GeoBox((60, 80), Affine(250, 0, -10_000, 0, -250, -1_820_000), "+proj=tmerc +lon_0=180 +ellps=WGS84")
    lon, lat = lonlat(grid)
    expected = plane((np.mod(lon, 360) - 174) / 10, lat) + 95_000
    for given in (paths, paths[::-1]):
        got = open_elevation(given, grid)
        assert np.abs(got.values - expected).max() < 0.6
        assert set(got.attrs["sources"]) == {"S17E179.hgt", "S17W180.hgt"}


def test_what_was_inspected_is_not_opened_again_for_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [hgt(tmp_path, 44, lon) for lon in (4, 5)]
    grid = around(5.0, 44.5)
    expected = open_elevation(paths, grid).values
    tiles = [tile for path in paths for tile in inspect_elevation(path)]
    monkeypatch.setattr(elevation, "inspect_elevation", None)
    assert np.array_equal(open_elevation(tiles, grid).values, expected)


def test_one_arc_second_and_zip(tmp_path: Path) -> None:
    path = hgt(tmp_path, 44, 5, size=3601)
    grid = around(5.4, 44.6, 20, 30)
    plain = open_elevation(path, grid)
    assert np.abs(plain.values - plane(*lonlat(grid))).max() < 0.4
    packed = tmp_path / "N44E005.SRTMGL1.hgt.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, path.name)
    assert np.array_equal(open_elevation(packed, grid).values, plain.values)


def test_fine_and_coarse_grids_agree(tmp_path: Path) -> None:
    path = hgt(tmp_path, 44, 5)
    fine = around(5.4, 44.6, 40, 48)
    boxes = open_elevation(path, fine).values.reshape(10, 4, 12, 4).mean(axis=(1, 3))
    assert np.abs(open_elevation(path, coarsen(fine, 4)).values - boxes).max() < 0.2


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    good = hgt(tmp_path, 44, 5)
    grid = around(5.4, 44.6)
    (tmp_path / "ventoux.hgt").write_bytes(good.read_bytes())
    with pytest.raises(GranuleError, match="not named like"):
        open_elevation(tmp_path / "ventoux.hgt", grid)
    (tmp_path / "N44E006.hgt").write_bytes(good.read_bytes()[:-2])
    with pytest.raises(GranuleError, match="no SRTM tile has that size"):
        open_elevation([good, tmp_path / "N44E006.hgt"], grid)
    (tmp_path / "N44E007.hgt.zip").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(GranuleError, match="zip"):
        open_elevation(tmp_path / "N44E007.hgt.zip", grid)
    with pytest.raises(GranuleError, match="no such elevation file"):
        open_elevation(tmp_path / "N44E008.hgt", grid)
    (tmp_path / "x.tif").write_text("no image")
    with pytest.raises(GranuleError, match="cannot be opened"):
        open_elevation(tmp_path / "x.tif", grid)
    with pytest.raises(ArgumentError, match="No elevation file"):
        open_elevation([], grid)


def test_without_crs_or_elsewhere_is_refused(tmp_path: Path) -> None:
    values = np.ones((20, 30), dtype=np.int16)
    lost = geotiff(tmp_path / "lost.tif", values, Affine(0.01, 0, 5, 0, -0.01, 45), crs=None)
    with pytest.raises(GridError, match="no CRS"):
        open_elevation(lost, around(5.4, 44.6))
    away = geotiff(tmp_path / "away.tif", values, Affine(0.01, 0, 100, 0, -0.01, 45))
    with pytest.raises(SceneError, match=r"away\.tif: x 100 to 100\.3"):
        open_elevation(away, around(5.4, 44.6))


def test_a_cut_off_geotiff_is_refused_not_filled(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 3000, (1200, 1200)).astype(np.int16)
    path = geotiff(tmp_path / "d.tif", values, Affine(1 / 1200, 0, 5, 0, -1 / 1200, 45))
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(GranuleError, match=r"d\.tif"):
        open_elevation(path, around(5.5, 44.2))


def test_result_lies_on_the_grid(tmp_path: Path) -> None:
    grid = around(5.4, 44.6)
    got = open_elevation(hgt(tmp_path, 44, 5), grid)
    assert got.shape == tuple(grid.shape)
    assert got.x.values[0] == pytest.approx(grid.affine.c + grid.affine.a / 2)
    assert SINUSOIDAL.proj.to_wkt() == got.spatial_ref.attrs["crs_wkt"]
