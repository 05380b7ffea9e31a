"""What each file is: the first of three steps from files to a scene (survey, plan, build).

Granules and plain rasters are identified by name alone, elevation by its name and header. Weather is opened for its
hours and its extent: of NetCDF files only the coordinates are read, of GRIB files every band, of zip archives every
member; a table of stations is read whole. An archive is what the files in it are. A file that is damaged or unknown
is left out alone, and named with the cause.
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
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, PlainSerializer, ValidationError

from srdanet.errors import ArgumentError, SrdanetError, did_you_mean
from srdanet.grid import Tile, lonlat
from srdanet.readers.accumulation import Sums
from srdanet.readers.elevation import ARCHIVES, ElevationTile, heights_within, inspect_elevation, not_heights
from srdanet.readers.elevation_names import BY_HAND, SUFFIXES, recognise
from srdanet.readers.era5 import PRODUCTS as ERA5_PRODUCTS
from srdanet.readers.era5 import read_fields
from srdanet.readers.filenames import identify
from srdanet.readers.meteorology import open_stations
from srdanet.readers.rasters import netcdf_images, read_times
from srdanet.readers.unread import special_file
from srdanet.statements import Stated
from srdanet.variables import BY_NAME, LST_VARIABLES, UNUSED

Kind = Literal["granule", "elevation", "meteorology", "stations", "raster", "other"]
TileName = Annotated[Tile, PlainSerializer(str)]
"""A tile; in JSON its name."""
Moment = Annotated[np.datetime64, PlainSerializer(str)]
"""UTC; in JSON as ISO 8601."""
Bounds = tuple[float, float, float, float]
"""West, south, east, north (degrees)."""

_GRANULE = re.compile(r"(M[OYC]D|VNP|VJ[12])\w+\.A\d{7}\.", re.IGNORECASE)
_GRANULE_ENDS = (".hdf", ".h5", ".he5")
_WEATHER = (".nc", ".nc4", ".grib", ".grb", ".grib2", ".grb2", ".zip")
_BESIDE = (".xml", ".met", ".aux", ".txt", ".md", ".json", ".png", ".jpg", ".qml")
_OPTIONS = ("crs", "nodata", "scale", "offset", "unit")
# No model uses the dryness index; the table knows it only because scenes of earlier versions hold it.
_NO_USE = (*UNUSED, "ndbi", "savi", "mndwi", "lai", "fapar", "emissivity")
"""Quantities that people have and no model uses: they are left out, and the plan says so."""
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
    nodata: float | Literal["none"] | None = None
    scale: float | None = None
    offset: float | None = None
    unit: str | None = None

    @classmethod
    def parse(cls, text: str) -> RasterSpec:
        """Read a specification such as `ndvi=LC08.tif:2,scale=0.0001`.

        Raises:
            ArgumentError: when an option is unknown, or its value is not a number.
        """
        if _printable(text) != text:
            raise ArgumentError("the name is not UTF-8", where=_printable(text), todo="Rename the file.")
        name, _, rest = text.partition("=")
        options: dict[str, Any] = {}
        while "," in rest:
            head, _, tail = rest.rpartition(",")
            key, sign, value = tail.partition("=")
            if not sign:
                before = head.rpartition(",")[2]
                if "," in head and before.partition("=")[0] in _OPTIONS and not os.path.exists(rest):
                    what = f"{before},{tail} is not a number"
                    raise ArgumentError(what, where=text, todo="Write decimals with a point, like 0.02.")
                break
            key, value = key.strip().lower(), value.strip()
            if key not in _OPTIONS:
                todo = f"{did_you_mean(key, _OPTIONS)}Use one of: {', '.join(_OPTIONS)}."
                raise ArgumentError(f"{key!r} is not an option", where=text, todo=todo)
            options[key] = value
            rest = head
        path, colon, band = rest.rpartition(":")
        if not colon or os.path.exists(rest) or re.search(r"[\\/.]", band):
            path, band = rest, ""
        try:
            return cls(name=name.strip().lower(), path=path, band=band or None, **options)
        except ValidationError as error:
            fault = error.errors()[0]
            todo = "Write decimals with a point, like 0.02."
            raise ArgumentError(
                f"{fault['loc'][0]}={fault['input']!r} is not a number", where=text, todo=todo
            ) from error


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
    sums: Sums | None = None
    """Over what the radiation of a weather file is summed up, where the user states it."""
    bounds: Bounds | None = None
    span: tuple[Moment, Moment] | None = None
    """First and last time (UTC) of weather."""
    heights: tuple[InstanceOf[ElevationTile], ...] = ()
    """What a file of elevation, or the files in an archive, say of themselves, so that nobody inspects them again."""
    spec: RasterSpec | None = None
    times: tuple[InstanceOf[Stated[np.datetime64]], ...] = Field(default=(), exclude=True)
    """What a plain raster says of its own time."""
    longitude: float | None = None
    """Of the centre of a plain raster, degrees, where its place is known."""
    reason: str = ""
    """Why it cannot serve, for `other`."""


def survey(files: Iterable[str | os.PathLike[str]]) -> tuple[InputFile, ...]:
    """Identify files.

    Args:
        files: Files, folders (searched with all below them), `NAME=FILE[:BAND][,key=value]` for plain rasters, or
            `era5=FILE` and `era5_land=FILE` for weather of which of the two is to be stated.

    Returns:
        One entry per file or raster, in the order given, those of a folder by name. A file that is damaged, unknown or
        badly named becomes `other`, with the reason.

    Raises:
        ArgumentError: when a path does not exist, or a specification cannot be read.
    """
    entries: dict[tuple[str, RasterSpec | None], InputFile] = {}
    for given in [files] if isinstance(files, str | os.PathLike) else files:
        for file in _expand(os.fspath(given)):
            known = entries.setdefault((os.path.realpath(file.path), file.spec), file)
            if file.sums is not None and known.sums is None:  # found in a folder first, stated then
                entries[os.path.realpath(file.path), file.spec] = file
    return tuple(entries.values())


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
            if file.is_file() and not file.name.startswith(".") and file.suffix.lower() not in _BESIDE:
                yield _identified(file)
    elif path.is_file():
        yield _identified(path)
    elif re.match(r"\s*[\w-]+\s*=", given):
        yield _named(RasterSpec.parse(given))
    else:
        kind = special_file(path)
        if kind is not None:
            what = f"is {kind}, not a file"
            raise ArgumentError(what, where=given, todo="Write what comes through it to a file first.")
        todo = "Give files, folders, or NAME=FILE for a plain raster, such as lst=MODIS.tif."
        raise ArgumentError("is not a file or a folder", where=_printable(given), todo=todo)


def _printable(path: str) -> str:
    """A path as UTF-8 can hold it: bytes that are none are written out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _identified(path: Path) -> InputFile:
    """What a file is; `other`, with the cause, where it cannot be told."""
    text = _printable(str(path))
    if text != str(path):
        return InputFile(
            path=text, kind="other", reason="its name, or that of a folder above it, is not UTF-8; rename it"
        )
    try:
        return _identify(path)
    except SrdanetError as error:
        return InputFile(path=text, kind="other", reason=error.what.rstrip("."))
    except OSError as error:
        return InputFile(path=text, kind="other", reason=f"cannot be read ({error.strerror or error})")
    except Exception as error:  # files hold anything, and the libraries that read them raise anything
        return InputFile(path=text, kind="other", reason=f"cannot be read ({type(error).__name__}: {error})")


def _named(spec: RasterSpec) -> InputFile:
    """A plain raster, or weather of a stated kind."""
    if not Path(spec.path).is_file():
        where = _printable(spec.path)
        raise ArgumentError("is not a file", where=where, todo=f"Check the path given as {spec.name}=FILE.")
    stated = ERA5_PRODUCTS.get(spec.name.replace("-", "_"))
    if stated is not None:
        product, sums = stated
        bounds, span = _extent_of_weather(Path(spec.path))
        return InputFile(path=spec.path, kind="meteorology", product=product, bounds=bounds, span=span, sums=sums)
    if spec.name in _NO_USE:
        reason = f"{spec.name!r} is not a quantity this package uses ({', '.join(RASTER_NAMES)})"
        return InputFile(path=spec.path, kind="other", spec=spec, reason=reason)
    if spec.name not in RASTER_NAMES:
        todo = f"{did_you_mean(spec.name, RASTER_NAMES)}Use one of: {', '.join(RASTER_NAMES)}."
        raise ArgumentError(f"{spec.name!r} is not a quantity this package knows", where=spec.path, todo=todo)
    times, longitude = read_times(spec.path, name=spec.name, band=spec.band)
    single = next((stated.values[0] for stated in times if len(stated.values) == 1), None)
    date = None if single is None else single.astype("datetime64[D]").item()
    return InputFile(
        path=spec.path, kind="raster", product="raster", date=date, spec=spec, times=times, longitude=longitude
    )


def _identify(path: Path) -> InputFile:
    name, text = path.name.lower(), str(path)
    if name.endswith(_BESIDE):
        return InputFile(path=text, kind="other", reason="goes with another file, or holds no data")
    if name.endswith(_GRANULE_ENDS) or _GRANULE.match(path.name):
        known = identify(path)
        made = (known.collection, known.produced)
        return InputFile(path=text, kind="granule", product=known.product, date=known.date, tile=known.tile, made=made)
    heights = recognise(path.name)
    ends = SUFFIXES if heights is None or heights.delivery == BY_HAND else (*SUFFIXES, *ARCHIVES, ".nc")
    if heights is not None and heights.other and name.endswith(ends):
        refusal = not_heights(path)
        return InputFile(path=text, kind="other", reason=f"{refusal.what}. {refusal.todo}".rstrip("."))
    raster = heights is not None and name.endswith(SUFFIXES)
    if name.endswith((".hgt", ".hgt.gz")) or raster or (name.endswith(ARCHIVES) and heights_within(path)):
        tiles = inspect_elevation(path)
        west, south, east, north = zip(*(bounds_of(GeoBox(t.shape, t.affine, t.crs)) for t in tiles), strict=True)
        bounds = (min(west), min(south), max(east), max(north))
        return InputFile(path=text, kind="elevation", product="heights", bounds=bounds, heights=tiles)
    if name.endswith(_WEATHER):
        try:
            extent, span = _extent_of_weather(path)
        except SrdanetError:
            images = netcdf_images(path)
            if not images:
                raise
            reason = f"a plain raster ({', '.join(images)}); say what it holds, as NAME=FILE:VARIABLE"
            return InputFile(path=text, kind="other", reason=reason)
        return InputFile(path=text, kind="meteorology", product="ERA5", bounds=extent, span=span)
    if name.endswith(".csv"):
        times = open_stations(path)["time"].values
        return InputFile(path=text, kind="stations", product="stations", span=(times.min(), times.max()))
    if name.endswith((".tif", ".tiff")):
        return InputFile(path=text, kind="other", reason="a plain raster; say what it holds, as NAME=FILE[:BAND]")
    if name.endswith(ARCHIVES):
        return InputFile(path=text, kind="other", reason="an archive without heights; unpack it")
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
