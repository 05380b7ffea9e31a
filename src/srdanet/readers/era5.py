"""ERA5 files of any layout read into one set of hours, in physical units, with units and ranges checked.

Old NetCDF (to 2024): `time`, classic format, packed int16, latitude descending,
longitude 0-360, `expver` as a dimension where final and preliminary data meet. New:
`valid_time`, `number` and `expver` beside it, instantaneous and accumulated variables
in separate files, handed out as one zip. GRIB is read by GDAL; its units are left as
the provider's (GDAL would turn K into degrees Celsius).

Source: ERA5 single levels (Hersbach et al. 2020), 0.25 degrees, hourly.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float64
from srdanet.errors import ArgumentError, GranuleError
from srdanet.readers.guard import check_member, open_image
from srdanet.readers.hdf5 import is_hdf5, look_through
from srdanet.readers.resampling import corners
from srdanet.variables import BY_NAME

Crop = Callable[[xr.DataArray], xr.DataArray]
"""Cuts an image stack down before its values are read."""

_UNITS = {
    "t2m": ("K", "kelvin"),
    "d2m": ("K", "kelvin"),
    "u10": ("m s**-1", "m s-1", "m/s", "m s^-1"),
    "v10": ("m s**-1", "m s-1", "m/s", "m s^-1"),
    "si10": ("m s**-1", "m s-1", "m/s", "m s^-1"),
    "ssrd": ("J m**-2", "J m-2", "J/m^2", "J m^-2", "W*s/m^2", "W s m**-2"),
    "swvl1": ("m**3 m**-3", "m3 m-3", "m^3/m^3", "m^3 m^-3"),
}
_HOUR = np.timedelta64(3600, "s")
_MARGIN = np.timedelta64(7 * 3600, "s")
_LAND_STEP = 0.2
"""Grid step (degrees) below which a file is ERA5-Land, whose `ssrd` runs on from 00 UTC."""
_GRIB_NAMES = {"2T": "t2m", "2D": "d2m", "10U": "u10", "10V": "v10", "SSRD": "ssrd", "SWVL1": "swvl1"}
_AXES = ("time", "latitude", "longitude")
_AGAIN = "Download it again."


def open_era5(
    paths: str | Path | Sequence[str | Path], *, around: GeoBox | None = None, time: ArrayLike | None = None
) -> xr.Dataset:
    """Read ERA5 files of any layout into one set of hours.

    Args:
        paths: NetCDF (old or new layout), zip of NetCDF, or GRIB. Variables and days may be spread over files.
        around: Read only what surrounds this grid.
        time: Read only the hours around these moments (UTC, any shape).

    Returns:
        (time, latitude, longitude) float32 with those of t2m K, d2m K, wind m s-1, ssrd W m-2
        (mean over the hour that ends at `time`), swvl1 m3 m-3 that the files hold; latitude and
        longitude ascending, longitude from -180 to 180 (0 to 360 where the area crosses 180). NaN = missing.
        `attrs["assumed"]` lists what was decided for the reader.

    Raises:
        GranuleError: when a file is damaged, a unit is unknown, values are impossible, or no
            hour is near `time` or no point near `around`.
        ArgumentError: when no file is given.
    """
    given = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    if not given:
        raise ArgumentError("No file of weather data is given.")
    fields: dict[str, list[xr.DataArray]] = {}
    extents: set[str] = set()
    notes: dict[str, None] = {}

    def crop(image: xr.DataArray) -> xr.DataArray:
        extents.add(extent(image))
        return _near_time(_near_place(image, around), time)

    for path in given:
        for image in read_fields(path, crop):
            name, unit = str(image.name), str(image.attrs.get("units", "")).strip()
            if not image.size:
                continue
            if not unit:
                notes[f"{path.name}: {name} has no unit; taken as {_UNITS[name][0]}"] = None
            elif unit not in _UNITS[name]:
                todo = f"Convert it to {_UNITS[name][0]}."
                raise GranuleError(f"{name} is in {unit!r}, which this package does not read.", where=path, todo=todo)
            fields.setdefault(name, []).append(image)
    if not fields:
        todo = "Ask the Climate Data Store for this date and area, a degree larger on each side."
        where = "; ".join(sorted(extents)[:4])
        raise GranuleError("The files hold no hour near the time and place asked for.", where=where, todo=todo)
    joined = {name: _joined(name, parts) for name, parts in fields.items()}
    out = xr.merge(_quantities(joined), join="outer", compat="override", combine_attrs="drop")
    if "ssrd" in joined and _is_land(joined["ssrd"]):
        notes["a grid finer than 0.2 degrees is taken as ERA5-Land: ssrd runs on from 00 UTC"] = None
    for name in map(str, out.data_vars):
        known = BY_NAME[name]
        out[name].attrs = {"units": known.unit, "long_name": known.long_name}
        values = out[name].values
        if ((values < known.low) | (values > known.high)).any():
            limits = f"{np.nanmin(values):.6g} to {np.nanmax(values):.6g} {known.unit}"
            what = f"{name} runs from {limits}, beyond what is possible."
            raise GranuleError(what, where=given[0], todo="Check the unit.")
    return out.assign_attrs(assumed=list(notes), sources=[p.name for p in given])


def extent(image: xr.DataArray) -> str:
    """Where and when a field has values, for messages."""
    when, lat, lon = (image[axis].values for axis in _AXES)
    if not (lat.size and lon.size):
        return f"covers nothing, {span(when)}"
    return f"covers {lat.min():g} to {lat.max():g} N, {lon.min():g} to {lon.max():g} E, {span(when)}"


def span(when: NDArray[np.datetime64]) -> str:
    """First and last of some moments, for messages."""
    return f"{np.datetime_as_string(when.min(), 'm')} to {np.datetime_as_string(when.max(), 'm')} UTC"


def _near_place(image: xr.DataArray, around: GeoBox | None) -> xr.DataArray:
    """The points around a grid, two steps more on each side; longitudes in one piece."""
    longitude = np.round(image["longitude"].values, 5)
    if around is None:
        turned = np.mod(longitude + 180, 360) - 180
        gaps = np.diff(np.sort(turned))
        if gaps.size and gaps.max() > 1.5 * np.median(gaps):
            turned = np.mod(longitude, 360)
        return image.assign_coords(longitude=np.round(turned, 5)).sortby("longitude")
    lon, lat = (c[np.isfinite(c)] for c in corners(around, CRS(4326)))
    if not lon.size:
        return image.isel(longitude=slice(0, 0))
    centre = (lon.min() + lon.max()) / 2
    turned = centre + np.mod(longitude - centre + 180, 360) - 180
    image = image.assign_coords(longitude=np.round(turned, 5)).sortby("longitude")
    for axis, wanted in (("latitude", lat), ("longitude", lon)):
        margin = 2 * step_of(image[axis].values)
        image = image.sel({axis: slice(wanted.min() - margin, wanted.max() + margin)})
    return image


def _near_time(image: xr.DataArray, time: ArrayLike | None) -> xr.DataArray:
    if time is None:
        return image
    wanted = moments(time)
    if np.isnat(wanted).all():
        return image.isel(time=slice(0, 0))
    first, last = np.nanmin(wanted) - _MARGIN, np.nanmax(wanted) + _MARGIN
    return image.isel(time=np.flatnonzero((image["time"].values >= first) & (image["time"].values <= last)))


def moments(time: ArrayLike) -> NDArray[np.datetime64]:
    """Moments as datetime64[ns], whatever kind of time was given."""
    try:
        return np.asarray(time).astype("datetime64[ns]")
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{time!r} is not a time.", todo="Give numpy datetime64 in UTC.") from error


def step_of(axis: Float64) -> float:
    """Usual spacing of an axis; 0 where it has one point."""
    return float(np.median(np.abs(np.diff(axis)))) if axis.size > 1 else 0.0


def _joined(name: str, parts: list[xr.DataArray]) -> xr.DataArray:
    """One variable from several files; where an hour comes twice the first file counts."""
    out = parts[0] if len(parts) == 1 else xr.concat(parts, "time", join="outer")
    return out.drop_duplicates("time").sortby("time").rename(name)


def _quantities(fields: dict[str, xr.DataArray]) -> list[xr.DataArray]:
    """What the package uses, from what the files hold; small negatives left by packing become zero."""
    out = [fields[n].astype(np.float32) for n in ("t2m", "d2m") if n in fields]
    if "u10" in fields and "v10" in fields:
        u, v = xr.align(fields["u10"], fields["v10"], join="inner")
        out.append(u.copy(data=np.hypot(u.values, v.values).astype(np.float32)).rename("wind"))
    elif "si10" in fields:
        out.append(fields["si10"].astype(np.float32).rename("wind"))
    if "ssrd" in fields:
        power = _hourly(fields["ssrd"]) / 3600.0
        out.append(power.where(~((power < 0) & (power > -1)), 0.0).astype(np.float32).rename("ssrd"))
    if "swvl1" in fields:
        water = fields["swvl1"]
        out.append(water.where(~((water < 0) & (water > -0.01)), 0.0).astype(np.float32))
    if not out:
        raise GranuleError(f"The files hold only {', '.join(fields)}.", todo="Wind needs both u10 and v10.")
    return out


def _is_land(image: xr.DataArray) -> bool:
    return 0 < step_of(image["latitude"].values) < _LAND_STEP


def _hourly(energy: xr.DataArray) -> xr.DataArray:
    """Energy of each hour; ERA5-Land sums up from 00 UTC, so that the hour before is taken off."""
    if not _is_land(energy):
        return energy
    before = energy.assign_coords(time=energy["time"].values + _HOUR).reindex(time=energy["time"])
    starts = energy["time"].dt.hour == 1
    return energy - before.where(~starts, 0.0)


def read_fields(path: Path, crop: Crop) -> Iterator[xr.DataArray]:
    """The variables of one file that this package uses, each (time, latitude, longitude), loaded.

    Raises:
        GranuleError: when the file is missing, damaged, of another format, or holds none of them.
    """
    if not path.is_file():
        raise GranuleError("There is no such file of weather data.", where=path)
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"PK\x03\x04":
        if is_hdf5(path):
            look_through(path)
        yield from _decode(path, magic, str(path), crop)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                check_member(path, archive.getinfo(member))
                data = archive.read(member)
                yield from _decode(data, data[:4], f"{path}!{member}", crop)
    except zipfile.BadZipFile as error:
        raise GranuleError("The zip archive is damaged.", where=path, todo=_AGAIN) from error


def _decode(source: Path | bytes, magic: bytes, where: str, crop: Crop) -> list[xr.DataArray]:
    if magic == b"GRIB":
        found = list(_read_grib(source, where, crop))
    elif magic[:3] == b"CDF" or magic == b"\x89HDF":
        found = list(_read_netcdf(source, "scipy" if magic[:3] == b"CDF" else "h5netcdf", where, crop))
    else:
        raise GranuleError("The file is neither NetCDF nor GRIB nor a zip of them.", where=where, todo=_AGAIN)
    if not found:
        todo = f"Ask the Climate Data Store for {', '.join(_UNITS)}."
        raise GranuleError("The file holds none of the variables this package uses.", where=where, todo=todo)
    return found


def _read_netcdf(source: Path | bytes, engine: str, where: str, crop: Crop) -> Iterator[xr.DataArray]:
    opened = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with xr.open_dataset(opened, engine=engine, decode_timedelta=False) as file:
            for name in file.data_vars:
                if str(name) in _UNITS:
                    yield crop(_standard(file[name], f"{where} ({name})")).load()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GranuleError(f"The file cannot be read as NetCDF ({error}).", where=where, todo=_AGAIN) from error


def _standard(image: xr.DataArray, where: str) -> xr.DataArray:
    """One variable with this package's axis names, order and nothing else."""
    image = image.rename({axis[:3]: axis for axis in _AXES[1:] if axis[:3] in image.coords})
    if "valid_time" in image.coords:
        moment = image.coords["valid_time"]
        if moment.dims == ("valid_time",):
            image = image.drop_vars("time", errors="ignore").rename(valid_time="time")
        elif moment.dims in ((), ("time",)):
            image = image.assign_coords(time=(moment.dims, moment.values))
        else:
            raise GranuleError("It holds several forecasts per start time.", where=where, todo="Choose one step first.")
    if "expver" in image.dims:
        # Final data (1), and preliminary data (5) where there are none yet.
        order = np.argsort(image["expver"].values.astype(int), kind="stable")
        final, *preliminary = (image.isel(expver=int(i), drop=True) for i in order)
        for other in preliminary:
            final = final.fillna(other)
        image = final.assign_attrs(image.attrs)
    for dim in set(image.dims) - set(_AXES):
        if image.sizes[dim] > 1:
            what = f"It holds {image.sizes[dim]} values along {dim}."
            raise GranuleError(what, where=where, todo=f"Choose one {dim} first.")
        image = image.isel({dim: 0})
    if "time" in image.coords and "time" not in image.dims:
        image = image.expand_dims("time")
    lacking = set(_AXES) - set(image.dims)
    if lacking or not set(_AXES) <= set(image.coords):
        raise GranuleError(f"It has no {', '.join(sorted(lacking)) or 'coordinates'}.", where=where)
    image = image.drop_vars(set(image.coords) - set(_AXES)).transpose(*_AXES)
    latitude, longitude = (np.round(image[axis].values.astype(np.float64), 5) for axis in _AXES[1:])
    time = image["time"].values.astype("datetime64[ns]")
    return image.assign_coords(time=time, latitude=latitude, longitude=longitude).sortby("latitude")


def _read_grib(source: Path | bytes, where: str, crop: Crop) -> Iterator[xr.DataArray]:
    import rasterio
    from rasterio.io import MemoryFile

    images: dict[str, list[xr.DataArray]] = {}
    try:
        with rasterio.Env(GRIB_NORMALIZE_UNITS="NO"):
            opened = (
                MemoryFile(source).open(driver="GRIB") if isinstance(source, bytes) else open_image(source, ["GRIB"])
            )
            with opened as file:
                a = file.transform
                latitude = np.round(a.f + a.e * (np.arange(file.height) + 0.5), 5)
                longitude = np.round(a.c + a.a * (np.arange(file.width) + 0.5), 5)
                for band in range(1, file.count + 1):
                    tags = file.tags(band)
                    name = _GRIB_NAMES.get(tags.get("GRIB_ELEMENT", ""))
                    if name is None:
                        continue
                    time = np.datetime64(int(tags["GRIB_VALID_TIME"].split()[0]), "s").astype("datetime64[ns]")
                    values = file.read(band, masked=True).filled(np.nan)[None]
                    attrs = {"units": tags.get("GRIB_UNIT", "").strip("[]")}
                    image = xr.DataArray(values, [[time], latitude, longitude], _AXES, name, attrs)
                    images.setdefault(name, []).append(crop(image.sortby("latitude")))
    except rasterio.errors.RasterioError as error:
        raise GranuleError(f"The file cannot be read as GRIB ({error}).", where=where, todo=_AGAIN) from error
    for name, parts in images.items():
        whole = xr.concat(parts, "time").sortby("time")
        times = whole["time"].values
        twice = times[1:][times[1:] == times[:-1]]
        if twice.size:
            raise GranuleError(f"The file holds several {name} of {twice[0]}.", where=where, todo="Choose one member.")
        yield whole
