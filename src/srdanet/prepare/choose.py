"""Choosing which file serves what, from a survey; nothing is opened."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import numpy as np

from srdanet.errors import ArgumentError
from srdanet.grid import Level, Tile, lonlat
from srdanet.predictors.solar import solar_to_utc
from srdanet.prepare.plans import Plan, Platform, Source
from srdanet.prepare.survey import Found, bounds_of, survey, touch
from srdanet.variables import BANDS, VIEW_HOURS, WEATHER

ALBEDO_DAYS = 16
"""MCD43A3 is made from 16 days; farther from its day of interest it says nothing of the scene's."""
_BELT_HOURS = 1.2
"""How far view times lie from the usual ones: half of the time that a swath spans."""


def plan(
    files: Iterable[str | os.PathLike[str]],
    tile: Tile | str | None = None,
    date: dt.date | str | None = None,
    day: bool = True,
    *,
    platform: Platform | None = None,
    time: np.datetime64 | str | None = None,
) -> Plan:
    """Choose which file serves what.

    LST and reflectance are of the day itself; albedo of the nearest day within 16; land cover of the
    nearest year; meteorology must cover the overpass; elevation must touch the tile. Of two
    productions of one granule the newer is taken.

    Args:
        files: Files, folders, or `NAME=FILE[:BAND][,key=value]` for plain rasters; see `survey`.
        tile: The tile; may be left out where the LST files are of one.
        date: The day; may be left out where the LST files are of one. For a granule it is the UTC day in its name.
        day: Whether the daytime LST is wanted, or the night's.
        platform: `terra` (MOD11A1) or `aqua` (MYD11A1); Terra where both are there.
        time: UTC of the overpass, for plain rasters, which do not say it.

    Raises:
        ArgumentError: when there is no LST, or several tiles or dates and none is named, or an argument cannot be
            read.
    """
    return choose(survey(files), tile, date, day, platform=platform, time=time)


def choose(
    found: Sequence[Found],
    tile: Tile | str | None = None,
    date: dt.date | str | None = None,
    day: bool = True,
    *,
    platform: Platform | None = None,
    time: np.datetime64 | str | None = None,
) -> Plan:
    """`plan`, from what a survey found; opens nothing."""
    tile = Tile.parse(tile) if isinstance(tile, str) else tile
    date = _date(date)
    if platform not in (None, "terra", "aqua"):
        raise ArgumentError(f"platform {platform!r} is not known", todo="terra or aqua")
    when = _time(time)
    rest = _Rest(found)
    rasters = [f for f in found if f.kind == "raster" and rest.take(f)]
    named = [f for f in rasters if f.product == "lst"]
    if len(named) > 1:
        raise ArgumentError("several rasters are named lst", where=", ".join(f.path for f in named), todo="give one")
    if named:
        date = date or (when.astype("datetime64[D]").item() if when is not None else named[0].date)
        spec = named[0].spec
        sources = [Source("lst", "raster", (named[0].path,), ("lst",), date, spec=spec)]
        rest.leave("an LST raster is named", lambda f: f.product in ("MOD11A1", "MYD11A1"))
    else:
        lst, tile, date, platform = _lst(found, rest, tile, date, platform)
        when = None
        word = "day" if day else "night"
        layers = tuple(f"{n}_{word}" for n in ("lst", "qc", "view_time", "view_angle"))
        sources = [Source("lst", lst.product, (lst.path,), layers, lst.date, 0)]
    for raster in rasters:
        if raster.product != "lst":
            far = (raster.date - date).days if raster.date and date else None
            role, names = f"raster:{raster.product}", (raster.product,)
            sources.append(Source(role, "raster", (raster.path,), names, raster.date, far, spec=raster.spec))
    taken = {s.layers[0] for s in sources if s.role.startswith("raster:")}
    sources += _granules(rest, tile, date, platform, taken)
    sources += _elevation(rest, tile, taken)
    sources += _weather(rest, tile, date, day, platform, when)
    return Plan(tuple(sources), day, date, tile, platform, when, rest.reasons())


class _Rest:
    """Files not yet taken, and why those left out are."""

    def __init__(self, found: Sequence[Found]) -> None:
        self.found = list(found)
        self.why: dict[tuple[str, str], str] = {f.key: f.reason for f in found if f.kind == "other"}
        self.taken: set[tuple[str, str]] = set()

    def take(self, found: Found) -> bool:
        """Mark as used."""
        self.taken.add(found.key)
        return True

    def leave(self, reason: str, which: Callable[[Found], bool]) -> None:
        """Give a reason to all that are not used and fit."""
        for f in self.found:
            if f.key not in self.taken and f.key not in self.why and which(f):
                self.why[f.key] = reason

    def of(self, kind: str, *products: str) -> list[Found]:
        """What is still free of a kind."""
        free = [f for f in self.found if f.kind == kind and f.key not in self.taken and f.key not in self.why]
        return [f for f in free if not products or f.product in products]

    def reasons(self) -> tuple[tuple[str, str], ...]:
        """(file, reason) of all that serve nothing, in the survey's order."""
        return tuple((f.path, self.why.get(f.key, "not needed")) for f in self.found if f.key not in self.taken)


def _lst(
    found: Sequence[Found], rest: _Rest, tile: Tile | None, date: dt.date | None, platform: Platform | None
) -> tuple[Found, Tile, dt.date, Platform]:
    """The LST granule, and the tile, date and platform it settles."""
    every = rest.of("granule", "MOD11A1", "MYD11A1")
    if not every:
        todo = "give a MOD11A1 or MYD11A1 granule, or a raster as lst=FILE"
        raise ArgumentError(
            "there is no land surface temperature among the files", where=f"{len(found)} files", todo=todo
        )
    fit = [f for f in every if (tile in (None, f.tile)) and (date in (None, f.date))]
    if platform is not None:
        fit = [f for f in fit if f.product == _prefix(platform) + "11A1"]
    choices = ", ".join(sorted({f"{f.tile} {f.date} ({f.product})" for f in every}))
    if not fit:
        wanted = " ".join(str(w) for w in (tile, date, platform) if w is not None)
        raise ArgumentError(f"no LST granule of {wanted}", todo=f"there are: {choices}")
    for what, values in (("tiles", {str(f.tile) for f in fit}), ("dates", {str(f.date) for f in fit})):
        if len(values) > 1:
            todo = f"name the one you want, of: {choices}"
            raise ArgumentError(f"the LST granules are of several {what}: {', '.join(sorted(values))}", todo=todo)
    products = sorted({f.product for f in fit})
    best = max((f for f in fit if f.product == products[0]), key=lambda f: f.made)
    assert best.tile is not None
    assert best.date is not None  # a granule's name says both
    rest.take(best)
    _explain(rest, best.tile, best.date, ("MOD11A1", "MYD11A1"))
    return best, best.tile, best.date, "terra" if products[0].startswith("MOD") else "aqua"


def _granules(
    rest: _Rest, tile: Tile | None, date: dt.date | None, platform: Platform | None, taken: set[str]
) -> list[Source]:
    """Reflectance, albedo and land cover of the tile."""
    if tile is None:
        tiles = {f.tile for f in rest.of("granule")}
        tile = tiles.pop() if len(tiles) == 1 else None
        if tile is None:
            rest.leave("of several tiles: name the one you want", lambda f: f.kind == "granule")
    if date is None:
        rest.leave("the date of the LST is not known", lambda f: f.kind == "granule")
    if tile is None or date is None:
        return []
    out: list[Source] = []
    first = "aqua" if platform == "aqua" else "terra"
    for role, suffix in (("reflectance_250m", "09GQ"), ("reflectance_500m", "09GA")):
        products = [f"{_prefix(p)}{suffix}" for p in (first, "terra" if first == "aqua" else "aqua")]
        fit = [f for f in rest.of("granule", *products) if f.tile == tile and f.date == date]
        if fit:
            best = max(fit, key=lambda f: (f.product == products[0], f.made))
            rest.take(best)
            fine = any(s.role == "reflectance_250m" for s in out)
            bands = BANDS[:2] if suffix == "09GQ" else BANDS[2:] if fine else BANDS
            words = ("qc_250m",) if suffix == "09GQ" else ("qc_500m", "state")
            layers = (*(b for b in bands if b not in taken), *words)
            note = "" if platform is None or best.product == products[0] else f"not of {platform}: hours from the LST"
            out.append(Source(role, best.product, (best.path,), layers, date, 0, note))
        _explain(rest, tile, date, tuple(products))
    if "albedo" not in taken:
        out += _nearest(rest, tile, date, "albedo", "MCD43A3", ("albedo_wsa", "albedo_bsa", "albedo_quality"))
    if "land_cover" not in taken:
        out += _nearest(rest, tile, date, "land_cover", "MCD12Q1", ("land_cover",))
    rest.leave("another tile", lambda f: f.kind == "granule" and f.tile != tile)
    rest.leave("a product that scenes do not use", lambda f: f.kind == "granule" and f.product not in _USED)
    return out


def _nearest(rest: _Rest, tile: Tile, date: dt.date, role: str, product: str, layers: tuple[str, ...]) -> list[Source]:
    """The granule nearest in time: albedo by days, land cover by years. On a tie the earlier one."""
    yearly = role == "land_cover"

    def far(f: Found) -> int:
        assert f.date is not None
        return f.date.year - date.year if yearly else (f.date - date).days

    fit = [f for f in rest.of("granule", product) if f.tile == tile and (yearly or abs(far(f)) <= ALBEDO_DAYS)]
    rest.leave(f"more than {ALBEDO_DAYS} days away", lambda f: f.product == product and f.tile == tile and f not in fit)
    if not fit:
        return []
    distance = min((far(f) for f in fit), key=lambda d: (abs(d), d))
    best = max((f for f in fit if far(f) == distance), key=lambda f: f.made)
    rest.take(best)
    rest.leave(
        "an older production of the same", lambda f: f.product == product and f.tile == tile and f.date == best.date
    )
    rest.leave("farther in time", lambda f: f.product == product and f.tile == tile)
    note = f"of {best.date.year}, not {date.year}" if yearly and distance and best.date else ""
    return [Source(role, product, (best.path,), layers, best.date, distance, note)]


def _elevation(rest: _Rest, tile: Tile | None, taken: set[str]) -> list[Source]:
    """Every file of heights that touches the tile; without a tile `prepare` sorts them out."""
    files = rest.of("elevation")
    if tile is not None:
        ground = bounds_of(tile.geobox(Level.KM1))
        files = [f for f in files if f.bounds is None or touch(f.bounds, ground)]
    rest.leave("does not touch the tile", lambda f: f.kind == "elevation" and f not in files)
    if "elevation" in taken:
        rest.leave("elevation is given as a raster", lambda f: f.kind == "elevation")
        return []
    for f in files:
        rest.take(f)
    return [Source("elevation", "heights", tuple(f.path for f in files), ("elevation",))] if files else []


def _weather(
    rest: _Rest,
    tile: Tile | None,
    date: dt.date | None,
    day: bool,
    platform: Platform | None,
    time: np.datetime64 | None,
) -> list[Source]:
    """ERA5 and stations that cover the overpass, which is known only roughly before the granule is opened."""
    files = [*rest.of("meteorology"), *rest.of("stations")]
    if time is None and (tile is None or date is None or platform is None):
        rest.leave("the time of the overpass is not known: give it", lambda f: f in files)
        return []
    ground = None if tile is None else bounds_of(tile.geobox(Level.KM1))
    if time is None:
        assert tile is not None
        assert platform is not None  # refused above
        box = tile.geobox(Level.KM1)[600:601, 600:601]
        usual = solar_to_utc(np.datetime64(date), VIEW_HOURS[platform, day], float(lonlat(box)[0][0, 0]))
        time = cast(np.datetime64, usual)
    slack = np.timedelta64(int(_BELT_HOURS * 3600), "s")
    for f in files:
        if f.bounds is not None and ground is not None and not touch(f.bounds, ground):
            rest.why[f.key] = "covers another place"
        elif f.span is not None and not (f.span[0] <= time + slack and f.span[1] >= time - slack):
            span = f"{_minute(f.span[0])} to {_minute(f.span[1])}"
            rest.why[f.key] = f"covers {span} UTC, the overpass is about {_minute(time)}"
        else:
            rest.take(f)
    out: list[Source] = []
    for role, product, kind in (("meteorology", "ERA5", "meteorology"), ("stations", "stations", "stations")):
        paths = tuple(f.path for f in files if f.kind == kind and f.key in rest.taken)
        note = "for what ERA5 does not give" if role == "stations" and out else ""
        out += [Source(role, product, paths, WEATHER, note=note)] if paths else []
    return out


def _explain(rest: _Rest, tile: Tile, date: dt.date, products: tuple[str, ...]) -> None:
    """Say why the granules of these products that were not taken were not."""
    rest.leave("another tile", lambda f: f.product in products and f.tile != tile)
    rest.leave("another date", lambda f: f.product in products and f.date != date)
    served = {f.product for f in rest.found if f.key in rest.taken}
    rest.leave("an older production of the same", lambda f: f.product in products and f.product in served)
    rest.leave("of the other platform", lambda f: f.product in products)


_USED = ("MOD11A1", "MYD11A1", "MOD09GA", "MYD09GA", "MOD09GQ", "MYD09GQ", "MCD43A3", "MCD12Q1")


def _prefix(platform: str) -> str:
    return "MOD" if platform == "terra" else "MYD"


def _minute(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]"))


def _time(time: np.datetime64 | str | None) -> np.datetime64 | None:
    try:
        moment: np.datetime64 | None = None if time is None else np.datetime64(time).astype("datetime64[s]")
    except ValueError as error:
        raise ArgumentError(f"{time!r} is no time", todo="give UTC such as 2020-07-15T10:40") from error
    if moment is not None and np.isnat(moment):
        raise ArgumentError("the time is NaT", todo="leave it out when it is unknown")
    return moment


def _date(date: dt.date | str | None) -> dt.date | None:
    if not isinstance(date, str):
        return date
    try:
        return dt.date.fromisoformat(date)
    except ValueError as error:
        raise ArgumentError(f"{date!r} is no date", todo="write it like 2020-07-15") from error
