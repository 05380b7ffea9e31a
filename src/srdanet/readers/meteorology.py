"""Weather at the moment of the overpass: ERA5 or stations brought to a grid.

Instantaneous fields are interpolated between the hours; `ssrd` is the energy of the
hour that ends at its stamp, so its mean power belongs to half an hour earlier.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float64, Floats
from srdanet.errors import ArgumentError, SceneError
from srdanet.grid import coordinates, lonlat
from srdanet.readers.era5 import extent, moments, span, step_of
from srdanet.readers.resampling import NOWHERE, interpolate
from srdanet.readers.stations_weather import stations_at
from srdanet.variables import BY_NAME

_HOUR = np.timedelta64(3600, "s")
_HALF_HOUR = np.timedelta64(1800, "s")
_WIDEST_GAP_HOURS = 6.0


def at_overpass(met: xr.Dataset, geobox: GeoBox, time_utc: ArrayLike | xr.DataArray) -> xr.Dataset:
    """Weather on a grid at the moment of the overpass.

    ERA5: bilinear in longitude and latitude, linear in time; `ssrd` belongs to the
    middle of its hour, and half an hour beyond the first and last middle it holds.
    Stations: see `stations_weather.stations_at`.

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
        raise ArgumentError(
            f"The times have shape {when.shape}, the grid {tuple(geobox.shape)}.",
            todo="Give one time, or one for each cell.",
        )
    if np.isnat(when).all():
        raise SceneError("No cell has an overpass time.", todo="Give the time of the overpass.")
    coords = coordinates(geobox)
    images: dict[str, Floats] = {}
    if "station" in met.dims:
        images |= stations_at(met, geobox, when)
    else:
        rows, columns = _fractions(met, geobox)
        for name in met.data_vars:
            field = met[name].dropna("time", how="all")
            hours = _hours(field, when, str(name)) if field.sizes["time"] else None
            if hours is None:
                raise SceneError(
                    "The weather data hold no valid value here.", where=name, todo="Give files that cover the grid."
                )
            values = field.transpose("time", "latitude", "longitude").values.astype(np.float64)
            if _is_global(met):
                values = np.concatenate([values, values[..., :1]], axis=2)
            images[str(name)] = interpolate(values, [np.broadcast_to(hours, rows.shape), rows, columns])
    about = {n: BY_NAME[n] for n in images}
    out = {
        n: (("y", "x"), v.astype(np.float32), {"units": about[n].unit, "long_name": about[n].long_name})
        for n, v in images.items()
    }
    return xr.Dataset(out, coords=coords, attrs=met.attrs)


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
        east = lonlat(geobox)[0]
        east = east[~off]
        need = f"{lat[~off].min():.2f} to {lat[~off].max():.2f} N, {east.min():.2f} to {east.max():.2f} E"
        todo = "Ask the Climate Data Store for a larger area."
        have = extent(met[next(iter(met.data_vars))])
        raise SceneError(f"The weather does not cover the grid ({need}).", where=f"weather that {have}", todo=todo)
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
