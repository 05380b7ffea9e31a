"""Weather from a table of stations, for places where stations are denser than ERA5.

A CSV file with a header and one row per station and moment:

    time, longitude, latitude, t2m, d2m, wind, ssrd, swvl1

`time` is ISO 8601 in UTC (an offset such as +08:00 is honoured), longitude and latitude
are WGS 84 degrees; of the rest any subset, in K, K, m s-1, W m-2 (at the moment), m3 m-3.
An empty field is missing. Other columns are ignored. Rows of one place are one station.
"""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float64
from srdanet.errors import GranuleError, SceneError
from srdanet.grid import lonlat
from srdanet.variables import BY_NAME, WEATHER

Row = tuple[np.datetime64, tuple[float, float], list[float]]
"""Moment (UTC), place (longitude, latitude), values."""

_EARTH_KM = 6371.0
FARTHEST_KM = 200.0
"""A cell needs a station within this distance."""
_WIDEST_GAP_HOURS = 3.0
_NEAREST_KM = 0.5
"""Distances below this count as this, so that a station's own cell is finite and exact to 1e-3."""


def open_stations(path: str | Path) -> xr.Dataset:
    """Read a station table (its layout stands at the head of this module).

    Returns:
        (station, time) float32 with coordinates `longitude`, `latitude` (station) and the columns
        present; NaN = missing; times are the union of all stations' times.

    Raises:
        GranuleError: when the file is missing, a column is, or a row cannot be read or holds an
            impossible value (the message names the line).
    """
    path = Path(path)
    if not path.is_file():
        raise GranuleError("There is no such station table.", where=path)
    try:
        names, rows = _table(path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise GranuleError(
            f"The file is not a table in UTF-8 ({error}).", where=path, todo="Save it as CSV in UTF-8."
        ) from error
    if not rows:
        raise GranuleError("The table holds no rows.", where=path)
    places = sorted({r[1] for r in rows})
    times = np.unique(np.array([r[0] for r in rows]))
    data = np.full((len(names), len(places), times.size), np.nan, dtype=np.float32)
    for moment, place, values in rows:
        data[:, places.index(place), int(np.searchsorted(times, moment))] = values
    coords = {"time": times, "longitude": ("station", [p[0] for p in places])}
    coords["latitude"] = ("station", [p[1] for p in places])
    variables = {n: (("station", "time"), v, {"units": BY_NAME[n].unit}) for n, v in zip(names, data, strict=True)}
    return xr.Dataset(variables, coords=coords, attrs={"assumed": [], "sources": [path.name]})


def _table(path: Path) -> tuple[list[str], list[Row]]:
    """The columns that the file has of `WEATHER`, and its rows."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        header = [h.strip() for h in reader.fieldnames or []]
        reader.fieldnames = header
        names = [c for c in WEATHER if c in header]
        if not {"time", "longitude", "latitude"} <= set(header) or not names:
            todo = f"It needs time, longitude, latitude and some of {', '.join(WEATHER)}."
            raise GranuleError(f"The columns are {', '.join(header) or 'none'}.", where=path, todo=todo)
        return names, [_row(line, names, f"{path}, line {reader.line_num}") for line in reader]


def _row(line: dict[str, str], names: list[str], where: str) -> Row:
    try:
        moment = datetime.datetime.fromisoformat((line["time"] or "").strip())
        place = float(line["longitude"]), float(line["latitude"])
        values = [float(line[n]) if (line[n] or "").strip() else np.nan for n in names]
    except (ValueError, TypeError) as error:
        raise GranuleError(
            f"The row cannot be read ({error}).", where=where, todo="Write times like 2020-07-15T03:30."
        ) from error
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    if not (-180 <= place[0] <= 360 and -90 <= place[1] <= 90):
        raise GranuleError(f"Longitude {place[0]:g}, latitude {place[1]:g} is not a place on Earth.", where=where)
    for name, value in zip(names, values, strict=True):
        known = BY_NAME[name]
        if value < known.low or value > known.high:
            what = f"{name} = {value:g} is impossible in {known.unit}."
            raise GranuleError(what, where=where, todo="Temperatures are read in K. Leave missing fields empty.")
    return np.datetime64(moment, "ns"), place, values


def stations_at(met: xr.Dataset, geobox: GeoBox, moments: NDArray[np.datetime64]) -> dict[str, Float64]:
    """Each variable on a grid: linear in time at each station, then weighted by inverse squared distance.

    A station counts where it has values within three hours around the moment.

    Args:
        met: From `open_stations`.
        geobox: The target grid.
        moments: UTC, one or (y, x), NaT where unknown.

    Returns:
        Name to (y, x) float64, NaN where the moment is NaT or no station counts within 200 km. A
        variable for which no station counts anywhere is left out.

    Raises:
        SceneError: when no station has any value for the place and time.
    """
    lon, lat = (np.radians(c) for c in lonlat(geobox))
    images = {}
    for name in (str(n) for n in met.data_vars):
        total, weight = np.zeros(lon.shape), np.zeros(lon.shape)
        for station in range(met.sizes["station"]):
            series = met[name].isel(station=station).dropna("time")
            value = np.broadcast_to(_at(series, moments), lon.shape)
            here = np.radians([float(series["longitude"]), float(series["latitude"])])
            half = np.sin((lat - here[1]) / 2) ** 2 + np.cos(lat) * np.cos(here[1]) * np.sin((lon - here[0]) / 2) ** 2
            distance = np.maximum(2 * _EARTH_KM * np.arcsin(np.sqrt(half)), _NEAREST_KM)
            share = np.where(np.isfinite(value) & (distance <= FARTHEST_KM), distance**-2, 0.0)
            total += share * np.where(share > 0, value, 0)
            weight += share
        if weight.any():
            images[name] = np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)
    if not images:
        lons, lats, when = (met[c].values for c in ("longitude", "latitude", "time"))
        where = f"stations lie at {lats.min():.2f} to {lats.max():.2f} N, {lons.min():.2f} to {lons.max():.2f} E"
        span = f"{np.datetime_as_string(when[0], 'm')} to {np.datetime_as_string(when[-1], 'm')} UTC"
        what = f"No station within {FARTHEST_KM:g} km has values at the overpass."
        raise SceneError(what, where=f"{where}, {span}", todo="Add stations or times, or use ERA5.")
    return images


def _at(series: xr.DataArray, moments: NDArray[np.datetime64]) -> Float64:
    """One station's value at each moment, linear between neighbours at most three hours apart, else NaN."""
    if not series.size:
        return np.full(moments.shape, np.nan)
    times = series["time"].values.astype("datetime64[ns]")
    hour = np.timedelta64(3600, "s")
    hours = (times - times[0]) / hour
    at = (np.where(np.isnat(moments), times[0], moments) - times[0]) / hour
    after = np.clip(np.searchsorted(hours, at), 0, hours.size - 1)
    gap = np.where(np.isin(at, hours), 0.0, hours[after] - hours[np.maximum(after - 1, 0)])
    inside = (at >= hours[0]) & (at <= hours[-1]) & (gap <= _WIDEST_GAP_HOURS) & ~np.isnat(moments)
    return np.where(inside, np.interp(at, hours, series.values.astype(np.float64)), np.nan)
