"""Real SRTM files, against means made independently on the grid of the ASTER pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy.interpolate import RegularGridInterpolator

from srdanet.grid import SINUSOIDAL, Level, Tile, lonlat
from srdanet.readers.elevation import inspect_elevation, open_elevation

SIZE = Level.M250.metres


def pair(folder: Path, index: int) -> tuple[GeoBox, NDArray[np.floating], NDArray[np.uint8]]:
    """Grid, elevation (m, mean of 6 x 6 points in each cell) and its source for one ASTER pair."""
    with np.load(folder / "sif-modis-aster-h18v04/aligned_train.npz") as places:
        affine = Affine(SIZE, 0, places["x0"][index], 0, -SIZE, places["y0"][index])
    with np.load(folder / "sif-modis-aster-h18v04/elevation_250m_train.npz") as made:
        heights, source = made["elevation"][index].astype(float), made["source"][index]
    return GeoBox((252, 252), affine, SINUSOIDAL), np.where(heights == -32768, np.nan, heights), source


def best_shift(a: NDArray[np.floating], b: NDArray[np.floating]) -> tuple[int, int]:
    """By how many cells b must be moved to fit a best."""
    moves = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return min(moves, key=lambda m: np.nanstd((a - np.roll(b, m, (0, 1)))[2:-2, 2:-2]))


@pytest.mark.parametrize("index", [3, 30])
def test_srtm1_in_utm(shared_data: Path, index: int) -> None:
    grid, truth, source = pair(shared_data, index)
    got = open_elevation(shared_data / "dem/srtm1_cevennes_utm31.tif", grid).values
    known = source == 3
    error = (got - truth)[known]
    assert known.sum() > 10_000
    assert np.isfinite(error).all()
    assert abs(error.mean()) < 0.05
    assert error.std() < 0.6
    assert best_shift(got, np.where(known, truth, np.nan)) == (0, 0)


@pytest.mark.parametrize("index", [8, 23, 52])
def test_many_cell_centred_tiles(shared_data: Path, index: int) -> None:
    grid, truth, source = pair(shared_data, index)
    tiles = sorted((shared_data / "dem/fg_tin_3s_DERIVED").glob("N*.tif"))
    got = open_elevation(tiles, grid)
    assert 1 <= len(got.attrs["sources"]) < len(tiles)
    error = (got.values - truth)[source == 1]
    assert abs(error.mean()) < 0.05
    assert error.std() < 1.2
    assert best_shift(got.values, truth) == (0, 0)


def test_hgt_against_an_independent_model(shared_data: Path) -> None:
    whole = Tile(18, 4).geobox(Level.M250)
    lon, lat = lonlat(whole.zoom_out(8))
    inside = (lon > 5.01) & (lon < 5.99) & (lat > 44.01) & (lat < 44.99)
    rows, cols = np.nonzero(inside)
    grid = whole[8 * rows.min() : 8 * rows.max(), 8 * cols.min() : 8 * cols.max()]
    srtm = open_elevation(shared_data / "dem/N44E005.hgt", grid).values
    other = open_elevation(shared_data / "dem/fg_tin_3s_DERIVED/N44E005.tif", grid).values
    difference = srtm - other
    assert np.isfinite(difference).mean() > 0.8
    assert abs(np.nanmean(difference)) < 1
    assert np.nanstd(difference) == pytest.approx(12.6, abs=1.5)  # 12.6 m when the model was made
    assert best_shift(srtm, other) == (0, 0)


def test_tagged_voids_and_untagged_files(shared_data: Path) -> None:
    whole = Tile(18, 4).geobox(Level.KM1)[340:490, 570:930]
    alps = open_elevation([shared_data / "dem/SRTM3_N46E008.tif", shared_data / "dem/srtm_oetztal.tif"], whole)
    lon, lat = lonlat(whole)
    tile = (lon > 8.02) & (lon < 8.98) & (lat > 46.02) & (lat < 46.98)
    # 7.2 % of the posts are void; a cell is kept while half of it is known
    assert 0.928 < np.isfinite(alps.values[tile]).mean() < 0.98
    assert 190 < np.nanmin(alps.values) < np.nanmax(alps.values) < 4400
    peak = np.unravel_index(np.nanargmax(np.where(lon > 10, alps.values, np.nan)), alps.shape)
    assert lon[peak] == pytest.approx(10.9, abs=0.2)
    assert set(alps.attrs["sources"]) == {"SRTM3_N46E008.tif", "srtm_oetztal.tif"}


def cell_means(path: Path, grid: GeoBox, cells: NDArray[np.intp], points: int) -> NDArray[np.floating]:
    """Mean height of some cells (row, column), slowly: each of points x points places is projected by itself."""
    with rasterio.open(path) as file:
        heights = file.read(1, masked=True).astype(float).filled(np.nan)
        transform, crs = file.transform, file.crs
    rows, cols = (np.arange(n) + 0.5 for n in heights.shape)
    known = np.where((heights >= -500) & (heights <= 9000), heights, np.nan)
    at = RegularGridInterpolator((rows, cols), known, bounds_error=False)
    inside = (np.arange(points) + 0.5) / points
    y, x = (cells[:, axis, None, None] + inside.reshape(shape) for axis, shape in ((0, (-1, 1)), (1, (1, -1))))
    ground = grid.affine * np.broadcast_arrays(x, y)
    col, row = ~transform * Transformer.from_crs(grid.crs.proj, crs.to_wkt(), always_xy=True).transform(*ground)
    return np.asarray(at((row, col)).mean(axis=(1, 2)))


@pytest.mark.parametrize(
    ("name", "level", "centre", "points"),
    [
        ("N44E005.hgt", Level.M250, (5.5, 44.5), 4),
        ("N44E005.hgt", Level.KM1, (5.5, 44.5), 15),
        ("SRTM3_N46E008.tif", Level.M250, (8.5, 46.5), 4),
        ("srtm1_cevennes_utm31.tif", Level.M250, (3.8, 44.2), 8),
    ],
)
def test_heights_are_means_over_the_true_cells(
    shared_data: Path, name: str, level: Level, centre: tuple[float, float], points: int
) -> None:
    """At one point for each post along a cell the two agree to centimetres, at many more to 2 m."""
    path = shared_data / "dem" / name
    whole = Tile(18, 4).geobox(level)
    col, row = ~whole.affine * Transformer.from_crs(4326, SINUSOIDAL.proj, always_xy=True).transform(*centre)
    half = {Level.M250: 150, Level.KM1: 30}[level]
    grid = whole[int(row) - half : int(row) + half, int(col) - half : int(col) + half]
    cells = np.random.default_rng(7).integers(0, 2 * half, (400, 2))
    got = open_elevation(inspect_elevation(path), grid).values[cells[:, 0], cells[:, 1]]
    for along, limit in ((points, 0.1), (3 * points, 2)):
        truth = cell_means(path, grid, cells, along)
        error = (got - truth)[np.isfinite(truth)]
        assert error.size > 100
        assert abs(error.mean()) < 0.05
        assert np.abs(error).max() < limit, along
