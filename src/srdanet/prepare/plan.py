"""Which file serves what: a plain value that can be read, printed and kept before anything is done.

`choose` is a pure function of what a survey tells and of what is wanted. What a product is good for stands in
`ROLES`; whether a file can serve follows from the file, the table and what is wanted, so that neither the choice nor
the reasons given for the rest depend on the order of the files. Only within a role that joins several files
(elevation, weather) does the order given stay, since there the first file takes precedence.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import numpy as np
from pydantic import Field, computed_field

from srdanet.arrays import has_hour, parse_utc, read_time
from srdanet.errors import ArgumentError, some
from srdanet.grid import Level, Tile, centre
from srdanet.predictors.solar import solar_to_utc
from srdanet.prepare.survey import (
    RASTER_NAMES,
    Bounds,
    Frozen,
    InputFile,
    Kind,
    Moment,
    RasterSpec,
    TileName,
    bounds_of,
    survey,
    touch,
)
from srdanet.readers.dates import image_time
from srdanet.readers.tables import PLATFORMS, PRODUCTS, Product, product_of
from srdanet.statements import Stated, settle_time
from srdanet.variables import BANDS, LST_VARIABLES, VIEW_HOURS, WEATHER, Platform, lacking


@dataclass(frozen=True)
class Role:
    """One row of `ROLES`: what a kind of input is for, and which files may be it."""

    name: str
    kind: Kind
    variables: tuple[str, ...]
    """What it brings to a scene."""
    layers: tuple[str, ...]
    """What is read of it: layers of `readers.tables` for granules."""
    products: tuple[str, ...] = ()
    """Short names of the granules that may serve, Terra's first."""
    window: int | None = 0
    """Days that a granule may lie from the scene's date; None: any number, counted in years."""
    absence: str = ""
    """What the scene lacks without it; nothing for what is needed, or stands in for another role."""


LST_PRODUCTS = (
    ("MOD11A1", "MYD11A1"),
    ("MOD21A1D", "MOD21A1N", "MYD21A1D", "MYD21A1N"),
    ("VNP21A1D", "VNP21A1N", "VJ121A1D", "VJ121A1N"),
    ("MOD11A2", "MYD11A2"),
)
"""Products of LST by their making, the one to be preferred first; within one, by platform."""

ROLES = (
    Role("lst", "granule", ("lst",), ("lst", "qc", "view_time", "view_angle"),
         tuple(name for names in LST_PRODUCTS for name in names)),
    Role(
        "reflectance_250m", "granule", BANDS[:2], (*BANDS[:2], "qc_250m"), ("MOD09GQ", "MYD09GQ"),
        absence="no vegetation detail finer than 500 m",
    ),
    Role(
        "reflectance_500m", "granule", BANDS[2:], (*BANDS, "qc_500m", "state"), ("MOD09GA", "MYD09GA"),
        absence="no EVI and NDWI; clouds in 250 m reflectance are not screened",
    ),
    # MCD43A3 is made from 16 days; farther from its day of interest it says nothing of the scene's.
    Role(
        "albedo", "granule", ("albedo",), ("albedo_wsa", "albedo_bsa", "albedo_quality"), ("MCD43A3",), window=16,
        absence="no albedo",
    ),
    Role(
        "land_cover", "granule", ("land_cover",), ("land_cover",), ("MCD12Q1",), window=None,
        absence="no class fractions",
    ),
    Role(
        "elevation", "elevation", ("elevation",), ("elevation",),
        absence="no slope and illumination; weak in mountains",
    ),
    Role("meteorology", "meteorology", WEATHER, WEATHER, absence="no weather of the overpass"),
    Role("stations", "stations", WEATHER, WEATHER),
)  # fmt: skip
"""What a scene is made of besides plain rasters, in the order in which it is read."""

_MOST_TOLD = 3
"""Products or files that a message explains, at most."""
_BELT = np.timedelta64(72 * 60, "s")
"""How far an overpass lies from its usual hour at the middle of a tile: half of the time that a swath spans, 1.2 h.
In the three granules at hand (0 to 40 degrees of latitude, day and night) all views lie within 1.1 h."""


class Source(Frozen):
    """One or more files that serve one role."""

    role: str
    """The name of one of `ROLES`, or `raster:<name>` for an auxiliary plain raster."""
    files: tuple[InputFile, ...] = Field(exclude=True)
    layers: tuple[str, ...] = ()
    """Layers to read, by the names of `readers.tables`."""
    date: dt.date | None = None
    distance: int | None = None
    """Days (for land cover years) from the scene's date; None where dates do not matter."""
    note: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def product(self) -> str:
        """Short name of the product; "raster", "heights", "ERA5" or "stations"."""
        return self.files[0].product

    @computed_field  # type: ignore[prop-decorator]
    @property
    def paths(self) -> tuple[str, ...]:
        """Where the files lie."""
        return tuple(file.path for file in self.files)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def spec(self) -> RasterSpec | None:
        """How to read a plain raster; None for all else."""
        return self.files[0].spec


MetricGrid = Literal["modis", "utm"]
"""A grid in metres: the MODIS sinusoidal lattice, or UTM of the image's centre."""


class InputRecord(Frozen):
    """What was read from one source; scenes keep it, dumped, in `provenance["inputs"]`."""

    role: str
    product: str
    collection: str | None = None
    """Of a granule."""
    date: dt.date | None
    distance: int | None = None
    """As in `Source`."""
    file: str | tuple[str, ...]
    """Names without folders."""
    sha256: str | tuple[str, ...]
    """Of every file, whole."""
    checksum: Literal["provider", "none"] | None = None
    """Of a granule: whether it was held against the checksum that its provider states (in an `.xml` beside it)."""
    layers: tuple[str, ...]
    valid: Mapping[str, float]
    """Share of cells that hold a value, by variable."""
    range: Mapping[str, tuple[float, float] | None] | None = None
    """2nd and 98th percentile, by variable; None where no cell holds a value."""
    dropped: Mapping[str, int] | None = None
    """Cells that screening removed, by cause."""
    assumed: str | None = None
    """What the files do not say and was taken for granted."""
    regridded: str | None = None
    """How a raster came to its grid."""
    note: str = ""


class Plan(Frozen):
    """What `prepare` will do. Print it with `lines()`; `model_dump(mode="json")` is plain data."""

    tile: TileName | None = None
    date: dt.date | None = None
    day: bool
    platform: Platform | None = None
    time: Moment | None = None
    """UTC of the overpass where the caller or a raster gives it with its hour; a granule's own view times go before."""
    whole: bool = False
    """Whether the scene covers all that the LST covers (a tile was named), not only its valid part."""
    grid: MetricGrid | None = None
    """Grid of an LST given as a plain raster, where its own is not wanted."""
    sources: tuple[Source, ...]
    ignored: tuple[tuple[str, str], ...] = ()
    """(file, reason) of what is left out."""
    assumed: tuple[str, ...] = ()
    """What nobody says of the time and was taken for granted."""

    def source(self, role: str) -> Source | None:
        """What serves a role, or None."""
        return next((s for s in self.sources if s.role == role), None)

    def without(self, paths: Collection[str]) -> Plan:
        """The same plan without some files; a source that has none left is gone."""
        kept = []
        for source in self.sources:
            files = tuple(file for file in source.files if file.path not in paths)
            if files:
                kept.append(source if files == source.files else source.model_copy(update={"files": files}))
        return self.model_copy(update={"sources": tuple(kept)})

    @computed_field  # type: ignore[prop-decorator]
    @property
    def missing(self) -> dict[str, str]:
        """Variables that no file serves, and what the scene lacks without them, by role."""
        given = {s.spec.name for s in self.sources if s.spec is not None}
        coarse = self.source("reflectance_500m")
        wanted, missing = lacking(given), {}
        for role in ROLES:
            left = [name for name in role.variables if name in wanted]
            served = self.source(role.name) or (role.name == "meteorology" and self.source("stations"))
            if role.absence and left and not served:
                no_bands = role.name == "reflectance_250m" and (coarse is None or "red" not in coarse.layers)
                missing[role.name] = f"{', '.join(left)}: {'no NDVI' if no_bands else role.absence}"
        return missing

    def lines(self) -> list[str]:
        """The plan as a table, one line per source, then what is missing and what is left out."""
        known = (self.tile, self.date, "day" if self.day else "night", self.platform)
        rows = [("role", "product", "date", "layers", "files")]
        for s in self.sources:
            unit = "y" if s.role == "land_cover" else "d"
            date = f"{s.date or '-'}" + (f" ({s.distance:+d} {unit})" if s.distance else "")
            files = some([Path(p).name for p in s.paths], 3)
            files += f":{s.spec.band}" if s.spec and s.spec.band else ""
            files += f"  [{s.note}]" if s.note else ""
            rows.append((s.role, s.product, date, " ".join(s.layers) or "-", files))
        widths = [min(44, max(len(row[i]) for row in rows)) for i in range(4)] + [0]
        return [
            " ".join(str(value) for value in known if value is not None),
            *("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows),
            *(f"missing {role}: {text}" for role, text in self.missing.items()),
            *(f"left out {Path(path).name}: {reason}" for path, reason in self.ignored),
            *(f"assumed: {text}" for text in self.assumed),
        ]


class Choice(TypedDict, total=False):
    """Which LST is wanted of the files, and on which grid: arguments of `choose`."""

    tile: Tile | str | None
    date: dt.date | str | None
    day: bool
    platform: Platform | None
    time: np.datetime64 | str | None
    grid: MetricGrid | None


def plan(files: Iterable[str | os.PathLike[str]], **choice: Unpack[Choice]) -> Plan:
    """Survey files and choose which of them serves what.

    Args:
        files: Files, folders, or `NAME=FILE[:BAND][,key=value]` for plain rasters; see `survey`.
        choice: See `choose`.

    Raises:
        ArgumentError: as `survey` and `choose`.
    """
    return choose(survey(files), **choice)


def choose(
    files: Sequence[InputFile],
    tile: Tile | str | None = None,
    date: dt.date | str | None = None,
    day: bool = True,
    *,
    platform: Platform | None = None,
    time: np.datetime64 | str | None = None,
    grid: MetricGrid | None = None,
) -> Plan:
    """Choose which file serves what; opens nothing.

    LST and reflectance are of the day itself, albedo of the nearest day within 16, land cover of the nearest year;
    weather must cover the overpass, elevation must touch the tile. Of two productions of one granule the newer is
    taken, and a plain raster takes precedence over a granule's layer.

    Args:
        files: What `survey` found.
        tile: The tile; may be left out where the LST files are of one. Where it is given the scene covers all of it.
        date: The day; may be left out where the LST files are of one. For a granule it is the UTC day in its name.
        day: Whether the daytime LST is wanted, or the night's.
        platform: `terra`, `aqua`, `npp` or `noaa20`; the first of these where several are there.
        time: UTC of the overpass, where plain rasters do not say it; a date alone is a date.
        grid: Grid of an LST given as a plain raster: `modis` or `utm`. None: its own, where that is in metres with
            square cells, else UTM.

    Raises:
        ArgumentError: when there is no LST, or several tiles or dates and none is named, when two rasters have one
            name, or when an argument cannot be read.
    """
    whole = tile is not None
    tile = Tile.parse(tile) if isinstance(tile, str) else tile
    wished: dt.date | None = None if date is None else read_time(date).astype("datetime64[D]").item()
    if platform is not None and platform not in PLATFORMS.values():
        raise ArgumentError(f"platform {platform!r} is not known", todo=f"Use {', '.join(PLATFORMS.values())}.")
    if grid not in (None, "modis", "utm"):
        raise ArgumentError(f"grid {grid!r} is not modis or utm", todo="Use one of them.")
    asked: list[Stated[np.datetime64]] = []
    asked += [] if wished is None else [Stated("the date asked for", (np.datetime64(wished, "D"),))]
    asked += [] if time is None else [Stated("the time asked for", (read_time(time),))]
    rasters = _rasters(files)
    assumed: list[str] = []
    lst = rasters.get("lst")
    product: Product | None = None
    if lst is not None:
        seen, assumed = _time_of_rasters([file for name, file in rasters.items() if name in LST_VARIABLES], asked)
    else:
        tile, wished, product = _view_of_granules(files, tile, wished, day, platform)
        platform = product.platform
        longitude = centre(tile.geobox(Level.KM1))[0]
        granule: Stated[np.datetime64] = Stated("the name of the granule", (np.datetime64(wished, "D"),))
        seen = settle_time([*asked, granule], where="LST", longitude=longitude)
    if wished is None and seen is not None:
        wished = seen.astype("datetime64[D]").item()
    when = seen if has_hour(seen) else None
    overpass = when
    averaged = product is not None and product.days > 1  # a mean of days has no overpass
    if overpass is None and not averaged and tile is not None and wished is not None and platform is not None:
        longitude = centre(tile.geobox(Level.KM1))[0]
        overpass = parse_utc(solar_to_utc(np.datetime64(wished), VIEW_HOURS[platform, day], longitude))
    tiles = {file.tile for file in files if file.kind == "granule" and file.product not in ROLES[0].products}
    wanted = _Wanted(
        wished,
        day,
        platform,
        given=frozenset(rasters),
        tile=tile or (tiles.pop() if len(tiles) == 1 else None),
        ground=None if tile is None else bounds_of(tile.geobox(Level.KM1)),
        overpass=overpass,
        product=product,
    )
    chosen = {role.name: _chosen(role, files, wanted) for role in ROLES}
    sources = [
        *(_raster_source(file, wanted) for file in rasters.values()),
        *(_source(role, chosen, wanted) for role in ROLES if chosen[role.name]),
    ]
    sources.sort(key=lambda source: source.role != "lst")
    used = {*rasters.values(), *(file for served in chosen.values() for file in served)}
    ignored = tuple((file.path, _reason(file, wanted, chosen)) for file in files if file not in used)
    return Plan(
        tile=tile, date=wished, day=day, platform=platform, time=when, whole=whole, grid=grid,
        sources=tuple(sources), ignored=ignored, assumed=tuple(assumed),
    )  # fmt: skip


@dataclass(frozen=True)
class _Wanted:
    """What the files are chosen for."""

    date: dt.date | None
    day: bool
    platform: Platform | None
    given: frozenset[str]
    """Variables that plain rasters bring."""
    tile: Tile | None
    """Of the granules; where none is named and the LST is a plain raster, the only one they are of."""
    ground: Bounds | None
    """What the named tile covers."""
    overpass: np.datetime64 | None
    """UTC as given, else the usual one of the platform at the middle of the tile; None for a mean of days."""
    product: Product | None = None
    """Of the LST granule."""

    def prefers(self, product: str) -> bool:
        """Whether a product is of the platform that comes first, or of both."""
        return not product.startswith("MYD" if self.platform in (None, "terra") else "MOD")


def _time_of_rasters(
    files: Sequence[InputFile], asked: Sequence[Stated[np.datetime64]]
) -> tuple[np.datetime64 | None, list[str]]:
    """The time of plain rasters of one view, by what is asked and what they say; and what was assumed."""
    seen: np.datetime64 | None = None
    assumed = []
    known = list(asked)
    for file in files:
        name = file.spec.name if file.spec is not None else ""
        said = file.times or (() if file.date is None else (Stated("its date", (np.datetime64(file.date),)),))
        found, notes = image_time(name, known, said, where=Path(file.path), longitude=file.longitude)
        assumed += [f"{name}: {note}" for note in notes]
        if found is not None and (seen is None or not has_hour(seen)):
            seen = found
            known = [*asked, Stated(f"{name} of {Path(file.path).name}", (found,))]
    if seen is None:
        assumed.append("the date of the LST is not known: the result takes no account of season and sun")
    return seen, assumed


def _rasters(files: Sequence[InputFile]) -> dict[str, InputFile]:
    """The plain rasters by name, in the table's order."""
    named = [(file.spec.name, file) for file in files if file.kind == "raster" and file.spec is not None]
    rasters = dict(sorted(named, key=lambda pair: RASTER_NAMES.index(pair[0])))
    for name in rasters:
        same = sorted(file.path for other, file in named if other == name)
        if len(same) > 1:
            raise ArgumentError(f"several rasters are named {name}", where=", ".join(same), todo="Give one.")
    return rasters


def _view_of_granules(
    files: Sequence[InputFile], tile: Tile | None, date: dt.date | None, day: bool, platform: Platform | None
) -> tuple[Tile, dt.date, Product]:
    """The tile, date and product of the LST, which its granules settle where nothing is said."""
    views = {
        (file.tile, file.date, file.product)
        for file in files
        if file.product in ROLES[0].products and file.tile is not None and file.date is not None
    }
    if not views:
        todo = "Give a granule such as MOD11A1 or MYD11A1, or a raster as lst=FILE."
        what = "there is no land surface temperature of 1 km among the files"
        others = sorted({file.product for file in files if file.kind == "granule"})
        told = "; ".join(f"{name} is {PRODUCTS[name].title}" for name in others[:_MOST_TOLD] if name in PRODUCTS)
        what += f" ({told})" if told else ""
        left = [f"{Path(file.path).name} ({file.reason})" for file in files if file.kind == "other"]
        what += f"; left out {some(left, _MOST_TOLD, '; ')}" if left else ""
        raise ArgumentError(what, where=files[0].path if len(files) == 1 else f"{len(files)} files", todo=todo)
    known = {name: product_of(name) for _, _, name in views}
    fit = {
        view
        for view in views
        if tile in (None, view[0])
        and date in (None, view[1])
        and platform in (None, known[view[2]].platform)
        and known[view[2]].part in ("", "day" if day else "night")
    }
    choices = ", ".join(sorted(f"{tile} {date} ({product})" for tile, date, product in views))
    if not fit:
        parts = {known[name].part for _, _, name in views}
        half = None if "" in parts else "the day" if day else "the night"
        asked = " ".join(str(value) for value in (tile, date, platform, half) if value is not None)
        raise ArgumentError(f"there is no LST granule of {asked}", todo=f"Choose one of: {choices}.")
    making = next(names for names in LST_PRODUCTS if any(view[2] in names for view in fit))
    fit = {view for view in fit if view[2] in making}
    for what, values in (("tiles", {str(v[0]) for v in fit}), ("dates", {str(v[1]) for v in fit})):
        if len(values) > 1:
            todo = f"Name the one you want, of: {choices}."
            raise ArgumentError(f"the LST granules are of several {what}: {', '.join(sorted(values))}", todo=todo)
    found, on, product = min(fit, key=lambda view: making.index(view[2]))
    return found, on, known[product]


def _role_of(file: InputFile) -> Role | None:
    """The row of the table that a file could serve."""
    if file.kind == "granule":
        return next((role for role in ROLES if file.product in role.products), None)
    return next((role for role in ROLES if role.kind == file.kind), None)


def _distance(role: Role, file: InputFile, wanted: _Wanted) -> int:
    """Days, or years where dates do not limit the choice, from the wanted date; 0 where either is unknown."""
    if file.date is None or wanted.date is None:
        return 0
    return file.date.year - wanted.date.year if role.window is None else (file.date - wanted.date).days


def _misfit(file: InputFile, wanted: _Wanted) -> str:
    """Why a file cannot serve, whatever other files there are; empty where it can."""
    role = _role_of(file)
    if file.kind == "other":
        return file.reason
    if role is not None and role.name in wanted.given:
        return f"{'LST' if role.name == 'lst' else role.name.replace('_', ' ')} is given as a raster"
    if file.kind == "granule":
        if wanted.tile is None:
            return "of several tiles; name the one you want"
        if wanted.date is None:
            return "the date of the LST is not known; give it"
        if file.tile != wanted.tile:
            return "another tile"
        if role is None:
            return "a product that scenes do not use"
        if role.name == "lst" and wanted.product is not None and file.product != wanted.product.short_name:
            return _other_lst(product_of(file.product), wanted.product)
        if role.window is not None and abs(_distance(role, file, wanted)) > role.window:
            return f"more than {role.window} days away" if role.window else "another date"
        return ""
    # Elevation and weather must cover the place and, where they have one, the time.
    outside = wanted.ground is not None and file.bounds is not None and not touch(file.bounds, wanted.ground)
    if file.kind == "elevation":
        return "does not touch the tile" if outside else ""
    if wanted.product is not None and wanted.product.days > 1:
        return f"the LST is a mean of {wanted.product.days} days, which has no overpass"
    if wanted.overpass is None:
        return "the time of the overpass is not known; give it"
    if outside:
        return "covers another place"
    if file.span and not (file.span[0] - _BELT <= wanted.overpass <= file.span[1] + _BELT):
        first, last, overpass = (t.astype("datetime64[m]") for t in (*file.span, wanted.overpass))
        return f"covers {first} to {last} UTC, the overpass is about {overpass}"
    return ""


def _other_lst(product: Product, wanted: Product) -> str:
    """Why a product of LST is left out where another one serves."""
    if wanted.part and product.part and product.part != wanted.part:
        return f"of the {product.part}"
    same = any({product.short_name, wanted.short_name} <= set(names) for names in LST_PRODUCTS)
    return "of the other platform" if same else f"{wanted.short_name} serves; give this one without it to use it"


def _chosen(role: Role, files: Sequence[InputFile], wanted: _Wanted) -> tuple[InputFile, ...]:
    """The files that serve a role: the best granule, and of all else every file that fits.

    The nearest granule is the best, the earlier of two as near; then the LST's own platform, and the newer production.
    """
    fit = [file for file in files if _role_of(file) == role and not _misfit(file, wanted)]
    if role.kind != "granule" or not fit:
        return tuple(fit)

    def rank(file: InputFile) -> tuple[int, int, bool]:
        distance = _distance(role, file, wanted)
        return abs(distance), distance, not wanted.prefers(file.product)

    least = min(rank(file) for file in fit)
    # Copies of one granule in several folders are as good; the path makes the choice certain.
    return (max((file for file in fit if rank(file) == least), key=lambda file: (file.made, file.path)),)


def _reason(file: InputFile, wanted: _Wanted, chosen: Mapping[str, tuple[InputFile, ...]]) -> str:
    """Why a file is left out, from the file, the table, what is wanted and what is chosen instead."""
    role, misfit = _role_of(file), _misfit(file, wanted)
    if misfit or role is None:
        return misfit
    (best,) = chosen[role.name]
    if file.product != best.product:
        return "of the other platform"
    if file.date != best.date:
        return "farther in time"
    return "a copy of the one used" if file.made == best.made else "an older production of the same"


def _raster_source(file: InputFile, wanted: _Wanted) -> Source:
    name = file.spec.name if file.spec is not None else ""
    if name == "lst":
        return Source(role="lst", files=(file,), layers=("lst",), date=wanted.date)
    distance = (file.date - wanted.date).days if file.date and wanted.date else None
    return Source(role=f"raster:{name}", files=(file,), layers=(name,), date=file.date, distance=distance)


def _source(role: Role, chosen: Mapping[str, tuple[InputFile, ...]], wanted: _Wanted) -> Source:
    """A role with the files that serve it, and what is read of them."""
    files = chosen[role.name]
    layers = tuple(name for name in role.layers if name not in wanted.given)
    if role.kind != "granule":
        note = "for what ERA5 does not give" if role.name == "stations" and chosen["meteorology"] else ""
        return Source(role=role.name, files=files, layers=role.layers, note=note)
    (file,) = files
    distance, note = _distance(role, file, wanted), ""
    if role.name == "lst":
        layers = tuple(f"{name}_{'day' if wanted.day else 'night'}" for name in layers)
        days = product_of(file.product).days
        note = f"a mean of {days} days from {file.date}" if days > 1 else note
    if role.name == "reflectance_500m" and chosen["reflectance_250m"]:
        layers = tuple(name for name in layers if name not in BANDS[:2])
    if wanted.platform is not None and not wanted.prefers(file.product):
        note = f"not of {wanted.platform}: hours from the LST"
    if role.window is None and distance and file.date and wanted.date:
        note = f"of {file.date.year}, not {wanted.date.year}"
    return Source(role=role.name, files=files, layers=layers, date=file.date, distance=distance, note=note)
