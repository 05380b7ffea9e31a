"""Rise of the terrain towards true east and north, from elevation on any projected grid.

A map's axes are not east and north. On the sinusoidal sphere (x = R l cos p, y = R p; l longitude from the central
meridian, p latitude, radians) the chain rule along a parallel and along a meridian gives

    dz/dE = dz/dx        dz/dN = dz/dy - l sin(p) dz/dx

which turns aspects by tens of degrees at the rim. Other projections differ by the convergence of their meridians and
their scale, which PROJ knows.
"""

from __future__ import annotations

import numpy as np
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Proj
from scipy.ndimage import map_coordinates

from srdanet.arrays import Float64, Floats
from srdanet.errors import GridError
from srdanet.grid import SINUSOIDAL, SPHERE_RADIUS, cell_size, same_crs

_NODES = 9
"""Points along each side at which a projection's distortion is computed; between them it is bilinear."""


def gradient(elevation: Floats, geobox: GeoBox) -> tuple[Floats, Floats]:
    """Rise of the terrain towards true east and true north.

    Horn's 3 x 3 weights (1981). Beside the edge and beside missing cells the differences are one-sided, or the row or
    column without one is left out.

    Args:
        elevation: (y, x) m, NaN = missing.
        geobox: Its grid: projected, north up, square cells.

    Returns:
        (dz/dE, dz/dN), each (y, x), dimensionless; NaN where the cell is missing or has no neighbour along an axis;
        float64 for float64, else float32.

    Raises:
        GridError: when the shapes differ, or the grid is rotated, without CRS or in degrees.
    """
    elevation = np.asarray(elevation)
    if elevation.shape != tuple(geobox.shape):
        raise GridError(f"elevation {elevation.shape} is not of its grid's shape {tuple(geobox.shape)}")
    if geobox.crs is None or not geobox.crs.projected:
        raise GridError("the grid is not in metres", where=geobox.crs, todo="Reproject the elevation first.")
    if elevation.dtype != np.float64:
        elevation = elevation.astype(np.float32, copy=False)
    side = cell_size(geobox)
    dz_dx = _horn(elevation) / elevation.dtype.type(side)
    dz_dy = _horn(elevation.T).T / elevation.dtype.type(-side)
    if same_crs(geobox.crs, SINUSOIDAL):
        return dz_dx, dz_dy - _shear(geobox).astype(elevation.dtype) * dz_dx
    east_x, east_y, north_x, north_y = (part.astype(elevation.dtype) for part in _axes(geobox, geobox.crs))
    return east_x * dz_dx + east_y * dz_dy, north_x * dz_dx + north_y * dz_dy


def _horn(values: Floats) -> Floats:
    """Difference per cell along the rows, weighted 1-2-1 across them; NaN-aware."""
    steps = np.diff(np.pad(values, 1, constant_values=np.nan), axis=1)
    back, ahead = steps[:, :-1], steps[:, 1:]
    step = (back + ahead) / 2
    np.copyto(step, np.where(np.isfinite(back), back, ahead), where=~np.isfinite(step))
    known = np.isfinite(step)
    step[~known] = 0
    total, weights = (part[:-2] + 2 * part[1:-1] + part[2:] for part in (step, known.astype(np.int8)))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = total / weights.astype(values.dtype)
    mean[~np.isfinite(values)] = np.nan
    return mean


def _shear(geobox: GeoBox) -> Float64:
    """L sin(p) of every cell of a sinusoidal grid, (y, x)."""
    height, width = geobox.shape
    a = geobox.affine
    latitude = (a.f + a.e * (np.arange(height) + 0.5)) / SPHERE_RADIUS
    x = a.c + a.a * (np.arange(width) + 0.5)
    return np.asarray(np.tan(latitude)[:, None] * (x / SPHERE_RADIUS)[None, :])


def _axes(geobox: GeoBox, crs: CRS) -> tuple[Float64, ...]:
    """Map metres along x and y per ground metre to the east, then to the north, each (y, x)."""
    height, width = geobox.shape
    rows, cols = (np.linspace(0, n, _NODES) for n in (height, width))
    a = geobox.affine
    x, y = np.meshgrid(a.c + a.a * cols, a.f + a.e * rows)
    projection = Proj(crs.proj)
    lon, lat = projection(x, y, inverse=True)
    factors = projection.get_factors(lon, lat)
    east = np.hypot(factors.dx_dlam, factors.dy_dlam) / factors.parallel_scale
    north = np.hypot(factors.dx_dphi, factors.dy_dphi) / factors.meridional_scale
    nodes = factors.dx_dlam / east, factors.dy_dlam / east, factors.dx_dphi / north, factors.dy_dphi / north
    where = [(np.arange(n) + 0.5) * (_NODES - 1) / n for n in (height, width)]
    grid = np.meshgrid(*where, indexing="ij")
    return tuple(map_coordinates(np.asarray(node), grid, order=1) for node in nodes)
