"""Write a simulation as the files that NASA, USGS and ECMWF would deliver, and its truth beside them."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from srdanet.grid import SPHERE_RADIUS, Level, coordinates, lonlat
from srdanet.outputs.cog import write_cog
from srdanet.outputs.layers import LST
from srdanet.outputs.staging import publish, refuse_existing, staged
from srdanet.physics import aggregate
from srdanet.simulate.granules import granule_name, write_granule
from srdanet.simulate.simulation import Simulation, companion, era5_over_tile
from srdanet.simulate.weather import Reanalysis

_POSTS = 1201
"""Posts along a side of a 3 arc second SRTM tile."""
_VOID = -32768
_ERA5 = {
    "t2m": ("K", "2 metre temperature", "instant", 167),
    "d2m": ("K", "2 metre dewpoint temperature", "instant", 168),
    "u10": ("m s**-1", "10 metre U wind component", "instant", 165),
    "v10": ("m s**-1", "10 metre V wind component", "instant", 166),
    "sp": ("Pa", "Surface pressure", "instant", 134),
    "swvl1": ("m**3 m**-3", "Volumetric soil water layer 1", "instant", 39),
    "ssrd": ("J m**-2", "Surface short-wave (solar) radiation downwards", "accum", 169),
}
"""Unit, long name, kind of stream and GRIB number of each field."""
_OUTSIDE = {"qc_day": 3, "qc_night": 3}
"""QC words around the scene: not produced for other reasons than cloud."""


def write(simulation: Simulation, directory: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write a simulation as real file formats, both overpasses of the day, and its truth as GeoTIFF.

    Files: MOD11A1, MOD09GA, MOD09GQ (MYD for Aqua), MCD43A3, MCD12Q1 granules of the whole tile with
    fill around the scene; SRTM `.hgt` tiles, void around it; an ERA5 archive as the Climate Data Store
    makes it; `truth_1000m.tif`, `truth_500m.tif`, `truth_250m.tif` of the simulated overpass. The same
    simulation gives the same bytes.

    Args:
        simulation: What to write.
        directory: Where to; made when absent.
        overwrite: Replace files of the same name.

    Returns:
        The files, observations first, truth last.

    Raises:
        OutputError: when a file exists (and `overwrite` is off) or cannot be written.
    """
    folder = Path(directory)
    names = _names(simulation)
    truths = {level: f"truth_{int(level)}m.tif" for level in (Level.KM1, Level.M500, Level.M250)}
    weather = f"era5_{simulation.tile}_{simulation.date:%Y%m%d}.zip"
    refuse_existing([folder / n for n in (*map(str, names.values()), weather, *truths.values())], overwrite=overwrite)
    with staged(folder, "simulation") as hidden:
        files = []
        other = companion(simulation)
        for content, name in zip(_contents(simulation, other), names.values(), strict=True):
            files.append(hidden / str(name))
            write_granule(files[-1], name, content, simulation.offset, _OUTSIDE)
        files += _write_heights(simulation, hidden)
        files.append(hidden / weather)
        _write_era5(era5_over_tile(simulation, (simulation.time, other.time)), files[-1])
        tags = {"simulated": "true", "seed": str(simulation.seed), "time": str(simulation.time)}
        for level, name in truths.items():
            box = simulation.geobox_at(level)
            data = xr.DataArray(simulation.truth_at(level), coordinates(box), ("y", "x"))
            files.append(hidden / name)
            write_cog(files[-1], data, LST, box, tags)
        return publish(files, folder, overwrite=overwrite)


def _names(simulation: Simulation) -> dict[str, Any]:
    prefix = "MOD" if simulation.platform == "Terra" else "MYD"
    products = (f"{prefix}11A1", f"{prefix}09GA", f"{prefix}09GQ", "MCD43A3", "MCD12Q1")
    dates = {"MCD12Q1": dt.date(simulation.date.year, 1, 1)}
    return {p: granule_name(p, dates.get(p, simulation.date), simulation.tile) for p in products}


def _contents(simulation: Simulation, other: Simulation) -> list[Mapping[str, NDArray[Any]]]:
    """Layers of each granule, in the order of `_names`."""
    raw, bands = simulation.raw, ("red", "nir", "blue", "green", "nir2", "swir1", "swir2")
    day, night = (simulation.raw.view, other.raw.view)[:: 1 if simulation.day else -1]
    temperature: dict[str, NDArray[Any]] = {}
    for word, seen in (("day", day), ("night", night)):
        missing = np.isnan(seen.lst)
        temperature |= {
            f"lst_{word}": seen.lst,
            f"qc_{word}": seen.qc,
            f"view_time_{word}": np.where(missing, np.nan, seen.time),
            f"view_angle_{word}": np.where(missing, np.nan, seen.angle),
        }
    emissivity = aggregate(simulation.emissivity, 4)
    nowhere = np.isnan(day.lst) & np.isnan(night.lst)
    for band, shift in ((31, 0.0), (32, 0.004)):
        temperature[f"emissivity_{band}"] = np.where(nowhere, np.nan, np.minimum(emissivity + shift, 1.0))
    for word, seen in (("day", day), ("night", night)):
        clear = np.isfinite(seen.lst)
        # next to clouds less of a cell is clear
        share = ndimage.uniform_filter(clear.astype(np.float64), 3, mode="nearest")
        temperature[f"clear_{word}"] = np.where(clear, share, np.nan)
    done = 1 << 30  # atmospheric correction performed, all bands of the highest quality
    side = raw.reflectance.shape[1]
    reflectance: dict[str, NDArray[Any]] = {"state": raw.state}
    reflectance |= dict(zip(bands, raw.reflectance, strict=True))
    reflectance["qc_500m"] = np.full((side, side), done, np.uint32)
    fine: dict[str, NDArray[Any]] = {"red": raw.reflectance_250[0], "nir": raw.reflectance_250[1]}
    fine["qc_250m"] = np.full((2 * side, 2 * side), 1 << 12, np.uint16)
    albedo: dict[str, NDArray[Any]] = {
        "albedo_quality": raw.albedo_quality,
        "albedo_bsa": raw.albedo_bsa,
        "albedo_wsa": raw.albedo_wsa,
    }
    cover: dict[str, NDArray[Any]] = {"land_cover": simulation.predictors["land_cover"]}
    return [temperature, reflectance, fine, albedo, cover]


def _write_heights(simulation: Simulation, folder: Path) -> list[Path]:
    """SRTM tiles of 3 arc seconds that touch the scene, void beyond the simulated land."""
    raw = simulation.raw
    lon, lat = lonlat(simulation.geobox)
    files = []
    inverse = ~raw.elevation_box.affine
    for south in range(int(np.floor(lat.min())), int(np.floor(lat.max())) + 1):
        for west in range(int(np.floor(lon.min())), int(np.floor(lon.max())) + 1):
            rise = np.radians(south + 1 - np.arange(_POSTS) / (_POSTS - 1))[:, None]
            turn = np.radians(west + np.arange(_POSTS) / (_POSTS - 1))[None, :]
            x, y = SPHERE_RADIUS * turn * np.cos(rise), np.broadcast_to(SPHERE_RADIUS * rise, (_POSTS, _POSTS))
            col, row = inverse.a * x + inverse.c - 0.5, inverse.e * y + inverse.f - 0.5
            height = ndimage.map_coordinates(raw.elevation, (row, col), order=1, cval=np.nan, output=np.float32)
            posts = np.where(np.isfinite(height), np.round(height), _VOID).astype(">i2")
            if np.any(posts != _VOID):
                place = f"{'NS'[south < 0]}{abs(south):02d}{'EW'[west < 0]}{abs(west):03d}"
                files.append(folder / f"{place}.hgt")
                files[-1].write_bytes(posts.tobytes())
    return files


def _write_era5(era5: Reanalysis, path: Path) -> None:
    """An archive of two NetCDF files, instantaneous and accumulated, as the Climate Data Store hands them out."""
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
    for name, (unit, said, stream, number) in _ERA5.items():
        if stream == kind:
            about = {"units": unit, "long_name": said, "GRIB_paramId": number, "GRIB_stepType": kind}
            fields[name] = (axes, era5.values[name], about)
    about = {"Conventions": "CF-1.7", "institution": "simulated in the layout of the Climate Data Store"}
    data = xr.Dataset(fields, coords, about)
    packing = {name: {"zlib": True, "complevel": 1, "dtype": "float32"} for name in fields}
    held = io.BytesIO()
    data.to_netcdf(held, engine="h5netcdf", encoding=packing)
    return held.getvalue()
