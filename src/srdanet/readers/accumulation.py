"""The period over which ERA5's radiation is accumulated: the hour before each stamp, or since 00 UTC (ERA5-Land).

The files do not say it and their grids do not tell, since both are delivered on any grid asked for. The sums tell:
those since midnight never fall within a day, and within a few hours of sun they are more than the sun can give in one.
Where neither shows (two or three hours of a morning), the reading counts whose share of the light above the atmosphere
stays even from hour to hour.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from srdanet.arrays import Float64

Sums = Literal["hour", "day"]
"""Of the hour that ends at the stamp, or of the day up to it."""

SOLAR_CONSTANT = 1361.0
"""W m-2, at the mean distance of the sun (Kopp and Lean 2011)."""
_NEAREST_SUN = 1.035
"""Square of the mean over the least distance of the sun."""
_HOUR = np.timedelta64(3600, "s")
_POINTS = 9
"""Points along each axis that are looked at."""
_STEPS = 6
"""Parts of an hour in which the light above the atmosphere is summed up."""
_FALL = 0.005
"""Share of the largest sum by which sums may fall from rounding: packed values have steps of 1/65,000."""
_RESTART = 0.7
"""Share of a whole day's sum that the next day's first hour does not reach."""
_MORE_EVEN = 2.0
"""How many times more even one reading must be than the other to be believed."""
_UNEVEN = 0.15
"""Spread (of the logarithm of shares) below which a reading is not uneven."""
_DAYLIGHT = 50.0
"""W m-2 above the atmosphere, below which shares of it say nothing."""


def sums_of(energy: xr.DataArray) -> Sums | None:
    """Over what a stack of radiation is summed up, by its values.

    Args:
        energy: (time, latitude, longitude) J m-2, NaN = missing; times in UTC, rising.

    Returns:
        None where the values fit both; also where they are the same in both, as at night.

    Raises:
        ValueError: when they fit neither.
    """
    part = energy[:, :: max(1, energy.shape[1] // _POINTS), :: max(1, energy.shape[2] // _POINTS)]
    values = part.transpose("time", "latitude", "longitude").values.astype(np.float64).reshape(part.sizes["time"], -1)
    lat, lon = (axis.ravel() for axis in np.meshgrid(part["latitude"], part["longitude"], indexing="ij"))
    times = energy["time"].values.astype("datetime64[s]")
    day = (times - np.timedelta64(1, "s")).astype("datetime64[D]")  # 00 UTC ends the day before
    same = (day[1:] == day[:-1])[:, None]
    most = np.nanmax(np.where(np.isfinite(values), values, 0), axis=0, initial=0)
    falls = bool((same & (np.diff(values, axis=0) < -(_FALL * most + 3600))).any())
    beyond = bool((values > 3600 * SOLAR_CONSTANT * _NEAREST_SUN).any())
    # Sums since 00 UTC start anew after it: a day's is not followed by as much in the next day's first hour.
    next_hour = ~same[:, 0] & (times[1:] - times[:-1] == _HOUR)
    before, after = values[:-1][next_hour], values[1:][next_hour]
    falls = falls or bool(((before > 3600) & (after > _RESTART * before)).any())
    if falls and beyond:
        raise ValueError("its sums do not run on from 00 UTC, and yet some are more than the sun can give in an hour")
    if falls or beyond:
        return "hour" if falls else "day"
    return _more_even(values, times, day, lat, lon)


def _more_even(values: Float64, times: NDArray[np.datetime64], day: NDArray[np.datetime64], lat: Float64,
               lon: Float64) -> Sums | None:  # fmt: skip
    """The reading whose share of the light above the atmosphere is the more even; None where both are alike."""
    first = np.r_[True, day[1:] != day[:-1]]
    since = np.where(first, day.astype("datetime64[s]"), np.r_[times[:1], times[:-1]])
    hourly = values / 3600
    daily = np.where(first[:, None], values, np.diff(values, axis=0, prepend=values[:1])) / 3600
    spreads = []
    for watt_hours, start in ((hourly, times - _HOUR), (daily, since)):
        above = np.array([_above(*span, lat, lon) for span in zip(start, times, strict=True)])
        lit = above > _DAYLIGHT
        share = np.where(lit, np.maximum(watt_hours, 1) / np.where(lit, above, 1), np.nan)
        if lit.sum(axis=0).max(initial=0) < 2:
            return None
        enough = (lit & np.isfinite(share)).sum(axis=0) >= 2
        if not enough.any():
            return None
        spreads.append(float(np.median(np.nanstd(np.log(share[:, enough]), axis=0))))
    of_hour, of_day = spreads
    if of_day > _MORE_EVEN * of_hour and of_day > _UNEVEN:
        return "hour"
    return "day" if of_hour > _MORE_EVEN * of_day and of_hour > _UNEVEN else None


def _above(start: np.datetime64, end: np.datetime64, lat: Float64, lon: Float64) -> Float64:
    """Light on a level plane above the atmosphere from one moment to another, W h m-2; good to a few percent."""
    hours = float((end - start) / _HOUR)
    count = max(1, round(hours * _STEPS))
    middle = start + ((np.arange(count) + 0.5) * hours / count * 3600).astype("timedelta64[s]")
    of_year = (middle - middle.astype("datetime64[Y]")) / np.timedelta64(86400, "s")
    clock = (middle - middle.astype("datetime64[D]")) / _HOUR
    tilt = np.radians(-23.44) * np.cos(2 * np.pi * (of_year + 10) / 365.25)
    turn = np.radians(15 * (clock[:, None] + lon / 15 - 12))
    place = np.radians(lat)
    up = np.sin(place) * np.sin(tilt)[:, None] + np.cos(place) * np.cos(tilt)[:, None] * np.cos(turn)
    total: Float64 = SOLAR_CONSTANT * np.maximum(up, 0).mean(axis=0) * hours
    return total
