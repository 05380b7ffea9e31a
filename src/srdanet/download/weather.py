"""ERA5 of a place and dates: requests to the Climate Data Store as plain data, and their results.

Source: request form of `reanalysis-era5-single-levels` (Climate Data Store, "Show API request code"). The store packs
instantaneous and accumulated variables into one zip archive, whatever `download_format` says.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import warnings
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any

from srdanet.download.tables import CLIMATE_STORE, ERA5_DATASET, ERA5_STEP, ERA5_VARIABLES
from srdanet.errors import AccessError, DownloadError, extra
from srdanet.grid import Level, Tile
from srdanet.prepare.survey import Bounds, Frozen, bounds_of
from srdanet.variables import VIEW_HOURS

_MARGIN = 1.0
"""Degrees of weather beyond the tile, so that its edges can be interpolated."""
_HOURS = 3.0
"""Hours beyond the usual overpass: half a swath's width, and the hours before and after."""
_TRIES, _LONGEST_WAIT = 5, 30
"""How often the library asks again after a failure, and for how many seconds it waits between two questions."""
_BYTES_PER_VALUE = 2.0
"""Of packed NetCDF; what comes may be half as much."""


class WeatherRequest(Frozen):
    """One request to the Climate Data Store, which becomes one file."""

    name: str
    dataset: str = ERA5_DATASET
    request: dict[str, Any]
    estimate: int
    """Bytes, roughly."""
    folder: str = "ERA5"

    @property
    def path(self) -> str:
        """Where the file goes, below the folder of a download."""
        return f"{self.folder}/{self.name}"


def weather_requests(tile: Tile, dates: Collection[dt.date], platforms: Iterable[str]) -> tuple[WeatherRequest, ...]:
    """Requests for all hours of the days (UTC) in which a tile is seen, one for each month."""
    west, south, east, north = bounds_of(tile.geobox(Level.KM1))
    area = _rounded((west - _MARGIN, south - _MARGIN, east + _MARGIN, north + _MARGIN))
    hours = [hour for (platform, _), hour in VIEW_HOURS.items() if platform in platforms]
    hours = hours or list(VIEW_HOURS.values())
    ends = (min(hours) - east / 15 - _HOURS, max(hours) - west / 15 + _HOURS)
    first, last = (math.floor(end / 24) for end in ends)
    days = {date + dt.timedelta(days=shift) for date in dates for shift in range(first, last + 1)}
    months = groupby(sorted(days), key=lambda day: (day.year, day.month))
    return tuple(_request(tile, area, year, month, [day.day for day in found]) for (year, month), found in months)


def request_weather(wanted: WeatherRequest) -> tuple[str, int | None]:
    """Have the Climate Data Store prepare a request, which may take from minutes to hours.

    Returns:
        The address of the result and its size in bytes.

    Raises:
        MissingExtraError: when cdsapi is not installed.
        AccessError: when there is no key, or it is refused, or the licence was not accepted.
        DownloadError: when the store fails.
    """
    check_key()
    import cdsapi

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns when it cannot read the store's announcements
            client = cdsapi.Client(quiet=True, progress=False, retry_max=_TRIES, sleep_max=_LONGEST_WAIT)
        result = client.retrieve(wanted.dataset, wanted.request)
        size = result.content_length
        return str(result.location), None if size is None else int(size)
    except Exception as error:
        # The library's messages may repeat addresses and keys, so only the kind of failure is told.
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            what = f"The {CLIMATE_STORE.name} refused the request (HTTP {status})."
            raise AccessError(what, where=wanted.name, todo=CLIMATE_STORE.remedy) from None
        kind = f"HTTP {status}" if status else type(error).__name__
        what = f"The {CLIMATE_STORE.name} did not carry out the request ({kind})."
        todo = "Run the command again later; see https://cds.climate.copernicus.eu/requests."
        raise DownloadError(what, where=wanted.name, todo=todo) from None


def check_key() -> None:
    """Make sure that there is a key for the Climate Data Store, before anything is downloaded.

    Raises:
        MissingExtraError: when cdsapi is not installed.
        AccessError: when there is no key.
    """
    with extra("cdsapi", "fetch"):
        from cdsapi.api import get_url_key_verify
    try:
        get_url_key_verify(None, None, None)
    except Exception:
        what = f"There is no key for the {CLIMATE_STORE.name}."
        todo = (
            "Write url and key into ~/.cdsapirc as https://cds.climate.copernicus.eu/how-to-api shows, set "
            "CDSAPI_URL and CDSAPI_KEY, or leave weather out (--without weather)."
        )
        raise AccessError(what, todo=todo) from None


def _request(tile: Tile, area: Bounds, year: int, month: int, days: Sequence[int]) -> WeatherRequest:
    west, south, east, north = area
    request = {
        "product_type": ["reanalysis"],
        "variable": list(ERA5_VARIABLES),
        "year": [f"{year:04d}"],
        "month": [f"{month:02d}"],
        "day": [f"{day:02d}" for day in days],
        "time": [f"{hour:02d}:00" for hour in range(24)],
        "area": [north, west, south, east],
        "data_format": "netcdf",
        "download_format": "zip",
    }
    points = ((north - south) / ERA5_STEP + 1) * ((east - west) / ERA5_STEP + 1)
    estimate = int(points * len(ERA5_VARIABLES) * 24 * len(days) * _BYTES_PER_VALUE)
    # Other days of the same month are another file.
    mark = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:8]
    name = f"era5_{tile}_{year:04d}{month:02d}_{mark}.zip"
    return WeatherRequest(name=name, request=request, estimate=estimate)


def _rounded(bounds: Bounds) -> Bounds:
    """Outwards to the grid of ERA5, with west from -180 to 180."""
    lower = [math.floor(round(edge / ERA5_STEP, 6)) * ERA5_STEP for edge in bounds]
    upper = [math.ceil(round(edge / ERA5_STEP, 6)) * ERA5_STEP for edge in bounds]
    west, south, east, north = lower[0], lower[1], upper[2], upper[3]
    turn = math.floor((west + 180) / 360) * 360
    return west - turn, max(-90.0, south), min(east - turn, west - turn + 360), min(90.0, north)
