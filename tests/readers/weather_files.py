"""Weather fields that are linear in place and time, written in the layouts of the Climate Data Store."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import xarray as xr

START = np.datetime64("2020-07-15T00:00", "ns")
LATITUDE = np.arange(52.0, 44.9, -0.25)
LONGITUDE = np.arange(3.0, 9.1, 0.25)


def t2m(lon, lat, hour):
    return 280 + 0.7 * lon + 0.3 * (lat - 45) + 0.5 * hour


def u10(lon, lat, hour):
    return 3 + 0.1 * lon + 0 * lat + 0 * hour


def joules(lon, lat, hour):
    """Energy of the hour that ends at `hour` of a power that grows linearly, so that its mean is that of the middle."""
    return 3600 * power(lon, lat, hour - 0.5)


def power(lon, lat, hour):
    return 100 + 5 * lon + 2 * lat + 20 * hour


def soil(lon, lat, hour):
    return 0.1 + 0.01 * lon + 0.001 * hour + 0 * lat


UNITS = {"t2m": "K", "d2m": "K", "u10": "m s**-1", "v10": "m s**-1", "ssrd": "J m**-2", "swvl1": "m**3 m**-3"}


def fields(hours, latitude=LATITUDE, longitude=LONGITUDE) -> dict[str, np.ndarray]:
    h, lat, lon = np.meshgrid(hours, latitude, longitude, indexing="ij")
    u = u10(lon, lat, h)
    return {
        "t2m": t2m(lon, lat, h),
        "d2m": t2m(lon, lat, h) - 9,
        "u10": u,
        "v10": 4 / 3 * u,
        "ssrd": joules(lon, lat, h),
        "swvl1": soil(lon, lat, h),
    }


def _times(hours) -> np.ndarray:
    return START + (np.asarray(hours) * 3600).astype("timedelta64[s]")


def write_old(path: Path, hours, *, longitude=LONGITUDE) -> Path:
    """Classic NetCDF: `time`, packed int16, latitude descending, longitude 0 to 360."""
    order = np.argsort(np.mod(longitude, 360))
    data = {k: v[:, :, order] for k, v in fields(hours, longitude=longitude).items()}
    coords = {"time": _times(hours), "latitude": LATITUDE.astype("f4")}
    coords["longitude"] = np.mod(longitude, 360)[order].astype("f4")
    variables = {k: (("time", "latitude", "longitude"), v, {"units": UNITS[k]}) for k, v in data.items()}
    encoding = {}
    for k, v in data.items():
        scale = (v.max() - v.min()) / 65000 or 1.0
        encoding[k] = {"dtype": "i2", "scale_factor": scale, "add_offset": (v.max() + v.min()) / 2}
        encoding[k]["_FillValue"] = np.int16(-32767)
    xr.Dataset(variables, coords).to_netcdf(path, engine="scipy", format="NETCDF3_64BIT", encoding=encoding)
    return path


def write_new(path: Path, hours, names=tuple(UNITS), *, latitude=LATITUDE, longitude=LONGITUDE, units=UNITS) -> Path:
    """NetCDF-4: `valid_time`, scalar `number`, `expver` beside the time."""
    data = fields(hours, latitude, longitude)
    dims = ("valid_time", "latitude", "longitude")
    variables = {k: (dims, data[k].astype("f4"), {"units": units[k]}) for k in names}
    coords = {"valid_time": _times(hours), "latitude": latitude, "longitude": longitude}
    coords |= {"number": 0, "expver": ("valid_time", np.array(["0001"] * len(hours), dtype=object))}
    xr.Dataset(variables, coords).to_netcdf(path, engine="h5netcdf")
    return path


def write_zip(path: Path, hours) -> Path:
    """What the store hands out when instantaneous and accumulated variables are asked for together."""
    parts = {"data_stream-oper_stepType-instant.nc": ("t2m", "d2m", "u10", "v10", "swvl1")}
    parts["data_stream-oper_stepType-accum.nc"] = ("ssrd",)
    with zipfile.ZipFile(path, "w") as archive:
        for name, variables in parts.items():
            archive.write(write_new(path.with_name(name), hours, variables), name)
    return path
