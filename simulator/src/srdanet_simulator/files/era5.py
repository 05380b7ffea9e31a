"""Simulated ERA5 as the Climate Data Store has handed it out since 2024: an archive of two NetCDF files."""

from __future__ import annotations

import datetime as dt
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from srdanet.grid import Tile
from srdanet_simulator.balance.reanalysis import Reanalysis

_FIELDS = {
    "t2m": ("K", "2 metre temperature", "instant", 167),
    "d2m": ("K", "2 metre dewpoint temperature", "instant", 168),
    "u10": ("m s**-1", "10 metre U wind component", "instant", 165),
    "v10": ("m s**-1", "10 metre V wind component", "instant", 166),
    "sp": ("Pa", "Surface pressure", "instant", 134),
    "swvl1": ("m**3 m**-3", "Volumetric soil water layer 1", "instant", 39),
    "ssrd": ("J m**-2", "Surface short-wave (solar) radiation downwards", "accum", 169),
}
"""Unit, long name, kind of stream and GRIB number of each field."""


def era5_name(tile: Tile, date: dt.date) -> str:
    """Name of the archive."""
    return f"era5_{tile}_{date:%Y%m%d}.zip"


def write_era5(era5: Reanalysis, path: Path) -> None:
    """Write instantaneous and accumulated fields, each kind in a file of its own."""
    with zipfile.ZipFile(path, "w") as archive:
        for kind in ("instant", "accum"):
            member = zipfile.ZipInfo(f"data_stream-oper_stepType-{kind}.nc", (1980, 1, 1, 0, 0, 0))
            archive.writestr(member, _netcdf(era5, kind))


def _netcdf(era5: Reanalysis, kind: str) -> bytes:
    axes = ("valid_time", "latitude", "longitude")
    seconds = era5.time.astype("datetime64[s]").astype(np.int64)
    coords: dict[str, Any] = {
        "number": ((), np.int64(0), {"long_name": "ensemble member numerical id", "units": "1"}),
        "valid_time": (
            "valid_time",
            seconds,
            {"long_name": "time", "units": "seconds since 1970-01-01", "calendar": "proleptic_gregorian"},
        ),
        "latitude": ("latitude", era5.latitude, {"units": "degrees_north", "standard_name": "latitude"}),
        "longitude": ("longitude", era5.longitude, {"units": "degrees_east", "standard_name": "longitude"}),
        "expver": ("valid_time", np.full(len(seconds), "0001", "S4")),
    }
    fields = {}
    for name, (unit, long_name, stream, number) in _FIELDS.items():
        if stream == kind:
            about = {"units": unit, "long_name": long_name, "GRIB_paramId": number, "GRIB_stepType": kind}
            fields[name] = (axes, era5.values[name], about)
    about = {"Conventions": "CF-1.7", "institution": "simulated in the layout of the Climate Data Store"}
    data = xr.Dataset(fields, coords, about)
    packing = {name: {"zlib": True, "complevel": 1, "dtype": "float32"} for name in fields}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fields.nc"
        data.to_netcdf(path, engine="h5netcdf", encoding=packing)
        return path.read_bytes()
