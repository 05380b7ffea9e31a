"""The MODIS grid against published corners; nesting, windows and coordinates."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError, GridError
from srdanet.grid import (
    SINUSOIDAL,
    SPHERE_RADIUS,
    TILE_SIDE,
    Level,
    Nesting,
    Tile,
    cell_size,
    coarsen,
    coordinates,
    geobox_of,
    lonlat,
    nesting,
    refine,
    same_crs,
    tile_of,
    windows,
)

GDAL_WKT = (
    'PROJCS["unnamed",GEOGCS["Unknown datum based upon the custom spheroid",'
    'DATUM["Not specified (based on custom spheroid)",SPHEROID["Custom spheroid",6371007.181,0]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Sinusoidal"],'
    'PARAMETER["longitude_of_center",0],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["Meter",1]]'
)


def small(height: int = 6, width: int = 8, cell: float = 900.0, x: float = 1000.0, y: float = 5000.0) -> GeoBox:
    return GeoBox((height, width), Affine(cell, 0, x, 0, -cell, y), SINUSOIDAL)


def image(box: GeoBox, **attrs: str) -> xr.DataArray:
    return xr.DataArray(np.zeros(box.shape), dims=("y", "x"), coords=coordinates(box), attrs=attrs)


def test_the_globe_is_36_by_18_tiles() -> None:
    half_turn = np.pi * SPHERE_RADIUS
    assert pytest.approx(2 * half_turn, abs=0.01) == 36 * TILE_SIDE
    assert Tile(0, 0).corner == pytest.approx((-half_turn, half_turn / 2), abs=0.01)


@pytest.mark.parametrize(
    ("name", "corner"),
    [
        ("h18v04", (0.0, 5559752.598333)),
        ("h26v05", (8895604.157333, 4447802.078667)),
        ("h11v05", (-7783653.637667, 4447802.078667)),
        ("h12v11", (-6671703.118000, -2223901.039333)),
    ],
)
def test_corners_as_in_structmetadata(name: str, corner: tuple[float, float]) -> None:
    assert Tile.parse(name).corner == pytest.approx(corner, abs=1e-5)
    assert str(Tile.parse(name)) == name


@pytest.mark.parametrize(
    ("level", "cells", "metres"),
    [(Level.KM1, 1200, 926.625433055833), (Level.M500, 2400, 463.312716527917), (Level.M250, 4800, 231.656358263958)],
)
def test_levels(level: Level, cells: int, metres: float) -> None:
    box = Tile(18, 4).geobox(level)
    assert tuple(box.shape) == (cells, cells)
    assert cell_size(box) == pytest.approx(metres, abs=1e-9)
    assert box.boundingbox.right - box.boundingbox.left == pytest.approx(TILE_SIDE, abs=1e-6)


def test_h18v04_covers_40_to_50_north_from_greenwich() -> None:
    lon, lat = lonlat(Tile(18, 4).geobox(Level.KM6))
    half = 10 / 200 / 2
    assert lat[0, 0] == pytest.approx(50 - half, abs=1e-6)
    assert lat[-1, 0] == pytest.approx(40 + half, abs=1e-6)
    assert lon.min() > 0
    # At the top right corner the tile's ten degrees of equator are stretched by 1 / cos(50).
    assert lon[0, -1] == pytest.approx((10 - half) / np.cos(np.radians(50 - half)), abs=1e-6)


@pytest.mark.parametrize("text", ["h18", "v04h18", "h18v04x", "h36v00", "h00v18", ""])
def test_no_such_tile(text: str) -> None:
    with pytest.raises(ArgumentError):
        Tile.parse(text)


def test_no_such_level() -> None:
    with pytest.raises(ArgumentError, match="300"):
        Tile(18, 4).geobox(300)


def test_errors_survive_pickling() -> None:
    error = GridError("what", where="here", todo="do this")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.todo, type(again)) == (str(error), "do this", GridError)


def test_tile_of_parts_and_strangers() -> None:
    box = Tile(18, 4).geobox(Level.M500)
    assert tile_of(box[2390:2400, 0:10]) == Tile(18, 4)
    assert tile_of(GeoBox((4, 4), box.affine * Affine.translation(-2, 0), SINUSOIDAL)) is None
    assert tile_of(GeoBox((4, 4), Affine(30, 0, 5e5, 0, -30, 5e6), CRS("EPSG:32631"))) is None


@pytest.mark.parametrize(
    "text",
    [
        "+proj=sinu +R=6371007.181",
        "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +a=6371007.181 +b=6371007.181 +units=m +no_defs",
        GDAL_WKT,
    ],
)
def test_the_modis_sphere_in_its_spellings(text: str) -> None:
    assert same_crs(CRS(text), SINUSOIDAL)


@pytest.mark.parametrize(
    "text",
    [
        "+proj=sinu +lon_0=0 +datum=WGS84 +units=m",
        "+proj=sinu +lon_0=10 +R=6371007.181",
        "+proj=sinu +R=6371007.181 +units=km",
        "+proj=sinu +R=6371007.181 +x_0=500",
        "EPSG:32631",
    ],
)
def test_other_grids_are_other_grids(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not same_crs(CRS(text), SINUSOIDAL)
        assert not same_crs(SINUSOIDAL, CRS(text))
        assert not same_crs(None, CRS(text))


def test_nesting_counts_fine_cells_to_the_coarse_corner() -> None:
    coarse = small()
    fine = refine(coarse, 4)
    assert nesting(coarse, fine) == Nesting(4, 0, 0)
    assert nesting(coarse[1:, 2:], fine) == Nesting(4, 4, 8)
    assert nesting(coarse, fine[5:, 3:]) == Nesting(4, -5, -3)


@pytest.mark.parametrize(
    "fine",
    [
        small(cell=900 / 2.5),
        small(cell=450, x=1000 + 200),
        small(cell=450, y=5000 + 225),
        small(cell=1800),
        GeoBox((4, 4), Affine(450, 0, 1000, 0, -450, 5000), CRS("EPSG:32631")),
        GeoBox((4, 4), Affine(450, 0, 1000, 0, 450, 1400), SINUSOIDAL),
        GeoBox((4, 4), Affine(450, 0, 1000, 0, -225, 5000), SINUSOIDAL),
        GeoBox((4, 4), Affine(450, 5, 1000, 5, -450, 5000), SINUSOIDAL),
    ],
    ids=["2.5 cells", "half east", "half north", "coarser", "other CRS", "south up", "oblong", "rotated"],
)
def test_what_does_not_nest(fine: GeoBox) -> None:
    with pytest.raises(GridError):
        nesting(small(), fine)


def test_a_drifting_ratio_is_refused_only_where_it_adds_up() -> None:
    near = Affine(450.001, 0, 1000, 0, -450.001, 5000)
    assert nesting(small(), GeoBox((12, 16), near, SINUSOIDAL)).factor == 2
    with pytest.raises(GridError):
        nesting(small(height=30_000), GeoBox((60_000, 16), near, SINUSOIDAL))


def test_coarsen_refuses_a_remainder() -> None:
    with pytest.raises(GridError, match="6 x 8"):
        coarsen(small(), 4)


def test_windows_are_cut_at_the_edge() -> None:
    first, *_, last = windows((10, 7), 4, 2)
    assert first.inner == (slice(0, 4), slice(0, 4))
    assert first.outer == (slice(0, 6), slice(0, 6))
    assert first.crop == (slice(0, 4), slice(0, 4))
    assert last.inner == (slice(8, 10), slice(4, 7))
    assert last.outer == (slice(6, 10), slice(2, 7))
    assert last.crop == (slice(2, 4), slice(2, 5))
    assert last.scaled(3).outer == (slice(18, 30), slice(6, 21))


@pytest.mark.parametrize(("block", "halo"), [(0, 0), (3, -1)])
def test_impossible_windows(block: int, halo: int) -> None:
    with pytest.raises(ArgumentError):
        list(windows((4, 4), block, halo))


def test_coordinates_are_cf_and_come_back() -> None:
    box = Tile(26, 5).geobox(Level.M250)[100:130, 7:48]
    data = image(box)
    again = geobox_of(data)
    assert again.shape == box.shape
    assert same_crs(again.crs, box.crs)
    assert tuple(again.affine) == pytest.approx(tuple(box.affine), abs=1e-6)
    assert data.x.attrs["standard_name"] == "projection_x_coordinate"
    assert data.spatial_ref.attrs["grid_mapping_name"] == "sinusoidal"


def test_crs_is_found_where_others_put_it() -> None:
    box = small()
    for attrs in ({"crs": GDAL_WKT}, {"crs_wkt": GDAL_WKT}):
        assert same_crs(geobox_of(image(box, **attrs).drop_vars("spatial_ref")).crs, SINUSOIDAL)
    named = image(box, grid_mapping="modis").rename(spatial_ref="modis")
    assert same_crs(geobox_of(named).crs, SINUSOIDAL)
    encoded = image(box).rename(spatial_ref="modis")
    encoded.encoding["grid_mapping"] = "modis"
    assert same_crs(geobox_of(encoded).crs, SINUSOIDAL)


def broken() -> dict[str, xr.DataArray]:
    whole = image(small())
    degrees = CRS("EPSG:4326").wkt
    return {
        "no crs": whole.drop_vars("spatial_ref"),
        "nonsense crs": whole.drop_vars("spatial_ref").assign_attrs(crs="nonsense"),
        "degrees": whole.drop_vars("spatial_ref").assign_attrs(crs=degrees),
        "no coordinates": whole.drop_vars(["x", "y"]),
        "other dimensions": whole.rename(x="lon", y="lat"),
        "south up": whole.isel(y=slice(None, None, -1)),
        "mirrored": whole.isel(x=slice(None, None, -1)),
        "uneven": whole.isel(x=[0, 1, 3, 4]),
        "one column": whole.isel(x=[0]),
        "standing still": whole.assign_coords(x=np.ones(8)),
    }


@pytest.mark.parametrize("case", broken())
def test_broken_grids_are_named(case: str) -> None:
    with pytest.raises(GridError, match="albedo"):
        geobox_of(broken()[case], name="albedo")


def test_lonlat_of_a_utm_grid() -> None:
    box = GeoBox((2, 3), Affine(100, 0, 499_850, 0, -100, 5_000_100), CRS("EPSG:32631"))
    lon, lat = lonlat(box)
    assert lon.shape == (2, 3)
    assert lon[0, 1] == pytest.approx(3.0, abs=1e-9)
    assert lon[0, 2] > lon[0, 0]
    assert lat[0, 0] > lat[1, 0]
    with pytest.raises(GridError):
        lonlat(GeoBox((2, 3), box.affine, None))
