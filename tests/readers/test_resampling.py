"""Laws of bringing images from grid to grid; pictures hold their own coordinates, so that no shift can hide."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from srdanet.errors import ArgumentError, GridError
from srdanet.grid import Level, Tile, coarsen, coordinates, geobox_of, lonlat
from srdanet.readers.resampling import corners, to_grid

DEGREES = CRS(4326)
WEST, MIDDLE, EAST = Tile(8, 5), Tile(18, 4), Tile(26, 5)


def image(place: GeoBox, values: NDArray[np.floating]) -> xr.DataArray:
    return xr.DataArray(values, dims=("y", "x"), coords=coordinates(place), name="picture")


def around(target: GeoBox, step: float, margin: float = 0.02) -> GeoBox:
    """A grid in degrees that covers a target."""
    lon, lat = corners(target, DEGREES)
    left, top = lon.min() - margin, lat.max() + margin
    shape = (int((top - lat.min() + margin) / step) + 1, int((lon.max() + margin - left) / step) + 1)
    return GeoBox(shape, Affine(step, 0, left, 0, -step, top), DEGREES)


def centres(place: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cols, rows = np.meshgrid(np.arange(place.shape[1]) + 0.5, np.arange(place.shape[0]) + 0.5)
    return place.affine * (cols, rows)


def in_target(source: GeoBox, target: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fractional (column, row) in the target of each source cell's centre."""
    transform = Transformer.from_crs(source.crs.proj, target.crs.proj, always_xy=True)
    return ~target.affine * transform.transform(*centres(source))


@pytest.mark.parametrize("tile", [WEST, MIDDLE, EAST])
@pytest.mark.parametrize(("how", "step"), [("mean", 0.0007), ("bilinear", 0.004), ("nearest", 0.0007)])
def test_coordinates_arrive_without_a_shift(tile: Tile, how: str, step: float) -> None:
    target = tile.geobox(Level.M250)[1000:1037, 2000:2023]
    source = around(target, step)
    truth = lonlat(target)
    for values, expected in zip(centres(source), truth, strict=True):
        off = values.mean()  # float32 holds degrees to 1e-5 only
        got = to_grid(image(source, values - off), target, how).values + off
        error = (got - expected) / step
        limit = {"mean": 0.25, "bilinear": 0.01, "nearest": 0.51}[how]
        assert np.abs(error).max() < limit, "more than the method's own grain"
        assert abs(error.mean()) < (0.1 if how == "nearest" else 0.02), "a shift of a fraction of a source cell"


@pytest.mark.parametrize("tile", [WEST, MIDDLE, EAST])
def test_mean_covers_the_true_sheared_cell_and_no_other(tile: Tile) -> None:
    target = tile.geobox(Level.KM1)[600:611, 700:707]
    source = around(target, 0.0008)
    col, row = in_target(source, target)
    mask = (np.floor(col) == 4) & (np.floor(row) == 6)
    got = to_grid(image(source, mask.astype(float)), target).values
    area = abs(np.linalg.det([[np.diff(c, axis=a)[0, 0] for a in (0, 1)] for c in (col, row)]))
    assert got[6, 4] > 0.9
    assert got.sum() == pytest.approx(mask.sum() * area, abs=0.03)


@pytest.mark.parametrize("tile", [WEST, EAST])
def test_mean_agrees_with_counting_points_into_cells(tile: Tile) -> None:
    target = tile.geobox(Level.KM1)[600:611, 700:707]
    source = around(target, 0.0002)
    noise = np.random.default_rng(3).normal(300, 5, source.shape)
    col, row = in_target(source, target)
    inside = (col >= 0) & (col < 7) & (row >= 0) & (row < 11)
    index = (row[inside].astype(int), col[inside].astype(int))
    total, count = np.zeros((11, 7)), np.zeros((11, 7))
    np.add.at(total, index, noise[inside])
    np.add.at(count, index, 1)
    error = to_grid(image(source, noise), target).values - total / count
    assert error.std() < 0.4 * (total / count).std()


@settings(deadline=None, max_examples=25)
@given(
    value=st.floats(-1e4, 1e4, width=32),
    row=st.integers(0, 4700),
    col=st.integers(0, 4700),
    how=st.sampled_from(["mean", "nearest", "bilinear", "mode"]),
    step=st.sampled_from([0.0009, 0.003, 0.011]),
)
def test_a_constant_stays_constant(value: float, row: int, col: int, how: str, step: float) -> None:
    target = MIDDLE.geobox(Level.M250)[row : row + 11, col : col + 7]
    source = around(target, step, margin=0.05)
    got = to_grid(image(source, np.full(source.shape, value)), target, how).values
    assert np.allclose(got, np.float32(value), rtol=1e-6)


def test_nested_grids_are_averaged_exactly_and_keep_their_mean() -> None:
    fine = MIDDLE.geobox(Level.M250)[40:88, 60:96]
    values = np.random.default_rng(1).normal(300, 4, fine.shape)
    for factor in (2, 3, 4):
        got = to_grid(image(fine, values), coarsen(fine, factor)).values
        boxes = values.reshape(48 // factor, factor, 36 // factor, factor).mean(axis=(1, 3))
        assert np.allclose(got, boxes, atol=1e-4)


def test_half_of_a_cell_must_be_valid() -> None:
    fine = MIDDLE.geobox(Level.M250)[0:8, 0:12]
    values = np.arange(96.0).reshape(8, 12)
    values[0:2, 0:4] = np.nan  # 8 of 16 valid
    values[4:7, 4:7] = np.nan  # 7 of 16 valid
    got = to_grid(image(fine, values), coarsen(fine, 4)).values
    assert got[0, 0] == pytest.approx(values[2:4, 0:4].mean())
    assert np.isnan(got[1, 1])
    assert np.isfinite(got).sum() == 5


def test_the_class_that_covers_most_wins() -> None:
    fine = MIDDLE.geobox(Level.M250)[0:8, 0:12]
    classes = np.full((8, 12), 5.0)
    classes[0:3, 0:3] = 12  # 9 of 16
    classes[4:7, 8:11] = np.nan  # 7 valid
    got = to_grid(image(fine, classes), coarsen(fine, 4), "mode").values
    expected = np.array([[12, 5, 5], [5, 5, np.nan]])
    assert np.array_equal(got, expected, equal_nan=True)


def test_bilinear_ignores_missing_neighbours() -> None:
    place = MIDDLE.geobox(Level.KM1)[0:6, 0:5]
    values = np.full((6, 5), 290.0)
    values[2, 2] = np.nan
    got = to_grid(image(place, values), MIDDLE.geobox(Level.M250)[0:24, 0:20], "bilinear").values
    assert np.nanmin(got) == np.nanmax(got) == 290.0
    assert np.isnan(got[9:11, 9:11]).all()
    assert np.isnan(got).sum() < 16


def test_images_across_the_antimeridian_are_found() -> None:
    target = Tile(35, 8).geobox(Level.KM1)[1150:1180, 1170:1199]
    lon, lat = lonlat(target)
    place = GeoBox((80, 100), Affine(0.02, 0, -180.9, 0, -0.02, float(lat.max()) + 0.3), DEGREES)
    x, _ = centres(place)  # -180.9 to -178.9, that is 179.1 E to 178.9 W
    got = to_grid(image(place, x), target, "bilinear").values
    assert np.abs(got - (lon - 360)).max() < 1e-3


def test_an_image_elsewhere_is_refused() -> None:
    place = around(EAST.geobox(Level.KM1)[0:9, 0:9], 0.01)
    with pytest.raises(GridError, match="outside the target grid"):
        to_grid(image(place, np.ones(place.shape)), WEST.geobox(Level.KM1)[0:9, 0:9])
    with pytest.raises(ArgumentError, match="cubic"):
        to_grid(image(place, np.ones(place.shape)), WEST.geobox(Level.KM1)[0:9, 0:9], "cubic")  # type: ignore[arg-type]


def test_a_cloudy_image_at_the_right_place_is_no_error() -> None:
    target = MIDDLE.geobox(Level.KM1)[0:9, 0:7]
    place = around(target, 0.01)
    values = np.full(place.shape, np.nan)
    values[0, 0] = 290
    assert np.isnan(to_grid(image(place, values), target).values).all()


def test_place_of_wants_coordinates_crs_and_north_up() -> None:
    good = image(MIDDLE.geobox(Level.KM1)[3:9, 2:9], np.zeros((6, 7)))
    assert geobox_of(good, degrees=True).affine.almost_equals(MIDDLE.geobox(Level.KM1)[3:9, 2:9].affine, 1e-6)
    with pytest.raises(GridError, match="north to south"):
        geobox_of(good[::-1], degrees=True)
    with pytest.raises(GridError, match="no CRS"):
        geobox_of(good.drop_vars("spatial_ref"), degrees=True)
    with pytest.raises(GridError, match="no y and x coordinates"):
        geobox_of(good.drop_vars("x"), degrees=True)
    with pytest.raises(GridError, match="at least two cells"):
        geobox_of(good[:1], degrees=True)
