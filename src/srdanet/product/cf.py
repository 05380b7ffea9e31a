"""LST in the terms of the CF conventions 1.11, as NetCDF-4 or Zarr 3: one overpass, or many one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.arrays import has_hour
from srdanet.errors import extra
from srdanet.flags import flag_attributes
from srdanet.product.layers import LST, QUALITY, UNCERTAINTY
from srdanet.product.record import software
from srdanet.product.warp import crs_of

_CHUNK = 512
_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "lst": {
        "units": "K",
        "long_name": LST.long_name,
        "standard_name": "surface_temperature",
        "units_metadata": "temperature: on_scale",
        "cell_methods": "time: point area: mean",
    },
    "lst_uncertainty": {
        "units": "K",
        "long_name": UNCERTAINTY.long_name,
        "standard_name": "surface_temperature standard_error",
        "units_metadata": "temperature: difference",
    },
    "quality": {**flag_attributes(), "units": "1", "standard_name": "quality_flag", "long_name": QUALITY.long_name},
}


def need_zarr() -> None:
    """Refuse before any work is done when Zarr is not installed.

    Raises:
        MissingExtraError: when it is not.
    """
    with extra("zarr", "zarr", "Or write NetCDF."):
        import zarr  # noqa: F401


def open_arrays(path: Path, **options: Any) -> xr.Dataset:
    """Open what `append_netcdf` or `append_zarr` wrote, lazily; `options` are those of `xarray.open_dataset`."""
    if path.suffix == ".zarr":
        return xr.open_dataset(path, engine="zarr", consolidated=False, **options)
    return xr.open_dataset(path, engine="h5netcdf", **options)


def described(
    data: xr.Dataset,
    target: GeoBox,
    time: np.datetime64,
    *,
    day: bool | None,
    model: str | None,
    created: str,
    zarr: bool = False,
) -> xr.Dataset:
    """One overpass with a time axis of one, and all attributes that CF asks for.

    Args:
        data: `lst` (y, x) K, NaN = missing, and, as far as known, `lst_uncertainty` (K) and `quality`, on `target`.
        target: Its grid.
        time: Overpass, UTC; midnight exactly where the hour is not known.
        day: Whether by day.
        model: Name of the model.
        created: UTC, when the product was made.
        zarr: Add the attributes `spatial:` and `proj:` of Zarr stores.
    """
    data = data.expand_dims(time=[time.astype("datetime64[ns]")])
    for name in data.data_vars:
        data[name].attrs = {**_ATTRIBUTES[str(name)], "grid_mapping": "spatial_ref"}
    beside = [name for name in ("lst_uncertainty", "quality") if name in data]
    data["lst"].attrs["ancillary_variables"] = " ".join(beside)
    if not beside:
        del data["lst"].attrs["ancillary_variables"]
    part = {True: 1, False: 0, None: -1}[day]
    about = {"flag_values": np.array([-1, 0, 1], np.int8), "flag_meanings": "unknown night day"}
    data["day"] = ("time", np.array([part], np.int8), {"long_name": "part of the day", **about})
    data["hour_known"] = ("time", np.array([has_hour(time)], np.int8), {
        "long_name": "whether the hour of the overpass is known", "flag_values": np.array([0, 1], np.int8),
        "flag_meanings": "date_alone date_and_hour",
    })  # fmt: skip
    data["time"].attrs = {"standard_name": "time", "long_name": "overpass (UTC)", "axis": "T"}
    data["time"].attrs["units_metadata"] = "leap_seconds: utc"
    data["spatial_ref"].attrs["long_name"] = "coordinate reference system"
    data.attrs = {
        "Conventions": "CF-1.11",
        "title": "land surface temperature, downscaled",
        "source": f"MODIS land surface temperature, model {model or 'unknown'}",
        "history": f"{created} srdanet {software().srdanet}",
        "references": "Ma et al. 2025, Remote Sensing 17(21) 3510",
    }
    if zarr:
        box = target.boundingbox
        data.attrs |= {
            "spatial:dimensions": ["y", "x"],
            "spatial:shape": list(target.shape),
            "spatial:transform": list(target.affine)[:6],
            "spatial:bbox": [box.left, box.bottom, box.right, box.top],
            "proj:wkt2": crs_of(target).proj.to_wkt("WKT2_2019"),
        }
        if crs_of(target).epsg:
            data.attrs["proj:code"] = f"EPSG:{crs_of(target).epsg}"
    return data


_TIME = {"units": "seconds since 1970-01-01T00:00:00", "calendar": "standard", "dtype": "int64"}


def _layers(slab: xr.Dataset) -> list[str]:
    return [name for name in _ATTRIBUTES if name in slab]


def append_netcdf(path: Path, slab: xr.Dataset, number: int, count: int) -> None:
    """Write an overpass, of which `slab` is what `described` gives, as number `number` (from 0) of `count`."""
    if number == 0:
        chunks = (1, *(min(_CHUNK, n) for n in slab["lst"].shape[1:]))
        encoding: dict[str, dict[str, Any]] = {"time": _TIME}
        # CF allows no missing value in coordinates, which xarray would state.
        encoding |= {axis: {"_FillValue": None} for axis in ("y", "x")}
        for name in _layers(slab):
            gap = {} if name == "quality" else {"_FillValue": np.float32(np.nan)}
            encoding[name] = {"zlib": True, "complevel": 4, "shuffle": True, "chunksizes": chunks, **gap}
        slab.to_netcdf(path, engine="h5netcdf", unlimited_dims=("time",), encoding=encoding)
        return
    import h5netcdf

    with h5netcdf.File(path, "a") as file:
        if number == 1:
            file.resize_dimension("time", count)
        for name in (*_layers(slab), "day", "hour_known"):
            file.variables[name][number] = slab[name].values[0]
        file.variables["time"][number] = slab["time"].values[0].astype("datetime64[s]").astype(np.int64)


def append_zarr(path: Path, slab: xr.Dataset, number: int, count: int) -> None:
    """Like `append_netcdf`, for a Zarr store."""
    if number:
        slab.to_zarr(path, append_dim="time", consolidated=False)
        return
    chunks = (1, *(min(_CHUNK, n) for n in slab["lst"].shape[1:]))
    encoding: dict[str, dict[str, Any]] = {"time": {**_TIME, "chunks": (max(1, count),)}}
    encoding |= {name: {"chunks": chunks} for name in _layers(slab)}
    slab.to_zarr(path, mode="w", zarr_format=3, consolidated=False, encoding=encoding)
