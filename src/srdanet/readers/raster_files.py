"""Read GeoTIFF and NetCDF as they are: numbers, place and what the file says about itself.

Nothing is interpreted here: `rasters.py` decides what the numbers mean.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from srdanet.errors import ArgumentError, GranuleError, GridError, SrdanetError

if TYPE_CHECKING:
    import xarray as xr

_ROWS = ("y", "ydim", "lat", "latitude", "rows")
_COLUMNS = ("x", "xdim", "lon", "longitude", "cols")
_SINCE = re.compile(r"\s*(day|hour|minute|second)s?\s+since\s+(\d{4})-(\d{1,2})-(\d{1,2})", re.IGNORECASE)
_NETCDF = (b"\x89HDF", b"CDF\x01", b"CDF\x02", b"CDF\x05")


@dataclass(frozen=True)
class RawRaster:
    """One band of a file, as stored."""

    values: NDArray[Any]
    """(rows, columns), the file's own type, north to south, west to east."""
    affine: Affine
    crs: CRS | None
    nodata: float | None
    masked: NDArray[np.bool_]
    """Where the file's own mask (nodata, alpha, valid range) says missing; (rows, columns)."""
    scale: float | None
    """value = count * scale + offset, as the file says; None where it says nothing."""
    offset: float | None
    unit: str
    label: str
    """Band description or variable name."""
    notes: tuple[str, ...] = ()


def read_raw(
    path: Path, *, name: str, band: int | str | None, variable: str | None, date: datetime.date | None
) -> RawRaster:
    """Read one band of a GeoTIFF (or any GDAL raster) or one variable of a NetCDF file.

    Raises:
        GranuleError: when the file is missing or damaged.
        ArgumentError: when the band, variable or date must be said or does not exist.
        GridError: when rows or columns are uneven or rotated.
    """
    if not path.is_file():
        raise GranuleError("no such raster", where=path)
    with path.open("rb") as file:
        magic = file.read(4)
    if magic in _NETCDF:
        if band is not None and variable is None:
            variable = str(band)
        return _read_netcdf(path, name, variable, date)
    return _read_gdal(path, name, variable if band is None else band)


def _read_gdal(path: Path, name: str, band: int | str | None) -> RawRaster:
    import rasterio

    try:
        with rasterio.open(path) as file:
            index = _band(path, file.count, file.descriptions, band, name)
            data = file.read(index, masked=True)
            tags = {**file.tags(), **file.tags(index)}
            scale, offset = float(file.scales[index - 1]), float(file.offsets[index - 1])
            affine, crs, nodata = file.transform, file.crs, file.nodatavals[index - 1]
            unit, label = file.units[index - 1] or tags.get("units", ""), file.descriptions[index - 1] or ""
    except rasterio.errors.RasterioError as error:
        raise GranuleError(f"cannot be read ({error})", where=path, todo="download or export it again") from error
    if affine.b or affine.d or affine.a < 0 or affine.e > 0:
        raise GridError("is rotated or upside down", where=path, todo="warp it north up first (gdalwarp)")
    notes: tuple[str, ...] = ()
    said = scale != 1 or offset != 0
    if not said and "scale_factor" in tags:
        if np.issubdtype(data.dtype, np.integer):
            scale, offset, said = float(tags["scale_factor"]), float(tags.get("add_offset", 0)), True
        else:
            notes = (f"the tag scale_factor={tags['scale_factor']} was not applied: the values are no counts",)
    proj = CRS.from_wkt(crs.to_wkt()) if crs is not None else None
    mask = np.ma.getmaskarray(data)
    values = np.asarray(data.data)
    return RawRaster(
        values, affine, proj, nodata, mask, scale if said else None, offset if said else None, unit, label, notes
    )


def _band(path: Path, count: int, descriptions: tuple[str | None, ...], band: int | str | None, name: str) -> int:
    """The number (from 1) of the band asked for."""
    listed = ", ".join(f"{i}: {d or 'no description'}" for i, d in enumerate(descriptions, 1))
    if band is None and count == 1:
        return 1
    wanted = str(name if band is None else band)
    if wanted.isdigit() and 1 <= int(wanted) <= count:
        return int(wanted)
    found = [i for i, d in enumerate(descriptions, 1) if (d or "").lower() == wanted.lower()]
    if len(found) != 1:
        raise ArgumentError(f"no single band {wanted!r}; it has {listed}", where=path, todo="name a band by its number")
    return found[0]


def _read_netcdf(path: Path, name: str, variable: str | None, date: datetime.date | None) -> RawRaster:
    import xarray as xr

    try:
        with xr.open_dataset(path, mask_and_scale=False, decode_times=False, decode_coords="all") as file:
            images = [str(k) for k, v in file.data_vars.items() if _axis_names(v) is not None]
            chosen = variable or (images[0] if len(images) == 1 else name)
            if chosen not in images:
                listed = ", ".join(images) or "none"
                raise ArgumentError(f"has no image {chosen!r}; images: {listed}", where=path, todo="give variable=")
            image = _one_date(path, file[chosen], date)
            axes = _axis_names(image)
            assert axes is not None  # chosen from `images`
            image = image.transpose(*axes).load()
            crs, note = _crs(image, axes)
    except SrdanetError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise GranuleError(f"cannot be read as NetCDF ({error})", where=path) from error
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
    said = "scale_factor" in attrs or "add_offset" in attrs
    scale, offset = float(attrs.get("scale_factor", 1)), float(attrs.get("add_offset", 0))
    return RawRaster(
        values,
        affine,
        crs,
        float(np.ravel(fills[0])[0]) if fills else None,
        mask,
        scale if said else None,
        offset if said else None,
        str(attrs.get("units", "")),
        str(attrs.get("long_name", chosen)),
        note,
    )


def _axis_names(image: xr.DataArray) -> tuple[str, str] | None:
    """The names of an image's row and column axes, or None where it is no image."""
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
                raise ArgumentError(f"has no image of {date}; it covers {days[0]} to {days[-1]}", where=path)
            image = image.isel(time=int(hits[0]))
        else:
            todo = "give date= (--date on the command line)" if dim == "time" else f"cut out one {dim} first"
            raise ArgumentError(f"holds {image.sizes[dim]} images along {dim}", where=path, todo=todo)
    return image


def _dates(path: Path, time: xr.DataArray) -> NDArray[np.datetime64]:
    """Calendar days of a time axis; AppEEARS counts real days though it says "julian"."""
    match = _SINCE.match(str(time.attrs.get("units", "")))
    if match is None:
        raise GranuleError(f"time axis has no readable unit ({time.attrs.get('units')!r})", where=path)
    seconds = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}[match[1].lower()]
    start = np.datetime64(f"{int(match[2]):04d}-{int(match[3]):02d}-{int(match[4]):02d}", "s")
    counts = np.round(np.asarray(time.values, dtype=np.float64) * seconds).astype("timedelta64[s]")
    return np.asarray(start + counts).astype("datetime64[D]")


def _crs(image: xr.DataArray, axes: tuple[str, str]) -> tuple[CRS | None, tuple[str, ...]]:
    """CRS of a NetCDF image, from its CF grid mapping, its `crs` attribute, or its axes in degrees."""
    mapping = str(image.encoding.get("grid_mapping") or image.attrs.get("grid_mapping") or "")
    for key in (mapping.split(":")[0], "spatial_ref", "crs"):
        if key and key in image.coords:
            attrs = image.coords[key].attrs
            try:
                text = attrs.get("crs_wkt") or attrs.get("spatial_ref")
                return (CRS(text) if text else CRS.from_cf(attrs)), ()
            except (CRSError, KeyError):
                continue
    if image.attrs.get("crs"):
        return CRS(str(image.attrs["crs"])), ()
    if axes[0].lower() in ("lat", "latitude") and axes[1].lower() in ("lon", "longitude"):
        return CRS(4326), ("no CRS in the file: its axes are longitude and latitude, taken as WGS 84",)
    return None, ()


def _affine(path: Path, y: NDArray[np.float64], x: NDArray[np.float64]) -> Affine:
    steps = []
    for axis, centres in (("rows", y), ("columns", x)):
        if centres.size < 2:
            raise GridError(f"has fewer than two {axis}", where=path)
        step = (centres[-1] - centres[0]) / (centres.size - 1)
        if step == 0 or np.abs(np.diff(centres) - step).max() > 0.01 * abs(step):
            raise GridError(f"its {axis} are not evenly spaced", where=path)
        steps.append(step)
    dy, dx = steps
    if dx < 0:
        raise GridError("columns run east to west", where=path, todo="sort it first")
    return Affine(dx, 0, x[0] - dx / 2, 0, dy, y[0] - dy / 2)
