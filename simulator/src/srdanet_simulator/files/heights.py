"""Simulated terrain as SRTM tiles of 3 arc seconds (`.hgt`), void beyond the simulated land."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.grid import SPHERE_RADIUS, lonlat
from srdanet_simulator.noise import Field

POSTS = 1201
"""Posts along a side of a tile."""
_VOID = -32768
Corner = tuple[int, int]
"""Latitude and longitude (whole degrees) of a tile's lower left post."""


def srtm_tiles(scene: GeoBox, fine: GeoBox) -> dict[str, Corner]:
    """File names and corners of the SRTM tiles that touch a scene and have posts on the simulated land.

    Args:
        scene: The scene's grid.
        fine: The grid of the simulated heights, which reaches a little farther.
    """
    lon, lat = lonlat(scene)
    found = {}
    for south in range(int(np.floor(lat.min())), int(np.floor(lat.max())) + 1):
        for west in range(int(np.floor(lon.min())), int(np.floor(lon.max())) + 1):
            if _posts(fine, (south, west)) is not None:
                found[f"{'NS'[south < 0]}{abs(south):02d}{'EW'[west < 0]}{abs(west):03d}.hgt"] = south, west
    return found


def write_tile(path: Path, corner: Corner, elevation: Field, fine: GeoBox) -> None:
    """Write one tile: heights (m) on the grid `fine`, linear between its cells, rounded."""
    posts = np.full((POSTS, POSTS), _VOID, ">i2")
    part = _posts(fine, corner)
    if part is not None:
        lines, row, left, right = part
        share = np.arange(POSTS) / (POSTS - 1)
        col = left[:, None] + (right - left)[:, None] * share
        height = _between(elevation, row, col)
        posts[lines] = np.where(np.isfinite(height), np.round(height), _VOID)
    path.write_bytes(posts.tobytes())


def _between(elevation: Field, row: NDArray[np.float64], col: NDArray[np.float64]) -> Field:
    """Heights at lines of places between cells, bilinear; NaN off the grid.

    Args:
        elevation: (y, x) m.
        row: (n,) the row of each line, on the grid.
        col: (n, m) the columns of each line's places.
    """
    height, width = elevation.shape
    above = np.minimum(row.astype(np.int32), height - 2)
    left = np.clip(col, 0, width - 2).astype(np.int32)
    down, along = (row - above).astype(np.float32)[:, None], (col - left).astype(np.float32)
    # two rows become one before its cells are looked up
    first, last = int(left.min()), int(left.max()) + 2
    lines = elevation[above, first:last] * (1 - down) + elevation[above + 1, first:last] * down
    left -= first
    at = np.take_along_axis(lines, left, 1)
    at += along * (np.take_along_axis(lines, left + 1, 1) - at)
    at[(col < 0) | (col > width - 1)] = np.nan
    return at


def _posts(fine: GeoBox, corner: Corner) -> tuple[slice, np.ndarray, np.ndarray, np.ndarray] | None:
    """The lines of a tile that lie on the grid: which, their row, and the columns of their first and last post."""
    south, west = corner
    a = fine.affine
    rise = np.radians(south + 1 - np.arange(POSTS) / (POSTS - 1))
    row = (SPHERE_RADIUS * rise - a.f) / a.e - 0.5
    inside = np.flatnonzero((row >= 0) & (row <= fine.shape[0] - 1))
    if not inside.size:
        return None
    lines = slice(int(inside[0]), int(inside[-1]) + 1)
    scale = SPHERE_RADIUS * np.cos(rise[lines])
    left, right = ((scale * np.radians(west + side) - a.c) / a.a - 0.5 for side in (0, 1))
    step = (right - left) / (POSTS - 1)
    # posts stand at whole steps: there is one on the grid where a whole number lies between the grid's edges
    first = np.ceil(np.maximum(-left / step, 0))
    last = np.floor(np.minimum((fine.shape[1] - 1 - left) / step, POSTS - 1))
    return (lines, row[lines], left, right) if bool(np.any(first <= last)) else None
