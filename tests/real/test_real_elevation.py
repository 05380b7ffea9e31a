"""Real SRTM files, against means made independently on the grid of the ASTER pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.grid import SINUSOIDAL, Level, Tile, lonlat
from srdanet.readers.elevation import open_elevation

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
