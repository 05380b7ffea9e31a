"""What terrain around a place hides of it: the low sun, and part of the sky.

The horizon's height is found by marching outward over the terrain, in steps that grow with
the distance. Sources: horizons and shadows, Dozier & Frew 1990 (IEEE Transactions on
Geoscience and Remote Sensing 28), whose equation 7b gives the view of the sky.
"""

from __future__ import annotations

import numpy as np

from srdanet_simulator.noise import Field

DIRECTIONS = 12
"""Azimuths in which the horizon is known: 0, 30, ... degrees from north."""
REACH = 12e3
"""How far (m) terrain is looked for; a summit 1000 m higher is then 5 degrees high."""
_GROWTH = 1.35
"""Each step outward lies so many times farther than the one before."""
_SOFT = 0.025
"""Tangent over which a shadow's edge fades: the sun's disc, and cells that are part in the shade."""


def horizons(height: Field, cell: float, shear: float = 0.0, strip: slice | None = None) -> Field:
    """Height of the horizon around each cell.

    Args:
        height: (y, x) m; beyond its edge the land is as high as at the edge.
        cell: Side of a cell (m).
        shear: Metres westward along a row for each metre northward, as on the sinusoidal
            grid, where it is the longitude from the central meridian (radians) times the
            sine of the latitude.
        strip: Rows whose horizons are asked for; all when None.

    Returns:
        (direction, y, x) float32: tangent of the horizon's elevation, 0 and more.
    """
    strip = strip or slice(0, len(height))
    here = height[strip]
    rows, cols = here.shape
    out = np.zeros((DIRECTIONS, rows, cols), np.float32)
    steps = _steps(cell)
    pad = int(np.ceil(steps[-1] * (1 + abs(shear)))) + 1
    near = np.clip(np.arange(strip.start - pad, strip.stop + pad), 0, len(height) - 1)
    around = np.pad(height[near], ((0, 0), (pad, pad)), mode="edge")
    rise = np.empty_like(here)
    for n, best in enumerate(out):
        azimuth = 2 * np.pi * n / DIRECTIONS
        seen = set()
        for step in steps:
            north, east = step * np.cos(azimuth), step * np.sin(azimuth)
            down, right = round(-north), round(east - shear * north)
            if (down, right) in seen or (down, right) == (0, 0):
                continue
            seen.add((down, right))
            there = around[pad + down : pad + down + rows, pad + right : pad + right + cols]
            np.subtract(there, here, out=rise)
            # the way in true metres, the grid's shear taken back
            rise *= np.float32(1 / (cell * np.hypot(down, right - shear * down)))
            np.maximum(best, rise, out=best)
    return out


def _steps(cell: float) -> list[float]:
    """Distances (cells) from 1 to the reach."""
    count = max(1, int(np.log(max(REACH / cell, 1.0)) / np.log(_GROWTH)) + 1)
    return [float(_GROWTH**n) for n in range(count)]


def sky_view(horizon: Field, east: Field, north: Field) -> Field:
    """Share of the sky's diffuse light that reaches a slope, 0-1.

    Args:
        horizon: (direction, y, x) tangent of the horizon's elevation.
        east: Rise of the slope towards east, (y, x).
        north: Rise towards north.

    Returns:
        (y, x) float32; 1 in a plain, (1 + cos(slope)) / 2 on an endless slope.
    """
    total = np.zeros(east.shape, np.float32)
    for n, tangent in enumerate(horizon):
        azimuth = 2 * np.pi * n / DIRECTIONS
        # sinS cos(azimuth - aspect) over cosS: the slope's fall in that direction
        fall = -(np.float32(np.sin(azimuth)) * east + np.float32(np.cos(azimuth)) * north)
        square = tangent * tangent
        zenith = np.float32(np.pi / 2) - np.arctan(tangent)
        total += 1 / (1 + square) + fall * (zenith - tangent / (1 + square))
    total /= DIRECTIONS * np.sqrt(1 + east * east + north * north)
    return np.clip(total, 0, 1, out=total)


def sunlit(horizon: Field, zenith: float, azimuth: float) -> Field:
    """Share of the beam that clears the horizon, 0-1.

    Args:
        horizon: (direction, ...) tangent of the horizon's elevation.
        zenith: Of the sun (degrees); from 90 on nothing is lit.
        azimuth: Of the sun (degrees from north).
    """
    turn = (azimuth % 360) / 360 * DIRECTIONS
    before = int(turn) % DIRECTIONS
    share = np.float32(turn - int(turn))
    tangent = horizon[before] + share * (horizon[(before + 1) % DIRECTIONS] - horizon[before])
    if zenith >= 90:
        return np.zeros_like(tangent)
    sun = np.float32(min(1 / np.tan(np.radians(max(zenith, 1e-3))), 1e3))
    return np.asarray(np.clip((sun - tangent) / np.float32(_SOFT) + np.float32(0.5), 0, 1), dtype=np.float32)
