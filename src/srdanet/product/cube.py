"""Many products as one file over time, NetCDF-4 (CF-1.11) or Zarr 3, on their own grid or on another.

Products are written one after the other: memory holds one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from pyproj.exceptions import CRSError
from rasterio.warp import Resampling, reproject

from srdanet.arrays import Progress, has_hour, silent
from srdanet.atomic import refuse_existing, replacing
from srdanet.errors import ArgumentError, GridError, extra
from srdanet.flags import FLAGS, flag_attributes
from srdanet.grid import cell_size, coordinates, metres_per_unit, nesting, same_crs
from srdanet.product.layers import LST, QUALITY, UNCERTAINTY
from srdanet.product.record import software
from srdanet.product.stored import StoredLevel

ENDINGS = (".nc", ".zarr")
_COARSER = 1.5
"""Ratio of cell sizes from which on the cells of another grid are means instead of the nearest cell."""
_CHUNK = 512
_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "lst": {
        "units": "K",
        "long_name": LST.long_name,
        "standard_name": "surface_temperature",
        "cell_methods": "time: point area: mean",
        "ancillary_variables": "lst_uncertainty quality",
    },
    "lst_uncertainty": {
        "units": "K",
        "long_name": UNCERTAINTY.long_name,
        "standard_name": "surface_temperature standard_error",
    },
    "quality": {**flag_attributes(), "units": "1", "standard_name": "quality_flag", "long_name": QUALITY.long_name},
}


def grid_of(levels: Sequence[StoredLevel], crs: str | None = None, res: float | None = None) -> GeoBox:
    """The grid that covers all products: their own, or one of another CRS.

    Args:
        levels: Products of one CRS and cell size whose cells lie on one lattice.
        crs: Such as `EPSG:32631`; their own when None.
        res: Cell size in units of `crs`; default: about that of the products.

    Raises:
        GridError: when the products share no lattice.
        ArgumentError: when `crs` is unknown, or `res` is given without it or is not above 0.
    """
    first = levels[0].geobox
    tops, lefts, bottoms, rights = [], [], [], []
    for one in levels:
        if not same_crs(one.geobox.crs, first.crs):
            raise GridError("has another CRS than the first product", where=one.note, todo="Give products of one grid.")
        at = nesting(first, one.geobox)
        if at.factor != 1:
            raise GridError("has another cell size than the first product", where=one.note, todo="Give one level.")
        tops.append(-at.row)
        lefts.append(-at.col)
        bottoms.append(one.geobox.shape[0] - at.row)
        rights.append(one.geobox.shape[1] - at.col)
    own = first[min(tops) : max(bottoms), min(lefts) : max(rights)] if len(levels) > 1 else first
    if min(tops) < 0 or min(lefts) < 0:
        own = GeoBox(
            (max(bottoms) - min(tops), max(rights) - min(lefts)),
            first.affine * first.affine.translation(min(lefts), min(tops)), first.crs,
        )  # fmt: skip
    if crs is None:
        if res is not None:
            raise ArgumentError("a cell size is given without a CRS", where="res", todo="Give crs, too.")
        return own
    try:
        target = CRS(crs)
    except (CRSError, ValueError) as error:
        raise ArgumentError(f"{crs!r} is no CRS", where="crs", todo="Write it like EPSG:32631.") from error
    if res is None:
        res = cell_size(own) / metres_per_unit(target)
    if not res > 0:
        raise ArgumentError(f"a cell size of {res} is not above 0", where="res", todo="Give metres, or degrees.")
    return own.to_crs(target, resolution=res)  # type: ignore[arg-type]


def on_other_grid(data: xr.Dataset, source: GeoBox, target: GeoBox) -> xr.Dataset:
    """A product on another grid.

    Cells take the value of the nearest cell: nothing is smoothed, and no value lies farther from its place than half a
    cell. Where cells of `target` are 1.5 times larger or more, they are means: of emitted energy (T^4), of variances,
    and each flag that any of their cells has.

    Args:
        data: `lst` (y, x) K and, as far as known, `lst_uncertainty` and `quality`.
        source: Its grid.
        target: Another grid; cells outside the product are missing and have the flag `no_input`.
    """
    own, other = (abs(box.affine.e) * metres_per_unit(box.crs) for box in (source, target))
    out = (_means if other >= _COARSER * own else _nearest)(data, source, target)
    if "quality" in out and "lst" in out:
        out["quality"][np.isnan(out["lst"])] = FLAGS[0].mask
    return xr.Dataset({n: (("y", "x"), v) for n, v in out.items()}, coords=coordinates(target))


def _crs(box: GeoBox) -> CRS:
    """The CRS of a grid that has one, as all of products do."""
    if box.crs is None:
        raise GridError("has no CRS", where="cube", todo="Make the product again.")
    return box.crs


def _nearest(data: xr.Dataset, source: GeoBox, target: GeoBox) -> dict[str, NDArray[Any]]:
    """The cell in which each centre lies, computed place by place: GDAL interpolates places, to an eighth of a cell."""
    to_source = Transformer.from_crs(_crs(target).proj, _crs(source).proj, always_xy=True)
    out: dict[str, NDArray[Any]] = {
        str(n): np.full(target.shape, 0 if n == "quality" else np.nan, layer.dtype) for n, layer in data.items()
    }
    height, width = source.shape
    for top in range(0, target.shape[0], _CHUNK):
        strip = slice(top, min(top + _CHUNK, target.shape[0]))
        rows, cols = np.mgrid[strip, : target.shape[1]] + 0.5
        x, y = to_source.transform(*(target.affine * (cols, rows)))
        with np.errstate(invalid="ignore"):
            col, row = (np.floor(axis) for axis in ~source.affine * (np.asarray(x), np.asarray(y)))
            inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        at = row[inside].astype(np.int64), col[inside].astype(np.int64)
        for name, values in out.items():
            values[strip][inside] = data[name].values[at]
    return out


def _means(data: xr.Dataset, source: GeoBox, target: GeoBox) -> dict[str, NDArray[Any]]:
    """Means over the cells that each cell covers, by area; flags that any of them has."""
    out: dict[str, NDArray[Any]] = {}
    for name, power in (("lst", 4.0), ("lst_uncertainty", 2.0)):
        if name in data:
            found = np.full(target.shape, np.nan, np.float64)
            _warp(data[name].values.astype(np.float64) ** power, found, source, target, Resampling.average, np.nan)
            out[name] = (found ** (1 / power)).astype(np.float32)
    if "quality" in data:
        out["quality"] = np.zeros(target.shape, np.uint8)
        for flag in FLAGS:
            some = np.zeros(target.shape, np.uint8)
            held = ((data["quality"].values & flag.mask) > 0).astype(np.uint8)
            _warp(held, some, source, target, Resampling.max, None)
            out["quality"] |= np.where(some > 0, flag.mask, 0).astype(np.uint8)
    return out


def _warp(
    values: NDArray[Any], out: NDArray[Any], source: GeoBox, target: GeoBox, how: Resampling, nodata: float | None
) -> None:
    reproject(
        values, out, src_transform=source.affine, src_crs=_crs(source).to_wkt(), dst_transform=target.affine,
        dst_crs=_crs(target).to_wkt(), src_nodata=nodata, dst_nodata=nodata, resampling=how, tolerance=0.01,
    )  # fmt: skip


def write_cube(
    levels: Sequence[StoredLevel],
    path: Path,
    *,
    crs: str | None = None,
    res: float | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write products as one cube (time, y, x): `lst`, `lst_uncertainty`, `quality`, and what each was made of.

    Args:
        levels: From `stored_levels`, in order of time; each needs a time.
        path: Ends in `.nc` (NetCDF-4, CF-1.11) or `.zarr` (Zarr 3 with `spatial:` and `proj:` attributes).
        crs: Same as in `grid_of`.
        res: Same as in `grid_of`.
        overwrite: Replace what is there.
        progress: Called with what is written, products done and products in all.

    Raises:
        ArgumentError: when the name ends otherwise, there is no product, or one has no time.
        GridError: when the products share no lattice.
        OutputError: when it exists or cannot be written.
        MissingExtraError: when Zarr is asked for and not installed.
    """
    if path.suffix not in ENDINGS:
        raise ArgumentError("is not the name of a cube", where=path, todo=f"Use {' or '.join(ENDINGS)}.")
    untimed = next((one for one in levels if one.time is None), None)
    if not levels or untimed is not None:
        where = None if untimed is None else untimed.note
        raise ArgumentError("there is no product with a time", where=where, todo="Give products with a time.")
    if path.suffix == ".zarr":
        with extra("zarr", "zarr", "Or use a name that ends in .nc."):
            import zarr  # noqa: F401
    refuse_existing([path], overwrite=overwrite)
    target = grid_of(levels, crs, res)
    with replacing(path, overwrite=overwrite) as part:
        for number, one in enumerate(levels):
            progress("products", number, len(levels))
            slab = _slab(one, target, zarr=path.suffix == ".zarr")
            (_append_zarr if path.suffix == ".zarr" else _append_netcdf)(part, slab, number, len(levels))
    progress("products", len(levels), len(levels))
    return path


def _slab(one: StoredLevel, target: GeoBox, *, zarr: bool) -> xr.Dataset:
    """One product on the cube's grid with a time axis of one."""
    data = one.read()
    if target.crs != one.geobox.crs or target.affine != one.geobox.affine or target.shape != one.geobox.shape:
        if same_crs(target.crs, one.geobox.crs):
            at = nesting(target, one.geobox)  # a shift by whole cells
            rows, cols = (slice(-s, n - s) for s, n in zip((at.row, at.col), one.geobox.shape, strict=True))
            wide = {}
            for name, layer in data.data_vars.items():
                gap = FLAGS[0].mask if name == "quality" else np.nan
                wide[name] = np.full(target.shape, gap, layer.dtype)
                wide[name][rows, cols] = layer.values
            data = xr.Dataset({n: (("y", "x"), v) for n, v in wide.items()}, coords=coordinates(target))
        else:
            data = on_other_grid(data, one.geobox, target)
    for absent, kind, gap in (("lst_uncertainty", "float32", np.nan), ("quality", "uint8", 0)):
        if absent not in data:
            data[absent] = (("y", "x"), np.full(target.shape, gap, kind))
    time = one.time
    if time is None:
        raise ArgumentError("the product has no time", where=one.note, todo="Leave it out.")
    data = data.expand_dims(time=[time.astype("datetime64[ns]")])
    for name in data.data_vars:
        data[name].attrs = {**_ATTRIBUTES[str(name)], "grid_mapping": "spatial_ref"}
    day = {True: 1, False: 0, None: -1}[one.record.day]
    about = {"flag_values": np.array([-1, 0, 1], np.int8), "flag_meanings": "unknown night day"}
    data["day"] = ("time", np.array([day], np.int8), {"long_name": "part of the day", **about})
    data["hour_known"] = ("time", np.array([has_hour(time)], np.int8), {
        "long_name": "whether the hour of the overpass is known", "flag_values": np.array([0, 1], np.int8),
        "flag_meanings": "date_alone date_and_hour",
    })  # fmt: skip
    data["time"].attrs = {"standard_name": "time", "long_name": "overpass (UTC)", "axis": "T"}
    model = one.record.model
    data.attrs = {
        "Conventions": "CF-1.11",
        "title": "land surface temperature, downscaled",
        "source": f"MODIS land surface temperature, model {model.name if model else 'unknown'}",
        "history": f"{one.record.created} srdanet {software().srdanet}",
        "references": "Ma et al. 2025, Remote Sensing 17(21) 3510",
    }
    if zarr:
        box = target.boundingbox
        data.attrs |= {
            "spatial:dimensions": ["y", "x"],
            "spatial:shape": list(target.shape),
            "spatial:transform": list(target.affine)[:6],
            "spatial:bbox": [box.left, box.bottom, box.right, box.top],
            "proj:wkt2": _crs(target).proj.to_wkt("WKT2_2019"),
        }
        if _crs(target).epsg:
            data.attrs["proj:code"] = f"EPSG:{_crs(target).epsg}"
    return data


_TIME = {"units": "seconds since 1970-01-01T00:00:00", "calendar": "standard", "dtype": "int64"}


def _append_netcdf(path: Path, slab: xr.Dataset, number: int, count: int) -> None:
    if number == 0:
        chunks = (1, *(min(_CHUNK, n) for n in slab["lst"].shape[1:]))
        encoding: dict[str, dict[str, Any]] = {"time": _TIME}
        for name in ("lst", "lst_uncertainty", "quality"):
            gap = {} if name == "quality" else {"_FillValue": np.float32(np.nan)}
            encoding[name] = {"zlib": True, "complevel": 4, "shuffle": True, "chunksizes": chunks, **gap}
        slab.to_netcdf(path, engine="h5netcdf", unlimited_dims=("time",), encoding=encoding)
        return
    import h5netcdf

    with h5netcdf.File(path, "a") as file:
        if number == 1:
            file.resize_dimension("time", count)
        for name in ("lst", "lst_uncertainty", "quality", "day", "hour_known"):
            file.variables[name][number] = slab[name].values[0]
        file.variables["time"][number] = slab["time"].values[0].astype("datetime64[s]").astype(np.int64)


def _append_zarr(path: Path, slab: xr.Dataset, number: int, count: int) -> None:
    if number:
        slab.to_zarr(path, append_dim="time", consolidated=False)
        return
    chunks = (1, *(min(_CHUNK, n) for n in slab["lst"].shape[1:]))
    encoding: dict[str, dict[str, Any]] = {"time": {**_TIME, "chunks": (max(1, count),)}}
    encoding |= {name: {"chunks": chunks} for name in ("lst", "lst_uncertainty", "quality")}
    slab.to_zarr(path, mode="w", zarr_format=3, consolidated=False, encoding=encoding)
