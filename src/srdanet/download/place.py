"""Where data is wanted: MODIS tiles, and the degree cells of heights and the extents of weather that go with them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError
from srdanet.grid import GRID_LEFT, GRID_TOP, METRES_PER_DEGREE, TILE_SIDE, Level, Tile, lonlat
from srdanet.prepare.survey import Bounds, touch

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


def place_of_region(path: str | Path) -> Place:
    """The tiles that touch the extent of a GeoJSON file (WGS 84, as RFC 7946 has it).

    Raises:
        ArgumentError: when the file is not GeoJSON, or is in another CRS.
    """
    todo = "Give a GeoJSON file with longitudes and latitudes, such as QGIS exports in EPSG:4326."
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        crs = json.dumps(data.get("crs", "")) if isinstance(data, dict) else ""
        points = np.array(list(_positions(data)), np.float64)
    except (OSError, ValueError, TypeError, IndexError, RecursionError) as error:
        raise ArgumentError("is not a readable GeoJSON file", where=path, todo=todo) from error
    if not points.size or not np.isfinite(points).all():
        raise ArgumentError("holds no coordinates", where=path, todo=todo)
    if crs not in ('""', "") and not any(name in crs for name in ("CRS84", "4326")):
        raise ArgumentError("is not in longitude and latitude", where=path, todo=todo)
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    tiny = 1e-6  # a point has no extent
    try:
        return place_of_bounds(float(west) - tiny, float(south) - tiny, float(east) + tiny, float(north) + tiny)
    except ArgumentError as error:
        raise ArgumentError(error.what, where=path, todo=todo) from error


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


def _positions(value: Any) -> Iterator[tuple[float, float]]:
    """Longitude and latitude of every position in a GeoJSON object."""
    if isinstance(value, dict):
        parts: Iterable[Any] = [value[key] for key in ("features", "geometries", "geometry") if value.get(key)]
        for part in parts:
            yield from _positions(part)
        if "coordinates" in value:
            yield from _positions(value["coordinates"])
    elif isinstance(value, list):
        if value and all(isinstance(item, int | float) for item in value):
            yield float(value[0]), float(value[1])
        else:
            for item in value:
                yield from _positions(item)
