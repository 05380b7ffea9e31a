"""Lines on a map in its own grid: the graticule, and the coast.

The coastline is Natural Earth's (1:50 million, public domain), stored in hundredths of a degree. It is true to a few
kilometres, so that it is drawn only on maps wide enough not to show that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from srdanet.grid import ground_cell

COAST_FROM = 200_000.0
"""Narrowest map (m) on which the coast is drawn."""
_STEPS = (30.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)


@dataclass(frozen=True)
class Line:
    """One line, in cells of the grid from its upper-left corner; parts lie beyond the grid's edge."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    text: str = ""
    """Its meridian or parallel."""


def graticule(geobox: GeoBox, about: int = 4) -> list[Line]:
    """Meridians and parallels of round degrees, about `about` of each.

    Args:
        geobox: The grid of the map.
        about: How many lines to aim at.

    Returns:
        Nothing for a grid without a CRS.
    """
    if geobox.crs is None:
        return []
    lon, lat = _edge(geobox)
    if not np.isfinite(lon).all() or np.ptp(lon) > 180:
        return []
    spread = max(float(np.ptp(lat)), 1e-6)
    step = next((s for s in _STEPS if spread / s >= about - 1), _STEPS[-1])
    wide = max(float(np.ptp(lon)), 1e-6)
    step_lon = next((s for s in _STEPS if wide / s >= about - 1), _STEPS[-1])
    meridians, parallels = _round(lon, step_lon), _round(lat, step)
    along_lat = np.linspace(max(-90.0, lat.min() - step), min(90.0, lat.max() + step), 65)
    along_lon = np.linspace(lon.min() - step_lon, lon.max() + step_lon, 65)
    lines = [_line(geobox, np.full(65, value), along_lat, _degrees(value, "EW")) for value in meridians]
    return lines + [_line(geobox, along_lon, np.full(65, value), _degrees(value, "NS")) for value in parallels]


def coast(geobox: GeoBox) -> list[Line]:
    """The coastline around the grid; nothing for maps narrower than `COAST_FROM`, and for grids without a CRS."""
    if geobox.crs is None or min(geobox.shape) * ground_cell(geobox) < COAST_FROM:
        return []
    lon, lat = _edge(geobox)
    if not np.isfinite(lon).all() or np.ptp(lon) > 180:
        return []
    margin = 1.0
    found = []
    for x, y in _coastline():
        beyond = x.max() < lon.min() - margin or x.min() > lon.max() + margin
        if beyond or y.max() < lat.min() - margin or y.min() > lat.max() + margin:
            continue
        near = (x > lon.min() - margin) & (x < lon.max() + margin) & (y > lat.min() - margin) & (y < lat.max() + margin)
        # A line that leaves the map and comes back is cut where it is away.
        for run in np.split(np.arange(x.size), np.flatnonzero(np.diff(near.astype(np.int8))) + 1):
            if near[run[0]] and run.size > 1:
                found.append(_line(geobox, x[run], y[run]))
    return found


def _edge(geobox: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of the grid's rim and of its middle lines."""
    height, width = geobox.shape
    cols, rows = np.meshgrid(np.linspace(0, width, 17), np.linspace(0, height, 17))
    a = geobox.affine
    lon, lat = to_degrees(geobox).transform(a.c + a.a * cols, a.f + a.e * rows)
    return np.asarray(lon), np.asarray(lat)


def to_degrees(geobox: GeoBox) -> Transformer:
    """From the grid's metres to longitude and latitude on its own sphere or ellipsoid."""
    return _transformers(str(geobox.crs))


@cache
def _transformers(crs: str) -> Transformer:
    from odc.geo.crs import CRS

    projected = CRS(crs).proj
    return Transformer.from_crs(projected, projected.geodetic_crs, always_xy=True)


def _line(geobox: GeoBox, lon: NDArray[np.float64], lat: NDArray[np.float64], text: str = "") -> Line:
    x, y = to_degrees(geobox).transform(lon, lat, direction="INVERSE")
    a = geobox.affine
    cols, rows = (np.asarray(x) - a.c) / a.a, (np.asarray(y) - a.f) / a.e
    fine = np.isfinite(cols) & np.isfinite(rows)
    return Line(cols[fine], rows[fine], text)


def _round(values: NDArray[np.float64], step: float) -> list[float]:
    first, last = int(np.ceil(values.min() / step)), int(np.floor(values.max() / step))
    return [round(k * step, 6) for k in range(first, last + 1)]


def _degrees(value: float, sides: str) -> str:
    side = "" if value == 0 else sides[0] if value > 0 else sides[1]
    return f"{abs(value):g}°{' ' if side else ''}{side}"


@cache
def _coastline() -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
    """Longitude and latitude (degrees) of each line."""
    with as_file(files("srdanet.product").joinpath("coastline.npz")) as path, np.load(path) as stored:
        points, lengths = stored["hundredths"] / 100.0, stored["lengths"]
    return tuple((part[:, 0], part[:, 1]) for part in np.split(points, np.cumsum(lengths)[:-1]))
