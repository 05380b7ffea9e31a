"""What to download: the archive is asked, the best file of each kind is chosen, and the plan is a plain value.

The choice follows `srdanet.prepare.plan.ROLES`, so that what is downloaded is what `prepare` would take of the whole
archive: granules of the day, of albedo the nearest within its window, of land cover the nearest year.

Sources: UMM-G 1.6.6 (sizes, checksums, `RelatedUrls`), Common Metadata Repository (`readable_granule_name` patterns).
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import computed_field

from srdanet.download.place import HEIGHTS_MARGIN, Place, degree_cells
from srdanet.download.tables import (
    CHECKSUMS,
    DEGREE_CELL,
    EARTHDATA,
    ELEVATION,
    GRANULE,
    LST,
    MODIS_VERSION,
    REFLECTANCE,
    SRTM_LIMITS,
    UNITS,
    VERSIONS,
    Elevation,
    LstFamily,
    Service,
)
from srdanet.download.weather import WeatherRequest, weather_requests
from srdanet.errors import ArgumentError, DownloadError, extra, some
from srdanet.grid import Level, Tile
from srdanet.prepare.plan import ROLES
from srdanet.prepare.survey import Bounds, Frozen, TileName, bounds_of
from srdanet.readers.checksum import Expected

Ask = Callable[..., Sequence[Mapping[str, Any]]]
"""Asks the archive: takes arguments of `earthaccess.search_data`, returns granules as UMM-G JSON (`meta`, `umm`)."""

CHOICES = ("reflectance_250m", "reflectance_500m", "albedo", "land_cover", "elevation", "weather")
"""What may be left out."""
_ROLES = {role.name: role for role in ROLES}


class RemoteFile(Frozen):
    """One file of the archive."""

    role: str
    product: str
    name: str
    url: str
    tile: TileName | None = None
    date: dt.date | None = None
    size: int | None = None
    """Bytes, where the archive states them exactly."""
    estimate: int = 0
    """Bytes, as far as known."""
    checksum: str = ""
    """As `algorithm:value`; empty where none is stated that can be verified."""

    @property
    def path(self) -> str:
        """Where the file goes, below the folder of a download."""
        return f"{self.product}/{self.name}"


class FetchPlan(Frozen):
    """What will be downloaded, and what of it is not in the archive."""

    files: tuple[RemoteFile, ...]
    requests: tuple[WeatherRequest, ...] = ()
    missing: tuple[str, ...] = ()
    """What was looked for and not found, one sentence each."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def bytes(self) -> int:
        """Of all files, weather estimated."""
        return sum(file.estimate for file in self.files) + sum(request.estimate for request in self.requests)

    def without(self, paths: Collection[str]) -> FetchPlan:
        """What is left to do when the files at some paths are there."""
        files = tuple(file for file in self.files if file.path not in paths)
        requests = tuple(request for request in self.requests if request.path not in paths)
        return self.model_copy(update={"files": files, "requests": requests})

    def lines(self) -> list[str]:
        """What and how much, one line a product."""
        groups: dict[str, list[int]] = defaultdict(list)
        for file in self.files:
            groups[f"{file.role.replace('_', ' ')}: {file.product}"].append(file.estimate)
        for request in self.requests:
            groups["weather: ERA5 (estimated)"].append(request.estimate)
        rows = [f"{name:<36} {len(sizes):>5} files {megabytes(sum(sizes)):>12}" for name, sizes in groups.items()]
        total = f"{'total':<36} {len(self.files) + len(self.requests):>5} files {megabytes(self.bytes):>12}"
        return [*rows, total, *(f"missing: {what}" for what in self.missing)]


def megabytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def plan_fetch(
    place: Place,
    dates: Collection[dt.date],
    *,
    lst: LstFamily = "mod11",
    platforms: Sequence[str] = (),
    elevation: Elevation = "srtm",
    without: Collection[str] = (),
    ask: Ask | None = None,
    service: Service = EARTHDATA,
) -> FetchPlan:
    """Find what a place and dates need.

    Args:
        place: The tiles and bounds.
        dates: Days of acquisition.
        lst: Family of LST products: `mod11` (MOD11A1, MYD11A1), `mod21` or `vnp21`.
        platforms: Of `terra`, `aqua` and `npp`; by default Terra, and S-NPP for `vnp21`.
        elevation: `srtm` (SRTMGL1) or `nasadem`.
        without: Names out of `CHOICES` to leave out.
        ask: Asks the archive; by default `earthaccess.search_data`.
        service: Whose hosts addresses may name.

    Raises:
        ArgumentError: when an argument is not known, or no date is given.
        MissingExtraError: when earthaccess is not installed.
        DownloadError: when the archive does not answer, or its answer cannot be trusted.
    """
    unknown = sorted(set(without) - set(CHOICES))
    if unknown:
        raise ArgumentError(f"{unknown[0]!r} cannot be left out", todo=f"Use one of: {', '.join(CHOICES)}.")
    if not dates:
        raise ArgumentError("no date is given", todo="Give at least one.")
    platforms = tuple(platforms) or (("npp",) if lst == "vnp21" else ("terra",))
    strange = [platform for platform in platforms if (lst, platform) not in LST]
    if strange:
        known = ", ".join(platform for family, platform in LST if family == lst)
        raise ArgumentError(f"{lst} has no products of {strange[0]}", where="platform", todo=f"Use {known}.")
    search = _Search(ask or _earthaccess, service)
    days = sorted(set(dates))
    files: list[RemoteFile] = []
    missing: list[str] = []
    for tile in place.tiles:
        for platform in platforms:
            wanted = {"lst": LST[lst, platform]}
            wanted |= {role: (REFLECTANCE[role][platform],) for role in REFLECTANCE if role not in without}
            for role, products in wanted.items():
                for product in products:
                    found = search.granules(role, product, tile, days[0], days[-1])
                    _take(files, missing, product, tile, days, {day: found.get(day) for day in days})
        for role, product in (("albedo", "MCD43A3"), ("land_cover", "MCD12Q1")):
            if role not in without:
                chosen = _nearest(search, role, product, tile, days)
                _take(files, missing, product, tile, days, chosen)
    if "elevation" not in without:
        files += search.heights(place, ELEVATION[elevation])
    requests: tuple[WeatherRequest, ...] = ()
    if "weather" not in without:
        requests = tuple(request for tile in place.tiles for request in weather_requests(tile, days, platforms))
    unique = {file.path: file for file in files}
    return FetchPlan(files=tuple(unique.values()), requests=requests, missing=tuple(missing))


def _take(
    files: list[RemoteFile],
    missing: list[str],
    product: str,
    tile: Tile,
    days: Sequence[dt.date],
    chosen: Mapping[dt.date, RemoteFile | None],
) -> None:
    files += [file for day in days if (file := chosen[day]) is not None]
    gone = [str(day) for day in days if chosen[day] is None]
    if gone:
        missing.append(f"no {product} of {tile} for {some(gone, 5)}")


def _nearest(
    search: _Search, role: str, product: str, tile: Tile, days: Sequence[dt.date]
) -> dict[dt.date, RemoteFile | None]:
    """For each day the file that `prepare` would take of the whole archive."""
    window = _ROLES[role].window
    if window is None:  # years
        found = search.granules(role, product, tile, None, None)
        near = {day: [(abs(date.year - day.year), date) for date in found] for day in days}
    else:
        margin = dt.timedelta(days=window)
        found = search.granules(role, product, tile, days[0] - margin, days[-1] + margin)
        near = {day: [(abs((date - day).days), date) for date in found] for day in days}
        near = {day: [pair for pair in pairs if pair[0] <= window] for day, pairs in near.items()}
    return {day: found[min(pairs)[1]] if pairs else None for day, pairs in near.items()}


class _Search:
    """Questions to the archive, and what its answers say."""

    def __init__(self, ask: Ask, service: Service) -> None:
        self._ask, self._service = ask, service

    def granules(
        self, role: str, product: str, tile: Tile, first: dt.date | None, last: dt.date | None
    ) -> dict[dt.date, RemoteFile]:
        """The newest granule of a product and tile for each day."""
        version = VERSIONS.get(product, MODIS_VERSION)
        more: dict[str, Any] = {}
        if first is not None and last is not None:
            more["temporal"] = (f"{first}T00:00:00Z", f"{last}T23:59:59Z")
        pattern = f"{product}.A*.{tile}.{version}.*"
        answer = self._ask(short_name=product, version=version, granule_name=pattern, **more)
        newest: dict[dt.date, tuple[str, RemoteFile]] = {}
        for granule in answer:
            file = remote_file(granule, role, product, GRANULE, self._service)
            match = GRANULE.fullmatch(file.name)
            if match is None or (match["product"], match["tile"], match["version"]) != (product, str(tile), version):
                raise _untrusted(file.name, f"is not a granule of {product} {tile} {version}, which was asked for")
            day = dt.datetime.strptime(match["day"], "%Y%j").date()
            # A search by time also finds composites that begin before the first day asked for.
            if first is not None and last is not None and not first <= day <= last:
                continue
            file = file.model_copy(update={"tile": tile, "date": day})
            if day not in newest or newest[day][0] < match["made"]:
                newest[day] = (match["made"], file)
        return {day: file for day, (_, file) in sorted(newest.items())}

    def heights(self, place: Place, product: str) -> list[RemoteFile]:
        """Archives of heights of the degree cells that touch a place; there are none of the open sea."""
        cells = {cell for cell in degree_cells(place) if SRTM_LIMITS[0] <= cell[0] < SRTM_LIMITS[1]}
        if not cells:
            return []
        found: dict[tuple[int, int], RemoteFile] = {}
        for west, south, east, north in _boxes(place):
            answer = self._ask(short_name=product, version=VERSIONS[product], bounding_box=(west, south, east, north))
            for granule in answer:
                file = remote_file(granule, "elevation", product, DEGREE_CELL, self._service)
                match = DEGREE_CELL.fullmatch(file.name)
                if match is None:
                    raise _untrusted(file.name, f"is not an archive of {product}, which was asked for")
                signs = [1 if part[0] in "NnEe" else -1 for part in (match["lat"], match["lon"])]
                cell = (signs[0] * int(match["lat"][1:]), signs[1] * int(match["lon"][1:]))
                if cell in cells:
                    found[cell] = file
        return [found[cell] for cell in sorted(found)]


def _boxes(place: Place) -> Iterable[Bounds]:
    """The extents of a place, none of which crosses 180 degrees."""
    extents = [place.bounds] if place.bounds else [bounds_of(tile.geobox(Level.KM1)) for tile in place.tiles]
    for west, south, east, north in extents:
        south, north = max(-90.0, south - HEIGHTS_MARGIN), min(90.0, north + HEIGHTS_MARGIN)
        west, east = west - HEIGHTS_MARGIN, east + HEIGHTS_MARGIN
        if west < -180:
            yield west + 360, south, 180.0, north
        if east > 180:
            yield -180.0, south, east - 360, north
        yield max(west, -180.0), south, min(east, 180.0), north


def remote_file(
    granule: Mapping[str, Any], role: str, product: str, names: re.Pattern[str], service: Service
) -> RemoteFile:
    """What UMM-G says of a granule's file.

    Args:
        granule: `meta` and `umm` of a granule as JSON.
        role: What it is for.
        product: Its short name, for the message.
        names: What the file's name must look like, whole.
        service: Whose hosts the address may name.

    Raises:
        DownloadError: when there is no address of such a file at a host of the service.
    """
    umm = granule["umm"]
    links = [str(link["URL"]) for link in umm.get("RelatedUrls", []) if link.get("Type") == "GET DATA"]
    for url in links:
        parts = urlsplit(url)
        name = unquote(parts.path.rpartition("/")[2])
        secure = parts.scheme == "https" or (service.loopback and parts.hostname == "127.0.0.1")
        if secure and service.serves(parts.hostname or "") and names.fullmatch(name):
            about = _about(umm, name)
            size = about.get("SizeInBytes")
            given = about.get("Checksum") or {}
            algorithm = CHECKSUMS.get(str(given.get("Algorithm", "")).upper())
            value = str(given.get("Value", "")).strip()
            checksum = f"{algorithm}:{value}" if algorithm and value else ""
            if checksum:
                Expected.parse(checksum)
            unit = UNITS.get(str(about.get("SizeUnit", "")).upper(), 0)
            estimate = int(size) if size is not None else int(float(about.get("Size") or 0) * unit)
            return RemoteFile(
                role=role, product=product, name=name, url=url, checksum=checksum,
                size=None if size is None else int(size), estimate=estimate,
            )  # fmt: skip
    what = f"of {product} has no address of a file at a host of {service.name}"
    raise _untrusted(str(umm.get("GranuleUR", "a granule")), what)


def _about(umm: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The entry on a file among those on a granule's files; a single one may be without a name."""
    entries = (umm.get("DataGranule") or {}).get("ArchiveAndDistributionInformation") or []
    named = [entry for entry in entries if entry.get("Name") == name]
    if named:
        return dict(named[0])
    return dict(entries[0]) if len(entries) == 1 else {}


def _untrusted(where: str, what: str) -> DownloadError:
    return DownloadError(what, where=f"{where[:80]!r}", todo="Download it by hand, or report it to the archive.")


def _earthaccess(**parameters: Any) -> Sequence[Mapping[str, Any]]:
    """Ask the Common Metadata Repository, which needs no account."""
    with extra("earthaccess", "fetch"):
        import earthaccess
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of names within the library
            found: Sequence[Mapping[str, Any]] = earthaccess.search_data(**parameters)
            return found
    except Exception as error:
        what = f"The catalogue of Earthdata did not answer ({type(error).__name__})."
        todo = "Check the connection, see https://status.earthdata.nasa.gov, and try again."
        raise DownloadError(what, where=parameters.get("short_name"), todo=todo) from None
