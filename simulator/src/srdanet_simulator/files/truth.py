"""The truth of one simulated overpass on disk: at 1000, 500 and 250 m, each as GeoTIFF and as NetCDF."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from srdanet.downscaling.plan import stem_of
from srdanet.energy import aggregate
from srdanet.grid import Level, Tile, coordinates
from srdanet.product.cog import write_cog
from srdanet.product.layers import LST
from srdanet.scene.storage import CHUNK
from srdanet_simulator.simulation import Simulation

LEVELS = (Level.KM1, Level.M500, Level.M250)
_ATTRIBUTES = {
    "lst": {"standard_name": "surface_temperature", "long_name": "true land surface temperature", "units": "K"},
    "emissivity": {"standard_name": "surface_longwave_emissivity", "long_name": "broadband emissivity", "units": "1"},
}


def truth_names(tile: Tile, date: dt.date, day: bool, platform: str) -> list[str]:
    """File names, coarse to fine: `truth_h26v05_2020197_day_1000m.tif`, its `.nc`, and so on."""
    stem = stem_of(tile, date, day, platform.lower()).removeprefix("lst_")
    return [f"truth_{stem}_{int(level)}m.{form}" for level in LEVELS for form in ("tif", "nc")]


def write_truth(simulation: Simulation, folder: Path) -> list[Path]:
    """Write the true temperature at each level, mean of what the 250 m cells emit; NetCDF has the emissivity too."""
    names = truth_names(simulation.tile, simulation.date, simulation.day, simulation.platform)
    files = [folder / name for name in names]
    about = {
        "title": "Simulated land surface temperature, the truth behind simulated observations",
        "source": "srdanet_simulator",
        "simulated": "true",
        "seed": str(simulation.seed),
        "tile": str(simulation.tile),
        "platform": simulation.platform,
        "day": "day" if simulation.day else "night",
        "time": str(simulation.time.astype("datetime64[s]")),
    }
    for level, tif, nc in zip(LEVELS, files[::2], files[1::2], strict=True):
        box = simulation.geobox_at(level)
        coords = coordinates(box)
        lst = xr.DataArray(simulation.truth_at(level), coords, ("y", "x"))
        write_cog(tif, lst, LST, box, about)
        factor = int(level) // 250
        emissivity = simulation.emissivity if factor == 1 else aggregate(simulation.emissivity, factor)
        moment = xr.DataArray(simulation.time, attrs={"standard_name": "time", "long_name": "time of the overpass"})
        held = {"lst": lst, "emissivity": (("y", "x"), np.asarray(emissivity, np.float32))}
        _write_netcdf(xr.Dataset(held, {**coords, "time": moment}, {**about, "Conventions": "CF-1.11"}), nc)
    return files


def _write_netcdf(data: xr.Dataset, path: Path) -> None:
    encoding: dict[str, dict[str, Any]] = {
        "time": {"units": "seconds since 1970-01-01", "calendar": "proleptic_gregorian", "dtype": "int64"}
    }
    encoding |= {axis: {"_FillValue": None} for axis in ("y", "x")}
    for name, attributes in _ATTRIBUTES.items():
        data[name].attrs = {**attributes, "grid_mapping": "spatial_ref"}
        chunks = tuple(min(CHUNK, n) for n in data[name].shape)
        packing = {"zlib": True, "complevel": 1, "shuffle": True, "fletcher32": True, "chunksizes": chunks}
        encoding[name] = {**packing, "_FillValue": np.float32(np.nan)}
    data.to_netcdf(path, engine="h5netcdf", encoding=encoding)
