"""Rasters people already have: AppEEARS and Earth Engine exports, read with a statement of what was assumed.

Such files carry wrong CRS tags, no fill value, no unit, or counts without a scale.
Whatever is decided here for the reader is listed in `attrs["assumed"]`; whatever
cannot be decided is an error that names the argument which settles it. For an image
in degrees `suggest_grid` gives a grid in metres, on which it can be downscaled.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyproj
import xarray as xr
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError

from srdanet.arrays import Floats, Mask, read_time
from srdanet.errors import ArgumentError, GridError
from srdanet.grid import (
    METRES_PER_DEGREE,
    SINUSOIDAL,
    SPHERE_RADIUS,
    Level,
    Tile,
    centre,
    coordinates,
    geobox_of,
    ground_scale,
    same_crs,
    true_to_ground,
)
from srdanet.readers.dates import attribute_times, coordinate_times, image_time
from srdanet.readers.guard import check_cells, check_file, open_image, unreadable
from srdanet.readers.images import (
    AGAIN,
    Lattice,
    Stored,
    find_image,
    image_variables,
    of_name,
    open_netcdf,
    read_netcdf,
)
from srdanet.readers.physical import physical
from srdanet.readers.resampling import corners
from srdanet.statements import Stated
from srdanet.variables import BY_NAME

_NETCDF = (b"\x89HDF", b"CDF\x01", b"CDF\x02", b"CDF\x05")
_NEAR = 0.12
"""A cell this close (relative) to a MODIS level is taken for one."""
_FEWEST_BLOCKS = 3
"""Fewer changes of value along an axis tell nothing of its blocks."""
_SAMPLE, _DISTINCT = 32, 0.5
"""In a square of so many cells at the middle, at least so many distinct values for each block of copies."""
_REPEATED = 1.5
"""Usual run of equal neighbours from which an image counts as replicated from a coarser one."""


def open_raster(
    path: str | Path,
    *,
    name: str,
    band: int | str | None = None,
    variable: str | None = None,
    date: datetime.date | None = None,
    time: object = None,
    crs: str | int | None = None,
    nodata: float | Literal["none"] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    unit: str | None = None,
) -> xr.DataArray:
    """Read one image in its own CRS, in physical units.

    What the caller says and what the file says must agree; only a wrong CRS may be corrected. Missing is what either
    of them calls missing.

    Args:
        path: GeoTIFF (or another image of `guard.IMAGES`) or NetCDF.
        name: What it is: `lst`, `lst_day`, `lst_night`, another of `variables.LST_VARIABLES`, or a name in
            `variables.BY_NAME`, whose range then says what is missing; any other name is read without a check.
        band: Number from 1, or description; may be left out for one band, or where a band is described as `name`.
        variable: NetCDF variable; may be left out where there is one image, or one called `name`.
        date: The day that is wanted: LST must be of it, and of a NetCDF stack over time its image is taken.
        time: The moment that is wanted (UTC), where there are several images of a day.
        crs: Replaces the file's CRS, where that cannot be right or is another spelling of it.
        nodata: A value for missing besides the file's own; `none` sets the file's value aside.
        scale: value = count * scale + offset.
        offset: See `scale`; 0 where only `scale` is given.
        unit: Unit of the values (after scale and offset), such as `K`, `degC`, `degF`, `ft`. Without it the file's
            own counts, else for temperatures the values decide.

    Returns:
        (y, x) float32, physical (temperatures in K, heights in m), NaN = missing, north up, in metres or degrees;
        `attrs["units"]`, `attrs["source"]` (file name), `attrs["assumed"]` (list of what was decided for the reader)
        and, where it is known, `attrs["time"]` (UTC).

    Raises:
        GranuleError: when the file is missing or damaged, or no value fits the quantity.
        ArgumentError: when band, variable, date, scale or unit must be given, or contradicts the file.
        GridError: when it has no CRS, or is rotated.
    """
    path = Path(path)
    check_file(path, "raster")
    asked = [Stated("the time asked for", (read_time(time),))] if time is not None else []
    asked += [Stated("the date asked for", (read_time(date),))] if date is not None else []
    if _is_netcdf(path):
        with open_netcdf(path) as file, unreadable(path, "The file cannot be read as NetCDF", AGAIN):
            chosen = str(band) if band is not None and variable is None else variable
            image = find_image(path, file, name, chosen)
            place, notes = _place(path, image.lattice, image.crs, crs)
            seen, more = image_time(name, asked, image.times, where=path, longitude=_longitude(place))
            stored = read_netcdf(path, image, seen)
    else:
        stored = _read_gdal(path, name, variable if band is None else band)
        place, notes = _place(path, stored.lattice, stored.crs, crs)
        with unreadable(path, "The CRS of the raster cannot be used", AGAIN):
            longitude = _longitude(place)
        seen, more = image_time(name, asked, stored.times, where=path, longitude=longitude)
    notes = [*stored.notes, *notes, *more]
    values, units, more = physical(path, name, stored, nodata=nodata, scale=scale, offset=offset, unit=unit)
    known = BY_NAME.get(name)
    long_name = known.long_name if known else stored.label or name
    attrs = {"units": units, "long_name": long_name, "source": path.name, "assumed": [*notes, *more]}
    attrs |= {} if seen is None else {"time": str(seen)}
    with unreadable(path, "The CRS of the raster cannot be used", AGAIN):
        axes = coordinates(place)
    return xr.DataArray(values.astype(np.float32), dims=("y", "x"), coords=axes, attrs=attrs, name=name)


def read_times(
    path: str | Path, *, name: str, band: int | str | None = None, variable: str | None = None
) -> tuple[tuple[Stated[np.datetime64], ...], float | None]:
    """What a file says of the time of one image, and its longitude (degrees); of its values nothing is read.

    A file that cannot be read says what its name says; `open_raster` will tell why.
    """
    path = Path(path)
    try:
        if _is_netcdf(path):
            with open_netcdf(path) as file:
                image = find_image(path, file, name, str(band) if band is not None and variable is None else variable)
                place = None if image.crs is None else image.lattice.on(CRS(image.crs.to_wkt()), path)[0]
                return image.times, None if place is None else _longitude(place)
        with open_image(path) as file:
            index = _band(path, file.count, file.descriptions, variable if band is None else band, name)
            times, _ = _gdal_times(path, {**file.tags(), **file.tags(index)})
            lattice = Lattice(file.shape, file.transform)
            place = lattice.on(CRS(file.crs.to_wkt()), path)[0] if file.crs is not None else None
            return times, None if place is None else _longitude(place)
    except ArgumentError:
        raise
    except Exception:  # see `unreadable`
        return of_name(path), None


def netcdf_images(path: str | Path) -> list[str]:
    """The image variables of a NetCDF file; empty where it holds none, or is no NetCDF."""
    path = Path(path)
    try:
        if not _is_netcdf(path):
            return []
        with open_netcdf(path) as file:
            return image_variables(file)
    except Exception:  # see `unreadable`
        return []


def _is_netcdf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _NETCDF


def _longitude(place: GeoBox) -> float | None:
    """Of the centre of a grid, degrees; None off the globe."""
    longitude = centre(place)[0]
    return longitude if np.isfinite(longitude) else None


def _place(
    path: Path, lattice: Lattice, stated: pyproj.CRS | None, given: str | int | None
) -> tuple[GeoBox, list[str]]:
    """The grid of an image, by the CRS that the caller or the file gives, and what was assumed."""
    if given is None:
        if stated is None:
            raise GridError("The raster has no CRS.", where=path, todo="Give crs=, such as crs=EPSG:4326.")
        crs, notes = true_crs(stated)
        place, more = lattice.on(crs, path)
        return place, [*notes, *more]
    try:
        crs = CRS(given)
    except (CRSError, ValueError) as error:
        todo = "Write it like EPSG:32631, or as WKT."
        raise ArgumentError(f"crs={given!r} is not a CRS.", todo=todo) from error
    notes = [f"CRS given by the caller: {str(given)[:60]}"]
    if stated is not None and not _may_replace(lattice, stated, crs, path):
        what = f"the CRS is contradicted: crs={str(given)[:60]}, but the file says {stated.name}"
        raise ArgumentError(what, where=path, todo="Leave crs= out, or correct the file (gdal_edit -a_srs).")
    place, more = lattice.on(crs, path)
    return place, notes + more


def _may_replace(lattice: Lattice, stated: pyproj.CRS, given: CRS, path: Path) -> bool:
    """Whether a given CRS may stand for the stated one: it is the same in other words, or that cannot be right."""
    if same_crs(given, CRS(stated.to_wkt())):
        return True
    a, b = stated.coordinate_operation, given.proj.coordinate_operation
    if a is not None and b is not None and a.method_name == b.method_name:
        zones = [
            {p.name: p.value for p in op.params if "Longitude" in p.name or "longitude" in p.name} for op in (a, b)
        ]
        return list(zones[0].values()) == list(zones[1].values())
    if stated.is_geographic and given.proj.is_geographic:
        return True
    if not (stated.is_geographic or stated.is_projected):
        return True
    try:
        x, y = corners(lattice.on(CRS(stated.to_wkt()), path)[0], CRS(4326))
    except GridError:
        return True
    return not (np.isfinite(x).all() and np.isfinite(y).all() and np.abs(y).max() <= 90.01)


def true_crs(crs: pyproj.CRS) -> tuple[CRS, list[str]]:
    """The CRS a file means, and what was assumed to get there (one note or none).

    MODIS data exported by Earth Engine and others are tagged "sinusoidal on the WGS 84
    ellipsoid", but their coordinates are those of the MODIS sphere; read by the
    tag they land up to 20 km away.
    """
    operation, ellipsoid = crs.coordinate_operation, crs.ellipsoid
    if operation is not None and ellipsoid is not None and "sinusoidal" in operation.method_name.lower():
        meridian = any(parameter.value for parameter in operation.params if "ongitude" in parameter.name)
        if not meridian and abs(ellipsoid.semi_major_metre - ellipsoid.semi_minor_metre) > 1:
            return SINUSOIDAL, [f"the tag says sinusoidal on {ellipsoid.name}; taken as the MODIS sphere"]
        if not meridian and abs(ellipsoid.semi_major_metre - SPHERE_RADIUS) < 1:
            return SINUSOIDAL, []
    return CRS(crs.to_wkt()), []


def _read_gdal(path: Path, name: str, band: int | str | None) -> Stored:
    from rasterio.enums import Interleaving

    with unreadable(path, "The raster cannot be read", AGAIN), open_image(path) as file:
        check_cells(path, *file.shape)
        if file.interleaving == Interleaving.pixel:
            check_cells(path, file.count, *file.block_shapes[0])  # all bands of a block are unpacked together
        index = _band(path, file.count, file.descriptions, band, name)
        data, mask = file.read(index), _mask(file, index)
        tags = {**file.tags(), **file.tags(index)}
        scale, offset = float(file.scales[index - 1]), float(file.offsets[index - 1])
        affine, crs, nodata = file.transform, file.crs, file.nodatavals[index - 1]
        unit = file.units[index - 1] or next((tags[k] for k in ("units", "unit", "UNITS", "Unit") if k in tags), "")
        label = file.descriptions[index - 1] or ""
        proj = pyproj.CRS.from_wkt(crs.to_wkt()) if crs is not None else None
    if affine.b or affine.d or affine.a < 0:
        raise GridError("The raster is rotated or upside down.", where=path, todo="Warp it north up first (gdalwarp).")
    if affine.e > 0:  # from south to north
        data, mask = data[::-1], mask[::-1]
        affine = affine * Affine(1, 0, 0, 0, -1, data.shape[0])
    packing: tuple[float | None, float | None] = (scale, offset) if scale != 1 or offset != 0 else (None, None)
    if packing[0] is None and ("scale_factor" in tags or "add_offset" in tags):
        packing = _number(path, tags, "scale_factor", 1.0), _number(path, tags, "add_offset", 0.0)
    times, notes = _gdal_times(path, tags)
    fills = () if nodata is None else (float(nodata),)
    lattice = Lattice((data.shape[0], data.shape[1]), affine)
    return Stored(data, lattice, proj, fills, mask, *packing, unit, label, times, notes)


def _number(path: Path, tags: Mapping[str, str], key: str, absent: float) -> float:
    try:
        return float(tags.get(key, absent))
    except ValueError as error:
        todo = "Give scale= and offset=, or correct the tag."
        raise ArgumentError(f"The tag {key}={tags[key]!r} is not a number.", where=path, todo=todo) from error


def _mask(file: Any, index: int) -> Mask:
    """Where a mask band or alpha says missing; values for missing are another matter."""
    from rasterio.enums import MaskFlags

    flags = file.mask_flag_enums[index - 1]
    if MaskFlags.nodata in flags or MaskFlags.all_valid in flags:
        return np.zeros(file.shape, dtype=bool)
    return np.asarray(file.read_masks(index) == 0)


def _gdal_times(path: Path, tags: Mapping[str, str]) -> tuple[tuple[Stated[np.datetime64], ...], tuple[str, ...]]:
    """What tags and the name say of the time, a NetCDF's axis left in the tags by GDAL included."""
    axis = [
        Stated(f"its tag NETCDF_DIM_{key}", times)
        for key in ("time", "t", "valid_time")
        if f"NETCDF_DIM_{key}" in tags and f"{key}#units" in tags
        for held in [xr.DataArray(float(tags[f"NETCDF_DIM_{key}"]), attrs={"units": tags[f"{key}#units"]})]
        if (times := coordinate_times(path, key, held))
    ]
    if tags.get("system", "").startswith("time_start="):  # GDAL takes the colon in Earth Engine's key for the sign
        tags = {**tags, "system:time_start": tags["system"].partition("=")[2]}
    found, notes = attribute_times(tags)
    return (*axis, *found, *of_name(path)), tuple(notes)


def _band(path: Path, count: int, descriptions: tuple[str | None, ...], band: int | str | None, name: str) -> int:
    """The number (from 1) of the band asked for."""
    if band is None and count == 1:
        return 1
    wanted = str(name if band is None else band)
    if wanted.isdigit() and 1 <= int(wanted) <= count:
        return int(wanted)
    found = [i for i, d in enumerate(descriptions, 1) if (d or "").lower() == wanted.lower()]
    if len(found) != 1:
        listed = ", ".join(f"{i}: {d or 'no description'}" for i, d in enumerate(descriptions, 1))
        what = f"There is no single band {wanted!r}; the bands are {listed}."
        raise ArgumentError(what, where=path, todo="Name a band by its number.")
    return found[0]


def replication(values: Floats) -> tuple[int, int, int] | None:
    """How an image is replicated from a coarser one: n x n equal cells, and the first row and column of a whole block.

    None where it is not: where values change between any neighbours, or along one axis never.

    Args:
        values: (rows, columns), NaN = missing.
    """
    phases, sizes = [], []
    for lines in (values, values.T):
        with np.errstate(invalid="ignore"):
            changes = np.flatnonzero((np.abs(np.diff(lines, axis=0)) > 0).any(axis=1)) + 1
        if changes.size < _FEWEST_BLOCKS:
            return None
        sizes.append(int(np.gcd.reduce(np.diff(changes))))
        phases.append(int(changes[0]))
    if sizes[0] != sizes[1] or sizes[0] < 2:
        return None
    return sizes[0], phases[0] % sizes[0], phases[1] % sizes[0]


def _repeats(data: xr.DataArray) -> tuple[float, float]:
    """How many equal neighbours an image usually has in a row: (down, across), the median.

    1 for measured values. An image replicated n times by nearest neighbour has about
    n across; down it may have fewer, where the coarse grid is sheared. Values rounded so
    coarsely that neighbours agree by chance have few distinct values, and count as measured.
    """
    values = np.asarray(data.transpose("y", "x").values)
    runs = _run(values.T), _run(values)
    row, col = (max(0, (n - _SAMPLE) // 2) for n in values.shape)
    known = values[row : row + _SAMPLE, col : col + _SAMPLE]
    known = known[np.isfinite(known)]
    blocks = known.size / (runs[0] * runs[1])
    return runs if np.unique(known).size >= _DISTINCT * blocks else (1.0, 1.0)


def _run(lines: Floats) -> float:
    """Median length of the runs of equal values along the rows of an image, missing ones left out.

    1 where it is as long as half a row: then the image does not vary along it.
    """
    lengths = []
    for line in lines:
        starts = np.flatnonzero(np.concatenate([[True], (line[1:] != line[:-1]) & ~np.isnan(line[1:] + line[:-1])]))
        runs = np.diff(np.append(starts, line.size))
        lengths.append(runs[np.isfinite(line[starts])])
    every = np.concatenate(lengths)
    median = float(np.median(every)) if every.size else 1.0
    return median if median < lines.shape[1] / 2 else 1.0


def suggest_grid(data: xr.DataArray, *, kind: Literal["auto", "modis", "utm"] = "auto") -> GeoBox:
    """A projected grid for an image, with cells about as large as the image's own.

    An image of about 1 km, 500 m or 250 m comes from MODIS, most likely: `auto` gives
    it the MODIS sinusoidal lattice, on which `to_grid(..., "nearest")` finds the
    provider's values again, moved by up to half a cell where the export had resampled
    them. Any other gets UTM of its centre; one in metres already, with square cells, keeps
    its own grid, which costs nothing. An image replicated from a coarser one
    gets the coarser cell size. Cells outside the image are NaN after `to_grid`; far
    from the central meridian the sheared sinusoidal grid leaves large empty corners,
    which `kind="utm"` avoids.

    Args:
        data: (y, x) with `y`, `x` and a CRS in degrees or metres.
        kind: `modis` or `utm` to decide otherwise.

    Returns:
        North-up square cells that cover the whole image.

    Raises:
        GridError: when the image has no coordinates or CRS, or the target projection ends within it.
        ArgumentError: when `kind` is unknown.
    """
    if kind not in ("auto", "modis", "utm"):
        raise ArgumentError(f"kind={kind!r} is not one of auto, modis, utm.")
    place = geobox_of(data, name=str(data.name or "raster"), degrees=True)
    x, y = corners(place, CRS(4326))
    longitude, latitude = float(np.nanmean(x)), float(np.nanmean(y))
    geographic = place.crs is not None and place.crs.geographic
    metres = METRES_PER_DEGREE * np.array([1, np.cos(np.radians(latitude))])
    if not geographic:
        metres = np.ones(2) if true_to_ground(place) else np.full(2, ground_scale(place))
    down, across = np.array([-place.affine.e, place.affine.a]) * metres
    runs, blocks = _repeats(data), replication(np.asarray(data.transpose("y", "x").values))
    if kind == "auto" and not geographic and abs(down / across - 1) < 1e-6 and metres[0] == 1:
        if blocks is not None:
            return _in_blocks(place, *blocks)
        if min(runs) <= _REPEATED:
            return place
    if blocks is not None:
        runs = (float(blocks[0]), float(blocks[0]))
    size = float(max(down * runs[0], across * runs[1]) if max(runs) > _REPEATED else max(down, across))
    levels = [level for level in (Level.KM1, Level.M500, Level.M250) if abs(size / level.metres - 1) < _NEAR]
    # The sinusoidal map is cut at 180 degrees.
    cut = np.floor((np.nanmin(x) + 180) / 360) != np.floor((np.nanmax(x) + 180 - 1e-9) / 360)
    if cut and kind == "modis":
        raise GridError("The image crosses 180 degrees, where the MODIS grid ends.", todo="Cut it there, or use UTM.")
    if kind == "modis" or (kind == "auto" and levels and not cut):
        level = levels[0] if levels else min(Level, key=lambda lv: abs(np.log(size / lv.metres)))
        return _cover(place, SINUSOIDAL, level.metres, Tile(0, 0).corner)
    if abs(latitude) > 84:
        raise GridError(f"UTM ends at 84 degrees; the centre lies at {latitude:.1f}.", todo="Warp it to a polar grid.")
    zone = int((longitude + 180) // 6) % 60 + 1
    digits = int(np.floor(np.log10(size))) - 1
    return _cover(place, CRS(32600 + zone + (100 if latitude < 0 else 0)), round(size, -digits), (0.0, 0.0))


def _in_blocks(place: GeoBox, size: int, row: int, col: int) -> GeoBox:
    """The grid of blocks of cells, the first whole one at a row and a column; it covers the whole image."""
    up, left = -row % size, -col % size
    shape = (-(-(place.shape[0] + up) // size), -(-(place.shape[1] + left) // size))
    return GeoBox(shape, place.affine * Affine.translation(-left, -up) * Affine.scale(size), place.crs)


def _cover(place: GeoBox, crs: CRS, size: float, origin: tuple[float, float]) -> GeoBox:
    """The smallest part of the lattice of `crs` through `origin` that covers a grid."""
    x, y = corners(place, crs)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise GridError("Part of the image lies outside the target projection.", todo="Cut it first.")
    cols = np.array([x.min(), x.max()]) / size - origin[0] / size
    rows = origin[1] / size - np.array([y.max(), y.min()]) / size
    col0, row0 = (int(np.floor(c[0] + 1e-6)) for c in (cols, rows))
    col1, row1 = (int(np.ceil(c[1] - 1e-6)) for c in (cols, rows))
    affine = Affine(size, 0, origin[0] + col0 * size, 0, -size, origin[1] - row0 * size)
    return GeoBox((row1 - row0, col1 - col0), affine, crs)
