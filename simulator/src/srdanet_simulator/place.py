"""Where a scene lies: its part of the tile, the fine grid with a margin, true metres and degrees on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError
from srdanet.grid import SPHERE_RADIUS, Level, Tile, refine
from srdanet_simulator.noise import Field, stream
from srdanet_simulator.parallel import each, strips

MARGIN = 2
"""1 km cells simulated around the scene, so that the point spread has something to blur."""
MIXED, PURE = 8, 4
"""Fine cells along a 1 km cell: twice as fine as 250 m, so that cells are mixed; 250 m in large scenes, for time."""
_LARGE = 320
"""Scenes of more 1 km cells a side than these are large."""


@dataclass(frozen=True)
class Place:
    """Where a scene lies."""

    tile: Tile
    offset: tuple[int, int]
    """Row and column of the scene's first 1 km cell in the tile."""
    box: GeoBox
    """The fine grid, margin included."""
    longitude: float
    """Of the scene's centre (degrees east)."""
    latitude: float

    @property
    def cell(self) -> float:
        """Side of a fine cell (m)."""
        return float(self.box.affine.a)

    @property
    def fine(self) -> int:
        """Fine cells along a 1 km cell."""
        return fine_of(self.box)

    @property
    def large(self) -> bool:
        """Whether country, climate and local time change across it."""
        return self.fine == PURE

    def metres(self) -> tuple[Field, Field]:
        """True metres eastward of the scene's middle meridian, and northward of the tile's upper edge."""
        east, north = _centres(self.box)
        # parcels and towns are laid out in true metres, not in the sheared ones of the sinusoidal grid
        middle = np.radians(self.longitude) * SPHERE_RADIUS * np.cos(north / SPHERE_RADIUS)
        x = np.empty((len(north), len(east)), np.float32)
        np.subtract(east[None, :], middle[:, None], out=x, casting="same_kind")
        y = (north - self.tile.corner[1]).astype(np.float32)
        return x, np.broadcast_to(y[:, None], x.shape)

    def degrees(self, rows: slice) -> tuple[Field, Field]:
        """Longitude and latitude (degrees) of some rows of fine cells."""
        east, north = _centres(self.box)
        latitude = north[rows, None] / SPHERE_RADIUS
        longitude = np.degrees(east[None, :] / SPHERE_RADIUS / np.cos(latitude)).astype(np.float32)
        return longitude, np.broadcast_to(np.degrees(latitude).astype(np.float32), longitude.shape)

    def lonlat_at(self, rows: NDArray[Any], cols: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Longitude and latitude (degrees) on a grid of places, in fine cells from the upper left corner, (y, x)."""
        a = self.box.affine
        latitude = ((a.f + a.e * rows) / SPHERE_RADIUS)[:, None]
        longitude = np.degrees((a.c + a.a * cols)[None, :] / SPHERE_RADIUS / np.cos(latitude))
        return longitude, np.broadcast_to(np.degrees(latitude), longitude.shape)

    def shear(self, rows: slice) -> float:
        """Metres westward along a row for each metre northward, in the middle of some rows."""
        x, y = self.box.affine * (self.box.shape[1] / 2, (rows.start + rows.stop) / 2)
        return float(x / SPHERE_RADIUS * np.tan(y / SPHERE_RADIUS))


def fine_of(box: GeoBox) -> int:
    """Fine cells along a 1 km cell of a fine grid."""
    return round(Level.KM1.metres / box.affine.a)


def grid_of(seed: int, size: int, tile: Tile, offset: tuple[int, int] | None = None) -> tuple[tuple[int, int], GeoBox]:
    """A scene's place without its fields: the offset in the tile, drawn from the seed where None, and the fine grid.

    Raises:
        ArgumentError: when the scene leaves the tile, the map, or lies poleward of 75 degrees.
    """
    if not 4 <= size <= Level.KM1.cells:
        raise ArgumentError(f"a scene cannot have {size} cells on a side", todo="Give 4 to 1200 cells of 1 km.")
    room = Level.KM1.cells - size
    if offset is None:
        rows, cols = stream(seed, "offset").integers(0, room + 1, 2)
        offset = int(rows), int(cols)
    if not (0 <= offset[0] <= room and 0 <= offset[1] <= room):
        raise ArgumentError(
            f"a scene of {size} cells at offset {offset} does not fit in the tile",
            todo=f"Give offsets from 0 to {room}.",
        )
    whole = tile.geobox(Level.KM1)
    around = GeoBox(
        (size + 2 * MARGIN,) * 2, whole.affine * Affine.translation(offset[1] - MARGIN, offset[0] - MARGIN), whole.crs
    )
    box = refine(around, MIXED if size <= _LARGE else PURE)
    east, north = _centres(box)
    middle = np.degrees(north[len(north) // 2] / SPHERE_RADIUS)
    rim = np.abs(east).max() / SPHERE_RADIUS / np.cos(np.abs(north).max() / SPHERE_RADIUS)
    if rim > np.pi or abs(middle) > 75:
        raise ArgumentError(
            f"offset {offset} in {tile} is outside the map or too close to a pole",
            todo="Choose another tile or offset.",
        )
    return offset, box


def _centres(box: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sinusoidal metres eastward of the columns and northward of the rows."""
    a = box.affine
    cols, rows = (np.arange(n) + 0.5 for n in (box.shape[1], box.shape[0]))
    return a.c + a.a * cols, a.f + a.e * rows


def locate(seed: int, size: int, tile: Tile, offset: tuple[int, int] | None) -> Place:
    """Find a scene's place; arguments and errors as in `grid_of`."""
    offset, box = grid_of(seed, size, tile, offset)
    east, north = _centres(box)
    middle = north[len(north) // 2] / SPHERE_RADIUS
    longitude, latitude = np.degrees(east[len(east) // 2] / SPHERE_RADIUS / np.cos(middle)), np.degrees(middle)
    return Place(tile, offset, box, float(longitude), float(latitude))


def inner(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """The scene without its margin, from cells `factor` times finer than 1 km."""
    cut = slice(MARGIN * factor, -MARGIN * factor)
    part = values[..., cut, cut]
    out = np.empty(part.shape, part.dtype)

    def copy(rows: slice) -> None:
        out[..., rows, :] = part[..., rows, :]

    each(copy, strips((part.shape[-2], part.shape[-1]), 1))
    return out
