"""Weather at the moment of the overpass: ERA5, or stations where they are denser, brought to a grid.

ERA5 is interpolated between the hours; `ssrd` is the energy of the hour that ends at
its stamp, so its mean power belongs to half an hour earlier. Stations come as a CSV
file with a header and one row per station and moment:

    time, longitude, latitude, t2m, d2m, wind, ssrd, swvl1

`time` is ISO 8601 in UTC (an offset such as +08:00 is honoured), longitude and latitude
are WGS 84 degrees; of the rest any subset, in K, K, m s-1, W m-2 (at the moment), m3 m-3.
An empty field is missing, and so are the usual codes (-9999, ...). Other columns are ignored. Rows of one place are
one station. The small negative radiation that pyranometers read at night is 0. A row or value that cannot be right
is left out; where half of them are wrong, the whole column or table is refused (another unit, another layout).
"""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float64, Floats, in_strips, parse_utc
from srdanet.errors import ArgumentError, GranuleError, SceneError
from srdanet.grid import coordinates, lonlat
from srdanet.readers.era5 import extent, moments, span, step_of
from srdanet.readers.guard import check_file
from srdanet.readers.resampling import NOWHERE, interpolate
from srdanet.variables import BY_NAME, WEATHER

_HOUR = np.timedelta64(3600, "s")
_HALF_HOUR = np.timedelta64(1800, "s")
_WIDEST_GAP_HOURS, _WIDEST_STATION_GAP_HOURS = 6.0, 3.0
"""Between values further apart nothing is interpolated."""
_EARTH_KM = 6371.0
_FARTHEST_KM = 200.0
"""A cell needs a station within this distance."""
_NEAREST_KM = 0.5
"""Distances below this count as this, so that a station's own cell is finite and exact to 1e-3."""

_MISSING = (-9999.0, -9999.9, -99999.0, -999.0, -999.9, -99.9, -8888.0, -6999.0, 9999.0, 99999.0)
"""What loggers write for a missing value; impossible in any of the columns."""
_NO_NUMBER = ("", "na", "n/a", "nan", "null", "none", "-", "--", "m", "missing")
_DARK = -20.0
"""W m-2 that a pyranometer may read at night: it loses heat to the sky."""

_Row = tuple[int, np.datetime64, tuple[float, float], list[float | str]]
"""Line, moment (UTC), place (longitude, latitude), values; a text where a value cannot be right, which says why."""


def open_stations(path: str | Path) -> xr.Dataset:
    """Read a station table (its layout stands at the head of this module).

    Returns:
        (station, time) float32 with coordinates `longitude`, `latitude` (station) and the columns
        present; NaN = missing; times are the union of all stations' times. `attrs["assumed"]` names what was taken for
        missing, `attrs["left_out"]` columns of which half cannot be right.

    Raises:
        GranuleError: when the file is missing, a column is, half of the rows cannot be read, or no column is left
            (the message names the first line).
    """
    path = Path(path)
    check_file(path, "station table")
    try:
        names, rows, notes = _table(path)
    except (UnicodeDecodeError, csv.Error) as error:
        what = f"The file is not a table in UTF-8 ({error})."
        raise GranuleError(what, where=path, todo="Save it as CSV in UTF-8.") from error
    if not rows:
        raise GranuleError("The table holds no rows.", where=path)
    places = sorted({row[2] for row in rows})
    times = np.unique(np.array([row[1] for row in rows]))
    lon, lat = zip(*places, strict=True)
    coords = {"time": times, "longitude": ("station", list(lon)), "latitude": ("station", list(lat))}
    variables: dict[str, tuple[tuple[str, str], Floats, dict[str, str]]] = {}
    left_out: list[tuple[int, str, str]] = []
    for i, name in enumerate(names):
        bad = [(row[0], text) for row in rows if isinstance(text := row[3][i], str)]
        if bad:
            line, text = bad[0]
            if 2 * len(bad) >= sum(isinstance(row[3][i], str) or not np.isnan(row[3][i]) for row in rows):
                left_out.append((line, name, text))
                continue
            notes.append(f"{path.name}, line {line}: {text}; it counts as missing" + _more(len(bad)))
        values = np.full((len(places), times.size), np.nan, dtype=np.float32)
        for _, moment, place, fields in rows:
            field = fields[i]
            values[places.index(place), int(np.searchsorted(times, moment))] = (
                np.nan if isinstance(field, str) else field
            )
        variables[name] = (("station", "time"), values, {"units": BY_NAME[name].unit})
    if not variables:
        line, _, text = left_out[0]
        todo = "Temperatures are read in K. Leave missing fields empty."
        raise GranuleError(f"{text}.", where=f"{path}, line {line}", todo=todo)
    left = [(f"{name} of {path.name}", f"line {line}: {text}") for line, name, text in left_out]
    return xr.Dataset(variables, coords=coords, attrs={"assumed": notes, "sources": [path.name], "left_out": left})


def _table(path: Path) -> tuple[list[str], list[_Row], list[str]]:
    """The columns that the file has of `WEATHER`, its rows, and what to note of rows that cannot be read."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        header = [h.strip() for h in reader.fieldnames or []]
        reader.fieldnames = header
        names = [c for c in WEATHER if c in header]
        if not {"time", "longitude", "latitude"} <= set(header) or not names:
            todo = f"It needs time, longitude, latitude and some of {', '.join(WEATHER)}."
            raise GranuleError(f"The columns are {', '.join(header) or 'none'}.", where=path, todo=todo)
        rows: list[_Row] = []
        faults: list[GranuleError] = []
        for line in reader:
            try:
                rows.append(_row(line, names, path, reader.line_num))
            except GranuleError as error:
                faults.append(error)
    if faults and len(faults) >= len(rows):
        raise faults[0]
    notes = []
    if faults:
        place = str(faults[0].where).rpartition(", ")[2]
        notes = [f"{path.name}, {place}: {faults[0].what.rstrip('.')}; the row is left out" + _more(len(faults))]
    return names, rows, notes


def _more(count: int) -> str:
    return f" ({count - 1} more like it)" if count > 1 else ""


def _row(line: dict[str, str], names: list[str], path: Path, number: int) -> _Row:
    where = f"{path}, line {number}"
    try:
        moment = parse_utc(line["time"] or "").astype("datetime64[ns]")
        place = float(line["longitude"]), float(line["latitude"])
    except (ValueError, TypeError) as error:
        what = error.what if isinstance(error, ArgumentError) else error
        todo = "Write times like 2020-07-15T03:30."
        raise GranuleError(f"The row cannot be read ({what}).", where=where, todo=todo) from error
    if not (-180 <= place[0] <= 360 and -90 <= place[1] <= 90):
        raise GranuleError(f"Longitude {place[0]:g}, latitude {place[1]:g} is not a place on Earth.", where=where)
    return number, moment, place, [_value(name, line[name] or "") for name in names]


def _value(name: str, text: str) -> float | str:
    """A field as a number, NaN = missing; what is wrong with it where it cannot be right."""
    known, text = BY_NAME[name], text.strip()
    if text.lower() in _NO_NUMBER:
        return np.nan
    try:
        value = float(text)
    except ValueError:
        return f"{name} = {text!r} is not a number"
    if value in _MISSING:
        return np.nan
    if name == "ssrd" and _DARK <= value < 0:
        return 0.0
    return f"{name} = {value:g} is impossible in {known.unit}" if not known.low <= value <= known.high else value


def at_overpass(met: xr.Dataset, geobox: GeoBox, time_utc: ArrayLike | xr.DataArray) -> xr.Dataset:
    """Weather on a grid at the moment of the overpass.

    ERA5: bilinear in longitude and latitude, linear in time; `ssrd` belongs to the
    middle of its hour, and half an hour beyond the first and last middle it holds.
    Stations: linear in time at each station that has values within three hours around the
    moment, then weighted by inverse squared distance, up to 200 km; a variable for which no
    station counts anywhere is left out.

    Args:
        met: From `open_era5` or `open_stations`.
        geobox: The target grid.
        time_utc: numpy datetime64, UTC: one for all cells, or (y, x), NaT where unknown.

    Returns:
        (y, x) float32 on `geobox`, the variables of `met`; NaN where the time is NaT or the weather unknown.

    Raises:
        SceneError: when the grid or the time is not covered; says what is.
        ArgumentError: when the times are neither one nor one per cell.
    """
    when = moments(time_utc)
    if when.ndim not in (0, 2) or (when.ndim == 2 and when.shape != tuple(geobox.shape)):
        what = f"The times have shape {when.shape}, the grid {tuple(geobox.shape)}."
        raise ArgumentError(what, todo="Give one time, or one for each cell.")
    if np.isnat(when).all():
        raise SceneError("No cell has an overpass time.", todo="Give the time of the overpass.")
    images = _of_stations(met, geobox, when) if "station" in met.dims else _of_era5(met, geobox, when)
    out = {}
    for name, image in images.items():
        about = {"units": BY_NAME[name].unit, "long_name": BY_NAME[name].long_name}
        out[name] = (("y", "x"), image.astype(np.float32), about)
    return xr.Dataset(out, coords=coordinates(geobox), attrs=met.attrs)


def _of_era5(met: xr.Dataset, geobox: GeoBox, when: NDArray[np.datetime64]) -> dict[str, Floats]:
    rows, columns = _fractions(met, geobox)
    images = {}
    for name in map(str, met.data_vars):
        field = met[name].dropna("time", how="all")
        if not field.sizes["time"]:
            todo = "Give files that cover the grid."
            raise SceneError("The weather data hold no valid value here.", where=name, todo=todo)
        hours = _hours(field, when, name)
        values = field.transpose("time", "latitude", "longitude").values.astype(np.float64)
        if _is_global(met):
            values = np.concatenate([values, values[..., :1]], axis=2)
        places = (np.broadcast_to(hours, rows.shape), rows, columns)
        images[name] = in_strips(partial(_between, values), *places, dtype=np.float32)
    return images


def _between(values: Float64, *places: Float64) -> Floats:
    return interpolate(values, places)


def _is_global(met: xr.Dataset) -> bool:
    lon = met["longitude"].values
    return lon.size > 2 and lon[-1] - lon[0] + 1.5 * step_of(lon) > 360


def _fractions(met: xr.Dataset, geobox: GeoBox) -> tuple[Float64, Float64]:
    """Fractional latitude and longitude index of every cell; far outside where a cell is off the map."""
    lon, lat = lonlat(geobox)
    lats, lons = (met[a].values.astype(np.float64) for a in ("latitude", "longitude"))
    off = ~(np.isfinite(lon) & np.isfinite(lat))
    slack = 1e-3
    start = lons[0] - slack
    lon = start + np.mod(np.where(off, lons[0], lon) - start, 360)
    lat = np.where(off, lats[0], lat)
    if _is_global(met):
        lons = np.append(lons, lons[0] + 360)
    if lat.min() < lats[0] - slack or lat.max() > lats[-1] + slack or lon.max() > lons[-1] + slack:
        east = lonlat(geobox)[0][~off]
        need = f"{lat[~off].min():.2f} to {lat[~off].max():.2f} N, {east.min():.2f} to {east.max():.2f} E"
        where = f"weather that {extent(met[next(iter(met.data_vars))])}"
        todo = "Ask the Climate Data Store for a larger area."
        raise SceneError(f"The weather does not cover the grid ({need}).", where=where, todo=todo)
    rows = np.where(off, NOWHERE, np.interp(lat, lats, np.arange(lats.size)))
    return rows, np.interp(lon, lons, np.arange(lons.size))


def _hours(field: xr.DataArray, when: NDArray[np.datetime64], name: str) -> Float64:
    """Fractional index along the hours of a variable; far outside where the moment is NaT."""
    times = field["time"].values.astype("datetime64[ns]")
    hold = _HALF_HOUR if name == "ssrd" else 0 * _HALF_HOUR
    times = times - hold
    unknown = np.isnat(when)
    safe = np.where(unknown, times[0], when)
    if (safe < times[0] - hold).any() or (safe > times[-1] + hold).any():
        wanted, have = span(when[~unknown]), span(field["time"].values)
        todo = "Ask the Climate Data Store for the full hours before and after the overpass."
        raise SceneError(f"{name} does not cover {wanted}.", where=f"hours {have}", todo=todo)
    hours = (times - times[0]) / _HOUR
    at = (safe - times[0]) / _HOUR
    after = np.clip(np.searchsorted(hours, at), 1, max(1, hours.size - 1))
    if hours.size > 1:
        exact = np.isin(at, hours)
        gap = np.where(exact | unknown, 0, hours[after] - hours[after - 1])
        if gap.max() > _WIDEST_GAP_HOURS:
            what = f"{name} has a gap of {gap.max():g} hours around {span(when[~unknown])}."
            raise SceneError(what, todo="Add the hours before and after the overpass.")
    return np.where(unknown, NOWHERE, np.interp(at, hours, np.arange(hours.size)))


def _of_stations(met: xr.Dataset, geobox: GeoBox, moments: NDArray[np.datetime64]) -> dict[str, Floats]:
    lon, lat = (np.radians(c) for c in lonlat(geobox))
    images: dict[str, Floats] = {}
    for name in map(str, met.data_vars):
        total, weight = np.zeros(lon.shape), np.zeros(lon.shape)
        for station in range(met.sizes["station"]):
            series = met[name].isel(station=station).dropna("time")
            value = np.broadcast_to(_at(series, moments), lon.shape)
            here = np.radians([float(series["longitude"]), float(series["latitude"])])
            half = np.sin((lat - here[1]) / 2) ** 2 + np.cos(lat) * np.cos(here[1]) * np.sin((lon - here[0]) / 2) ** 2
            distance = np.maximum(2 * _EARTH_KM * np.arcsin(np.sqrt(half)), _NEAREST_KM)
            share = np.where(np.isfinite(value) & (distance <= _FARTHEST_KM), distance**-2, 0.0)
            total += share * np.where(share > 0, value, 0)
            weight += share
        if weight.any():
            images[name] = np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)
    if not images:
        lons, lats = (met[c].values for c in ("longitude", "latitude"))
        where = f"stations lie at {lats.min():.2f} to {lats.max():.2f} N, {lons.min():.2f} to {lons.max():.2f} E"
        what = f"No station within {_FARTHEST_KM:g} km has values at the overpass."
        raise SceneError(what, where=f"{where}, {span(met['time'].values)}", todo="Add stations or times, or use ERA5.")
    return images


def _at(series: xr.DataArray, moments: NDArray[np.datetime64]) -> Float64:
    """One station's value at each moment, linear between neighbours at most three hours apart, else NaN."""
    if not series.size:
        return np.full(moments.shape, np.nan)
    times = series["time"].values.astype("datetime64[ns]")
    hours = (times - times[0]) / _HOUR
    at = (np.where(np.isnat(moments), times[0], moments) - times[0]) / _HOUR
    after = np.clip(np.searchsorted(hours, at), 0, hours.size - 1)
    gap = np.where(np.isin(at, hours), 0.0, hours[after] - hours[np.maximum(after - 1, 0)])
    inside = (at >= hours[0]) & (at <= hours[-1]) & (gap <= _WIDEST_STATION_GAP_HOURS) & ~np.isnat(moments)
    return np.where(inside, np.interp(at, hours, series.values.astype(np.float64)), np.nan)
