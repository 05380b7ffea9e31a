"""Grids: the MODIS sinusoidal grid, exact nesting, windows with a halo.

One immutable value, `odc.geo.geobox.GeoBox` (shape, affine, CRS), answers every "where is this cell" question in this
package. Rows run north to south, columns west to east. Source of the constants: MODIS Land sinusoidal grid, as in the
`StructMetadata.0` of every MODIS tile.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache
from itertools import product
from typing import Any

import numpy as np
import pyproj
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from odc.geo.gridspec import GridSpec
from odc.geo.types import XY, resyx_
from pyproj import Transformer
from pyproj.exceptions import CRSError

from srdanet.errors import ArgumentError, GridError
from srdanet.units import states_unit, unit_of

SPHERE_RADIUS = 6371007.181
"""Radius of the MODIS sphere (m). No EPSG or ESRI code describes this sphere."""
_DEGREE, _METRE = 'ANGLEUNIT["degree",0.0174532925199433]', 'LENGTHUNIT["metre",1]'
# WKT rather than PROJ text, for the name: what PROJ text describes is "unknown" in every other program.
SINUSOIDAL = CRS(
    f'PROJCRS["MODIS Sinusoidal",BASEGEOGCRS["MODIS sphere",DATUM["MODIS sphere",ELLIPSOID["MODIS sphere",'
    f'{SPHERE_RADIUS},0,{_METRE}]],PRIMEM["Greenwich",0,{_DEGREE}]],CONVERSION["MODIS Sinusoidal",METHOD["Sinusoidal"],'
    f'PARAMETER["Longitude of natural origin",0,{_DEGREE}],PARAMETER["False easting",0,{_METRE}],'
    f'PARAMETER["False northing",0,{_METRE}]],CS[Cartesian,2],AXIS["(E)",east,ORDER[1],{_METRE}],'
    f'AXIS["(N)",north,ORDER[2],{_METRE}]]'
)
TILE_SIDE = 1111950.5196666666
"""Side of a MODIS tile (m)."""
GRID_LEFT, GRID_TOP = -20015109.354, 10007554.677
"""Upper-left corner of tile h00v00 (m)."""

METRES_PER_DEGREE = SPHERE_RADIUS * math.pi / 180
"""Of latitude; of longitude at the equator."""

_TRUE = 0.1
"""How far (relative) map metres may differ from ground metres: slope and detail are off by as much."""
_TOLERANCE = 1e-3
"""Share of a fine cell by which two grids may miss each other and still count as nested."""


class Level(IntEnum):
    """The nominal cell sizes of the MODIS grid in metres; each nests exactly in the one before."""

    KM6 = 6000
    KM1 = 1000
    M500 = 500
    M250 = 250

    @classmethod
    def _missing_(cls, value: object) -> Level:
        raise ArgumentError(f"{value!r} is not a level", todo=f"Choose from {[level.value for level in cls]} m.")

    @property
    def cells(self) -> int:
        """Cells along one side of a tile."""
        return {6000: 200, 1000: 1200, 500: 2400, 250: 4800}[self.value]

    @property
    def metres(self) -> float:
        """True cell size (m): 926.6254... for "1 km"."""
        return TILE_SIDE / self.cells


@dataclass(frozen=True, order=True)
class Tile:
    """One tile of the MODIS sinusoidal grid.

    Raises:
        ArgumentError: when h is outside 0-35 or v outside 0-17.
    """

    h: int
    v: int

    def __post_init__(self) -> None:
        if not (0 <= self.h < 36 and 0 <= self.v < 18):
            raise ArgumentError(f"{self} is not a tile", todo="Give h from 00 to 35 and v from 00 to 17.")

    def __str__(self) -> str:
        return f"h{self.h:02d}v{self.v:02d}"

    @classmethod
    def parse(cls, text: str) -> Tile:
        """Read a tile from its name, such as `h26v05`."""
        match = re.fullmatch(r"h(\d{1,2})v(\d{1,2})", text.strip().lower())
        if match is None:
            raise ArgumentError(f"{text!r} is not a tile name", todo="Write it like h26v05.")
        return cls(int(match[1]), int(match[2]))

    @property
    def corner(self) -> tuple[float, float]:
        """Upper-left corner (x, y) in sinusoidal metres."""
        return GRID_LEFT + self.h * TILE_SIDE, GRID_TOP - self.v * TILE_SIDE

    def geobox(self, level: Level | int) -> GeoBox:
        """The whole tile at a level.

        Raises:
            ArgumentError: when the level is none of `Level`.
        """
        # odc-geo counts tiles from the south.
        return _tiles(Level(level))[self.h, 17 - self.v]


@cache
def _tiles(level: Level) -> GridSpec:
    """The tiles of the MODIS grid at a level."""
    resolution, origin = resyx_(-level.metres, level.metres), XY(GRID_LEFT, GRID_TOP - 18 * TILE_SIDE)
    return GridSpec(SINUSOIDAL, (level.cells, level.cells), resolution, origin)


def tile_of(geobox: GeoBox) -> Tile | None:
    """The tile that holds the whole of `geobox`, or None (other CRS, or more than one tile)."""
    if not same_crs(geobox.crs, SINUSOIDAL):
        return None
    box = geobox.boundingbox
    eps = 1.0
    h0, h1 = ((edge - GRID_LEFT) / TILE_SIDE for edge in (box.left + eps, box.right - eps))
    v0, v1 = ((GRID_TOP - edge) / TILE_SIDE for edge in (box.top - eps, box.bottom + eps))
    if int(h0) != int(h1) or int(v0) != int(v1) or not (0 <= h0 < 36 and 0 <= v0 < 18):
        return None
    return Tile(int(h0), int(v0))


def same_crs(a: CRS | None, b: CRS | None) -> bool:
    """Whether two CRS describe the same grid; the MODIS sphere comes in many spellings."""
    if a is None or b is None:
        return False
    return a == b or (_sinusoidal(a) is not None and _sinusoidal(a) == _sinusoidal(b))


def _sinusoidal(crs: CRS) -> tuple[float, ...] | None:
    """What tells one sinusoidal grid from another, however it is spelled (PROJ text, WKT 1 or 2, datum names)."""
    operation, spheroid = crs.proj.coordinate_operation, crs.proj.ellipsoid
    if operation is None or spheroid is None or operation.method_name != "Sinusoidal":
        return None
    ordered = sorted(operation.params, key=lambda parameter: str(parameter.name))
    parameters = [float(parameter.value) * parameter.unit_conversion_factor for parameter in ordered]
    units = [axis.unit_conversion_factor for axis in crs.proj.axis_info]
    return (spheroid.semi_major_metre, spheroid.semi_minor_metre, *parameters, *units)


def cell_size(geobox: GeoBox) -> float:
    """Side of a cell in CRS units; cells are square, rows run southwards, columns eastwards.

    Raises:
        GridError: when the grid is rotated or turned over, or its cells are not square.
    """
    a = geobox.affine
    if a.b or a.d or a.a <= 0 or a.e >= 0:
        raise GridError("the grid is rotated or turned over", where=tuple(a)[:6], todo="Sort it north up first.")
    if abs(a.e + a.a) > 1e-6 * a.a:
        todo = "Resample it onto square cells."
        raise GridError(f"cells are not square ({a.a} x {-a.e})", where=tuple(a)[:6], todo=todo)
    return float(a.a)


def ground_cell(geobox: GeoBox) -> float:
    """Side of a cell in metres; of a grid in degrees, along a meridian."""
    return cell_size(geobox) * metres_per_unit(geobox.crs)


def ground_scale(geobox: GeoBox) -> float:
    """Metres on the ground in a metre of the map, at the centre: about 1, but 0.5 in web mercator at 60 degrees.

    NaN where the centre lies off the globe.
    """
    row, col = (n // 2 for n in geobox.shape)
    corners = [geobox.affine * (col + i, row + j) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    if geobox.crs is None:
        raise GridError("the grid has no CRS, so its cells have no size on the ground")
    x, y = np.array(corners).T
    lon, lat = _to_lonlat(geobox.crs).transform(x, y)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return math.nan
    geod = geobox.crs.proj.get_geod()
    area = abs(geod.polygon_area_perimeter(lon, lat)[0]) if geod is not None else math.nan
    return math.sqrt(area / abs(geobox.affine.a * geobox.affine.e))


def true_to_ground(geobox: GeoBox) -> bool:
    """Whether the map's metres are those of the ground, to a tenth; unknown counts as yes."""
    return not abs(ground_scale(geobox) - 1) > _TRUE


def refine(geobox: GeoBox, factor: int) -> GeoBox:
    """The same ground with cells `factor` times finer."""
    return geobox.zoom_out(1 / factor)


def coarsen(geobox: GeoBox, factor: int) -> GeoBox:
    """The same ground with cells `factor` times coarser.

    Raises:
        GridError: when the shape is not a multiple of `factor`; `GeoBox.zoom_out` would pad it.
    """
    height, width = geobox.shape
    if height % factor or width % factor:
        raise GridError(f"{height} x {width} cells cannot be grouped {factor} x {factor}")
    return geobox.zoom_out(factor)


@dataclass(frozen=True)
class Nesting:
    """How a fine grid lies in a coarse one: `factor` fine cells along each coarse cell.

    (row, col): the fine grid's index (may be negative) of the coarse grid's upper-left corner.
    """

    factor: int
    row: int
    col: int


def nesting(coarse: GeoBox, fine: GeoBox) -> Nesting:
    """How `fine` nests in `coarse`.

    Raises:
        GridError: when the CRS differ, the ratio is not a whole number, or the corners miss each other.
    """
    if not same_crs(coarse.crs, fine.crs):
        todo = "Reproject one of them."
        raise GridError("the two grids have different CRS", where=f"{coarse.crs} / {fine.crs}", todo=todo)
    ratio = cell_size(coarse) / cell_size(fine)
    factor = round(ratio)
    drift = abs(ratio - factor) * max(coarse.shape)
    if factor < 1 or drift > 0.05:
        todo = "Resample the auxiliary data onto a grid that divides the LST cell."
        raise GridError(f"cells do not nest by a whole number (ratio {ratio:.5g})", todo=todo)
    col = (coarse.affine.c - fine.affine.c) / fine.affine.a
    row = (coarse.affine.f - fine.affine.f) / fine.affine.e
    if max(abs(col - round(col)), abs(row - round(row))) > max(_TOLERANCE, 0.02 * (factor > 1)):
        shift = f"{col - round(col):+.3f}, {row - round(row):+.3f}"
        raise GridError(f"the grids miss each other by ({shift}) fine cells", todo="Align them by geotransform.")
    return Nesting(factor, round(row), round(col))


def part_over(coarse: GeoBox, fine: GeoBox) -> tuple[slice, slice]:
    """Rows and columns of `fine` that lie over `coarse`; all of them where it does not nest, or lies elsewhere."""
    whole = slice(0, fine.shape[0]), slice(0, fine.shape[1])
    try:
        at = nesting(coarse, fine)
    except GridError:
        return whole
    rows, cols = (
        slice(max(0, start), min(size, start + cells * at.factor))
        for start, cells, size in zip((at.row, at.col), coarse.shape, fine.shape, strict=True)
    )
    return whole if rows.stop <= rows.start or cols.stop <= cols.start else (rows, cols)


@dataclass(frozen=True)
class Window:
    """A block of cells to produce (`inner`) and the cells needed for it (`outer`), as slices.

    `outer` is `inner` plus the halo, cut at the edge of the grid.
    """

    inner: tuple[slice, slice]
    outer: tuple[slice, slice]

    @property
    def crop(self) -> tuple[slice, slice]:
        """Where `inner` lies inside an array that covers `outer`."""
        rows, cols = (slice(i.start - o.start, i.stop - o.start) for i, o in zip(self.inner, self.outer, strict=True))
        return rows, cols

    def scaled(self, factor: int) -> Window:
        """The same window on a grid `factor` times finer."""
        a, b, c, d = (slice(s.start * factor, s.stop * factor) for s in (*self.inner, *self.outer))
        return Window((a, b), (c, d))


def windows(shape: tuple[int, int], block: int, halo: int) -> Iterator[Window]:
    """Cut a grid into blocks with a halo; together the inner parts cover each cell once."""
    if block < 1 or halo < 0:
        what = f"block is {block} and halo is {halo} cells"
        raise ArgumentError(what, todo="Give a block of 1 or more and a halo of 0 or more.")

    def spans(size: int) -> list[tuple[slice, slice]]:
        cuts = [(i, min(i + block, size)) for i in range(0, size, block)]
        return [(slice(a, b), slice(max(0, a - halo), min(size, b + halo))) for a, b in cuts]

    for (inner_y, outer_y), (inner_x, outer_x) in product(*map(spans, shape)):
        yield Window((inner_y, inner_x), (outer_y, outer_x))


def geobox_of(data: xr.DataArray | xr.Dataset, *, name: str = "lst", degrees: bool = False) -> GeoBox:
    """The grid of a DataArray or Dataset with cell centres `y`, `x` in metres and a CRS.

    The CRS is read where CF, rioxarray and odc-geo put it: in the grid mapping
    coordinate (`crs_wkt` or `spatial_ref`), else in `attrs["crs"]`.

    Args:
        data: With dimensions and coordinates `y` and `x`.
        name: What errors call it.
        degrees: Whether longitude and latitude will do too.

    Raises:
        GridError: when coordinates or CRS are missing, uneven, too few, or in degrees where they must not be.
    """
    if not {"y", "x"} <= set(data.dims):
        raise GridError(f"dimensions are {tuple(data.dims)}, not (y, x)", where=name, todo="Rename them.")
    if not {"y", "x"} <= set(data.coords):
        raise GridError("has no y and x coordinates", where=name, todo="Give cell centres in metres.")
    crs = _crs_of(data, name)
    if not (degrees or crs.projected):
        raise GridError("the CRS is in degrees, not in metres", where=name, todo="Reproject it first.")
    y, x = data["y"], data["x"]
    units = (y.attrs.get("units", ""), x.attrs.get("units", ""))
    geobox, _ = grid_of_centres(y.values, x.values, crs, units, name=name)
    if geobox.affine.e > 0 or geobox.affine.a < 0:
        raise GridError("rows do not run north to south or columns west to east", where=name, todo="Sort them first.")
    return geobox


def grid_of_centres(
    y: NDArray[Any], x: NDArray[Any], crs: CRS, units: tuple[object, object] = ("", ""), *, name: object = "grid"
) -> tuple[GeoBox, list[str]]:
    """The grid of cell centres, in metres or degrees, and what was assumed to get there.

    Axes that state another unit of length than metres are brought to metres, a CRS that counts in feet or kilometres
    to its twin in metres; longitudes that jump by 360 degrees run on; coordinates rounded to single precision give
    the grid that was rounded.

    Args:
        y: Centres of the rows, evenly spaced.
        x: Centres of the columns.
        crs: Their CRS.
        units: What the axes state as their units, `y` first; empty where nothing.
        name: What errors call it.

    Raises:
        GridError: when the centres are uneven or too few, or a stated unit is unknown or contradicts the CRS.
    """
    own = "degree" if crs.geographic else "m"
    crs, metres, notes = in_metres(crs)
    scales = []
    for axis, stated in zip(("y", "x"), units, strict=True):
        scale = metres
        if states_unit(stated):
            unit = unit_of(stated, own)
            if unit is None:
                what = f"the {axis} axis is in {stated!r}, and the CRS in {'degrees' if crs.geographic else 'metres'}"
                raise GridError(what, where=name, todo=f"Give cell centres in {'degrees' if own == 'degree' else 'm'}.")
            if metres != 1 and not math.isclose(unit.scale, metres, rel_tol=1e-7):
                what = f"the {axis} axis is in {stated!r}, but the CRS counts units of {metres:.7g} m"
                raise GridError(what, where=name, todo="Correct the one that is wrong.")
            scale = unit.scale
            if metres == 1 and scale != 1:
                notes += [f"the axes are in {stated}: brought to {'degrees' if own == 'degree' else 'metres'}"]
        scales.append(scale)
    modis = same_crs(crs, SINUSOIDAL)
    y0, dy = _axis(np.asarray(y), scales[0], f"{name}.y", GRID_TOP if modis else None)
    x0, dx = _axis(np.asarray(x), scales[1], f"{name}.x", GRID_LEFT if modis else None, turns=crs.geographic)
    if own == "m" and dy != 0 and abs(abs(dy) - abs(dx)) > 0:
        # Rounded coordinates may give one spacing twice, each with its own error.
        allowed = sum(_resolution(np.asarray(c)) * s / (c.size - 1) for c, s in zip((y, x), scales, strict=True))
        if abs(abs(dy) - abs(dx)) <= allowed:
            dy, dx = np.copysign(abs(dx) if x.size >= y.size else abs(dy), (dy, dx))
    affine = Affine(float(dx), 0, float(x0 - dx / 2), 0, float(dy), float(y0 - dy / 2))
    return GeoBox((y.size, x.size), affine, crs), list(dict.fromkeys(notes))


def in_metres(crs: CRS) -> tuple[CRS, float, list[str]]:
    """The same CRS counted in metres, the metres in its own unit, and a note where that is not one.

    A CRS in degrees stays as it is.
    """
    axes = crs.proj.axis_info
    metres = float(axes[0].unit_conversion_factor) if axes and crs.projected else 1.0
    if metres in (0.0, 1.0):
        return crs, 1.0, []
    held = crs.proj.to_json_dict()
    held = held.get("source_crs", held)
    held = next((part for part in held.get("components", []) if part.get("type") == "ProjectedCRS"), held)
    for axis in held["coordinate_system"]["axis"]:
        axis["unit"] = "metre"
    held.pop("id", None)
    held["name"] = f"{held.get('name', 'unnamed')} (in metres)"
    return (
        CRS(pyproj.CRS.from_json_dict(held).to_wkt()),
        metres,
        [f"the CRS counts in {axes[0].unit_name}: brought to metres"],
    )


def _resolution(centres: NDArray[Any]) -> float:
    """How far coordinates may lie from what was meant, where they went through single precision; else 0."""
    if centres.dtype.kind != "f" or not np.isfinite(centres).all():
        return 0.0
    if centres.dtype.itemsize > 4 and (centres != centres.astype(np.float32)).any():
        return 0.0
    return float(np.spacing(np.float32(np.abs(centres).max())))


def _axis(
    stated: NDArray[Any], scale: float, name: str, modis: float | None, *, turns: bool = False
) -> tuple[float, float]:
    """First centre and spacing of an evenly spaced axis; single precision is undone towards the simplest numbers.

    Args:
        stated: Centres.
        scale: Own units in one of theirs.
        name: What errors call it.
        modis: Where the MODIS lattice begins, if the axis is of its projection.
        turns: Whether a jump by 360 is none.
    """
    if stated.size < 2:
        raise GridError("does not have at least two cells", where=name, todo="Give a larger grid.")
    centres = stated.astype(np.float64) * scale
    if turns:
        centres = np.unwrap(centres, period=360.0)
    first, count = float(centres[0]), centres.size - 1
    step = float(centres[-1] - first) / count
    if not np.isfinite(centres).all() or step == 0 or np.abs(np.diff(centres) - step).max() > 0.01 * abs(step):
        raise GridError("cells are not evenly spaced", where=name, todo="Resample them.")
    error = _resolution(stated) * scale
    if error > 0:
        if modis is not None:  # its cells are 1, 2 or 4 of the finest, and lie on its lattice
            lattice = Level.M250.metres
            multiple = round(step / lattice)
            if multiple and abs(step - multiple * lattice) <= error / count:
                origin = modis + multiple * lattice / 2
                cells = round((first - origin) / lattice)
                near = origin + cells * lattice
                return (near if abs(near - first) <= error else first), multiple * lattice
        step = _simplest(step, error / count)
        middle = float(np.mean(centres - step * np.arange(count + 1)))
        edge = _simplest(middle - step / 2, error / 2)
        first = edge + step / 2
    return first, step


def _simplest(value: float, error: float) -> float:
    """The number with the fewest decimals that lies within an error of a value; also tried as one over it."""
    for digits in range(13):
        if abs(round(value, digits) - value) <= error:
            return round(value, digits)
        if value and abs(value) < 1 and abs((turned := 1 / round(1 / value, digits)) - value) <= error:
            return turned
    return value


def _crs_of(data: xr.DataArray | xr.Dataset, name: str) -> CRS:
    mapping = data.attrs.get("grid_mapping") or data.encoding.get("grid_mapping") or "spatial_ref"
    holders = [data.coords[c].attrs for c in (mapping, "spatial_ref", "crs") if c in data.coords]
    texts = [a[key] for a in (*holders, data.attrs) for key in ("crs_wkt", "spatial_ref", "crs") if a.get(key)]
    if not texts:
        todo = "Write it as rioxarray does (da.rio.write_crs) or as attrs['crs']."
        raise GridError("has no CRS", where=name, todo=todo)
    try:
        return CRS(texts[0])
    except (CRSError, ValueError) as error:
        todo = "Write it as WKT or EPSG code."
        raise GridError(f"the CRS cannot be understood: {texts[0]!r:.80}", where=name, todo=todo) from error


def coordinates(geobox: GeoBox) -> dict[str, xr.Variable]:
    """CF coordinates (`y`, `x`, `spatial_ref`) of a grid, for building DataArrays and Datasets."""
    height, width = geobox.shape
    a = geobox.affine
    coords: dict[str, xr.Variable] = {}
    for axis, start, step, count in (("y", a.f, a.e, height), ("x", a.c, a.a, width)):
        values = start + step * (np.arange(count) + 0.5)
        about = {"units": "m", "standard_name": f"projection_{axis}_coordinate", "axis": axis.upper()}
        if geobox.crs is not None and geobox.crs.geographic:
            name, side = ("latitude", "north") if axis == "y" else ("longitude", "east")
            about |= {"units": f"degrees_{side}", "standard_name": name}
        coords[axis] = xr.Variable((axis,), values, about)
    attrs = dict(_cf_of(geobox.crs)) if geobox.crs is not None else {}
    attrs["spatial_ref"] = attrs.get("crs_wkt", "")
    attrs["GeoTransform"] = " ".join(str(v) for v in (a.c, a.a, a.b, a.f, a.d, a.e))
    return {**coords, "spatial_ref": xr.Variable((), 0, attrs)}


@lru_cache(maxsize=64)
def _cf_of(crs: CRS) -> dict[str, object]:
    """CF's names of a projection; hundreds of scenes share one."""
    return dict(crs.proj.to_cf())


def centre(geobox: GeoBox) -> tuple[float, float]:
    """Longitude and latitude (degrees) of the cell in the middle; not finite off the globe."""
    row, col = (n // 2 for n in geobox.shape)
    lon, lat = lonlat(geobox[row : row + 1, col : col + 1])
    return float(lon[0, 0]), float(lat[0, 0])


def metres_per_unit(crs: CRS | None) -> float:
    """Metres in a unit of a CRS in metres or degrees, those at the equator."""
    return METRES_PER_DEGREE if crs is not None and crs.geographic else 1.0


def lonlat(geobox: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude (degrees) of every cell centre, each (y, x)."""
    height, width = geobox.shape
    cols, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    a = geobox.affine
    x, y = a.c + a.a * cols + a.b * rows, a.f + a.d * cols + a.e * rows
    if geobox.crs is None:
        raise GridError("the grid has no CRS, so its cells have no longitude and latitude")
    lon, lat = _to_lonlat(geobox.crs).transform(x, y)
    return np.asarray(lon), np.asarray(lat)


@lru_cache(maxsize=64)
def _to_lonlat(crs: CRS) -> Transformer:
    """Made once for each CRS: it costs milliseconds, and a scene has hundreds of grids."""
    return Transformer.from_crs(crs.proj, crs.proj.geodetic_crs, always_xy=True)


def cell_at(geobox: GeoBox, longitude: float, latitude: float) -> tuple[int, int] | None:
    """Row and column of the cell in which a place (degrees, WGS 84) lies; None outside the grid."""
    x, y = Transformer.from_crs(4326, str(geobox.crs), always_xy=True).transform(longitude, latitude)
    col, row = (math.floor(value) for value in ~geobox.affine * (x, y))
    return (row, col) if 0 <= row < geobox.shape[0] and 0 <= col < geobox.shape[1] else None
