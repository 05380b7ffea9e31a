"""What each file is: the first of three steps from files to a scene (survey, plan, build).

Granules and plain rasters are identified by name alone, elevation by its header. Weather is opened for its hours and
its extent: of NetCDF files only the coordinates are read, of GRIB files every band, of zip archives every member; a
table of stations is read whole.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pydantic import BaseModel, ConfigDict, InstanceOf, PlainSerializer, ValidationError

from srdanet.errors import ArgumentError, SrdanetError
from srdanet.grid import Tile, lonlat
from srdanet.readers.elevation import ElevationTile, inspect_elevation
from srdanet.readers.era5 import read_fields
from srdanet.readers.filenames import identify
from srdanet.readers.meteorology import open_stations
from srdanet.readers.unread import special_file
from srdanet.variables import BY_NAME, LST_VARIABLES, UNUSED

Kind = Literal["granule", "elevation", "meteorology", "stations", "raster", "other"]
TileName = Annotated[Tile, PlainSerializer(str)]
"""A tile; in JSON its name."""
Moment = Annotated[np.datetime64, PlainSerializer(str)]
"""UTC; in JSON as ISO 8601."""
Bounds = tuple[float, float, float, float]
"""West, south, east, north (degrees)."""

_GRANULE = re.compile(r"M[OYC]D\w+\.A\d{7}\.", re.IGNORECASE)
_HEIGHTS = re.compile(r"(^|[^a-z0-9])(srtm|dem|dtm|elevation)|(?<![a-z0-9])[ns]\d{2}[ew]\d{3}(?![0-9])", re.IGNORECASE)
_DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})(?:([-_]?)(\d{2})\2(\d{2})|(\d{3}))(?!\d)")
_WEATHER = (".nc", ".nc4", ".grib", ".grb", ".grib2", ".grb2", ".zip")
_BESIDE = (".xml", ".met", ".aux", ".txt", ".md", ".json", ".png", ".jpg", ".qml")
_OPTIONS = ("crs", "nodata", "scale", "offset", "unit")
# No model uses the dryness index; the table knows it only because scenes of earlier versions hold it.
RASTER_NAMES = (*LST_VARIABLES, *(name for name in BY_NAME if name not in UNUSED))
"""What a plain raster may be named, in the order in which a plan lists them."""


class Frozen(BaseModel):
    """An immutable value without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class RasterSpec(Frozen):
    """A raster named by the user: `NAME=FILE[:BAND][,key=value]...`."""

    name: str
    """What it is; a survey accepts `RASTER_NAMES`."""
    path: str
    band: str | None = None
    """Band number from 1 or description; for NetCDF the variable."""
    crs: str | None = None
    nodata: float | None = None
    scale: float | None = None
    offset: float | None = None
    unit: str | None = None

    @classmethod
    def parse(cls, text: str) -> RasterSpec:
        """Read a specification such as `ndvi=LC08.tif:2,scale=0.0001`.

        Raises:
            ArgumentError: when an option is unknown, or its value is not a number.
        """
        name, _, rest = text.partition("=")
        options: dict[str, Any] = {}
        while "," in rest:
            head, _, tail = rest.rpartition(",")
            key, sign, value = tail.partition("=")
            if not sign:
                break
            if key not in _OPTIONS:
                raise ArgumentError(f"{key!r} is not an option", where=text, todo=f"Use one of: {', '.join(_OPTIONS)}.")
            options[key] = value
            rest = head
        path, colon, band = rest.rpartition(":")
        if not colon or os.path.exists(rest) or re.search(r"[\\/.]", band):
            path, band = rest, ""
        try:
            return cls(name=name.strip().lower(), path=path, band=band or None, **options)
        except ValidationError as error:
            what = f"{error.errors()[0]['input']!r} is not a number"
            raise ArgumentError(what, where=text, todo="Write it like 0.02.") from error


class InputFile(Frozen):
    """One file, and what it is taken for."""

    path: str
    kind: Kind
    product: str = ""
    """Short name of a granule's product; else "heights", "ERA5", "stations" or "raster"."""
    date: dt.date | None = None
    tile: TileName | None = None
    made: tuple[str, str] = ("", "")
    """Collection and production time of a granule: the greatest is the newest."""
    bounds: Bounds | None = None
    span: tuple[Moment, Moment] | None = None
    """First and last time (UTC) of weather."""
    heights: InstanceOf[ElevationTile] | None = None
    """What a file of elevation says of itself, so that nobody inspects it again."""
    spec: RasterSpec | None = None
    reason: str = ""
    """Why it cannot serve, for `other`."""


def survey(files: Iterable[str | os.PathLike[str]]) -> tuple[InputFile, ...]:
    """Identify files.

    Args:
        files: Files, folders (searched with all below them), or `NAME=FILE[:BAND][,key=value]` for plain rasters.

    Returns:
        One entry per file or raster, in the order given, those of a folder by name. A file found in a folder that
        is damaged or unknown becomes `other`, with the reason.

    Raises:
        ArgumentError: when a path does not exist, or a specification cannot be read.
        SrdanetError: when a file that was named itself (not found in a folder) cannot be identified.
    """
    entries: dict[tuple[str, RasterSpec | None], InputFile] = {}
    for given in [files] if isinstance(files, str | os.PathLike) else files:
        for file in _expand(os.fspath(given)):
            entries.setdefault((os.path.realpath(file.path), file.spec), file)
    return tuple(entries.values())


def date_in(name: str) -> dt.date | None:
    """The date in a file name: 2017_04_09, 2017-04-09, 20170409 or 2017099; None when there is none, or several."""
    dates = set()
    for year, _, month, day, of_year in _DATE.findall(Path(name).stem):
        try:
            text, form = (year + of_year, "%Y%j") if of_year else (year + month + day, "%Y%m%d")
            dates.add(dt.datetime.strptime(text, form).date())
        except ValueError:
            continue
    return dates.pop() if len(dates) == 1 else None


def bounds_of(geobox: GeoBox) -> Bounds:
    """What a grid covers in longitude and latitude; cells off the globe do not count."""
    size = 40
    scale = Affine.scale(geobox.shape[1] / size, geobox.shape[0] / size)
    # Centres of this frame are the corners of 40 x 40 parts of the grid.
    frame = GeoBox((size + 1, size + 1), geobox.affine * scale * Affine.translation(-0.5, -0.5), geobox.crs)
    lon, lat = lonlat(frame)
    on = np.isfinite(lon) & np.isfinite(lat)
    if not on.any():
        raise ArgumentError("the grid lies off the globe", todo="Check its CRS and its coordinates.")
    lon = lon[on][0] + (lon - lon[on][0] + 180) % 360 - 180
    return tuple(float(f(v[on])) for f, v in ((np.min, lon), (np.min, lat), (np.max, lon), (np.max, lat)))  # type: ignore[return-value]


def touch(a: Bounds, b: Bounds) -> bool:
    """Whether two extents share ground, whole turns of longitude aside."""
    if a[1] >= b[3] or b[1] >= a[3]:
        return False
    return any(a[0] + turn < b[2] and b[0] < a[2] + turn for turn in (-360, 0, 360))


def _expand(given: str) -> Iterable[InputFile]:
    """The files that one argument stands for."""
    path = Path(given)
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if not file.is_file() or file.name.startswith(".") or file.suffix.lower() in _BESIDE:
                continue
            try:
                yield _identify(file)
            except SrdanetError as error:  # a folder may hold anything
                yield InputFile(path=str(file), kind="other", reason=error.what)
    elif path.is_file():
        yield _identify(path)
    elif re.match(r"\s*\w+\s*=", given):
        yield _plain_raster(RasterSpec.parse(given))
    else:
        kind = special_file(path)
        if kind is not None:
            what = f"is {kind}, not a file"
            raise ArgumentError(what, where=given, todo="Write what comes through it to a file first.")
        todo = "Give files, folders, or NAME=FILE for a plain raster, such as lst=MODIS.tif."
        raise ArgumentError("is not a file or a folder", where=given, todo=todo)


def _plain_raster(spec: RasterSpec) -> InputFile:
    if not Path(spec.path).is_file():
        raise ArgumentError("is not a file", where=spec.path, todo=f"Check the path given as {spec.name}=FILE.")
    if spec.name not in RASTER_NAMES:
        reason = f"{spec.name!r} is not a quantity this package uses ({', '.join(RASTER_NAMES)})"
        return InputFile(path=spec.path, kind="other", spec=spec, reason=reason)
    return InputFile(path=spec.path, kind="raster", product="raster", date=date_in(spec.path), spec=spec)


def _identify(path: Path) -> InputFile:
    name, text = path.name.lower(), str(path)
    if name.endswith(_BESIDE):
        return InputFile(path=text, kind="other", reason="goes with another file, or holds no data")
    if name.endswith(".hdf") or _GRANULE.match(path.name):
        known = identify(path)
        made = (known.collection, known.produced)
        return InputFile(path=text, kind="granule", product=known.product, date=known.date, tile=known.tile, made=made)
    if name.endswith((".hgt", ".hgt.zip")) or (name.endswith((".tif", ".tiff")) and _HEIGHTS.search(path.stem)):
        tile = inspect_elevation(path)
        bounds = bounds_of(GeoBox(tile.shape, tile.affine, tile.crs))
        return InputFile(path=text, kind="elevation", product="heights", bounds=bounds, heights=tile)
    if name.endswith(_WEATHER):
        bounds, span = _extent_of_weather(path)
        return InputFile(path=text, kind="meteorology", product="ERA5", bounds=bounds, span=span)
    if name.endswith(".csv"):
        times = open_stations(path)["time"].values
        return InputFile(path=text, kind="stations", product="stations", span=(times.min(), times.max()))
    if name.endswith((".tif", ".tiff")):
        return InputFile(path=text, kind="other", reason="a plain raster; say what it holds, as NAME=FILE[:BAND]")
    return InputFile(path=text, kind="other", reason="not a kind of file this package reads")


def _extent_of_weather(path: Path) -> tuple[Bounds, tuple[np.datetime64, np.datetime64]]:
    """The ground that ERA5 fields cover, to half a cell beyond the outermost points, and their first and last time."""
    seen: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []

    def note_axes(image: xr.DataArray) -> xr.DataArray:
        seen.append((image["time"].values, image["latitude"].values, image["longitude"].values))
        return image.isel(latitude=slice(0, 0))

    for _ in read_fields(path, note_axes):
        pass
    times, lat, lon = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    half = np.ptp(lat) / max(1, np.unique(lat).size - 1) / 2
    bounds = (float(lon.min() - half), float(lat.min() - half), float(lon.max() + half), float(lat.max() + half))
    return bounds, (times.min(), times.max())
