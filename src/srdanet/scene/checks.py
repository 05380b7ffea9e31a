"""Checks and conversions between what a caller gives and what a `Scene` holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import read_time
from srdanet.errors import ArgumentError, GridError, SceneError, did_you_mean
from srdanet.grid import Nesting, cell_size, centre, coordinates, geobox_of, ground_scale, nesting, true_to_ground
from srdanet.readers.dates import attribute_times, coordinate_times, image_time, is_time
from srdanet.readers.physical import in_range
from srdanet.readers.rasters import replication
from srdanet.scene.storage import plain
from srdanet.statements import Stated
from srdanet.units import states_unit, unit_of
from srdanet.variables import BY_NAME, LST_VARIABLES, NO_CLASS, UNUSED, limits_of

Arrays = xr.DataArray | xr.Dataset
"""What a caller may hand over."""
_Data = TypeVar("_Data", xr.DataArray, xr.Dataset)


def arrays_by_name(
    auxiliary: Arrays | Iterable[Arrays] | Mapping[str, xr.DataArray] | None,
) -> Iterator[tuple[str, xr.DataArray]]:
    """Each auxiliary variable with its name, from any of the forms a caller may choose."""
    if auxiliary is None:
        return
    for one in [auxiliary] if isinstance(auxiliary, xr.DataArray | Mapping) else auxiliary:
        if isinstance(one, xr.DataArray):
            yield str(one.name), one
        elif isinstance(one, xr.Dataset):
            yield from arrays_of(one).items()
        elif isinstance(one, Mapping):
            yield from ((str(name), array) for name, array in one.items())
        else:
            what = f"auxiliary data must be xarray arrays, not {type(one).__name__}"
            raise ArgumentError(what, todo="Give a DataArray, a Dataset, or a list of them.")


def arrays_of(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """The variables of a dataset, each with the CRS that stands in the attributes of the whole."""
    keys = ("crs_wkt", "spatial_ref", "crs")
    whole = next((dataset.attrs[key] for key in keys if dataset.attrs.get(key)), None)
    place = {} if whole is None else {"spatial_ref": xr.DataArray(0, attrs={"crs_wkt": whole})}
    found = {}
    for name, array in dataset.data_vars.items():
        own = any(array.attrs.get(key) for key in (*keys, "grid_mapping")) or "spatial_ref" in array.coords
        found[str(name)] = array if own else array.assign_coords(place)
    return found


def finest_of_each(auxiliary: xr.Dataset | Iterable[xr.Dataset] | None) -> tuple[xr.Dataset, ...]:
    """The datasets, each variable from the finest grid that holds it, with dimensions (y, x).

    Raises:
        GridError: when a variable has other dimensions, or a grid cannot be read.
        ArgumentError: when a variable is not in the table of predictors.
    """
    given = () if auxiliary is None else (auxiliary,) if isinstance(auxiliary, xr.Dataset) else tuple(auxiliary)
    given = tuple(conform("auxiliary", dataset) for dataset in given)
    sizes = [cell_size(geobox_of(dataset, name="auxiliary")) for dataset in given]
    owner: dict[str, int] = {}
    for i, dataset in enumerate(given):
        for name in dataset.data_vars:
            if name not in BY_NAME:
                todo = f"{did_you_mean(str(name), BY_NAME)}Rename it or drop it. Known are {', '.join(BY_NAME)}."
                raise ArgumentError(f"auxiliary variable {name!r} is unknown", todo=todo)
            if str(name) not in owner or sizes[i] < sizes[owner[str(name)]]:
                owner[str(name)] = i
    chosen = (dataset[[n for n, k in owner.items() if k == i]] for i, dataset in enumerate(given))
    return tuple(dataset for dataset in chosen if dataset.data_vars)


def check_name(name: str, seen: set[str]) -> None:
    """Refuse a name that is not in the table, or given before."""
    if name not in BY_NAME:
        raise SceneError(
            f"auxiliary variable {name!r} is unknown",
            todo=f"{did_you_mean(name, BY_NAME)}Choose from {', '.join(BY_NAME)}.",
        )
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


def conform(name: str, array: _Data) -> _Data:
    """Data as the rest of the package wants it: (y, x), rows from north to south, columns from west to east.

    Raises:
        GridError: when it has no rows and columns.
        ArgumentError: when it has other dimensions besides, such as several bands or times.
    """
    if "band" in array.dims and array.sizes["band"] == 1:
        array = array.squeeze("band", drop=True)
    others = [str(dim) for dim in array.dims if dim not in ("y", "x")]
    if len(array.dims) - len(others) < 2:
        raise GridError(f"dimensions are {tuple(array.dims)}, not (y, x)", where=name, todo="Rename them.")
    if others:
        what = f"{name} has dimensions {tuple(array.dims)}, not (y, x)"
        todo = f"Select one {others[0]}: {name}.isel({others[0]}=0)."
        raise ArgumentError(what, todo=todo)
    array = array.transpose("y", "x")
    for axis, ascending in (("y", False), ("x", True)):
        if axis in array.coords and array.sizes[axis] > 1:
            first, second = np.asarray(array[axis].values[:2], np.float64)
            jump = axis == "x" and abs(second - first) > 180 and np.abs(array[axis].values).max() <= 360
            if (first > second) == ascending and not jump:
                array = array.isel({axis: slice(None, None, -1)})
    return array


def in_unit(name: str, array: xr.DataArray, unit: str) -> tuple[xr.DataArray, list[str]]:
    """An array in the package's unit, converted from the one it states, and a note of that.

    Raises:
        ArgumentError: when it states a unit that is not known.
    """
    stated = array.attrs.get("units", "")
    if not (unit and states_unit(stated)):
        return array, []
    known = unit_of(stated, unit)
    if known is None:
        what = f"states the unit {stated!r}, which is not a unit of {name} known here"
        raise ArgumentError(what, where=name, todo=f"Convert it, and set attrs['units'] to {unit!r}.")
    if (known.scale, known.offset) == (1.0, 0.0):
        return array, []
    values = np.asarray(array.values, np.float64) * known.scale + known.offset
    return array.copy(data=values.astype(np.float32)), [f"{name}: converted from {stated} to {unit}"]


def time_of(lst: xr.DataArray | xr.Dataset, geobox: GeoBox, time: object) -> np.datetime64 | None:
    """The time of an image to the second, by what the caller says and what its coordinates and attributes say.

    Raises:
        ArgumentError: when they contradict each other, or one cannot be read.
    """
    asked = [] if time is None else [Stated("the time asked for", (read_time(time),))]
    found = []
    for key, held in lst.coords.items():
        if held.ndim == 0 and is_time(str(key), held):
            times = coordinate_times(Path("lst"), str(key), held)
            found += [Stated(f"its coordinate {key}", times)] if times else []
    found += attribute_times({k: v for k, v in lst.attrs.items() if k != "date"})[0]
    longitude = centre(geobox)[0]
    seen, _ = image_time(
        "lst", asked, found, where=Path("lst"), longitude=longitude if np.isfinite(longitude) else None
    )
    return None if seen is None else seen.astype("datetime64[s]")


def check_ground(geobox: GeoBox, lst: xr.DataArray) -> None:
    """Refuse a grid whose metres are not those of the ground, and an image replicated from a coarser one."""
    if not true_to_ground(geobox):
        what = f"a metre of its map is {ground_scale(geobox):.2g} m on the ground"
        raise GridError(what, where="lst", todo="Reproject it, for example to UTM.")
    blocks = replication(np.asarray(lst.transpose("y", "x").values))
    if blocks is not None:
        n = blocks[0]
        what = f"every value stands {n} x {n} times: the image was replicated from a coarser one"
        raise GridError(what, where="lst", todo=f"Take one cell of each block, and its centre: coarsen(y={n}, x={n}).")


@dataclass(frozen=True)
class Predictors:
    """Auxiliary variables on grids that nest in the LST's, and what was done to them."""

    datasets: tuple[xr.Dataset, ...]
    boxes: tuple[GeoBox, ...]
    dropped: Mapping[str, int]
    """Values out of range, by variable."""
    notes: tuple[str, ...]

    @classmethod
    def of(cls, auxiliary: Iterable[tuple[str, xr.DataArray]], coarse: GeoBox) -> Self:
        """Check and group named arrays by their grids.

        Raises:
            SceneError: when a name is unknown or given twice, or values cannot be the variable.
            GridError: when a grid is missing, in degrees, or does not nest.
            ArgumentError: when a stated unit is not known.
        """
        grids: dict[tuple[Nesting, tuple[int, int]], dict[str, xr.DataArray]] = {}
        dropped, notes = {}, []
        seen: set[str] = set()
        for name, given in auxiliary:
            check_name(name, seen)
            seen.add(name)
            array, more = in_unit(name, conform(name, given), "" if name in UNUSED else BY_NAME[name].unit)
            notes += more
            fine = geobox_of(array, name=name)
            key = (within(coarse, fine, name), (int(fine.shape[0]), int(fine.shape[1])))
            grids.setdefault(key, {})[name], count = as_predictor(name, array)
            if count:
                dropped[name] = count
        boxes = tuple(nested(coarse, *key) for key in grids)
        datasets = tuple(on_grid(held, box) for held, box in zip(grids.values(), boxes, strict=True))
        return cls(datasets, boxes, dropped, tuple(notes))


def as_lst(name: str, array: xr.DataArray) -> tuple[xr.DataArray, int]:
    """A coarse variable in its unit, and how many values were out of range: such LST becomes missing."""
    if name not in LST_VARIABLES:
        raise SceneError(f"unknown coarse variable {name!r}", todo=f"one of {', '.join(LST_VARIABLES)}")
    unit, meaning = LST_VARIABLES[name]
    attrs = {"long_name": meaning, **array.attrs, "units": unit}
    if name == "lst":
        attrs.setdefault("standard_name", "surface_temperature")
    count = 0
    if name != "qc":
        array, count = _in_range(name, _as_float(name, array), unit)
    return xr.DataArray(array.values, dims=array.dims, attrs=attrs), count


def as_predictor(name: str, array: xr.DataArray) -> tuple[xr.DataArray, int]:
    """An auxiliary variable in the table's unit, and how many values were out of range: they become missing."""
    row = BY_NAME[name]
    if name == "land_cover":
        return _as_classes(array)
    array, count = _in_range(name, _as_float(name, array), row.unit)
    attrs = {"long_name": row.long_name, **array.attrs, "units": row.unit}
    return xr.DataArray(array.values, dims=array.dims, attrs=attrs), count


def _as_float(name: str, array: xr.DataArray) -> xr.DataArray:
    """Floats stay as they are; whole numbers become float32."""
    if array.dtype.kind not in "iuf":
        raise SceneError(f"holds no numbers ({array.dtype})", where=name)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)


def _in_range(name: str, array: xr.DataArray, unit: str) -> tuple[xr.DataArray, int]:
    values: NDArray[Any] = array.values
    judged = in_range(name, values, fills=False)
    if judged.problem:
        known = values[np.isfinite(values)]
        what = judged.problem
        if name not in ("view_time", "view_angle"):
            low, high = limits_of(name)
            what = f"most values lie outside {low:g} to {high:g} {unit} (median {float(np.median(known)):.4g})"
        todo = "Give kelvin, not Celsius or counts." if name == "lst" else "Give physical units, NaN = missing."
        raise SceneError(what, where=name, todo=todo)
    return (array.copy(data=judged.values), judged.dropped) if judged.dropped else (array, 0)


def _as_classes(array: xr.DataArray) -> tuple[xr.DataArray, int]:
    row = BY_NAME["land_cover"]
    values: NDArray[Any] = array.values
    judged = in_range("land_cover", np.where(values == NO_CLASS, np.nan, values.astype(np.float64)))
    if judged.problem:
        todo = "Give the IGBP classes of MCD12Q1 (LC_Type1), 255 = missing; translate codes of other legends first."
        raise SceneError(judged.problem, where="land_cover", todo=todo)
    classes = np.where(np.isfinite(judged.values), judged.values, NO_CLASS).astype(np.uint8)
    attrs = {"long_name": row.long_name, **array.attrs, "units": "1"}
    return xr.DataArray(classes, dims=array.dims, attrs=attrs), judged.dropped
