"""Rasters people already have: AppEEARS and Earth Engine exports, read with a statement of what was assumed.

Such files carry wrong CRS tags, no fill value, no unit, or counts without a scale.
Whatever is decided here for the reader is listed in `attrs["assumed"]`; whatever
cannot be decided is an error that names the argument which settles it. For an image
in degrees `suggest_grid` gives a grid in metres, on which it can be downscaled.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyproj
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError

from srdanet.arrays import Float64, Floats, Mask
from srdanet.errors import ArgumentError, GranuleError, GridError, SrdanetError
from srdanet.grid import METRES_PER_DEGREE, SINUSOIDAL, SPHERE_RADIUS, Level, Tile, coordinates, geobox_of
from srdanet.readers.guard import check_cells, open_image
from srdanet.readers.hdf5 import is_hdf5, look_through
from srdanet.readers.resampling import corners
from srdanet.readers.tables import PRODUCTS
from srdanet.variables import BY_NAME, LST_RANGE

_CELSIUS_RANGE = (-90.0, 75.0)
"""Surface temperatures on Earth in degrees Celsius; shares no value with `LST_RANGE`."""
_LST = ("lst", "lst_day", "lst_night")
_TEMPERATURES = (*_LST, "t2m", "d2m")
_KELVIN = ("k", "kelvin")
_CELSIUS = ("c", "degc", "°c", "celsius", "deg c", "degree_celsius", "degrees_celsius", "degrees celsius")
_MODIS_FILL = {name: PRODUCTS["MOD13Q1"].layer(name).fill for name in ("ndvi", "evi")}
"""Counts that MODIS uses for missing and that pass for a value once scaled."""
_AGAIN = "Download or export it again."
_FEW_CODES = 8
"""Up to so many distinct values outside the valid range are fill codes; more are data in another unit."""
_ROWS = ("y", "ydim", "lat", "latitude", "rows")
_COLUMNS = ("x", "xdim", "lon", "longitude", "cols")
_NETCDF = (b"\x89HDF", b"CDF\x01", b"CDF\x02", b"CDF\x05")
_NEAR = 0.12
"""A cell this close (relative) to a MODIS level is taken for one."""
_REPEATED = 1.5
"""Usual run of equal neighbours from which an image counts as replicated from a coarser one."""


def open_raster(
    path: str | Path,
    *,
    name: str,
    band: int | str | None = None,
    variable: str | None = None,
    date: datetime.date | None = None,
    crs: str | int | None = None,
    nodata: float | None = None,
    scale: float | None = None,
    offset: float | None = None,
    unit: str | None = None,
) -> xr.DataArray:
    """Read one image in its own CRS, in physical units.

    Args:
        path: GeoTIFF (or another image of `guard.IMAGES`) or NetCDF.
        name: What it is: `lst`, `lst_day`, `lst_night`, or a name in `variables.BY_NAME`, whose
            range then says what is missing; any other name is read without a check.
        band: Number from 1, or description; may be left out for one band, or where a band is described as `name`.
        variable: NetCDF variable; may be left out where there is one image, or one called `name`.
        date: Which image of a NetCDF stack over time.
        crs: Overrides the file's CRS.
        nodata: Overrides the file's value for missing.
        scale: value = count * scale + offset; overrides the file's own.
        offset: See `scale`; 0 where only `scale` is given.
        unit: `K` or `degC` for temperatures. Without it the file's own unit counts, else the values decide.

    Returns:
        (y, x) float32, physical (temperatures in K), NaN = missing, north up; `attrs["units"]`,
        `attrs["source"]` (file name) and `attrs["assumed"]` (list of what was decided for the reader).

    Raises:
        GranuleError: when the file is missing or damaged, or no value fits the quantity.
        ArgumentError: when band, variable, date, scale or unit must be given.
        GridError: when it has no CRS, or is rotated.
    """
    path = Path(path)
    if not path.is_file():
        raise GranuleError("There is no such raster.", where=path)
    with path.open("rb") as file:
        magic = file.read(4)
    if magic in _NETCDF:
        if is_hdf5(path):
            look_through(path)
        stored = _read_netcdf(path, name, str(band) if band is not None and variable is None else variable, date)
    else:
        stored = _read_gdal(path, name, variable if band is None else band)
    notes = list(stored.notes)
    if crs is not None:
        try:
            own: CRS = CRS(crs)
        except (CRSError, ValueError) as error:
            todo = "Write it like EPSG:32631, or as WKT."
            raise ArgumentError(f"crs={crs!r} is not a CRS.", todo=todo) from error
        notes.append(f"CRS given by the caller: {str(crs)[:60]}")
    elif stored.crs is None:
        raise GridError("The raster has no CRS.", where=path, todo="Give crs=, such as crs='EPSG:4326'.")
    else:
        own, note = true_crs(stored.crs)
        notes += note
    has_fill = stored.nodata is not None or nodata is not None
    if not has_fill and name in _MODIS_FILL and np.issubdtype(stored.values.dtype, np.signedinteger):
        nodata = _MODIS_FILL[name]
        notes.append(f"no fill value in the file: {nodata} is taken as missing, as in MOD13")
    values, note = _physical(stored, nodata, scale, offset)
    notes += note
    known = BY_NAME.get(name)
    if name in _TEMPERATURES:
        unit, note = _temperature_unit(path, values, unit, stored, has_fill)
        values, units = to_kelvin(values, unit), "K"
        notes += note
    else:
        units = known.unit if known else (unit or stored.unit)
        if unit is not None and known and unit != known.unit:
            todo = "Convert it with scale= and offset=."
            raise ArgumentError(f"{name} is read in {known.unit!r}, not in {unit!r}.", todo=todo)
    if name in _LST or known:
        limits = LST_RANGE if known is None else (known.low, known.high)
        values, note = _within(path, name, values, limits)
        notes += note
    place = GeoBox((values.shape[0], values.shape[1]), stored.affine, own)
    coords = coordinates(place)
    if own.geographic:
        coords["y"].attrs |= {"units": "degrees_north", "standard_name": "latitude"}
        coords["x"].attrs |= {"units": "degrees_east", "standard_name": "longitude"}
    long_name = known.long_name if known else stored.label or name
    attrs = {"units": units, "long_name": long_name, "source": path.name, "assumed": notes}
    return xr.DataArray(values.astype(np.float32), dims=("y", "x"), coords=coords, attrs=attrs, name=name)


def to_kelvin(values: Floats, unit: str) -> Floats:
    """Temperatures in K.

    Raises:
        ArgumentError: when the unit is neither kelvin nor degrees Celsius.
    """
    text = unit.strip().lower()
    if text in _KELVIN:
        return values
    if text in _CELSIUS:
        return values + 273.15
    raise ArgumentError(f"{unit!r} is not a unit of temperature this package reads.", todo="Give unit='K' or 'degC'.")


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


def _physical(
    stored: _Stored, nodata: float | None, scale: float | None, offset: float | None
) -> tuple[Floats, list[str]]:
    """Values by scale and offset, NaN where the file or the caller says so; and where the scale is from."""
    values = stored.values.astype(np.float64)
    missing = stored.masked if nodata is None else np.isclose(values, nodata, rtol=1e-6, atol=0)
    notes = []
    if scale is None and offset is None and stored.scale is not None:
        scale, offset = stored.scale, stored.offset
        if scale >= 100:
            notes = [f"the file's scale {scale:g} divides (older MODIS convention)"]
            scale = 1 / scale
        else:
            notes = [f"scale {scale:g} and offset {offset or 0:g} as the file says"]
    physical = values * (1.0 if scale is None else scale) + (offset or 0.0)
    return np.where(missing | ~np.isfinite(values), np.nan, physical), notes


def _temperature_unit(
    path: Path, values: Floats, unit: str | None, stored: _Stored, has_fill: bool
) -> tuple[str, list[str]]:
    """The unit of temperatures: the caller's, the file's, or what the values tell; and how it was found."""
    notes = []
    if unit is None:
        in_label = re.search(r"\((.*?)\)\s*$", stored.label)
        words = [word.strip() for word in (stored.unit, in_label[1] if in_label else "")]
        unit = next((word for word in words if word.lower() in (*_KELVIN, *_CELSIUS)), None)
        notes += [f"unit {unit} as the file says"] if unit else []
    if unit is None:
        if not np.isfinite(values).any():
            return "K", notes
        kelvin = (values >= LST_RANGE[0]) & (values <= LST_RANGE[1])
        celsius = (values >= _CELSIUS_RANGE[0]) & (values <= _CELSIUS_RANGE[1])
        # Zero is the usual unmarked fill of kelvin images and says nothing about the unit.
        looks_celsius = bool((celsius & (values != 0)).any())
        span = f"{np.nanmin(values):.6g} to {np.nanmax(values):.6g}"
        if kelvin.any() == looks_celsius:
            what = f"Values from {span} do not tell whether they are in K or degrees Celsius."
            todo = "Give unit='K' or 'degC', nodata=, or scale= (MODIS LST: 0.02)."
            raise ArgumentError(what, where=path, todo=todo)
        unit = "degC" if looks_celsius else "K"
        notes.append(f"no unit in the file: values from {span} are taken as {unit}")
    if unit.strip().lower() in _CELSIUS and not has_fill and (values == 0).any():
        notes.append(f"{int((values == 0).sum())} values of exactly 0 are taken as 0 degC, not as missing")
    return unit, notes


def _within(path: Path, name: str, values: Floats, limits: tuple[float, float]) -> tuple[Floats, list[str]]:
    """Values with those outside the limits missing, and what was dropped; refused where that is most of them."""
    low, high = limits
    outside = (values < low) | (values > high)
    if not outside.any():
        return values, []
    codes = np.unique(values[outside])
    left = int((np.isfinite(values) & ~outside).sum())
    if left == 0 or (codes.size > _FEW_CODES and int(outside.sum()) > left):
        span = f"{int(outside.sum())} values from {codes[0]:.6g} to {codes[-1]:.6g} lie outside {low:g} to {high:g}"
        todo = "Give scale= (MODIS LST 0.02, reflectance and NDVI 0.0001), unit= or nodata=."
        raise GranuleError(f"{span}, so this is not {name} as stored.", where=path, todo=todo)
    listed = ", ".join(f"{c:.6g}" for c in codes[:_FEW_CODES]) + ("" if codes.size <= _FEW_CODES else ", ...")
    note = f"{int(outside.sum())} values outside {low:g} to {high:g} are taken as missing ({listed})"
    return np.where(outside, np.nan, values), [note]


@dataclass(frozen=True)
class _Stored:
    """One band of a file as stored, and what the file says about it; nothing is interpreted yet."""

    values: NDArray[Any]
    """(rows, columns), the file's own type, north to south, west to east."""
    affine: Affine
    crs: pyproj.CRS | None
    nodata: float | None
    masked: Mask
    """Where the file's own mask (nodata, alpha, valid range) says missing; (rows, columns)."""
    scale: float | None
    """value = count * scale + offset, as the file says; None where it says nothing."""
    offset: float | None
    unit: str
    label: str
    """Band description or variable name."""
    notes: tuple[str, ...] = ()


def _read_gdal(path: Path, name: str, band: int | str | None) -> _Stored:
    import rasterio

    try:
        with open_image(path) as file:
            check_cells(path, *file.shape)
            index = _band(path, file.count, file.descriptions, band, name)
            data = file.read(index, masked=True)
            tags = {**file.tags(), **file.tags(index)}
            scale, offset = float(file.scales[index - 1]), float(file.offsets[index - 1])
            affine, crs, nodata = file.transform, file.crs, file.nodatavals[index - 1]
            unit, label = file.units[index - 1] or tags.get("units", ""), file.descriptions[index - 1] or ""
    except rasterio.errors.RasterioError as error:
        raise GranuleError(f"The raster cannot be read ({error}).", where=path, todo=_AGAIN) from error
    if affine.b or affine.d or affine.a < 0 or affine.e > 0:
        raise GridError("The raster is rotated or upside down.", where=path, todo="Warp it north up first (gdalwarp).")
    notes: tuple[str, ...] = ()
    stated = scale != 1 or offset != 0
    if not stated and "scale_factor" in tags:
        if np.issubdtype(data.dtype, np.integer):
            scale, offset, stated = float(tags["scale_factor"]), float(tags.get("add_offset", 0)), True
        else:
            notes = (f"the tag scale_factor={tags['scale_factor']} was not applied: the values are not counts",)
    proj = pyproj.CRS.from_wkt(crs.to_wkt()) if crs is not None else None
    packing: tuple[float | None, float | None] = (scale, offset) if stated else (None, None)
    mask = np.ma.getmaskarray(data)
    return _Stored(np.asarray(data.data), affine, proj, nodata, mask, *packing, unit, label, notes)


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


def _read_netcdf(path: Path, name: str, variable: str | None, date: datetime.date | None) -> _Stored:
    try:
        with xr.open_dataset(path, mask_and_scale=False, decode_times=False, decode_coords="all") as file:
            images = [str(k) for k, v in file.data_vars.items() if _axis_names(v) is not None]
            chosen = variable or (images[0] if len(images) == 1 else name)
            if chosen not in images:
                listed = ", ".join(images) or "none"
                what = f"There is no image {chosen!r}; images: {listed}."
                raise ArgumentError(what, where=path, todo="Give variable=.")
            image = _one_date(path, file[chosen], date)
            axes = _axis_names(image)
            assert axes is not None  # chosen from `images`
            check_cells(path, *image.shape)
            image = image.transpose(*axes).load()
            crs, note = _crs(image, axes)
    except SrdanetError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise GranuleError(f"The file cannot be read as NetCDF ({error}).", where=path, todo=_AGAIN) from error
    y, x = (np.asarray(image[a].values, dtype=np.float64) for a in axes)
    values = np.asarray(image.values)
    if y.size > 1 and y[0] < y[-1]:
        y, values = y[::-1], values[::-1]
    affine = _affine(path, y, x)
    attrs = image.attrs
    fills = [attrs[k] for k in ("_FillValue", "missing_value") if k in attrs]
    mask = np.isin(values, np.asarray(fills).ravel()) if fills else np.zeros(values.shape, dtype=bool)
    if "valid_range" in attrs and np.issubdtype(values.dtype, np.integer):
        low, high = np.asarray(attrs["valid_range"]).ravel()[:2]
        mask = mask | (values < low) | (values > high)
    packing: tuple[float | None, float | None] = (None, None)
    if "scale_factor" in attrs or "add_offset" in attrs:
        packing = float(attrs.get("scale_factor", 1)), float(attrs.get("add_offset", 0))
    nodata = float(np.ravel(fills[0])[0]) if fills else None
    unit, label = str(attrs.get("units", "")), str(attrs.get("long_name", chosen))
    return _Stored(values, affine, crs, nodata, mask, *packing, unit, label, note)


def _axis_names(image: xr.DataArray) -> tuple[str, str] | None:
    """The names of an image's row and column axes, or None where it is not an image."""
    rows = [str(d) for d in image.dims if str(d).lower() in _ROWS]
    columns = [str(d) for d in image.dims if str(d).lower() in _COLUMNS]
    good = len(rows) == len(columns) == 1 and {rows[0], columns[0]} <= set(image.coords)
    return (rows[0], columns[0]) if good else None


def _one_date(path: Path, image: xr.DataArray, date: datetime.date | None) -> xr.DataArray:
    """One image of a stack over time, and nothing left but rows and columns."""
    axes = _axis_names(image)
    for dim in [d for d in image.dims if axes is None or d not in axes]:
        if image.sizes[dim] == 1:
            image = image.isel({dim: 0})
        elif dim == "time" and date is not None:
            days = _dates(path, image["time"])
            hits = np.flatnonzero(days == np.datetime64(date, "D"))
            if hits.size == 0:
                what = f"There is no image of {date}; the file covers {days[0]} to {days[-1]}."
                raise ArgumentError(what, where=path)
            image = image.isel(time=int(hits[0]))
        else:
            todo = "Give date= (--date on the command line)." if dim == "time" else f"Cut out one {dim} first."
            raise ArgumentError(f"The file holds {image.sizes[dim]} images along {dim}.", where=path, todo=todo)
    return image


def _dates(path: Path, time: xr.DataArray) -> NDArray[np.datetime64]:
    """Calendar days of a time axis; AppEEARS counts real days though it says "julian"."""
    unit = time.attrs.get("units")
    try:
        times = xr.decode_cf(xr.Dataset({"time": ("time", time.values, {"units": unit, "calendar": "standard"})}))
        days: NDArray[np.datetime64] = times["time"].dt.round("s").values.astype("datetime64[D]")
    except (ValueError, AttributeError, TypeError) as error:
        raise GranuleError(f"The time axis has no readable unit ({unit!r}).", where=path) from error
    return days


def _crs(image: xr.DataArray, axes: tuple[str, str]) -> tuple[pyproj.CRS | None, tuple[str, ...]]:
    """CRS of a NetCDF image, from its CF grid mapping, its `crs` attribute, or its axes in degrees."""
    mapping = str(image.encoding.get("grid_mapping") or image.attrs.get("grid_mapping") or "")
    for key in (mapping.split(":")[0], "spatial_ref", "crs"):
        if key and key in image.coords:
            attrs = image.coords[key].attrs
            try:
                text = attrs.get("crs_wkt") or attrs.get("spatial_ref")
                return (pyproj.CRS(text) if text else pyproj.CRS.from_cf(attrs)), ()
            except (CRSError, KeyError):
                continue
    if image.attrs.get("crs"):
        return pyproj.CRS(str(image.attrs["crs"])), ()
    if axes[0].lower() in ("lat", "latitude") and axes[1].lower() in ("lon", "longitude"):
        return pyproj.CRS(4326), ("no CRS in the file: its axes are longitude and latitude, taken as WGS 84",)
    return None, ()


def _affine(path: Path, y: Float64, x: Float64) -> Affine:
    steps = []
    for axis, centres in (("rows", y), ("columns", x)):
        if centres.size < 2:
            raise GridError(f"The image has fewer than two {axis}.", where=path)
        step = (centres[-1] - centres[0]) / (centres.size - 1)
        if step == 0 or np.abs(np.diff(centres) - step).max() > 0.01 * abs(step):
            raise GridError(f"The {axis} of the image are not evenly spaced.", where=path)
        steps.append(step)
    dy, dx = steps
    if dx < 0:
        raise GridError("The columns run east to west.", where=path, todo="Sort them first.")
    return Affine(dx, 0, x[0] - dx / 2, 0, dy, y[0] - dy / 2)


def _repeats(data: xr.DataArray) -> tuple[float, float]:
    """How many equal neighbours an image usually has in a row: (down, across), the median.

    1 for measured values. An image replicated n times by nearest neighbour has about
    n across; down it may have fewer, where the coarse grid is sheared.
    """
    values = np.asarray(data.transpose("y", "x").values)
    return _run(values.T), _run(values)


def _run(lines: Floats) -> float:
    """Median length of the runs of equal values along the rows of an image, missing ones left out."""
    lengths = []
    for line in lines:
        starts = np.flatnonzero(np.concatenate([[True], (line[1:] != line[:-1]) & ~np.isnan(line[1:] + line[:-1])]))
        runs = np.diff(np.append(starts, line.size))
        lengths.append(runs[np.isfinite(line[starts])])
    every = np.concatenate(lengths)
    return float(np.median(every)) if every.size else 1.0


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
    longitude, latitude = (float(np.nanmean(c)) for c in corners(place, CRS(4326)))
    geographic = place.crs is not None and place.crs.geographic
    metres = METRES_PER_DEGREE * np.array([1, np.cos(np.radians(latitude))]) if geographic else np.ones(2)
    down, across = np.array([-place.affine.e, place.affine.a]) * metres
    runs = _repeats(data)
    if kind == "auto" and not geographic and max(runs) <= _REPEATED and abs(down / across - 1) < 1e-6:
        return place
    size = float(max(down * runs[0], across * runs[1]) if max(runs) > _REPEATED else max(down, across))
    levels = [level for level in (Level.KM1, Level.M500, Level.M250) if abs(size / level.metres - 1) < _NEAR]
    if kind == "modis" or (kind == "auto" and levels):
        level = levels[0] if levels else min(Level, key=lambda lv: abs(np.log(size / lv.metres)))
        return _cover(place, SINUSOIDAL, level.metres, Tile(0, 0).corner)
    if abs(latitude) > 84:
        raise GridError(f"UTM ends at 84 degrees; the centre lies at {latitude:.1f}.", todo="Warp it to a polar grid.")
    zone = int((longitude + 180) // 6) % 60 + 1
    digits = int(np.floor(np.log10(size))) - 1
    return _cover(place, CRS(32600 + zone + (100 if latitude < 0 else 0)), round(size, -digits), (0.0, 0.0))


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
