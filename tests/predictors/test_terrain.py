"""Slopes in true east and north against hills that are formulas of longitude and latitude."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from srdanet.errors import GridError
from srdanet.grid import SINUSOIDAL, lonlat
from srdanet.predictors.terrain import gradient


def box_at(lon: float, lat: float, crs: CRS = SINUSOIDAL, cell: float = 231.656) -> GeoBox:
    """34 x 46 cells about a place."""
    geodetic = crs.proj.geodetic_crs
    x, y = Transformer.from_crs(geodetic, crs.proj, always_xy=True).transform(lon, lat)
    return GeoBox((34, 46), Affine(cell, 0, x - 23 * cell, 0, -cell, y + 17 * cell), crs)


def hill(box: GeoBox) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Elevation that is a formula of longitude and latitude, with its true rises to the east and north."""
    lon, lat = lonlat(box)
    u, v = np.radians(lon - lon.mean()), np.radians(lat - lat.mean())
    ellipsoid = box.crs.proj.geodetic_crs.ellipsoid
    a, b = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
    e2 = 1 - (b / a) ** 2
    w = 1 - e2 * np.sin(np.radians(lat)) ** 2
    meridian, parallel = a * (1 - e2) / w**1.5, a / w**0.5 * np.cos(np.radians(lat))
    z = 1000 + 3e5 * v + 2e5 * u + 4e7 * u * v - 3e7 * v**2
    return z, (2e5 + 4e7 * v) / parallel, (3e5 + 4e7 * u - 6e7 * v) / meridian


def bearing(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Degrees clockwise from true north."""
    return np.degrees(np.arctan2(east, north)) % 360


def turned(a: np.ndarray, b: np.ndarray) -> float:
    """Largest angle between two bearings."""
    return float(np.abs((a - b + 180) % 360 - 180).max())


GRIDS = {
    "45N 92E": box_at(92, 45),
    "45N 12E": box_at(12, 45),
    "38S 120W": box_at(-120, -38),
    "60N 150W": box_at(-150, 60),
    "60N 150E": box_at(150, 60),
    "45S 150E": box_at(150, -45),
    "8S 150W": box_at(-150, -8),
    "UTM 31N at its rim": box_at(5.9, 47, CRS("EPSG:32631"), 30),
    "UTM 55S at its rim": box_at(144.2, -35, CRS("EPSG:32755"), 30),
    "LAEA Europe in Finland": box_at(25, 62, CRS("EPSG:3035"), 100),
}


@pytest.mark.parametrize("place", GRIDS)
def test_rises_are_true(place: str) -> None:
    box = GRIDS[place]
    z, rise_e, rise_n = hill(box)
    east, north = gradient(z, box)
    inner = np.s_[1:-1, 1:-1]
    assert np.abs(east - rise_e)[inner].max() < 1e-6
    assert np.abs(north - rise_n)[inner].max() < 1e-6
    # One-sided at the rim; there an error of the bend grows with the shear of the map, twofold at 60N 150E.
    assert np.abs(east - rise_e).max() < 1.5e-3
    assert np.abs(north - rise_n).max() < 1.5e-3
    assert turned(bearing(-east, -north)[inner], bearing(-rise_e, -rise_n)[inner]) < 1e-3


def test_the_shear_matters() -> None:
    """The same rise to the north on the map's axes leans by tens of degrees at 45N 92E."""
    box = GRIDS["45N 92E"]
    z, rise_e, rise_n = hill(box)
    dz_dy, dz_dx = np.gradient(z, -231.656, 231.656)
    assert turned(bearing(-dz_dx, -dz_dy), bearing(-rise_e, -rise_n)) > 20


def test_plain_planes_by_the_compass() -> None:
    box = GeoBox((5, 6), Affine(100, 0, -250, 0, -100, 250), SINUSOIDAL)
    rows, cols = np.mgrid[0:5, 0:6]
    for z, facing in ((cols, 270.0), (-cols, 90.0), (rows, 0.0), (-rows, 180.0)):
        east, north = gradient(100.0 * z, box)
        assert np.hypot(east, north) == pytest.approx(np.ones(box.shape), abs=2e-5)
        assert turned(bearing(-east, -north), np.full(box.shape, facing)) < 0.01


def test_horn_s_weights() -> None:
    box = GeoBox((5, 7), Affine(100, 0, -350, 0, -100, 250), SINUSOIDAL)
    z = np.zeros((5, 7))
    z[2, 3] = 800.0
    east, north = gradient(z, box)
    assert east[1:4, 2] == pytest.approx([1, 2, 1], abs=1e-3)
    assert east[1:4, 4] == pytest.approx([-1, -2, -1], abs=1e-3)
    assert north[3, 2:5] == pytest.approx([1, 2, 1], abs=1e-3)
    assert north[2, 2:5] == pytest.approx([0, 0, 0], abs=1e-3)


def test_flat_ground_does_not_rise() -> None:
    for rise in gradient(np.full((34, 46), 250.0, np.float32), GRIDS["45N 92E"]):
        assert rise.dtype == np.float32
        assert (rise == 0).all()


def test_gaps_stay_and_do_not_spread() -> None:
    box = GRIDS["45N 12E"]
    z, rise_e, rise_n = hill(box)
    z[10:13, 20:22] = np.nan
    z[0, 5] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        east, north = gradient(z, box)
    assert (np.isnan(east) == np.isnan(z)).all()
    assert (np.isnan(north) == np.isnan(z)).all()
    assert np.nanmax(np.abs(east - rise_e)) < 1e-3
    assert np.nanmax(np.abs(north - rise_n)) < 1e-3


def test_lonely_cells_have_no_slope() -> None:
    z = np.full((34, 46), np.nan)
    z[4, 4], z[20, 10:13] = 100, (100, 120, 140)
    east, north = gradient(z, GRIDS["45N 12E"])
    assert np.isnan(east + north).all()


def test_grids_that_carry_no_slope() -> None:
    z = np.zeros((4, 5))
    degrees = GeoBox((4, 5), Affine(0.01, 0, 8, 0, -0.01, 47), CRS("EPSG:4326"))
    nowhere = GeoBox((4, 5), Affine(100, 0, 0, 0, -100, 0), None)
    other = GeoBox((5, 4), Affine(100, 0, 0, 0, -100, 0), SINUSOIDAL)
    for box in (degrees, nowhere, other):
        with pytest.raises(GridError):
            gradient(z, box)
