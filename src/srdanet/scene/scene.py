"""One place at one overpass: the coarse LST, its quality, and whatever predictors there are.

A scene is a plain immutable value, checked once, when it is made. Every auxiliary product may be missing; the
scene says which. Each auxiliary variable stays on its provider's own grid, which must nest in the LST grid;
bringing them to one grid is the work of `predictors.stack`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.arrays import has_hour, parse_utc
from srdanet.errors import GridError, SceneError
from srdanet.grid import Nesting, Tile, centre, geobox_of, tile_of
from srdanet.predictors.overpass import Overpass
from srdanet.predictors.stack import Stack
from srdanet.scene import storage
from srdanet.scene.checks import (
    Arrays,
    Predictors,
    arrays_by_name,
    arrays_of,
    as_lst,
    check_ground,
    check_name,
    check_types,
    conform,
    in_unit,
    on_grid,
    time_of,
    within,
)
from srdanet.variables import BY_NAME, LST_VARIABLES, NO_CLASS, lacking

NOISIEST = 20.0
"""The largest error (K) that a coarse LST can be said to have."""
_NO_LST = "the coarse dataset has no variable `lst`"


@dataclass(frozen=True, eq=False)
class Scene:
    """One place, one overpass: the carrier that every part of the package gives and takes.

    Arrays must conform already (units, names, cells north up). `Scene.from_arrays` makes arrays from elsewhere conform
    first; `srdanet.prepare` makes a scene from files.

    Raises:
        SceneError: when `lst` is absent, a name is unknown or given twice, or a type cannot be stored.
        GridError: when a grid is missing or does not nest in the LST grid, or lies beside it.
    """

    lst: xr.Dataset
    """(y, x) on the coarse grid: `lst` (float, K, NaN = missing) and any of `LST_VARIABLES`."""
    auxiliary: tuple[xr.Dataset, ...] = ()
    """One dataset (y, x) per native grid; variables are names of `srdanet.variables`, in its units."""
    time: np.datetime64 | None = None
    """Overpass of the scene's centre, UTC, to the second; midnight exactly: the date is known, the hour is not."""
    day: bool | None = True
    """Whether the overpass was by day; None when unknown."""
    tile: Tile | None = None
    """The MODIS tile that holds the scene, if one does."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """What the scene was made from; holds only what JSON can."""
    noise: float | None = None
    """Standard deviation (K) of the error of `lst` as the mean of the finer field: 0 when it was made from that field,
    about half a kelvin in a MODIS product; None when unknown. It decides how closely a result keeps to `lst`."""
    geobox: GeoBox = field(init=False)
    """The coarse grid."""
    nestings: tuple[Nesting, ...] = field(init=False)
    """How each of `auxiliary` nests in it."""
    boxes: InitVar[tuple[GeoBox, ...] | None] = None
    """Grids of `lst` and of each of `auxiliary`, where the caller has them; read from the coordinates otherwise."""

    def __post_init__(self, boxes: tuple[GeoBox, ...] | None) -> None:
        if "lst" not in self.lst.data_vars:
            raise SceneError(_NO_LST)
        unknown = sorted(str(v) for v in self.lst.data_vars if v not in LST_VARIABLES)
        if unknown:
            raise SceneError(f"unknown coarse variables: {', '.join(unknown)}", todo=f"Use {', '.join(LST_VARIABLES)}.")
        coarse, *grids = boxes or (geobox_of(self.lst), *(geobox_of(d, name="auxiliary") for d in self.auxiliary))
        seen: set[str] = set()
        nestings = []
        check_types(self.lst)
        for dataset, grid in zip(self.auxiliary, grids, strict=True):
            for name in map(str, dataset.data_vars):
                check_name(name, seen)
                seen.add(name)
            check_types(dataset)
            nestings.append(within(coarse, grid, ", ".join(map(str, dataset.data_vars))))
        if self.time is not None:
            object.__setattr__(self, "time", parse_utc(self.time))
        if self.noise is not None and not 0 <= self.noise <= NOISIEST:
            raise SceneError(f"noise is {self.noise}", todo=f"Give the error of the coarse LST, 0 to {NOISIEST:g} K.")
        object.__setattr__(self, "geobox", coarse)
        object.__setattr__(self, "nestings", tuple(nestings))

    @classmethod
    def from_arrays(
        cls,
        lst: Arrays,
        auxiliary: Arrays | Iterable[Arrays] | Mapping[str, xr.DataArray] | None = None,
        *,
        time: np.datetime64 | str | None = None,
        day: bool | None = None,
        noise: float | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make a scene from arrays that know their grid.

        Args:
            lst: (y, x) float, K, NaN = missing; or a dataset with `lst` and others of `LST_VARIABLES`.
                Coordinates `y`, `x` are cell centres with a CRS in metres, feet or kilometres (brought to metres).
            auxiliary: DataArrays named after `srdanet.variables`, or datasets of them, each grid nesting in the
                LST's. Values beyond the table's range become missing, a stated unit is converted. `land_cover` may be
                integer (255 = missing).
            time: UTC of the overpass; midnight exactly stands for "this date, hour unknown". A time that the LST's
                coordinates or attributes state must agree with it.
            day: Whether by day; None asks the local solar time, and without `time` says day.
            noise: Standard deviation (K) of the LST's error, see `Scene`.
            provenance: What is known of the origin; must be JSON-able.

        Raises:
            SceneError: a name is unknown or given twice, more than half of the values are out of range, or codes are
                no classes.
            GridError: a grid is missing, in degrees, not true to the ground, or does not nest in the LST grid; or the
                LST is replicated from a coarser one.
            ArgumentError: a unit is unknown, or a time cannot be read or contradicts the LST's own.
        """
        coarse = lst.to_dataset(name="lst") if isinstance(lst, xr.DataArray) else lst
        if "lst" not in coarse.data_vars:
            raise SceneError(_NO_LST)
        held = {name: conform(name, array) for name, array in arrays_of(coarse).items()}
        geobox = geobox_of(held["lst"], name="lst")
        check_ground(geobox, held["lst"])
        when = time_of(lst, geobox, time)
        notes: list[str] = []
        dropped: dict[str, int] = {}
        for name, array in held.items():
            if name in LST_VARIABLES:
                array, more = in_unit(name, array, LST_VARIABLES[name][0])
                notes += more
            held[name], count = as_lst(name, array)
            dropped |= {name: count} if count else {}
        predictors = Predictors.of(arrays_by_name(auxiliary), geobox)
        about = dict(provenance or {})
        dropped |= predictors.dropped
        if dropped:
            about["out_of_range"] = {**about.get("out_of_range", {}), **dropped}
        if notes or predictors.notes:
            about["assumed"] = [*about.get("assumed", []), *notes, *predictors.notes]
        return cls(
            lst=on_grid(held, geobox),
            auxiliary=predictors.datasets,
            time=when,
            day=_by_day(geobox, when) if day is None else bool(day),
            noise=noise,
            tile=tile_of(geobox),
            provenance=about,
            boxes=(geobox, *predictors.boxes),
        )

    @cached_property
    def overpass(self) -> Overpass:
        """Time of the view, as the predictors need it."""
        return Overpass(self.time, self.day)

    @cached_property
    def stack(self) -> Stack:
        """Its predictors, ready to be read on the grid of any step."""
        return Stack(self.geobox, self.auxiliary, self.overpass, self.nestings, self.noise)

    @property
    def platform(self) -> str | None:
        """`terra` or `aqua`, where it is known."""
        platform = self.provenance.get("platform")
        return None if platform is None else str(platform)

    @property
    def when(self) -> str | None:
        """The overpass (UTC) as text, the date alone where its hour is not known; None without a time."""
        if self.time is None:
            return None
        return str(self.time if has_hour(self.time) else self.time.astype("datetime64[D]"))

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the auxiliary variables held, in the table's order."""
        held = {str(name) for dataset in self.auxiliary for name in dataset.data_vars}
        return tuple(name for name in BY_NAME if name in held)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the base variables that are neither held nor behind an index that is."""
        return lacking(self.present)

    def variable(self, name: str) -> xr.DataArray:
        """One variable, coarse or auxiliary, on its own grid.

        Raises:
            SceneError: when the scene does not hold it.
        """
        for dataset in (self.lst, *self.auxiliary):
            if name in dataset.data_vars:
                return dataset[name]
        names = ", ".join((*map(str, self.lst), *self.present))
        raise SceneError(f"the scene holds no {name!r}", todo=f"Choose from {names}.")

    def load(self) -> Self:
        """Read every value into memory, which also checks every block of a stored scene.

        Raises:
            SceneError: when a block of the file is damaged.
        """
        try:
            for dataset in (self.lst, *self.auxiliary):
                dataset.load()
        except (OSError, RuntimeError, ValueError) as error:
            raise SceneError(f"the scene is damaged: {error}", todo="Prepare it again.") from error
        return self

    @cached_property
    def sha256(self) -> str:
        """Of everything the scene holds: values, places, time, tile, provenance; the same in memory and in any file.

        Raises:
            SceneError: when a block of the file is damaged.
        """
        whole = hashlib.sha256()
        about = {"time": str(self.time), "day": self.day, "tile": str(self.tile), "provenance": self.provenance}
        whole.update(json.dumps(about, sort_keys=True).encode())
        for dataset in (self.lst, *self.auxiliary):
            box = geobox_of(dataset)
            whole.update(repr((tuple(box.affine), box.crs.to_wkt() if box.crs else None)).encode())
            for name in sorted(map(str, dataset.data_vars)):
                array = dataset[name]
                dtype = array.dtype.newbyteorder("<")
                whole.update(repr((name, dtype.str, array.shape)).encode())
                for top in range(0, array.shape[0], storage.CHUNK):
                    part = np.ascontiguousarray(array[top : top + storage.CHUNK].values, dtype)
                    whole.update(part.tobytes())
        return whole.hexdigest()

    def identical(self, other: Scene) -> bool:
        """Whether both hold the same: values bit by bit (NaN equals NaN), types, coordinates, attributes."""
        same = (self.time, self.day, self.noise, self.tile) == (other.time, other.day, other.noise, other.tile)
        if not same or self.provenance != other.provenance or len(self.auxiliary) != len(other.auxiliary):
            return False
        pairs = zip((self.lst, *self.auxiliary), (other.lst, *other.auxiliary), strict=True)
        return all(a.identical(b) and all(a[n].dtype == b[n].dtype for n in a.variables) for a, b in pairs)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the scene without loss: NetCDF-4, or Zarr 3 when the name ends in `.zarr`.

        Raises:
            OutputError: when the file exists (and `overwrite` is not said) or cannot be written.
            SceneError: when `provenance` holds what JSON cannot.
        """
        try:
            origin = json.dumps(self.provenance, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SceneError(f"provenance cannot be written as JSON: {error}") from error
        about = {"title": "MODIS land surface temperature scene", "provenance": origin}
        day = None if self.day is None else int(self.day)
        given = {"day": day, "time": self.time, "noise": self.noise, "tile": self.tile}
        about |= {key: str(value) for key, value in given.items() if value is not None}
        groups = {"lst": storage.plain(self.lst)}
        groups |= {f"auxiliary_{i}": storage.plain(dataset) for i, dataset in enumerate(self.auxiliary, start=1)}
        return storage.write(path, groups, about, fill={"land_cover": NO_CLASS}, overwrite=overwrite)

    def close(self) -> None:
        """Close the files behind an opened scene; harmless on any other."""
        for dataset in (self.lst, *self.auxiliary):
            dataset.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@dataclass(frozen=True, eq=False)
class LabelledScene:
    """A scene and the temperature of the same ground at finer levels.

    Raises:
        SceneError: when no truth is given.
        GridError: when a level of the truth is not `factor` times finer than the scene.
    """

    scene: Scene
    truth: Mapping[int, xr.DataArray]
    """Factor (fine cells along a coarse cell) → (y * factor, x * factor) K, NaN = unknown; in rising order."""
    source: str
    """Which data set it comes from, such as `imt` or `aster`."""
    group: str
    """What errors are likely to share, and the bootstrap therefore draws as one: a day, a pair, a scene."""
    same_sensor: bool
    """Whether truth and coarse LST come from one sensor. Otherwise they differ by a bias that is no method's fault."""
    surface: xr.Dataset | None = None
    """What else is known of the finest cells and no method is given, such as fractions of land cover; (y, x)."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What else tells it from others of its set: an identifier, a station's name."""

    def __post_init__(self) -> None:
        if not self.truth:
            raise SceneError("a labelled scene has no truth", where=self.source, todo="Give one level at least.")
        height, width = self.scene.geobox.shape
        for factor, truth in self.truth.items():
            if truth.shape != (height * factor, width * factor):
                what = f"truth of {truth.shape} cells is not {factor} times finer than {height} x {width}"
                raise GridError(what, where=self.source)

    @property
    def finest(self) -> int:
        """The largest factor of the truth."""
        return max(self.truth)


def open_scene(path: str | os.PathLike[str]) -> Scene:
    """Open a scene that `Scene.save` wrote; values are read from the file when asked for.

    Use it in a `with` statement, or `close()` it; `load()` reads everything at once.

    Raises:
        SceneError: when there is no such file, or it is no scene, damaged, or of another version.
    """
    about, groups = storage.read(path)
    coarse, *auxiliary = groups.values()
    try:
        return Scene(
            lst=coarse,
            auxiliary=tuple(auxiliary),
            time=np.datetime64(about["time"]) if "time" in about else None,
            day=about["day"] == "1" if "day" in about else None,
            noise=float(about["noise"]) if "noise" in about else None,
            tile=Tile.parse(about["tile"]) if "tile" in about else None,
            provenance=json.loads(about["provenance"]),
        )
    except (KeyError, ValueError, SceneError, GridError) as error:
        for dataset in groups.values():
            dataset.close()
        raise SceneError(f"is damaged: {error}", where=path, todo="Prepare it again.") from error


def _by_day(geobox: GeoBox, time: np.datetime64 | None) -> bool:
    """Day lasts from 6 to 18 h local solar time at the grid's centre; so does a date without an hour."""
    if time is None or not has_hour(time):
        return True
    hours = float((time - time.astype("datetime64[D]")) / np.timedelta64(3600, "s"))
    return bool(6.0 <= (hours + centre(geobox)[0] / 15.0) % 24.0 < 18.0)
