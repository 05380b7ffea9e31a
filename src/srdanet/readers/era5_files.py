"""ERA5 files as the Climate Data Store hands them out: NetCDF of both layouts, zip, GRIB.

Every file becomes images with one set of names: `time` (UTC, the end of the hour for
accumulated fields), `latitude` and `longitude` both ascending, the provider's units.

Old NetCDF (to 2024): `time`, classic format, packed int16, latitude descending,
longitude 0-360, `expver` as a dimension where final and preliminary data meet. New:
`valid_time`, `number` and `expver` beside it, instantaneous and accumulated variables
in separate files, handed out as one zip. GRIB is read by GDAL; its units are left as
the provider's (GDAL would turn K into degrees Celsius).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from srdanet.errors import GranuleError

Crop = Callable[[xr.DataArray], xr.DataArray]
"""Cuts an image stack down before its values are read."""

_GRIB_NAMES = {"2T": "t2m", "2D": "d2m", "10U": "u10", "10V": "v10", "SSRD": "ssrd", "SWVL1": "swvl1"}
_NAMES = ("t2m", "d2m", "u10", "v10", "si10", "ssrd", "swvl1")
_AXES = {"lat": "latitude", "lon": "longitude"}


def read_fields(path: Path, crop: Crop) -> Iterator[xr.DataArray]:
    """The variables of one file that this package uses, each (time, latitude, longitude), loaded.

    Raises:
        GranuleError: when the file is missing, damaged, of another format, or holds none of them.
    """
    if not path.is_file():
        raise GranuleError("no such file of weather data", where=path)
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    yield from _decode(archive.read(member), f"{path}!{member}", crop)
        except zipfile.BadZipFile as error:
            raise GranuleError("is a damaged zip archive", where=path, todo="download it again") from error
    else:
        yield from _decode(path, str(path), crop)


def _decode(source: Path | bytes, where: str, crop: Crop) -> list[xr.DataArray]:
    if isinstance(source, bytes):
        magic = source[:4]
    else:
        with source.open("rb") as file:
            magic = file.read(4)
    if magic == b"GRIB":
        found = list(_read_grib(source, where, crop))
    elif magic[:3] == b"CDF" or magic == b"\x89HDF":
        found = list(_read_netcdf(source, "scipy" if magic[:3] == b"CDF" else "h5netcdf", where, crop))
    else:
        raise GranuleError("is neither NetCDF nor GRIB nor a zip of them", where=where, todo="download it again")
    if not found:
        todo = f"ask the Climate Data Store for {', '.join(_NAMES)}"
        raise GranuleError("holds none of the variables this package uses", where=where, todo=todo)
    return found


def _read_netcdf(source: Path | bytes, engine: str, where: str, crop: Crop) -> Iterator[xr.DataArray]:
    opened = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with xr.open_dataset(opened, engine=engine, decode_timedelta=False) as file:
            for name in file.data_vars:
                if str(name) in _NAMES:
                    yield crop(_standard(file[name], f"{where} ({name})")).load()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GranuleError(f"cannot be read as NetCDF ({error})", where=where, todo="download it again") from error


def _standard(image: xr.DataArray, where: str) -> xr.DataArray:
    """One variable with this package's axis names, order and nothing else."""
    image = image.rename({old: new for old, new in _AXES.items() if old in image.coords})
    if "valid_time" in image.coords:
        moment = image.coords["valid_time"]
        if moment.dims == ("valid_time",):
            image = image.drop_vars("time", errors="ignore").rename(valid_time="time")
        elif moment.dims in ((), ("time",)):
            image = image.assign_coords(time=(moment.dims, moment.values))
        else:
            raise GranuleError("holds several forecasts per start time", where=where, todo="choose one step first")
    if "expver" in image.dims:
        image = _final_first(image)
    for dim in image.dims:
        if dim not in ("time", "latitude", "longitude"):
            if image.sizes[dim] > 1:
                raise GranuleError(
                    f"holds {image.sizes[dim]} values along {dim}", where=where, todo=f"choose one {dim}"
                )
            image = image.isel({dim: 0})
    if "time" in image.coords and "time" not in image.dims:
        image = image.expand_dims("time")
    lacking = {"time", "latitude", "longitude"} - set(image.dims)
    if lacking or not {"time", "latitude", "longitude"} <= set(image.coords):
        raise GranuleError(f"has no {', '.join(sorted(lacking)) or 'coordinates'}", where=where)
    keep = ("time", "latitude", "longitude")
    image = image.drop_vars([c for c in image.coords if c not in keep]).transpose(*keep)
    axes = {a: np.round(image[a].values.astype(np.float64), 5) for a in keep[1:]}
    times = image["time"].values.astype("datetime64[ns]")
    return image.assign_coords({"time": times} | {a: (a, v) for a, v in axes.items()}).sortby("latitude")


def _final_first(image: xr.DataArray) -> xr.DataArray:
    """Final data (expver 1), and preliminary data (expver 5) where there are none yet."""
    order = np.argsort([int(v) for v in image["expver"].values], kind="stable")
    out = image.isel(expver=int(order[0]), drop=True)
    for i in order[1:]:
        out = out.fillna(image.isel(expver=int(i), drop=True))
    return out.assign_attrs(image.attrs)


def _read_grib(source: Path | bytes, where: str, crop: Crop) -> Iterator[xr.DataArray]:
    import rasterio

    layers: dict[str, dict[np.datetime64, xr.DataArray]] = {}
    try:
        with rasterio.Env(GRIB_NORMALIZE_UNITS="NO"):
            opened = rasterio.MemoryFile(source).open() if isinstance(source, bytes) else rasterio.open(source)
            with opened as file:
                a = file.transform
                latitude = np.round(a.f + a.e * (np.arange(file.height) + 0.5), 5)
                longitude = np.round(a.c + a.a * (np.arange(file.width) + 0.5), 5)
                for band in range(1, file.count + 1):
                    tags = file.tags(band)
                    name = _GRIB_NAMES.get(tags.get("GRIB_ELEMENT", ""))
                    if name is None:
                        continue
                    seconds = int(tags["GRIB_VALID_TIME"].split()[0])
                    time = np.datetime64(seconds, "s").astype("datetime64[ns]")
                    image = xr.DataArray(
                        file.read(band, masked=True).filled(np.nan)[None],
                        coords={"time": [time], "latitude": latitude, "longitude": longitude},
                        dims=("time", "latitude", "longitude"),
                        attrs={"units": tags.get("GRIB_UNIT", "").strip("[]")},
                    )
                    cut = crop(image.sortby("latitude"))
                    if cut.sizes["time"]:
                        if time in layers.setdefault(name, {}):
                            raise GranuleError(f"holds several {name} of {time}", where=where, todo="choose one member")
                        layers[name][time] = cut
                    else:
                        layers.setdefault(name, {})
    except rasterio.errors.RasterioError as error:
        raise GranuleError(f"cannot be read as GRIB ({error})", where=where, todo="download it again") from error
    for name, images in layers.items():
        if images:
            first = next(iter(images.values()))
            yield xr.concat([images[t] for t in sorted(images)], "time").rename(name).assign_attrs(first.attrs)
