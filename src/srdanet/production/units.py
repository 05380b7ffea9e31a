"""The units of a run, as plain data that can be printed, stored and processed anywhere.

A unit is one LST of one place: a tile (or the region of a plain raster), a date, day or night, and a platform. Which
files serve it is decided as for a single scene (`srdanet.prepare.plan.choose`); here the many files of a survey are
only sorted, so that each unit looks at the few that can concern it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry

from srdanet.downscaling.plan import stem_of
from srdanet.errors import ArgumentError
from srdanet.grid import Level, Tile
from srdanet.network.bundle import Device
from srdanet.prepare.extent import region_part
from srdanet.prepare.plan import ROLES, choose
from srdanet.prepare.survey import Bounds, Frozen, InputFile, bounds_of, touch
from srdanet.readers.places import LONLAT
from srdanet.variables import Platform

LST_PRODUCTS: Mapping[str, Platform] = {"MOD11A1": "terra", "MYD11A1": "aqua"}
_WINDOWS = {product: role.window for role in ROLES for product in role.products}
_DAY = dt.timedelta(days=1)

Stat = Callable[[str], tuple[int, int]]
"""Size (bytes) and time of change (ns) of a file."""


class Unit(Frozen):
    """One product to be made, and the files it is made from."""

    name: str
    """What its file names begin with; no two units of a run share it."""
    tile: str | None
    date: dt.date | None
    day: bool
    platform: Platform | None
    time: str | None = None
    """UTC of the overpass, where plain rasters do not say it."""
    inputs: tuple[str, ...]
    """Files, or `NAME=FILE[:BAND][,key=value]` for plain rasters."""

    @property
    def folder(self) -> Path:
        """Where its product goes, below the folder of the run: `h18v04/2020`."""
        return Path(self.tile or "region") / (f"{self.date.year}" if self.date else "undated")


class Options(Frozen):
    """What holds for all units of a run and shapes their products."""

    model: str
    """Name of a model, or its folder."""
    identity: str
    """What tells the model from any other: its name and the SHA-256 of its weights."""
    device: Device = "cpu"
    """Where the network is computed; products differ by rounding alone."""
    to: int = 250
    conserve: bool = False
    region: str | None = None
    """The ground to cover, as GeoJSON in longitude and latitude; None: whole tiles."""
    file_format: str | None = None
    """`netcdf` or `zarr`; None: COGs."""
    crs: str | None = None
    """Grid of the products; None: that of the LST."""
    res: float | None = None
    """Cell size in units of `crs`."""

    @property
    def ground(self) -> Geometry | None:
        """The region as a shape."""
        return None if self.region is None else Geometry(json.loads(self.region), LONLAT)


def units_of(
    files: Sequence[InputFile],
    *,
    tiles: Collection[Tile] = (),
    dates: tuple[dt.date | None, dt.date | None] = (None, None),
    days: Collection[bool] = (True, False),
    platforms: Collection[Platform] = ("terra", "aqua"),
    time: str | None = None,
    region: Geometry | None = None,
) -> Iterator[Unit]:
    """The units that a survey holds, by date, tile, platform, day before night.

    Args:
        files: What `srdanet.prepare.survey` returned.
        tiles: Only these; all where empty.
        dates: First and last day, both included; None: no limit on that side.
        days: Day overpasses (True), night overpasses (False), or both.
        platforms: Which of them.
        time: UTC of the overpass of a plain LST raster.
        region: Only tiles that it touches, each named after the part that the region covers; in longitude and latitude.

    Raises:
        ArgumentError: when there is no LST among the files that fits.
    """
    if any(file.spec is not None and file.spec.name == "lst" for file in files):
        yield _unit_of_region(files, dates, days, time)
        return
    views = sorted(
        {
            (file.date, str(file.tile), LST_PRODUCTS[file.product])
            for file in files
            if file.product in LST_PRODUCTS
            and file.tile is not None
            and file.date is not None
            and (not tiles or file.tile in tiles)
            and (dates[0] or dt.date.min) <= file.date <= (dates[1] or dt.date.max)
            and LST_PRODUCTS[file.product] in platforms
        },
        key=lambda view: (view[0], view[1], view[2] == "aqua"),
    )
    if not views:
        what = "there is no land surface temperature of these tiles, dates and platforms among the files"
        raise ArgumentError(what, where=f"{len(files)} files", todo="Give MOD11A1 or MYD11A1 granules, or lst=FILE.")
    index = _Index(files)
    parts = {tile: _part(tile, region) for tile in sorted({tile for _, tile, _ in views})}
    if not any(parts.values()):
        what = f"the region touches none of the tiles {', '.join(parts)}"
        raise ArgumentError(what, todo="Check that it is longitude, latitude, and give the granules of that place.")
    for date, tile, platform in views:
        if (place := parts[tile]) is None:
            continue
        near = index.concerning(tile, date)
        for day in sorted(days, reverse=True):
            plan = choose(near, tile, date, day, platform=platform)
            used = tuple(argument(file) for source in plan.sources for file in source.files)
            name = stem_of(place, date, day, platform)
            yield Unit(name=name, tile=tile, date=date, day=day, platform=platform, inputs=used)


def _part(tile: str, region: Geometry | None) -> Tile | GeoBox | None:
    """What of a tile is wanted: all of it, the part that a region covers, or nothing."""
    whole = Tile.parse(tile)
    if region is None:
        return whole
    grid = whole.geobox(Level.KM1)
    try:
        return grid[region_part(grid, region)[1]]
    except ArgumentError:
        return None


def _unit_of_region(
    files: Sequence[InputFile],
    dates: tuple[dt.date | None, dt.date | None],
    days: Collection[bool],
    time: str | None,
) -> Unit:
    """The one unit of a plain LST raster; of a stack over time the one date that is named."""
    date = dates[0] if dates[0] == dates[1] else None
    day = True in days
    plan = choose(files, None, date, day, time=time)
    used = tuple(argument(file) for source in plan.sources for file in source.files)
    name = stem_of(None, plan.date, day, plan.platform)
    return Unit(name=name, tile=None, date=plan.date, day=day, platform=plan.platform, time=time, inputs=used)


class _Index:
    """The files of a survey, sorted by what they can concern."""

    def __init__(self, files: Sequence[InputFile]) -> None:
        self._dated: dict[tuple[str, dt.date], list[InputFile]] = defaultdict(list)
        self._undated: dict[str, list[InputFile]] = defaultdict(list)
        self._weather: dict[dt.date, list[InputFile]] = defaultdict(list)
        self._heights: list[InputFile] = []
        self._everywhere: list[InputFile] = []
        for file in files:
            if file.kind == "granule" and file.tile is not None and file.date is not None:
                if _WINDOWS.get(file.product, 0) is None:
                    self._undated[str(file.tile)].append(file)
                else:
                    self._dated[str(file.tile), file.date].append(file)
            elif file.kind == "elevation":
                self._heights.append(file)
            elif file.span is not None:
                for day in _days(file.span):
                    self._weather[day].append(file)
            elif file.kind == "raster":
                self._everywhere.append(file)
        self._heights_of = cache(self._touching)

    def concerning(self, tile: str, date: dt.date) -> list[InputFile]:
        """Granules of the tile near the date, elevation that touches it, weather of the day, rasters."""
        reach = max(window for window in _WINDOWS.values() if window is not None)
        near = list(self._dated.get((tile, date), ()))
        for distance in range(1, reach + 1):
            for other in (date - distance * _DAY, date + distance * _DAY):
                files = self._dated.get((tile, other), ())
                near += [file for file in files if distance <= (_WINDOWS.get(file.product) or 0)]
        near += self._undated.get(tile, [])
        ground = _ground(tile)
        weather = self._weather.get(date, [])
        near += [file for file in weather if file.bounds is None or touch(file.bounds, ground)]
        return [*near, *self._heights_of(tile), *self._everywhere]

    def _touching(self, tile: str) -> tuple[InputFile, ...]:
        ground = _ground(tile)
        return tuple(file for file in self._heights if file.bounds is None or touch(file.bounds, ground))


@cache
def _ground(tile: str) -> Bounds:
    return bounds_of(Tile.parse(tile).geobox(Level.KM1))


def _days(span: tuple[np.datetime64, np.datetime64]) -> Iterator[dt.date]:
    """Every date that a span of weather can concern: a day more on either side, for local time."""
    first, last = (moment.astype("datetime64[D]").item() for moment in span)
    yield from (first + n * _DAY for n in range(-1, (last - first).days + 2))


def argument(file: InputFile) -> str:
    """How a file is named on the command line."""
    if file.spec is None:
        return file.path
    given = file.spec.model_dump(exclude={"name", "path", "band"}, exclude_none=True)
    band = f":{file.spec.band}" if file.spec.band else ""
    return f"{file.spec.name}={file.spec.path}{band}" + "".join(f",{key}={value}" for key, value in given.items())


def key_of(unit: Unit, files: Iterable[str], options: Options, stat: Stat) -> str:
    """What a unit's product depends on, as one hash: its inputs, the model, the options.

    A file counts by name, size and time of change, so that a run can be moved with its inputs; its folder, the name
    under which the model is given and the device do not count.

    Args:
        unit: The unit.
        files: Paths of its inputs.
        options: Those of the run.
        stat: Tells size and time of change.
    """
    about = {
        "unit": unit.model_dump(mode="json", exclude={"inputs"}),
        "inputs": sorted((Path(path).name, *stat(path)) for path in files),
        "rasters": [
            f"{name}={Path(rest).name}" for name, sign, rest in (t.partition("=") for t in unit.inputs) if sign
        ],
        "options": options.model_dump(mode="json", exclude={"model", "device"}, exclude_none=True),
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
