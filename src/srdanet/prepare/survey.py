"""What a heap of files holds, told from names and headers; no image is read.

The first of three steps from files to a scene: survey (look), `plan` (choose), `prepare` (act).
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError, SrdanetError
from srdanet.grid import Tile, lonlat
from srdanet.readers.filenames import identify
from srdanet.variables import BY_NAME, LST_VARIABLES

Kind = Literal["granule", "elevation", "meteorology", "stations", "raster", "other"]
Bounds = tuple[float, float, float, float]
"""West, south, east, north (degrees)."""

_GRANULE = re.compile(r"M[OYC]D\w+\.A\d{7}\.", re.IGNORECASE)
_HEIGHTS = re.compile(r"(^|[^a-z0-9])(srtm|dem|dtm|elevation)|(?<![a-z0-9])[ns]\d{2}[ew]\d{3}(?![0-9])", re.IGNORECASE)
_DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})(?:([-_]?)(\d{2})\2(\d{2})|(\d{3}))(?!\d)")
_WEATHER = (".nc", ".nc4", ".grib", ".grb", ".grib2", ".grb2", ".zip")
_BESIDE = (".xml", ".met", ".aux", ".txt", ".md", ".json", ".png", ".jpg", ".qml")
_OPTIONS = ("crs", "nodata", "scale", "offset", "unit")
_NAMES = (*LST_VARIABLES, *BY_NAME)


@dataclass(frozen=True)
class RasterSpec:
    """A raster named by the user: `NAME=FILE[:BAND][,key=value]...`."""

    name: str
    """What it is: `lst`, another of a scene's coarse variables, or a name of `predictors.table`."""
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
            ArgumentError: when an option is unknown or no number.
        """
        name, _, rest = text.partition("=")
        found: dict[str, str | float] = {}
        while "," in rest:
            head, _, tail = rest.rpartition(",")
            key, sign, value = tail.partition("=")
            if not sign:
                break
            if key not in _OPTIONS:
                raise ArgumentError(f"unknown option {key!r}", where=text, todo=f"options: {', '.join(_OPTIONS)}")
            found[key] = value if key in ("crs", "unit") else _number(value, text)
            rest = head
        path, colon, band = rest.rpartition(":")
        if not colon or os.path.exists(rest) or re.search(r"[\\/.]", band):
            path, band = rest, ""
        return cls(name=name.strip().lower(), path=path, band=band or None, **found)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Found:
    """One file, and what it is taken for."""

    path: str
    kind: Kind
    product: str = ""
    date: dt.date | None = None
    tile: Tile | None = None
    made: tuple[str, str] = ("", "")
    """Collection and production time of a granule: the greatest is the newest."""
    bounds: Bounds | None = None
    span: tuple[np.datetime64, np.datetime64] | None = None
    """First and last time (UTC) of meteorology."""
    spec: RasterSpec | None = None
    reason: str = ""
    """Why it cannot serve, for `other`."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others: one file may hold several rasters."""
        return self.path, self.spec.name if self.spec else ""


def survey(files: Iterable[str | os.PathLike[str]]) -> tuple[Found, ...]:
    """Tell what each file is.

    Args:
        files: Files, folders (searched with all below them), or `NAME=FILE[:BAND][,key=value]` for plain rasters.

    Returns:
        One entry a file, in the order given, folders by name. A file found in a folder that is damaged or
        unknown becomes `other` with the reason.

    Raises:
        ArgumentError: when a name is no file, or a specification cannot be read.
        SrdanetError: when a file that was named itself (not found in a folder) cannot be identified.
    """
    entries: dict[tuple[str, str], Found] = {}
    for given in [files] if isinstance(files, str | os.PathLike) else files:
        for found in _look(os.fspath(given)):
            entries.setdefault((os.path.realpath(found.path), found.key[1]), found)
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
        raise ArgumentError("the grid lies off the globe")
    lon = lon[on][0] + (lon - lon[on][0] + 180) % 360 - 180
    return tuple(float(f(v[on])) for f, v in ((np.min, lon), (np.min, lat), (np.max, lon), (np.max, lat)))  # type: ignore[return-value]


def touch(a: Bounds, b: Bounds) -> bool:
    """Whether two extents share ground, whole turns of longitude aside."""
    if a[1] >= b[3] or b[1] >= a[3]:
        return False
    return any(a[0] + turn < b[2] and b[0] < a[2] + turn for turn in (-360, 0, 360))


def _look(given: str) -> Iterable[Found]:
    """What one argument stands for."""
    path = Path(given)
    if path.is_dir():
        yield from (_tell(file, named=False) for file in sorted(path.rglob("*")) if _worth_a_look(file))
    elif path.is_file():
        yield _tell(path, named=True)
    elif re.match(r"\s*\w+\s*=", given):
        yield _told(RasterSpec.parse(given))
    else:
        todo = "give files, folders, or NAME=FILE for a plain raster, such as lst=MODIS.tif"
        raise ArgumentError("no such file or folder", where=given, todo=todo)


def _worth_a_look(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in _BESIDE


def _told(spec: RasterSpec) -> Found:
    """A raster of which the user says what it is."""
    if not Path(spec.path).is_file():
        raise ArgumentError("no such file", where=spec.path, todo=f"given as {spec.name}=...")
    if spec.name not in _NAMES:
        known = ", ".join(n for n in _NAMES if n != "lst")
        return Found(
            spec.path, "other", spec=spec, reason=f"{spec.name!r} is no quantity this package uses (lst, {known})"
        )
    return Found(spec.path, "raster", product=spec.name, date=date_in(spec.path), spec=spec)


def _tell(path: Path, *, named: bool) -> Found:
    """What a file is; a file that was named must be something."""
    try:
        return _by_name(path)
    except SrdanetError as error:
        if named:
            raise
        return Found(str(path), "other", reason=error.what)


def _by_name(path: Path) -> Found:
    lower = path.name.lower()
    if lower.endswith(_BESIDE):
        return Found(str(path), "other", reason="goes with another file, or is no data")
    if lower.endswith(".hdf") or _GRANULE.match(path.name):
        name = identify(path)
        return Found(str(path), "granule", name.product, name.date, name.tile, (name.collection, name.produced))
    if lower.endswith((".hgt", ".hgt.zip")) or (lower.endswith((".tif", ".tiff")) and _HEIGHTS.search(path.stem)):
        return Found(str(path), "elevation", "elevation", bounds=_extent(path))
    if lower.endswith(_WEATHER):
        return _weather(path)
    if lower.endswith(".csv"):
        return _stations(path)
    if lower.endswith((".tif", ".tiff")):
        return Found(str(path), "other", reason="a plain raster: say what it holds, as NAME=FILE[:BAND]")
    return Found(str(path), "other", reason="of no kind this package reads")


def _extent(path: Path) -> Bounds:
    from srdanet.readers.elevation import inspect_elevation

    tile = inspect_elevation(path)
    return bounds_of(GeoBox(tile.shape, tile.affine, tile.crs))


def _weather(path: Path) -> Found:
    from srdanet.readers.era5 import read_fields

    seen: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []

    def look(image: xr.DataArray) -> xr.DataArray:
        seen.append((image["time"].values, image["latitude"].values, image["longitude"].values))
        return image.isel(latitude=slice(0, 0))

    for _ in read_fields(path, look):
        pass
    times, lat, lon = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    # Half a cell beyond the outermost points.
    half = np.ptp(lat) / max(1, np.unique(lat).size - 1) / 2
    bounds = (float(lon.min() - half), float(lat.min() - half), float(lon.max() + half), float(lat.max() + half))
    return Found(str(path), "meteorology", "ERA5", bounds=bounds, span=(times.min(), times.max()))


def _stations(path: Path) -> Found:
    from srdanet.readers.stations_weather import open_stations

    times = open_stations(path)["time"].values
    return Found(str(path), "stations", "stations", span=(times.min(), times.max()))


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ArgumentError(f"{text!r} is no number", where=where) from error
