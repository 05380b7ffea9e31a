"""What is common to the reading of all sources: what a reading holds, its record, screening, progress."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.arrays import Mask, Progress, count_finite, in_strips
from srdanet.errors import ArgumentError
from srdanet.prepare.plan import InputRecord, Plan, Source
from srdanet.prepare.report import measure
from srdanet.prepare.survey import RasterSpec
from srdanet.readers.checksum import digest
from srdanet.readers.granule import Granule
from srdanet.readers.guard import companions
from srdanet.readers.rasters import open_raster

LeftOut = list[tuple[str, str]]
"""Files that are not used, and why."""


@dataclass(frozen=True)
class Reading:
    """What was read of one source, or of several that belong together."""

    arrays: Mapping[str, xr.DataArray]
    """Variables (y, x) by name, in physical units, NaN (classes: 255) = missing."""
    records: tuple[InputRecord, ...]


Static = Callable[[Source, GeoBox, Callable[[], Reading]], Reading]
"""Given a source that does not change from day to day, the LST grid and what reads it: its reading, which may be one
that was kept."""


def read_anew(source: Source, box: GeoBox, read: Callable[[], Reading]) -> Reading:
    """A `Static` that keeps nothing."""
    return read()


def open_plain(source: Source, plan: Plan) -> xr.DataArray:
    """A plain raster; of a NetCDF stack over time the image of the plan's time."""
    spec = source.spec
    if spec is None:
        raise ArgumentError("is not a plain raster", where=source.paths[0], todo="Give it as NAME=FILE.")
    image = open_spec(spec, plan.date, plan.time)
    image.attrs.pop("time", None)
    return image


def open_spec(spec: RasterSpec, date: dt.date | None = None, time: np.datetime64 | None = None) -> xr.DataArray:
    """The raster that a user named, (y, x) in physical units; of a NetCDF stack over time the image of `date`.

    Raises:
        GranuleError, ArgumentError, GridError: same as in `readers.rasters.open_raster`.
    """
    return open_raster(
        spec.path,
        name=spec.name,
        band=spec.band,
        date=date,
        time=time,
        **spec.model_dump(include={"crs", "nodata", "scale", "offset", "unit"}),
    )


def screen(array: xr.DataArray, keep: Mask) -> tuple[xr.DataArray, int]:
    """The same array with NaN where it is not to be kept, and how many known cells that removes."""
    values = array.values
    nothing = np.asarray(np.nan, values.dtype)
    kept = in_strips(lambda part, good: np.where(good, part, nothing), values, keep, dtype=values.dtype)
    return array.copy(data=kept), count_finite(values) - count_finite(kept)


def record_of(
    source: Source, arrays: Mapping[str, xr.DataArray], granule: Granule | None = None, **more: Any
) -> InputRecord:
    """What was read of a source: a granule, or a raster, elevation or weather, which may be several files."""
    known: dict[str, Any] = {name: getattr(source, name) for name in ("role", "product", "date", "layers", "note")}
    known |= measures(arrays)
    if granule is not None:
        known |= {"file": granule.name, "sha256": granule.sha256}
        known |= {"collection": granule.collection, "distance": source.distance, "checksum": granule.checksum}
    else:
        paths = [Path(path) for path in source.paths]
        paths += [beside for path in paths for beside in companions(path)]
        known["file"] = tuple(path.name for path in paths)
        known["sha256"] = tuple(digest(path) for path in paths)
        assumed = next(iter(arrays.values())).attrs.get("assumed", []) if arrays else []
        known["assumed"] = "; ".join(assumed) if isinstance(assumed, list) else str(assumed)
    return InputRecord(**known | more)


def measures(arrays: Mapping[str, xr.DataArray]) -> dict[str, Any]:
    """`valid` and `range` of an `InputRecord`, for each variable that is read."""
    measured = {name: measure(array.values) for name, array in arrays.items()}
    ranges = {name: known.range for name, known in measured.items()}
    return {"valid": {name: known.valid for name, known in measured.items()}, "range": ranges}


class Steps:
    """Counts the sources that have been read, and tells of each before and after."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    @contextmanager
    def reading(self, source: Source, *more: Source) -> Iterator[None]:
        """Around the reading of a source, and of others that belong to it."""
        names = [Path(path).name for path in source.paths]
        role = source.role.removeprefix("raster:").replace("_", " ")
        what = f"{role} from {names[0] if len(names) == 1 else f'{len(names)} files'}"
        self._progress(what, self._done, self._total)
        yield
        self._done += 1 + len(more)
        self._progress(what, self._done, self._total)
