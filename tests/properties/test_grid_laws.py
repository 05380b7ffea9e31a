"""Laws of the grid that hold for every size and place."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from srdanet.grid import (
    SINUSOIDAL,
    TILE_SIDE,
    Level,
    Nesting,
    Tile,
    coarsen,
    coordinates,
    lonlat,
    nesting,
    refine,
    tile_of,
    windows,
)

tiles = st.builds(Tile, st.integers(0, 35), st.integers(0, 17))
sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
factors = st.integers(1, 6)


@st.composite
def boxes(draw: st.DrawFn) -> GeoBox:
    cell = draw(st.floats(30, 2000))
    corner = draw(st.tuples(st.floats(-9e6, 9e6), st.floats(-9e6, 9e6)))
    return GeoBox(draw(sizes), Affine(cell, 0, corner[0], 0, -cell, corner[1]), SINUSOIDAL)


@given(tiles)
def test_tile_names_come_back(tile: Tile) -> None:
    assert Tile.parse(str(tile)) == tile


@settings(deadline=None)
@given(tiles, st.sampled_from(Level))
def test_a_tile_knows_itself_and_its_levels_nest(tile: Tile, level: Level) -> None:
    box = tile.geobox(level)
    assert tile_of(box) == tile
    assert nesting(tile.geobox(Level.KM6), box) == Nesting(6000 // level, 0, 0)
    assert nesting(tile.geobox(Level.KM1), tile.geobox(Level.M250)) == Nesting(4, 0, 0)


@given(tiles)
def test_neighbours_share_an_edge(tile: Tile) -> None:
    x, y = tile.corner
    if tile.h < 35:
        assert Tile(tile.h + 1, tile.v).corner == pytest.approx((x + TILE_SIDE, y), abs=1e-6)
    if tile.v < 17:
        assert Tile(tile.h, tile.v + 1).corner == pytest.approx((x, y - TILE_SIDE), abs=1e-6)


@settings(deadline=None)
@given(boxes(), factors)
def test_coarsen_undoes_refine(box: GeoBox, factor: int) -> None:
    fine = refine(box, factor)
    again = coarsen(fine, factor)
    assert again.shape == box.shape
    assert tuple(again.affine) == pytest.approx(tuple(box.affine), rel=1e-12)
    assert nesting(box, fine) == Nesting(factor, 0, 0)


@settings(deadline=None)
@given(boxes(), factors, st.data())
def test_nesting_finds_the_shift(box: GeoBox, factor: int, data: st.DataObject) -> None:
    fine = refine(box, factor)
    row, col = (data.draw(st.integers(0, n - 1)) for n in fine.shape)
    assert nesting(box, fine[row:, col:]) == Nesting(factor, -row, -col)


@given(sizes, st.integers(1, 15), st.integers(0, 5))
def test_windows_cover_each_cell_once_with_their_halo(shape: tuple[int, int], block: int, halo: int) -> None:
    image = np.arange(shape[0] * shape[1]).reshape(shape)
    seen = np.zeros(shape, int)
    for window in windows(shape, block, halo):
        seen[window.inner] += 1
        assert (image[window.outer][window.crop] == image[window.inner]).all()
        for inner, outer, size in zip(window.inner, window.outer, shape, strict=True):
            assert outer.start == max(0, inner.start - halo)
            assert outer.stop == min(size, inner.stop + halo)
    assert (seen == 1).all()


@given(sizes, st.integers(1, 15), st.integers(0, 5), factors)
def test_scaled_windows_are_the_same_ground(shape: tuple[int, int], block: int, halo: int, factor: int) -> None:
    fine = np.arange(shape[0] * shape[1]).reshape(shape).repeat(factor, 0).repeat(factor, 1)
    for window in windows(shape, block, halo):
        scaled = window.scaled(factor)
        assert (fine[scaled.outer][scaled.crop] == fine[scaled.inner]).all()
        assert fine[scaled.inner].shape == tuple((s.stop - s.start) * factor for s in window.inner)


@settings(deadline=None, max_examples=25)
@given(tiles.filter(lambda t: 2 <= t.v <= 15 and 12 <= t.h <= 23))
def test_lonlat_is_the_inverse_of_the_sinusoidal_formula(tile: Tile) -> None:
    box = tile.geobox(Level.KM6)[:7, 190:]
    x, y = (coordinates(box)[axis].values for axis in ("x", "y"))
    lon, lat = lonlat(box)
    radius = 6371007.181
    inside = np.abs(lon) < 180
    xs = radius * np.radians(lon) * np.cos(np.radians(lat))
    assert np.abs(np.where(inside, xs - x, 0)).max() < 1e-3
    assert np.abs(radius * np.radians(lat) - y[:, None]).max() < 1e-3
