"""One image of a file as it is stored, with all that the file says of it; `rasters.open_raster` makes sense of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError

from srdanet.arrays import Mask
from srdanet.errors import ArgumentError, GranuleError, GridError, spelled
from srdanet.grid import grid_of_centres, in_metres
from srdanet.readers.dates import NAME, attribute_times, coordinate_times, is_time, name_times
from srdanet.readers.guard import check_cells, unreadable
from srdanet.readers.hdf5 import is_hdf5, look_through
from srdanet.statements import Stated, agrees

AGAIN = "Download or export it again."
_ROWS = ("y", "ydim", "lat", "latitude", "rows")
_COLUMNS = ("x", "xdim", "lon", "longitude", "cols")
_GENERAL = ("date",)
"""Keys that say when an image was seen where they stand at the image, and anything at the whole file."""


@dataclass(frozen=True)
class Lattice:
    """Where the cells lie, in the units of the file: by a transform, or by their centres."""

    shape: tuple[int, int]
    transform: Affine | None = None
    centres: tuple[NDArray[Any], NDArray[Any]] | None = None
    """Of rows (north to south) and columns, of the file's own type."""
    units: tuple[str, str] = ("", "")
    """What the axes state."""

    def on(self, crs: CRS, where: Path) -> tuple[GeoBox, list[str]]:
        """The grid in metres or degrees, north up, and what was assumed.

        Raises:
            GridError: when the centres are uneven, or a unit is unknown or contradicts the CRS.
        """
        if self.centres is not None:
            return grid_of_centres(*self.centres, crs, self.units, name=where)
        assert self.transform is not None  # one of the two is given
        own, metres, notes = in_metres(crs)
        affine = Affine(*(value * metres for value in tuple(self.transform)[:6])) if metres != 1 else self.transform
        return GeoBox(self.shape, affine, own), notes


@dataclass(frozen=True)
class Stored:
    """One band of a file as stored, and what the file says about it; nothing is interpreted yet."""

    values: NDArray[Any]
    """(rows, columns), the file's own type, north to south, west to east."""
    lattice: Lattice
    crs: pyproj.CRS | None
    fills: tuple[float, ...]
    """Values that the file calls missing."""
    masked: Mask
    """Where the file's mask (alpha, mask band, valid range) says missing; (rows, columns)."""
    scale: float | None
    """value = count * scale + offset, as the file says; None where it says nothing."""
    offset: float | None
    unit: str
    label: str
    """Band description or variable name."""
    times: tuple[Stated[np.datetime64], ...] = ()
    """What the file says of the image's time, its name included."""
    notes: tuple[str, ...] = ()


def of_name(path: Path) -> tuple[Stated[np.datetime64], ...]:
    """What a file's name says of its time."""
    times = name_times(path.name)
    return (Stated("its name", times, NAME),) if times else ()


@dataclass(frozen=True)
class NetCDFImage:
    """One image variable of an open NetCDF file, with its place and its times."""

    image: xr.DataArray
    """Rows, columns and, where there are several, times; nothing is read yet."""
    axes: tuple[str, str]
    lattice: Lattice
    crs: pyproj.CRS | None
    along: str | None
    """The dimension along which there are several times."""
    times: tuple[Stated[np.datetime64], ...]
    notes: tuple[str, ...]

    def of(self, time: np.datetime64 | None) -> xr.DataArray:
        """The image of one of its times."""
        if self.along is None or time is None:
            return self.image
        hits = [i for i, held in enumerate(self.times[0].values) if agrees(held, time)]
        return self.image.isel({self.along: hits[0]})


def image_variables(file: xr.Dataset) -> list[str]:
    """Variables with a row and a column axis."""
    return [str(name) for name, variable in file.data_vars.items() if _axis_names(variable) is not None]


def open_netcdf(path: Path) -> xr.Dataset:
    """A NetCDF file as it is stored: nothing is scaled, masked or decoded.

    Raises:
        GranuleError: when it cannot be read, or keeps part of its content in other files.
    """
    if is_hdf5(path):
        look_through(path)
    with unreadable(path, "The file cannot be read as NetCDF", AGAIN):
        return xr.open_dataset(path, mask_and_scale=False, decode_times=False, decode_coords="all")


def find_image(path: Path, file: xr.Dataset, name: str, variable: str | None) -> NetCDFImage:
    """The image asked for, reduced to rows, columns and time.

    Raises:
        ArgumentError: when there is no such image, or several along another dimension than time.
        GranuleError: when a coordinate of time cannot be read.
    """
    images = image_variables(file)
    chosen = variable or (images[0] if len(images) == 1 else name)
    if chosen not in images:
        what = f"There is no image {chosen!r}; images: {', '.join(images) or 'none'}."
        raise ArgumentError(what, where=path, todo=f"Give {spelled('variable')}.")
    image = file[chosen]
    axes = _axis_names(image)
    assert axes is not None  # chosen from `images`
    along = None
    stated: list[Stated[np.datetime64]] = []
    for dim in [str(d) for d in image.dims if d not in axes]:
        held = image.coords[dim] if dim in image.coords else file.variables.get(dim)
        timed = held is not None and is_time(dim, xr.DataArray(held))
        if image.sizes[dim] == 1:
            image = image.isel({dim: 0})
        elif timed:
            along = dim
        else:
            what = f"The file holds {image.sizes[dim]} images along {dim}."
            raise ArgumentError(what, where=path, todo=f"Cut out one {dim} first.")
        if timed and (times := coordinate_times(path, dim, xr.DataArray(held))):
            stated.append(Stated(f"its axis {dim}", times))
    if along is not None and not stated:
        what = f"The file holds {image.sizes[along]} images along {along}, which has no unit."
        raise ArgumentError(what, where=path, todo=f"Cut out one {along} first.")
    notes: list[str] = []
    if along is None:
        scalars = {str(k): v for k, v in file.variables.items() if v.ndim == 0 and k not in image.dims}
        for key, scalar in scalars.items():
            held = xr.DataArray(scalar)
            if is_time(key, held) and (times := coordinate_times(path, key, held)):
                stated.append(Stated(f"its coordinate {key}", times))
        whole = {key: value for key, value in file.attrs.items() if str(key).lower() not in _GENERAL}
        found, notes = attribute_times({**whole, **image.attrs})
        stated += [*found, *of_name(path)]
    crs, note = _crs(path, image, axes)
    lattice = _lattice(path, image, axes, degrees=crs is not None and crs.is_geographic)
    return NetCDFImage(image, axes, lattice, crs, along, tuple(stated), (*notes, *note))


def _lattice(path: Path, image: xr.DataArray, axes: tuple[str, str], *, degrees: bool) -> Lattice:
    """Centres of rows, north first, and of columns, west first."""
    y, x = (np.asarray(image[axis].values) for axis in axes)
    y = y[::-1] if y.size > 1 and y[0] < y[-1] else y
    # Longitudes from 179.9 to -179.9 run east all the same.
    if x.size > 1 and x[0] > x[-1] and not (degrees and (np.diff(x) < 0).sum() == 1):
        raise GridError("The columns run east to west.", where=path, todo="Sort them first.")
    units = [str(image[axis].attrs.get("units", "")) for axis in axes]
    return Lattice((y.size, x.size), centres=(y, x), units=(units[0], units[1]))


def read_netcdf(path: Path, found: NetCDFImage, time: np.datetime64 | None) -> Stored:
    """The stored values of the image of one time, and what the file says of them.

    Raises:
        GranuleError: when they cannot be read, or are too many.
    """
    try:
        image = found.of(time).transpose(*found.axes)
        check_cells(path, *image.shape)
        image = image.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise GranuleError(f"The file cannot be read as NetCDF ({error}).", where=path, todo=AGAIN) from error
    rows, attrs = image[found.axes[0]].values, image.attrs
    values = _signed(np.asarray(image.values), image.dtype, attrs)
    if rows[0] < rows[-1]:
        values = values[::-1]
    keys = [key for key in ("_FillValue", "missing_value") if key in attrs]
    fills = [np.ravel(_signed(np.asarray(attrs[key]), image.dtype, attrs)) for key in keys]
    whole = np.issubdtype(values.dtype, np.integer)
    packed = "scale_factor" in attrs or "add_offset" in attrs
    try:
        numbers = float(attrs.get("scale_factor", 1)), float(attrs.get("add_offset", 0))
    except (TypeError, ValueError) as error:
        what = f"scale_factor={attrs.get('scale_factor')!r}, add_offset={attrs.get('add_offset')!r}: not numbers."
        raise GranuleError(what, where=path, todo="Correct the attributes.") from error
    scale, offset = numbers if packed else (None, None)
    return Stored(
        values,
        found.lattice,
        found.crs,
        tuple(float(value) for fill in fills for value in fill),
        _outside(values, image.dtype, attrs) if whole else np.zeros(values.shape, dtype=bool),
        scale,
        offset,
        str(attrs.get("units", attrs.get("unit", ""))),
        str(attrs.get("long_name", image.name)),
        found.times,
        found.notes,
    )


def _signed(values: NDArray[Any], stored: np.dtype[Any], attrs: Mapping[str, Any]) -> NDArray[Any]:
    """Integers with the sign that `_Unsigned` says; NetCDF-3 has no unsigned ones, HDF5 copies of it keep the mark."""
    says = str(attrs.get("_Unsigned", "")).strip().lower()
    kind = {"true": "u", "false": "i"}.get(says)
    if kind is None or stored.kind not in "iu" or values.dtype.kind not in "iu" or stored.kind == kind:
        return values
    return values.astype(stored.newbyteorder("=")).view(f"{kind}{stored.itemsize}")


def _outside(values: NDArray[Any], stored: np.dtype[Any], attrs: Mapping[str, Any]) -> Mask:
    """Where counts lie outside the valid range that the file states."""
    limits: Sequence[Any] = (attrs.get("valid_min"), attrs.get("valid_max"))
    if "valid_range" in attrs:
        limits = list(np.asarray(attrs["valid_range"]).ravel()[:2])
    outside = np.zeros(values.shape, dtype=bool)
    for limit, beyond in zip(limits, (np.less, np.greater), strict=True):
        if limit is not None:
            outside |= beyond(values, _signed(np.asarray(limit), stored, attrs))
    return outside


def _axis_names(image: xr.DataArray) -> tuple[str, str] | None:
    """The names of an image's row and column axes, or None where it is not an image."""
    rows = [str(d) for d in image.dims if str(d).lower() in _ROWS]
    columns = [str(d) for d in image.dims if str(d).lower() in _COLUMNS]
    good = len(rows) == len(columns) == 1 and {rows[0], columns[0]} <= set(image.coords)
    return (rows[0], columns[0]) if good else None


def _crs(path: Path, image: xr.DataArray, axes: tuple[str, str]) -> tuple[pyproj.CRS | None, tuple[str, ...]]:
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
        try:
            return pyproj.CRS(str(image.attrs["crs"])), ()
        except CRSError as error:
            what = f"The CRS of the file cannot be understood: {str(image.attrs['crs'])[:80]!r}."
            raise GridError(what, where=path, todo="Give crs=, such as crs=EPSG:4326.") from error
    if axes[0].lower() in ("lat", "latitude") and axes[1].lower() in ("lon", "longitude"):
        return pyproj.CRS(4326), ("no CRS in the file: its axes are longitude and latitude, taken as WGS 84",)
    return None, ()
