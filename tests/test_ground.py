"""Grids on the ground: their size in metres, the parts of one that another covers, axes in other units."""

from __future__ import annotations

import math

import numpy as np
import pytest
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.errors import GridError
from srdanet.grid import (
    METRES_PER_DEGREE,
    SINUSOIDAL,
    Level,
    Tile,
    cell_at,
    cell_size,
    centre,
    coordinates,
    grid_of_centres,
    ground_cell,
    ground_scale,
    in_metres,
    lonlat,
    metres_per_unit,
    part_over,
    refine,
    true_to_ground,
)

UTM, DEGREES, MERCATOR = CRS("EPSG:32631"), CRS("EPSG:4326"), CRS("EPSG:3857")
FEET, KILOMETRES = CRS("EPSG:2263"), CRS("+proj=utm +zone=31 +datum=WGS84 +units=km")


def box(crs: CRS | None = UTM, *, shape: tuple[int, int] = (6, 9), cell: float = 900.0, x: float, y: float) -> GeoBox:
    return GeoBox(shape, Affine(cell, 0, x, 0, -cell, y), crs)


def mercator_at(latitude: float) -> GeoBox:
    y = 6378137 * math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2))
    return box(MERCATOR, cell=100, x=400_000 - 450, y=y + 350)


@pytest.mark.parametrize("latitude", [0.0, 24.0, 60.0, -60.0])
def test_a_metre_of_web_mercator_shrinks_with_latitude(latitude: float) -> None:
    # The cell in the middle; 6 x 9 cells of 100 m. The sphere of the map against WGS 84: up to 0.7 %.
    assert ground_scale(mercator_at(latitude)) == pytest.approx(math.cos(math.radians(latitude)), rel=7e-3)
    assert true_to_ground(mercator_at(latitude)) == (abs(latitude) < 25)


def test_metres_of_equal_area_and_utm_are_true() -> None:
    assert ground_scale(Tile(21, 3).geobox(Level.KM1)) == pytest.approx(1, abs=1e-3)
    assert ground_scale(box(x=500_000, y=5_000_000)) == pytest.approx(1 / 0.9996, abs=1e-5)
    off_the_globe = box(SINUSOIDAL, x=0, y=20_000_000)
    assert math.isnan(ground_scale(off_the_globe))
    assert true_to_ground(off_the_globe)
    with pytest.raises(GridError, match="CRS"):
        ground_scale(box(None, x=0, y=0))


def test_a_degree_is_that_of_latitude() -> None:
    assert pytest.approx(111_194.9, abs=1) == METRES_PER_DEGREE
    assert metres_per_unit(DEGREES) == METRES_PER_DEGREE
    assert metres_per_unit(UTM) == metres_per_unit(None) == 1
    assert ground_cell(box(DEGREES, cell=0.25, x=3, y=50)) == pytest.approx(27_798.7, abs=1)
    assert ground_cell(box(cell=250, x=0, y=0)) == 250


def test_cells_are_square_and_north_up() -> None:
    for affine in (
        Affine(900, 1, 0, 0, -900, 0),
        Affine(900, 0, 0, 1, -900, 0),
        Affine(-900, 0, 0, 0, -900, 0),
        Affine(900, 0, 0, 0, 900, 0),
        Affine(-0.25, 0, 0, 0, -0.25, 0),
        Affine(0.25, 0, 0, 0, 0.25, 0),
        Affine(900, 0, 0, 0, -900.01, 0),
        Affine(900, 0, 0, 0, -899.99, 0),
    ):
        with pytest.raises(GridError):
            cell_size(GeoBox((2, 2), affine, UTM))
    assert cell_size(GeoBox((2, 2), Affine(900, 0, 0, 0, -900.000001, 0), UTM)) == 900


@pytest.mark.parametrize(
    ("rows", "cols"), [((0, 6), (0, 9)), ((2, 5), (1, 4)), ((5, 6), (8, 9)), ((-3, 2), (4, 20)), ((5, 9), (-2, 1))]
)
def test_the_part_over_another_grid(rows: tuple[int, int], cols: tuple[int, int]) -> None:
    base = box(x=1800, y=54_000)
    size = rows[1] - rows[0], cols[1] - cols[0]
    coarse = box(shape=size, x=1800 + 900 * cols[0], y=54_000 - 900 * rows[0])
    fine = refine(base, 3)
    assert part_over(coarse, fine) == (
        slice(max(0, rows[0]) * 3, min(6, rows[1]) * 3),
        slice(max(0, cols[0]) * 3, min(9, cols[1]) * 3),
    )


@pytest.mark.parametrize(("row", "col"), [(6, 0), (-2, 0), (0, 9), (0, -3), (60, 90)])
def test_all_of_a_grid_beside_another(row: int, col: int) -> None:
    base = box(x=1800, y=54_000)
    coarse = box(shape=(2, 3), x=1800 + 900 * col, y=54_000 - 900 * row)
    assert part_over(coarse, refine(base, 2)) == (slice(0, 12), slice(0, 18))
    assert part_over(coarse, box(DEGREES, cell=1, x=0, y=50)) == (slice(0, 6), slice(0, 9))


def test_a_place_lies_in_its_cell() -> None:
    grid = box(shape=(5, 8), x=400_000, y=4_990_000)
    lon, lat = lonlat(grid)
    for row, col in np.ndindex(5, 8):
        assert cell_at(grid, lon[row, col], lat[row, col]) == (row, col)
    wide = box(shape=(7, 10), x=400_000 - 900, y=4_990_000 + 900)
    lon, lat = lonlat(wide)
    outside = [(r, c) for r, c in np.ndindex(7, 10) if cell_at(grid, lon[r, c], lat[r, c]) is None]
    assert outside == [(r, c) for r, c in np.ndindex(7, 10) if r in (0, 6) or c in (0, 9)]


@pytest.mark.parametrize(("shape", "row", "col"), [((5, 8), 2, 4), ((4, 7), 2, 3), ((1, 1), 0, 0)])
def test_the_centre_is_the_cell_in_the_middle(shape: tuple[int, int], row: int, col: int) -> None:
    grid = box(shape=shape, x=400_000, y=4_990_000)
    lon, lat = lonlat(grid)
    assert centre(grid) == (lon[row, col], lat[row, col])


@pytest.mark.parametrize(("crs", "metres"), [(KILOMETRES, 1000.0), (FEET, 1200 / 3937)])
def test_a_crs_in_other_units_has_a_twin_in_metres(crs: CRS, metres: float) -> None:
    twin, factor, notes = in_metres(crs)
    assert factor == pytest.approx(metres, rel=1e-9)
    assert [unit.unit_name for unit in twin.proj.axis_info] == ["metre", "metre"]
    assert len(notes) == 1
    assert in_metres(UTM) == (UTM, 1.0, [])
    assert in_metres(DEGREES) == (DEGREES, 1.0, [])
    own = box(crs, cell=2, x=300, y=5000)
    grid, said = grid_of_centres(*centres(own), crs)
    assert said == notes
    for here, there in zip(lonlat(own), lonlat(grid), strict=True):
        assert np.allclose(here, there, atol=1e-9, rtol=0)


def centres(grid: GeoBox, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    held = coordinates(grid)
    return held["y"].values.astype(dtype), held["x"].values.astype(dtype)


def test_axes_that_state_kilometres() -> None:
    grid = box(cell=900, x=400_000, y=4_990_000)
    y, x = centres(grid)
    found, notes = grid_of_centres(y / 1000, x / 1000, UTM, ("km", "km"))
    assert found.shape == grid.shape
    assert tuple(found.affine) == pytest.approx(tuple(grid.affine))
    assert notes == ["the axes are in km: brought to metres"]
    assert grid_of_centres(y, x, UTM, ("m", "metres"))[1] == []
    mixed, _ = grid_of_centres(y, x / 1000, UTM, ("m", "km"))
    assert tuple(mixed.affine) == pytest.approx(tuple(grid.affine))


@pytest.mark.parametrize(
    ("crs", "units"), [(UTM, ("degrees", "")), (DEGREES, ("m", "m")), (KILOMETRES, ("m", "m")), (UTM, ("m", "K"))]
)
def test_units_that_contradict_the_crs(crs: CRS, units: tuple[str, str]) -> None:
    with pytest.raises(GridError, match="tides"):
        grid_of_centres(np.arange(4.0)[::-1], np.arange(5.0), crs, units, name="tides")


def test_longitudes_run_on_over_the_date_line() -> None:
    found, _ = grid_of_centres(np.array([10.0, 9.0]), np.array([178.5, 179.5, -179.5, -178.5]), DEGREES)
    assert tuple(found.affine)[:6] == pytest.approx((1, 0, 178, 0, -1, 10.5))
    with pytest.raises(GridError, match="evenly"):
        grid_of_centres(np.array([10.0, 9.0]), np.array([178.5, 179.5, -179.5, -178.5]), UTM)


@pytest.mark.parametrize("cell", [0.1, 0.25, 1 / 240, 0.05])
@pytest.mark.parametrize("shape", [(2, 2), (31, 44), (300, 500)])
def test_single_precision_in_degrees_gives_the_grid_that_was_rounded(cell: float, shape: tuple[int, int]) -> None:
    grid = box(DEGREES, shape=shape, cell=cell, x=5.5, y=47.0)
    found, _ = grid_of_centres(*centres(grid, "float32"), DEGREES)
    assert tuple(found.affine)[:6] == pytest.approx(tuple(grid.affine)[:6], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("level", [Level.KM1, Level.M500, Level.M250])
@pytest.mark.parametrize("start", [(0, 0), (77, 613)])
def test_single_precision_of_modis_gives_its_lattice(level: Level, start: tuple[int, int]) -> None:
    row, col = start
    grid = Tile(18, 4).geobox(level)[row : row + 200, col : col + 300]
    found, _ = grid_of_centres(*centres(grid, "float32"), SINUSOIDAL)
    assert tuple(found.affine)[:6] == pytest.approx(tuple(grid.affine)[:6], rel=1e-9, abs=1e-4)


def test_whole_numbers_are_taken_as_they_are() -> None:
    y, x = 9_000_000 - 15 * np.arange(4), 600_000 + 15 * np.arange(5)
    found, _ = grid_of_centres(y, x, UTM)
    assert tuple(found.affine)[:6] == (15, 0, 599_992.5, 0, -15, 9_000_007.5)


def test_no_simpler_number_is_taken_than_single_precision_allows() -> None:
    grid = box(DEGREES, shape=(3, 5), cell=0.25, x=5.1234045, y=7.0)
    found, _ = grid_of_centres(*centres(grid, "float32"), DEGREES)
    assert found.affine.c == pytest.approx(5.1234045, abs=6e-8)


def test_double_precision_is_taken_as_it_is() -> None:
    grid = box(cell=900.123456789, x=400_000.333333333, y=4_990_000.777777777)
    found, _ = grid_of_centres(*centres(grid), UTM)
    assert tuple(found.affine)[:6] == pytest.approx(tuple(grid.affine)[:6], rel=1e-12)


@pytest.mark.parametrize("uneven", [[0.0, 1.0, 2.05], [0.0, 0.0, 0.0], [0.0, np.nan, 2.0], [1.0], []])
def test_axes_without_an_even_spacing_are_refused(uneven: list[float]) -> None:
    with pytest.raises(GridError, match=r"tides\.x"):
        grid_of_centres(np.array([1.0, 0.0]), np.array(uneven), UTM, name="tides")
    almost = np.array([0.0, 1.0, 2.005])
    assert grid_of_centres(np.array([1.0, 0.0]), almost, UTM)[0].shape == (2, 3)


def test_coordinates_say_what_they_are() -> None:
    metres, degrees = coordinates(box(x=0, y=0)), coordinates(box(DEGREES, cell=0.1, x=0, y=50))
    assert [metres[axis].attrs["units"] for axis in "yx"] == ["m", "m"]
    assert [metres[axis].attrs["standard_name"] for axis in "yx"] == [f"projection_{axis}_coordinate" for axis in "yx"]
    assert [degrees[axis].attrs["units"] for axis in "yx"] == ["degrees_north", "degrees_east"]
    assert [degrees[axis].attrs["standard_name"] for axis in "yx"] == ["latitude", "longitude"]
    assert [degrees[axis].attrs["axis"] for axis in "yx"] == ["Y", "X"]
    assert metres["spatial_ref"].attrs["GeoTransform"].split() == ["0.0", "900.0", "0.0", "0.0", "0.0", "-900.0"]
    assert coordinates(box(None, x=0, y=0))["spatial_ref"].attrs["spatial_ref"] == ""


@pytest.mark.parametrize("across", [-0.5, 0.0])
def test_small_cells_that_run_westward_are_turned_over(across: float) -> None:
    with pytest.raises(GridError, match="turned over"):
        cell_size(GeoBox((4, 4), Affine(across, 0, 0, 0, -0.5, 0), CRS("EPSG:32631")))
