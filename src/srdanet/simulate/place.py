"""Where a scene lies: its part of the tile, the fine grid with a margin, and true metres on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError
from srdanet.grid import SPHERE_RADIUS, Level, Tile, refine
from srdanet.simulate.noise import Field, stream

MARGIN = 2
"""1 km cells simulated around the scene, so that the point spread has something to blur."""
FINE = 8
"""Fine cells along a 1 km cell: twice as fine as 250 m, so that cells are mixed."""


@dataclass(frozen=True)
class Place:
    """Where a scene lies. Fields are (y, x) on the fine grid."""

    tile: Tile
    offset: tuple[int, int]
    """Row and column of the scene's first 1 km cell in the tile."""
    box: GeoBox
    """The fine grid, margin included."""
    longitude: float
    """Of the scene's centre (degrees east)."""
    latitude: float
    x: Field
    """True metres eastward of the scene's middle meridian."""
    y: Field
    """Metres northward of the tile's upper edge."""

    @property
    def cell(self) -> float:
        """Side of a fine cell (m)."""
        return float(self.box.affine.a)


def locate(seed: int, size: int, tile: Tile, offset: tuple[int, int] | None) -> Place:
    """Find a scene's place; a seed draws the offset where none is given.

    Raises:
        ArgumentError: when the scene leaves the tile, the map, or lies poleward of 75 degrees.
    """
    if not 4 <= size <= Level.KM1.cells:
        raise ArgumentError(f"a scene of {size} cells a side", todo="give 4 to 1200 cells of 1 km")
    room = Level.KM1.cells - size
    if offset is None:
        rows, cols = stream(seed, "offset").integers(0, room + 1, 2)
        offset = int(rows), int(cols)
    if not (0 <= offset[0] <= room and 0 <= offset[1] <= room):
        raise ArgumentError(f"a scene of {size} cells at {offset} leaves the tile", todo=f"0 to {room} fit")
    whole = tile.geobox(Level.KM1)
    around = GeoBox(
        (size + 2 * MARGIN,) * 2, whole.affine * Affine.translation(offset[1] - MARGIN, offset[0] - MARGIN), whole.crs
    )
    box = refine(around, FINE)
    a = box.affine
    cols, rows = (np.arange(n) + 0.5 for n in (box.shape[1], box.shape[0]))
    east, north = a.c + a.a * cols, a.f + a.e * rows
    middle = north[len(north) // 2] / SPHERE_RADIUS
    longitude, latitude = np.degrees(east[len(east) // 2] / SPHERE_RADIUS / np.cos(middle)), np.degrees(middle)
    rim = np.abs(east).max() / SPHERE_RADIUS / np.cos(np.abs(north).max() / SPHERE_RADIUS)
    if rim > np.pi or abs(latitude) > 75:
        raise ArgumentError(f"{tile} at {offset} lies beyond the map or too near a pole", todo="choose another tile")
    corner = tile.corner
    # parcels and towns are laid out in true metres, not in the sheared ones of the sinusoidal grid
    meridian = np.radians(longitude) * SPHERE_RADIUS
    x = east[None, :] - meridian * np.cos(north / SPHERE_RADIUS)[:, None]
    y = np.broadcast_to((north - corner[1])[:, None], x.shape)
    return Place(tile, offset, box, float(longitude), float(latitude), x.astype(np.float32), y.astype(np.float32))


def inner(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """The scene without its margin, from cells `factor` times finer than 1 km."""
    cut = slice(MARGIN * factor, -MARGIN * factor)
    return np.ascontiguousarray(values[..., cut, cut])
