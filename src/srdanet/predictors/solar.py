"""Where the sun stands, and how much of it a slope sees.

Low-precision ephemeris of the Astronomical Almanac (Michalsky 1988), good to 0.01 degree from 1950 to 2050; refraction
is left out. Angles are in degrees, longitudes positive east, azimuths clockwise from true north. Numbers and arrays
broadcast; NaN and NaT give NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srdanet.arrays import Float64

_USUAL = 2.5
"""Hours by which views stray from their usual solar hour at most, outside the polar circles."""
_J2000 = np.datetime64("2000-01-01T12:00:00", "s")


def declination(time: ArrayLike) -> Float64:
    """The sun's declination (degrees) at a UTC time or date."""
    return _ephemeris(time)[0]


def equation_of_time(time: ArrayLike) -> Float64:
    """True minus mean solar time (hours, within 0.28) at a UTC time or date."""
    return _ephemeris(time)[1]


def sun_at(time: ArrayLike, lon: ArrayLike, lat: ArrayLike) -> tuple[Float64, Float64]:
    """Zenith and azimuth (degrees) of the sun.

    Args:
        time: UTC, datetime64.
        lon: Degrees east.
        lat: Degrees north.
    """
    when = np.asarray(time, "datetime64[s]")
    tilt, ahead = _ephemeris(when)
    hours = (when - when.astype("datetime64[D]")) / np.timedelta64(3600, "s")
    return sun_at_local_time(tilt, hours + np.asarray(lon, float) / 15 + ahead, lat)


def sun_at_local_time(tilt: ArrayLike, hours: ArrayLike, lat: ArrayLike) -> tuple[Float64, Float64]:
    """Zenith and azimuth (degrees) of the sun at a local hour.

    Args:
        tilt: Declination of the sun, degrees.
        hours: True local solar time, 12 = culmination. The view times of MODIS LST are mean solar hours: add
            `equation_of_time`, or go by `solar_to_utc` and `sun_at`.
        lat: Degrees north.
    """
    tilt, lat = np.radians(np.asarray(tilt, float)), np.radians(np.asarray(lat, float))
    turn = np.radians(15 * (np.asarray(hours, float) - 12))
    east = -np.cos(tilt) * np.sin(turn)
    north = np.cos(lat) * np.sin(tilt) - np.sin(lat) * np.cos(tilt) * np.cos(turn)
    up = np.sin(lat) * np.sin(tilt) + np.cos(lat) * np.cos(tilt) * np.cos(turn)
    zenith = np.degrees(np.arctan2(np.hypot(east, north), up))
    return zenith, np.degrees(np.arctan2(east, north)) % 360


def runs_with_the_sun(hours: ArrayLike, lon: ArrayLike, usual: float | None = None) -> bool | None:
    """Whether view times are local solar hours or UTC, by their steps along the rows of a sinusoidal tile.

    An overpass sees a row within a minute: in UTC its views have one hour, in solar time 1 h more every 15 degrees.
    Where a row is too short for that, the hour tells: the platform passes at its usual solar one.

    Args:
        hours: (y, x) h, NaN = missing.
        lon: (y, x) degrees east, NaN = off the globe.
        usual: Usual solar hour of the platform's views.

    Returns:
        True for solar hours, False for UTC, None where nothing tells.
    """
    times, east = np.asarray(hours, float), np.asarray(lon, float)
    apart = max(1, times.shape[1] // 4)
    step = (times[:, apart:] - times[:, :-apart] + 12) % 24 - 12
    turn = ((east[:, apart:] - east[:, :-apart] + 180) % 360 - 180) / 15
    # Of one overpass only: the next is 1.6 h later.
    seen = np.isfinite(step) & np.isfinite(turn) & (np.abs(step) < 0.8) & (np.abs(step - turn) < 0.8)
    if seen.sum() < 20 or np.median(np.abs(turn[seen])) < 0.05:
        if usual is None or not np.isfinite(times).any():
            return None
        off = [abs(float(np.nanmedian((clock - usual + 12) % 24 - 12))) for clock in (times, times + east / 15)]
        near = [gap <= _USUAL for gap in off]
        return None if near[0] == near[1] else near[0]
    return bool(np.abs(step - turn)[seen].mean() < np.abs(step)[seen].mean())


def solar_to_utc(date: ArrayLike, hours: ArrayLike, lon: ArrayLike) -> NDArray[Any]:
    """UTC time of a MODIS view, from the granule's date and the local solar view time.

    The users' guide defines the local solar time as UTC plus longitude / 15 h, folded into 0-24 h, and a daily tile
    holds the views of one UTC day; so the result is folded into that day.

    Args:
        date: UTC date of the granule.
        hours: View time, local solar hours (mean sun); NaN = missing.
        lon: Degrees east.

    Returns:
        datetime64[s], NaT = missing; one value for numbers, an array for arrays.
    """
    utc = np.asarray(hours, float) - np.asarray(lon, float) / 15
    seconds = (np.round(np.nan_to_num(utc) * 3600) % 86400).astype("timedelta64[s]")
    start = np.asarray(date, "datetime64[D]").astype("datetime64[s]")
    time: NDArray[Any] = np.where(np.isfinite(utc), start + seconds, np.datetime64("NaT", "s"))[()]
    return time


def illumination(dz_de: ArrayLike, dz_dn: ArrayLike, zenith: ArrayLike, azimuth: ArrayLike) -> NDArray[Any]:
    """Cosine of the sun's incidence on a slope, `max(0, cos i)`; 0 with the sun below the horizon.

    The slope's own shade counts, the shadow of other slopes does not.

    Args:
        dz_de: Rise towards true east (dimensionless), NaN = missing.
        dz_dn: Rise towards true north.
        zenith: Solar zenith, degrees.
        azimuth: Solar azimuth, degrees clockwise from true north.

    Returns:
        0-1, NaN = missing; float32 when both gradients are, else float64.
    """
    rise_e, rise_n = np.asarray(dz_de), np.asarray(dz_dn)
    kind = np.float32 if rise_e.dtype == rise_n.dtype == np.float32 else np.float64
    return facing(rise_e, rise_n, *direction(zenith, azimuth)).astype(kind)


def direction(zenith: ArrayLike, azimuth: ArrayLike) -> tuple[Float64, Float64, Float64]:
    """The sun's direction as a vector of length 1, towards true east, true north and up; angles in degrees."""
    height, bearing = np.radians(np.asarray(zenith, float)), np.radians(np.asarray(azimuth, float))
    return np.sin(height) * np.sin(bearing), np.sin(height) * np.cos(bearing), np.cos(height)


def facing(
    dz_de: NDArray[Any], dz_dn: NDArray[Any], east: NDArray[Any], north: NDArray[Any], up: NDArray[Any]
) -> NDArray[Any]:
    """`illumination`, the sun given by its `direction`."""
    cosine = (up - (dz_de * east + dz_dn * north)) / np.sqrt(1 + np.square(dz_de) + np.square(dz_dn))
    # NaN stays NaN by night too.
    light: NDArray[Any] = np.where(up < 0, cosine * 0, np.maximum(cosine, 0))
    return light


def _ephemeris(time: ArrayLike) -> tuple[Float64, Float64]:
    """Declination (degrees) and equation of time (hours)."""
    days = (np.asarray(time, "datetime64[s]") - _J2000) / np.timedelta64(86400, "s")
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = np.radians(357.528 + 0.9856003 * days)
    longitude = np.radians(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.radians(23.439 - 4e-7 * days)
    tilt = np.degrees(np.arcsin(np.sin(obliquity) * np.sin(longitude)))
    ascension = np.degrees(np.arctan2(np.cos(obliquity) * np.sin(longitude), np.cos(longitude)))
    ahead = (mean_longitude - ascension + 180) % 360 - 180
    return np.asarray(tilt), np.asarray(ahead / 15)
