"""Pixels on a swath: where they lie, what they see, and how they come into the cells of the grid.

MODIS scans across its track, ten lines at a time. Its pixels measure 1 km below the
satellite and 4.8 by 2 km at the edge, where scans overlap (the bow tie). While a pixel
is read the mirror moves on by one pixel, so that the response along the scan is a
triangle two pixels wide; across it is a box. Sources: Wolfe et al. 2002 (Remote
Sensing of Environment 83); Nishihama et al. 1997 (MODIS level 1A geolocation ATBD);
gridding, Wolfe, Roy & Vermote 1998 (IEEE TGRS 36).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

from srdanet.arrays import Float64
from srdanet.grid import SPHERE_RADIUS, Level
from srdanet.predictors.overpass import lean
from srdanet_simulator.noise import Field
from srdanet_simulator.parallel import around, each, strips

_RADIUS, _HEIGHT = SPHERE_RADIUS / 1000.0, 705.0
_FRAME = 1.0 / _HEIGHT
"""Angle (radians) from pixel to pixel: 1 km at nadir."""
_EDGE = np.radians(55.0)
"""Scan angle at the edge of the swath."""
_LINES = 10
"""Lines of a scan, 1 km each below the satellite; scans follow one another every 10 km."""
_ORBITS = 14.57
"""In a day."""
_CELL = Level.KM1.metres / 1000.0
_ALONG, _ACROSS = 8, 4
"""Places looked at in a pixel's response."""
_TOGETHER = 1 << 15
"""Pixels that look at the land at a time, in the processor's cache."""


def track(latitude: float, longitude: float, ascending: bool) -> tuple[float, float]:
    """How the orbit and the sinusoidal grid lie to each other.

    Args:
        latitude: Of the scene (degrees).
        longitude: Degrees east.
        ascending: Whether the satellite flies northward (Terra by night, Aqua by day).

    Returns:
        Direction of the track's line (radians, clockwise from north), and the metres eastward on the ground that go
        with a metre up a column of the grid, for columns are no meridians.
    """
    return float(lean(latitude, ascending=ascending)), float(np.radians(longitude) * np.sin(np.radians(latitude)))


def draw_angle(rng: np.random.Generator, latitude: float) -> float:
    """View zenith angle (degrees, with its sign): a scene lies anywhere between the tracks of two orbits."""
    half = min(np.pi * _RADIUS * np.cos(np.radians(latitude)) / _ORBITS, 0.95 * _across(_EDGE))
    return float(np.degrees(_zenith(_scan(rng.uniform(-half, half, 1)))[0]))


@dataclass(frozen=True)
class Swath:
    """How scans lie over a scene. Places are km from the scene's middle, x along rows and y up columns."""

    middle: float
    """Distance of the scene's middle from the track (km), negative to the left."""
    lean: float
    """See `track`."""
    shear: float
    phase: tuple[float, float]
    """Shares of a frame and of a scan by which these lie off nadir and off the scene's middle."""

    @classmethod
    def over(cls, shape: tuple[int, int], angle: float, way: tuple[float, float], phase: tuple[float, float]) -> Swath:
        """A swath that covers a scene.

        Args:
            shape: Rows and columns of the 1 km grid.
            angle: View zenith angle at the scene's middle (degrees); less where the swath would end in the scene.
            way: See `track`; columns lean less where a scene is so large that no swath would cover it.
            phase: See `Swath`.
        """
        high, wide = (side * _CELL / 2 for side in shape)
        room = _across(_EDGE) - wide - high * abs(np.sin(way[0]))
        shear = float(np.clip(way[1], -0.9 * room / high, 0.9 * room / high))
        room -= high * abs(shear)
        zenith = np.radians(angle)
        middle = _RADIUS * (zenith - np.arcsin(_RADIUS / (_RADIUS + _HEIGHT) * np.sin(zenith)))
        return cls(float(np.clip(middle, -room, room)), way[0], shear, phase)

    def coordinates(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Distance from the track, and along it (km)."""
        east, cos, sin = x + self.shear * y, np.cos(self.lean), np.sin(self.lean)
        return self.middle + east * cos - y * sin, y * cos + east * sin

    def places(self, across: Float64, along: Float64) -> tuple[Float64, Float64]:
        """Where a distance from the track, and one along it, lies: x and y; undoes `coordinates`."""
        east, cos, sin = across - self.middle, np.cos(self.lean), np.sin(self.lean)
        y = along * cos - east * sin
        return east * cos + along * sin - self.shear * y, y


@dataclass(frozen=True)
class Pixels:
    """The pixels over a scene, (line, frame)."""

    swath: Swath
    scan: int
    """Number of the first scan."""
    frame: int
    """Number of the first frame."""
    x: Float64
    """Centres (km)."""
    y: Float64
    length: Float64
    """Along the scan (km), (frame,)."""
    width: Float64
    """Across the scan (km), (frame,)."""


def lay(swath: Swath, shape: tuple[int, int]) -> Pixels:
    """All pixels that touch a scene of so many rows and columns of 1 km."""
    high, wide = (side * _CELL / 2 for side in shape)
    corners = np.array(list(product((-wide, wide), (-high, high))))
    across, along = swath.coordinates(corners[:, 0], corners[:, 1])
    frames = np.arange(*_around(_scan(across) / _FRAME - swath.phase[0], 2))
    scans = np.arange(*_around(along / _LINES - swath.phase[1], 1))
    scan = np.asarray((frames + swath.phase[0]) * _FRAME, np.float64)
    away = (_RADIUS + _HEIGHT) * np.cos(scan) - np.sqrt(_RADIUS**2 - ((_RADIUS + _HEIGHT) * np.sin(scan)) ** 2)
    width = _FRAME * away
    lines = (np.arange(_LINES) - (_LINES - 1) / 2)[:, None] * width
    along = (_LINES * (scans + swath.phase[1]))[:, None, None] + lines
    x, y = swath.places(_across(scan), along.reshape(-1, frames.size))
    return Pixels(swath, int(scans[0]), int(frames[0]), x, y, width / np.cos(_zenith(scan)), width)


def see(pixels: Pixels, truth: Field, emissivity: Field, cell: float, off: tuple[float, float]) -> Float64:
    """Temperature (K) of the mean exitance in each pixel's response: (line, frame).

    Args:
        pixels: The pixels.
        truth: (y, x) K on a fine grid over the scene; its edges go on beyond it.
        emissivity: (y, x) 0-1.
        cell: Fine cell (km).
        off: Error of the geolocation along x and y (km).
    """
    height, width = truth.shape
    # what lies between the places looked at counts as well: a box so long has 0.29 of it as standard deviation
    gap = 0.29 * 2 / _ALONG * float(np.median(pixels.length)) / cell
    sigma = 0.5, max(0.5, gap)
    warm, shine = np.empty(truth.shape, np.float32), np.empty(truth.shape, np.float32)

    def blur(rows: slice) -> None:
        wide, own = around(rows, 2, height)
        emitted = emissivity[wide] * (truth[wide] / np.float32(300)) ** 4
        for field, out in ((emitted, warm), (emissivity[wide], shine)):
            out[rows] = ndimage.gaussian_filter(field, sigma, mode="nearest", truncate=3)[own]

    each(blur, strips((height, width), 1))
    # what a kilometre along the scan, and one across it, is in x and in y
    right, up = pixels.swath.places(pixels.swath.middle + np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    seen = np.empty(pixels.x.shape)

    def look(lines: slice) -> None:
        col = (pixels.x[lines] + off[0]) / cell + (width - 1) / 2
        row = (height - 1) / 2 - (pixels.y[lines] + off[1]) / cell
        energy, weight = np.zeros(col.shape), np.zeros(col.shape)
        for u, v in product((np.arange(_ALONG) + 0.5) * 2 / _ALONG - 1, (np.arange(_ACROSS) + 0.5) / _ACROSS - 0.5):
            ahead, aside = u * pixels.length / cell, v * pixels.width / cell
            i = np.clip(np.rint(row - ahead * up[0] - aside * up[1]), 0, height - 1)
            j = np.clip(np.rint(col + ahead * right[0] + aside * right[1]), 0, width - 1)
            there = (i * width + j).astype(np.intp)
            energy += (1 - abs(u)) * warm.take(there)
            weight += (1 - abs(u)) * shine.take(there)
        seen[lines] = 300.0 * (energy / weight) ** 0.25

    each(look, strips((len(seen), len(pixels.length)), 1, _TOGETHER))
    return seen


def at(pixels: Pixels, field: Field) -> Field:
    """What a field on the 1 km grid has in the cell each pixel's middle lies in, or the nearest: (line, frame)."""
    height, width = field.shape
    row = np.clip(np.rint((height - 1) / 2 - pixels.y / _CELL), 0, height - 1).astype(np.intp)
    col = np.clip(np.rint(pixels.x / _CELL + (width - 1) / 2), 0, width - 1).astype(np.intp)
    return np.asarray(field[row, col])


def cells(pixels: Pixels, values: Float64, shape: tuple[int, int], points: int) -> tuple[Float64, Float64]:
    """Bring pixels into the cells of the 1 km grid.

    Args:
        pixels: The pixels.
        values: Theirs, (line, frame).
        shape: Rows and columns of the 1 km grid.
        points: 1 for the nearest pixel; more: so many a side inside each cell, each of which takes the pixel that
            lies over it, so that the mean weighs pixels by the area they share with the cell.

    Returns:
        Mean of each cell's pixels, and its view zenith angle (degrees, with its sign), (y, x).
    """
    swath = pixels.swath
    y, x = np.meshgrid(*(_CELL * (np.arange(side) - (side - 1) / 2) for side in shape), indexing="ij")
    across, along = swath.coordinates(x, -y)
    frame, along = _scan(across) / _FRAME - swath.phase[0], along - _LINES * swath.phase[1]
    length = pixels.length[np.rint(frame).astype(np.intp) - pixels.frame]
    steps = _CELL * ((np.arange(points) + 0.5) / points - 0.5)
    total = np.zeros(shape)
    for dx, dy in product(steps, steps):
        ahead, aside = (a - b for a, b in zip(swath.coordinates(dx, dy), (swath.middle, 0.0), strict=True))
        col = np.rint(frame + ahead / length).astype(np.intp) - pixels.frame
        # where scans overlap, the one whose middle is nearer
        scan = np.rint((along + aside) / _LINES)
        line = np.rint((along + aside - _LINES * scan) / pixels.width[col] + (_LINES - 1) / 2)
        row = (_LINES * (scan - pixels.scan) + np.clip(line, 0, _LINES - 1)).astype(np.intp)
        total += values[row, col]
    return total / points**2, np.degrees(_zenith((frame + swath.phase[0]) * _FRAME))


def _zenith(scan: Float64) -> Float64:
    """View zenith angle (radians) of a scan angle."""
    return np.asarray(np.arcsin((_RADIUS + _HEIGHT) / _RADIUS * np.sin(scan)))


def _across(scan: Float64) -> Float64:
    """Distance from the track (km) of a scan angle (radians)."""
    return _RADIUS * (_zenith(scan) - scan)


def _scan(across: Float64) -> Float64:
    """Scan angle (radians) at a distance from the track (km)."""
    arc = across / _RADIUS
    return np.asarray(np.arctan2(np.sin(arc), (_RADIUS + _HEIGHT) / _RADIUS - np.cos(arc)))


def _around(numbers: Float64, margin: int) -> tuple[int, int]:
    """First and last number (exclusive) that go round all of these."""
    return int(np.floor(numbers.min())) - margin, int(np.ceil(numbers.max())) + margin + 1
