"""The checks and small repairs between what a caller hands over and what a `Scene` holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError, GridError, SceneError
from srdanet.grid import Nesting, cell_size, coordinates, geobox_of, nesting
from srdanet.scene.storage import plain
from srdanet.variables import BY_NAME, LST_RANGE, LST_VARIABLES, NO_CLASS

Arrays = xr.DataArray | xr.Dataset
"""What a caller may hand over."""


def named(
    auxiliary: Arrays | Iterable[Arrays] | Mapping[str, xr.DataArray] | None,
) -> Iterator[tuple[str, xr.DataArray]]:
    """Each auxiliary variable with its name, from any of the forms a caller may choose."""
    if auxiliary is None:
        return
    for one in [auxiliary] if isinstance(auxiliary, xr.DataArray | Mapping) else auxiliary:
        if isinstance(one, xr.DataArray):
            yield str(one.name), one
        elif isinstance(one, Mapping):  # as a Dataset is
            yield from ((str(name), array) for name, array in one.items())
        else:
            what = f"auxiliary data must be xarray arrays, not {type(one).__name__}"
            raise ArgumentError(what, todo="Give a DataArray, a Dataset, or a list of them.")


def finest_of_each(auxiliary: xr.Dataset | Iterable[xr.Dataset] | None) -> tuple[xr.Dataset, ...]:
    """The datasets, each variable from the finest grid that holds it, with dimensions (y, x).

    Raises:
        GridError: when a variable has other dimensions, or a grid cannot be read.
        ArgumentError: when a variable is not in the table of predictors.
    """
    given = () if auxiliary is None else (auxiliary,) if isinstance(auxiliary, xr.Dataset) else tuple(auxiliary)
    sizes = [cell_size(geobox_of(dataset, name="auxiliary")) for dataset in given]
    owner: dict[str, int] = {}
    for i, dataset in enumerate(given):
        for name, array in dataset.data_vars.items():
            if name not in BY_NAME:
                todo = f"Rename it or drop it. Known are {', '.join(BY_NAME)}."
                raise ArgumentError(f"auxiliary variable {name!r} is unknown", todo=todo)
            if set(array.dims) != {"y", "x"}:
                raise GridError(f"dimensions are {array.dims}, not (y, x)", where=f"auxiliary {name}")
            if str(name) not in owner or sizes[i] < sizes[owner[str(name)]]:
                owner[str(name)] = i
    chosen = (dataset[[n for n, k in owner.items() if k == i]] for i, dataset in enumerate(given))
    return tuple(dataset.transpose("y", "x", ...) for dataset in chosen if dataset.data_vars)


def check_name(name: str, seen: set[str]) -> None:
    """Refuse a name that is not in the table, or given before."""
    if name not in BY_NAME:
        raise SceneError(f"auxiliary variable {name!r} is unknown", todo=f"Choose from {', '.join(BY_NAME)}.")
    if name in seen:
        raise SceneError(f"{name} is given twice", todo="Give each variable once, on one grid.")


def check_types(dataset: xr.Dataset) -> None:
    """Refuse arrays that are not (y, x) or whose type the files cannot hold."""
    for name, array in dataset.data_vars.items():
        if array.dims != ("y", "x"):
            todo = "Transpose it, or select one time."
            raise SceneError(f"dimensions are {array.dims}, not ('y', 'x')", where=name, todo=todo)
        if array.dtype.kind not in "iu" and array.dtype not in (np.float32, np.float64):
            raise SceneError(f"type {array.dtype} cannot be stored", where=name, todo="Use float32.")


def within(coarse: GeoBox, fine: GeoBox, name: str) -> Nesting:
    """How `fine` nests in `coarse`; the two must share ground."""
    try:
        nest = nesting(coarse, fine)
    except GridError as error:
        raise GridError(error.what, where=f"{name}: {error.where}" if error.where else name, todo=error.todo) from error
    starts, stops = (nest.row, nest.col), (coarse.shape[0] * nest.factor, coarse.shape[1] * nest.factor)
    if any(s >= n or s + c <= 0 for s, c, n in zip(starts, stops, fine.shape, strict=True)):
        raise GridError("lies beside the LST grid", where=name, todo="Give data of the same place.")
    return nest


def nested(coarse: GeoBox, nest: Nesting, shape: tuple[int, int]) -> GeoBox:
    """The fine grid computed from the coarse one, so that their edges agree to the last bit."""
    affine = coarse.affine * Affine.scale(1 / nest.factor) * Affine.translation(-nest.col, -nest.row)
    return GeoBox(shape, affine, coarse.crs)


def on_grid(layers: Mapping[str, xr.DataArray | NDArray[Any]], geobox: GeoBox) -> xr.Dataset:
    """A dataset of arrays (y, x) on one grid, with that grid's CF coordinates."""
    attrs = {name: array.attrs if isinstance(array, xr.DataArray) else {} for name, array in layers.items()}
    arrays = {name: (("y", "x"), np.asarray(array), attrs[name]) for name, array in layers.items()}
    return plain(xr.Dataset(arrays, coords=coordinates(geobox)))


def as_lst(name: str, array: xr.DataArray) -> tuple[xr.DataArray, int]:
    """A coarse variable in its unit, and how many values were out of range: such LST becomes missing."""
    if name not in LST_VARIABLES:
        raise SceneError(f"unknown coarse variable {name!r}", todo=f"one of {', '.join(LST_VARIABLES)}")
    unit, meaning = LST_VARIABLES[name]
    attrs = {"long_name": meaning, **array.attrs, "units": unit}
    count = 0
    if name == "lst":
        attrs.setdefault("standard_name", "surface_temperature")
        array, count = _in_range(name, _as_float(name, array), *LST_RANGE, "K")
    elif name != "qc":
        array = _as_float(name, array)
    return xr.DataArray(array.values, dims=array.dims, attrs=attrs), count


def as_predictor(name: str, array: xr.DataArray) -> tuple[xr.DataArray, int]:
    """An auxiliary variable in the table's unit, and how many values were out of range: they become missing."""
    row = BY_NAME[name]
    if name == "land_cover":
        return _as_classes(array)
    array, count = _in_range(name, _as_float(name, array), row.low, row.high, row.unit)
    attrs = {"long_name": row.long_name, **array.attrs, "units": row.unit}
    return xr.DataArray(array.values, dims=array.dims, attrs=attrs), count


def _as_float(name: str, array: xr.DataArray) -> xr.DataArray:
    """Floats stay as they are; whole numbers become float32."""
    if array.dtype.kind not in "iuf":
        raise SceneError(f"holds no numbers ({array.dtype})", where=name)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)


def _in_range(name: str, array: xr.DataArray, low: float, high: float, unit: str) -> tuple[xr.DataArray, int]:
    values: NDArray[Any] = array.values
    beyond = (values < low) | (values > high)
    count = int(beyond.sum())
    if not count:
        return array, 0
    known = values[np.isfinite(values)]
    if count > 0.5 * known.size:
        what = f"most values lie outside {low:g} to {high:g} {unit} (median {float(np.median(known)):.4g})"
        todo = "Give kelvin, not Celsius or counts." if name == "lst" else "Give physical units, NaN = missing."
        raise SceneError(what, where=name, todo=todo)
    return array.copy(data=np.where(beyond, np.nan, values).astype(values.dtype)), count


def _as_classes(array: xr.DataArray) -> tuple[xr.DataArray, int]:
    row = BY_NAME["land_cover"]
    values: NDArray[Any] = array.values
    good = (values >= row.low) & (values <= row.high)
    missing = np.isnan(values) if array.dtype.kind == "f" else values == NO_CLASS
    classes = np.where(good, values, NO_CLASS).astype(np.uint8)
    attrs = {"long_name": row.long_name, **array.attrs, "units": "1"}
    return xr.DataArray(classes, dims=array.dims, attrs=attrs), int((~good & ~missing).sum())
