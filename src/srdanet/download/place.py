"""Where data is wanted: MODIS tiles, and the degree cells of heights and the extents of weather that go with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError
from srdanet.grid import GRID_LEFT, GRID_TOP, METRES_PER_DEGREE, TILE_SIDE, Level, Tile, lonlat
from srdanet.prepare.survey import Bounds, touch
from srdanet.readers.places import read_regions, together

_SPACING = 0.05
"""Degrees between the points that are looked at to find the tiles of an extent."""
_MOST_POINTS = 2000
"""Along one side of it."""
_INSET = 0.01
"""Cells of 6 km by which a tile is shrunk, so that degree cells which only share its edge do not count."""
HEIGHTS_MARGIN = 0.2
"""Degrees of heights beyond the bounds, for slopes and the horizon."""


@dataclass(frozen=True)
class Place:
    """What ground is wanted."""

    tiles: tuple[Tile, ...]
    bounds: Bounds | None = None
    """West, south, east, north (degrees); None for the whole of the tiles. East is beyond 180 where they cross it."""

    def __post_init__(self) -> None:
        if not self.tiles:
            raise ArgumentError("no MODIS tile lies there", where=self.bounds, todo="Check longitude and latitude.")


def place_of_bounds(west: float, south: float, east: float, north: float) -> Place:
    """The tiles that touch an extent.

    Args:
        west: Degrees east; greater than `east` where the extent crosses 180 degrees.
        south: Degrees north.
        east: Degrees east.
        north: Degrees north.

    Raises:
        ArgumentError: when the numbers are not an extent.
    """
    where = f"{west:g},{south:g},{east:g},{north:g}"
    if not all(map(math.isfinite, (west, south, east, north))) or not -90 <= south < north <= 90:
        raise ArgumentError("is not an extent", where=where, todo="Give west,south,east,north in degrees.")
    if west > east:
        east += 360
    if not (-180 <= west <= 180 and west < east <= west + 360):
        raise ArgumentError("is not an extent", where=where, todo="Give longitudes from -180 to 180 degrees.")
    lat = _points(south, north)
    lon = np.mod(_points(west, east) + 180, 360) - 180
    lon, lat = np.meshgrid(lon, lat)
    x, y = METRES_PER_DEGREE * lon * np.cos(np.radians(lat)), METRES_PER_DEGREE * lat
    h = np.clip((x - GRID_LEFT) // TILE_SIDE, 0, 35).astype(int)
    v = np.clip((GRID_TOP - y) // TILE_SIDE, 0, 17).astype(int)
    found = np.unique(np.stack([h.ravel(), v.ravel()], 1), axis=0)
    return Place(tuple(Tile(int(a), int(b)) for a, b in found), (west, south, east, north))


def place_of_region(path: Path) -> Place:
    """The tiles that touch the extent of the polygons of a GeoJSON file, as `readers.places.read_regions` reads them.

    Raises:
        GranuleError: when the file cannot be read or holds no polygon.
        ArgumentError: when they do not lie on the Earth.
    """
    box = together(read_regions(path)).boundingbox
    try:
        return place_of_bounds(box.left, box.bottom, box.right, box.top)
    except ArgumentError as error:
        raise ArgumentError(error.what, where=path, todo="Correct its coordinates.") from error


def degree_cells(place: Place) -> frozenset[tuple[int, int]]:
    """South-west corners (latitude, longitude) of the degree cells that touch a place."""
    cells: set[tuple[int, int]] = set()
    for tile in place.tiles:
        grid = tile.geobox(Level.KM6)
        # Corners of cells, not centres, since the tile counts up to its edge.
        side = grid.shape[0]
        inside = (
            Affine.translation(_INSET, _INSET) * Affine.scale(1 - 2 * _INSET / side) * Affine.translation(-0.5, -0.5)
        )
        frame = GeoBox((side + 1, side + 1), grid.affine * inside, grid.crs)
        lon, lat = lonlat(frame)
        on = np.isfinite(lon) & np.isfinite(lat)
        corners = np.floor(np.stack([lat[on], (lon[on] + 180) % 360 - 180], 1)).astype(int)
        cells |= {(int(south), int(west)) for south, west in np.unique(corners, axis=0)}
    if place.bounds is None:
        return frozenset(cells)
    west, south, east, north = place.bounds
    m = HEIGHTS_MARGIN
    wanted = (west - m, south - m, east + m, north + m)
    return frozenset(cell for cell in cells if touch((cell[1], cell[0], cell[1] + 1, cell[0] + 1), wanted))


def _points(first: float, last: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    count = min(_MOST_POINTS, max(2, math.ceil((last - first) / _SPACING) + 1))
    return np.linspace(first, last, count)
