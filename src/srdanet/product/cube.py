"""Many products as one file over time, NetCDF-4 (CF-1.11) or Zarr 3, on their own grid or on another.

Products are written one after the other: memory holds one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.arrays import Progress, silent
from srdanet.atomic import refuse_existing, replacing
from srdanet.errors import ArgumentError, GridError
from srdanet.flags import FLAGS
from srdanet.grid import coordinates, nesting, same_crs
from srdanet.product.cf import append_netcdf, append_zarr, described, need_zarr
from srdanet.product.stored import StoredLevel
from srdanet.product.warp import on_other_grid, other_grid

ENDINGS = (".nc", ".zarr")


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
    return other_grid(own, crs, res)


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
        need_zarr()
    refuse_existing([path], overwrite=overwrite)
    target = grid_of(levels, crs, res)
    with replacing(path, overwrite=overwrite) as part:
        for number, one in enumerate(levels):
            progress("products", number, len(levels))
            slab = _slab(one, target, zarr=path.suffix == ".zarr")
            (append_zarr if path.suffix == ".zarr" else append_netcdf)(part, slab, number, len(levels))
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
    model = one.record.model
    return described(
        data, target, time, day=one.record.day, model=model.name if model else None, created=one.record.created,
        zarr=zarr,
    )  # fmt: skip
