"""Rasters people already have: AppEEARS and Earth Engine exports, read with a statement of what was assumed.

Such files carry wrong CRS tags, no fill value, no unit, or counts without a scale.
Whatever is decided here for the reader stands in `attrs["assumed"]`; whatever
cannot be decided is an error that names the argument which settles it.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import numpy as np
import pyproj
import xarray as xr
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError

from srdanet.errors import ArgumentError, GranuleError, GridError
from srdanet.grid import SINUSOIDAL, SPHERE_RADIUS, coordinates
from srdanet.readers.raster_files import RawRaster, read_raw
from srdanet.readers.suggest import repeats, suggest_grid
from srdanet.variables import BY_NAME, LST_RANGE

__all__ = ["open_raster", "repeats", "suggest_grid", "to_kelvin", "true_crs"]

_CELSIUS_RANGE = (-90.0, 75.0)
"""Surface temperatures on Earth in degrees Celsius; shares no value with `LST_RANGE`."""
_LST = ("lst", "lst_day", "lst_night")
_TEMPERATURES = (*_LST, "t2m", "d2m")
_KELVIN = ("k", "kelvin")
_CELSIUS = ("c", "degc", "°c", "celsius", "deg c", "degree_celsius", "degrees_celsius", "degrees celsius")
_MODIS_FILL = {"ndvi": -3000, "evi": -3000}
"""Counts that MODIS uses for missing and that pass for a value once scaled (MOD13 user guide)."""
_FEW_CODES = 8
"""Up to so many distinct values outside the valid range are fill codes; more are data in another unit."""


def to_kelvin(values: NDArray[np.floating], unit: str) -> NDArray[np.floating]:
    """Temperatures in K.

    Raises:
        ArgumentError: when the unit is neither kelvin nor degrees Celsius.
    """
    text = unit.strip().lower()
    if text in _KELVIN:
        return values
    if text in _CELSIUS:
        return values + 273.15
    raise ArgumentError(f"unit {unit!r} is no temperature this package reads", todo="give unit='K' or unit='degC'")


def true_crs(crs: pyproj.CRS) -> tuple[CRS, str | None]:
    """The CRS a file means, and what was assumed to get there.

    MODIS data exported by Earth Engine and others say "sinusoidal on the WGS 84
    ellipsoid", but their coordinates are those of the MODIS sphere; taken by the
    word they land up to 20 km away.
    """
    operation = crs.coordinate_operation
    meridian = 0.0
    if operation is not None:
        meridian = sum(abs(float(p.value)) for p in operation.params if "ongitude" in p.name)
    if operation is None or "sinusoidal" not in operation.method_name.lower() or meridian or crs.ellipsoid is None:
        return CRS(crs.to_wkt()), None
    ellipsoid = crs.ellipsoid
    if abs(ellipsoid.semi_major_metre - ellipsoid.semi_minor_metre) > 1:
        return SINUSOIDAL, f"the tag says sinusoidal on {ellipsoid.name}; taken as the MODIS sphere"
    if abs(ellipsoid.semi_major_metre - SPHERE_RADIUS) < 1:
        return SINUSOIDAL, None
    return CRS(crs.to_wkt()), None


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
        path: GeoTIFF (or what else GDAL reads) or NetCDF.
        name: What it is: `lst`, `lst_day`, `lst_night`, or a name of `predictors.table`, whose
            range then says what is missing; any other name is read without a check.
        band: Number from 1, or description; may be left out for one band, or where a band is described as `name`.
        variable: NetCDF variable; may be left out where there is one image, or one called `name`.
        date: Which image of a NetCDF stack over time.
        crs: Overrides the file's CRS.
        nodata: Overrides the file's value for missing.
        scale: value = count * scale + offset; overrides the file's own.
        offset: As above; 0 where only `scale` is given.
        unit: `K` or `degC` for temperatures. Without it the file's word counts, else the values decide.

    Returns:
        (y, x) float32, physical (temperatures in K), NaN = missing, north up; `attrs["units"]`,
        `attrs["source"]` (file name) and `attrs["assumed"]` (list of what was decided for the reader).

    Raises:
        GranuleError: when the file is missing or damaged, or no value fits the quantity.
        ArgumentError: when band, variable, date, scale or unit must be said.
        GridError: when it has no CRS, or is rotated.
    """
    path = Path(path)
    raw = read_raw(path, name=name, band=band, variable=variable, date=date)
    notes = list(raw.notes)
    place = _place(path, raw, crs, notes)
    has_fill = raw.nodata is not None or nodata is not None
    if not has_fill and name in _MODIS_FILL and np.issubdtype(raw.values.dtype, np.signedinteger):
        nodata = _MODIS_FILL[name]
        notes.append(f"no fill value in the file: {nodata} is taken as missing, as in MOD13")
    values, missing = _physical(raw, nodata, scale, offset, notes)
    values = np.where(missing, np.nan, values)
    if name in _TEMPERATURES:
        values, units = _temperature(path, values, unit, raw, has_fill, notes), "K"
    else:
        known = BY_NAME.get(name)
        units = known.unit if known else (unit or raw.unit)
        if unit is not None and known and unit != known.unit:
            raise ArgumentError(f"{name} is read in {known.unit!r}, not {unit!r}", todo="convert by scale= and offset=")
    values = _within(path, name, values, notes)
    attrs: dict[str, object] = {
        "units": units,
        "long_name": BY_NAME[name].long_name if name in BY_NAME else raw.label or name,
    }
    attrs |= {"source": path.name, "assumed": notes}
    return xr.DataArray(values.astype(np.float32), dims=("y", "x"), coords=_coords(place), attrs=attrs, name=name)


def _place(path: Path, raw: RawRaster, crs: str | int | None, notes: list[str]) -> GeoBox:
    if crs is not None:
        try:
            own: CRS = CRS(crs)
        except (CRSError, ValueError) as error:
            raise ArgumentError(f"crs={crs!r} is no CRS", todo="write it like EPSG:32631, or as WKT") from error
        notes.append(f"CRS given by the caller: {str(crs)[:60]}")
    elif raw.crs is None:
        raise GridError("has no CRS", where=path, todo="give crs=, such as crs='EPSG:4326'")
    else:
        own, note = true_crs(raw.crs)
        notes.extend([note] if note else [])
    height, width = raw.values.shape
    return GeoBox((height, width), raw.affine, own)


def _physical(
    raw: RawRaster, nodata: float | None, scale: float | None, offset: float | None, notes: list[str]
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Values by scale and offset, and where they are missing by the file's or the caller's word."""
    values = raw.values.astype(np.float64)
    missing = raw.masked if nodata is None else np.isclose(values, nodata, rtol=1e-6, atol=0)
    if scale is None and offset is None:
        scale, offset = raw.scale, raw.offset
        if scale is not None and scale >= 100:
            notes.append(f"the file's scale {scale:g} divides (older MODIS convention)")
            scale = 1 / scale
        elif scale is not None:
            notes.append(f"scale {scale:g} and offset {offset or 0:g} as the file says")
    return values * (1.0 if scale is None else scale) + (offset or 0.0), missing | ~np.isfinite(values)


def _temperature(
    path: Path, values: NDArray[np.floating], unit: str | None, raw: RawRaster, has_fill: bool, notes: list[str]
) -> NDArray[np.floating]:
    """Temperatures in K; says in `notes` how the unit was found."""
    if unit is None:
        said = re.search(r"\((.*?)\)\s*$", raw.label)
        for word in (raw.unit, said[1] if said else ""):
            if word.strip().lower() in (*_KELVIN, *_CELSIUS):
                notes.append(f"unit {word.strip()} as the file says")
                unit = word
                break
    if unit is None:
        kelvin = (values >= LST_RANGE[0]) & (values <= LST_RANGE[1])
        celsius = (values >= _CELSIUS_RANGE[0]) & (values <= _CELSIUS_RANGE[1])
        # Zero is the usual unmarked fill of kelvin images and says nothing about the unit.
        looks_celsius = bool((celsius & (values != 0)).any())
        if not np.isfinite(values).any():
            return values
        span = f"{np.nanmin(values):.6g} to {np.nanmax(values):.6g}"
        if kelvin.any() == looks_celsius:
            what = f"values from {span} do not tell whether they are K or degrees Celsius"
            raise ArgumentError(what, where=path, todo="give unit='K' or 'degC', nodata=, or scale= (MODIS LST: 0.02)")
        unit = "degC" if looks_celsius else "K"
        notes.append(f"no unit in the file: values from {span} are taken as {unit}")
    if unit.strip().lower() in _CELSIUS and not has_fill and (values == 0).any():
        notes.append(f"{int((values == 0).sum())} values of exactly 0 are taken as 0 degC, not as missing")
    return to_kelvin(values, unit)


def _within(path: Path, name: str, values: NDArray[np.floating], notes: list[str]) -> NDArray[np.floating]:
    """Values outside the quantity's range become missing; refuse where that is most of them."""
    if name in _LST:
        low, high = LST_RANGE
    elif name in BY_NAME:
        low, high = BY_NAME[name].low, BY_NAME[name].high
    else:
        return values
    outside = (values < low) | (values > high)
    if not outside.any():
        return values
    codes = np.unique(values[outside])
    left = int((np.isfinite(values) & ~outside).sum())
    if left == 0 or (codes.size > _FEW_CODES and int(outside.sum()) > left):
        what = f"{int(outside.sum())} values from {codes[0]:.6g} to {codes[-1]:.6g} lie outside {low:g} to {high:g}"
        todo = "give scale= (MODIS LST 0.02, reflectance and NDVI 0.0001), unit= or nodata="
        raise GranuleError(f"{what}, so this is not {name} as stored", where=path, todo=todo)
    listed = ", ".join(f"{c:.6g}" for c in codes[:_FEW_CODES]) + ("" if codes.size <= _FEW_CODES else ", ...")
    notes.append(f"{int(outside.sum())} values outside {low:g} to {high:g} are taken as missing ({listed})")
    return np.where(outside, np.nan, values)


def _coords(place: GeoBox) -> dict[str, xr.DataArray]:
    """CF coordinates; in degrees where the raster is."""
    coords = coordinates(place)
    if place.crs is not None and place.crs.geographic:
        for axis, long in (("y", "latitude"), ("x", "longitude")):
            coords[axis].attrs |= {"units": f"degrees_{'north' if axis == 'y' else 'east'}", "standard_name": long}
    return coords
