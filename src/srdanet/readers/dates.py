"""The time of an image as its file says it: in its name, its tags and attributes, its coordinates.

Names are read by the forms of the tools that write them (`_FORMS`). A tag or an attribute counts when its key is one
of `_MOMENTS`; a coordinate when it holds times, counts "since" a time, or writes days as whole numbers.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from srdanet.arrays import read_time
from srdanet.errors import ArgumentError, GranuleError
from srdanet.statements import Stated, agrees, moments, settle_time, show
from srdanet.variables import LST_VARIABLES, WEATHER

_YEAR = r"(?P<year>19[5-9]\d|20\d{2})"
_OF_YEAR = r"(?P<doy>\d{3})"
_CLOCK = (
    r"(?:T(?P<hour>\d{2})[-_:]?(?P<minute>\d{2})[-_:]?(?P<second>\d{2})?Z?"
    r"|[_ -](?P<hour2>\d{2})[:h](?P<minute2>\d{2})|[_ -]?(?P<hour3>\d{2})(?P<minute3>\d{2})(?P<second3>\d{2}))"
)
"""An hour is told from other numbers (`_1000`, a cell size) by a T, a colon, an h, or six digits."""
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # AppEEARS: doy2020197, doy2020197103000.
        rf"(?<![a-z])doy{_YEAR}{_OF_YEAR}(?:(?P<hour>\d{{2}})(?P<minute>\d{{2}})(?P<second>\d{{2}}))?(?!\d)",
        # Granules of MODIS and VIIRS: A2020197, of swaths A2020197.1030.
        rf"(?<![a-z0-9])A{_YEAR}{_OF_YEAR}(?:\.(?P<hour>\d{{2}})(?P<minute>\d{{2}})(?=\.))?(?!\d)",
        # Landsat: the day seen, then the day processed.
        rf"(?<![a-z0-9])L[COTEM]\d{{2}}_\w{{4}}_\d{{6}}_{_YEAR}(?P<month>\d\d)(?P<day>\d\d)_\d{{8}}(?!\d)",
        # Sentinel-3, ECOSTRESS: first seen, then what else.
        rf"(?<!\d){_YEAR}(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?!\d)",
    )
)
"""Forms that say which of several dates in a name is the image's: the first that is found counts."""
_GENERAL = (
    re.compile(
        rf"(?<!\d){_YEAR}(?P<mark>[-_.]?)(?P<month>\d{{2}})(?P=mark)(?P<day>\d{{2}})"
        rf"(?:{_CLOCK}(?![\da-z]))?(?!\d)",
        re.IGNORECASE,
    ),
    # A year and a day of it, as MODIStsp writes it (2020_197); a unit after it (2020_100m) makes it something else.
    re.compile(rf"(?<![\d.]){_YEAR}(?P<mark>[-_]?){_OF_YEAR}(?![\da-z])", re.IGNORECASE),
)
"""Forms that count when a name holds one date of them in all."""

_MOMENTS = (
    ("acquisition_datetime", ""), ("acquisitiondatetime", ""), ("acquisition_date", "acquisition_time"),
    ("date_acquired", "scene_center_time"), ("rangebeginningdate", "rangebeginningtime"),
    ("rangebeginningdatetime", ""), ("time_coverage_start", ""), ("start_datetime", ""), ("system:time_start", ""),
    ("sensing_time", ""), ("observation_time", ""), ("overpass_time", ""), ("datetime", ""), ("date_time", ""),
    ("time", ""), ("date", ""), ("image_date", ""), ("timestamp", ""), ("tifftag_datetime", ""),
)  # fmt: skip
"""Keys of tags and attributes that say when an image was seen: of the day or the moment, and of the hour beside it."""
_ENDS = ("rangeendingdate", "time_coverage_end", "end_datetime", "system:time_end")
NAME = "name"
"""The key of what a file's name says."""
_WRITTEN = "tifftag_datetime"
"""By the standard the time at which the file was made, which many use for that of the image."""
_CALENDARS = ("", "standard", "gregorian", "proleptic_gregorian", "julian", "none")
"""AppEEARS counts real days though it says "julian"."""
_STRICT = (*LST_VARIABLES, "lst_day", "lst_night")
"""Images that must be of the time asked for."""
_TIME_NAMES = ("time", "t", "date", "datetime", "valid_time", "acquisition_time", "observation_time", "overpass_time")


def name_times(name: str) -> tuple[np.datetime64, ...]:
    """The day or the moment in a file name, in the forms of the usual tools; empty without one, or with several."""
    stem = re.sub(r"\.(tiff?|nc4?|hdf5?|h5|img|vrt|cdf)$", "", Path(name.replace("\\", "/")).name, flags=re.IGNORECASE)
    for form in _FORMS:
        found = [time for match in form.finditer(stem) if (time := _of_match(match)) is not None]
        if found:
            return (found[0],)
    every = {time for form in _GENERAL for match in form.finditer(stem) if (time := _of_match(match)) is not None}
    days = {time.astype("datetime64[D]") for time in every}
    return (max(every, key=lambda time: np.datetime_data(time.dtype)[0] == "s"),) if len(days) == 1 else ()


def _of_match(match: re.Match[str]) -> np.datetime64 | None:
    """The time that a match writes; None where no such day is."""
    part = match.groupdict()
    try:
        if part.get("doy"):
            date = dt.datetime.strptime(part["year"] + part["doy"], "%Y%j")
        else:
            date = dt.datetime(int(part["year"]), int(part["month"]), int(part["day"]))
        clock = [
            int(next((part[name] for name in (key, f"{key}2", f"{key}3") if part.get(name)), 0))
            for key in ("hour", "minute", "second")
        ]
        date = date.replace(hour=clock[0], minute=clock[1], second=clock[2])
    except ValueError:
        return None
    return moments([np.datetime64(date, "s")])[0]


def attribute_times(attributes: Mapping[str, Any]) -> tuple[list[Stated[np.datetime64]], list[str]]:
    """What tags or attributes say of the time of an image, and notes of what was not understood.

    A period of more than a day (a composite) says no time of an image and is left out.
    """
    lowered = {str(key).lower(): (str(key), value) for key, value in attributes.items()}
    ends = [_read(lowered[key][1]) for key in _ENDS if key in lowered]
    found, notes = [], []
    for key, clock in _MOMENTS:
        if key not in lowered:
            continue
        name, value = lowered[key]
        text = f"{value}".strip()
        if clock in lowered and clock:
            text = f"{text}T{str(lowered[clock][1]).strip()}"
        time = _epoch(value) if key == "system:time_start" else _read(text)
        if time is None:
            notes.append(f"the attribute {name}={str(value)[:40]!r} is not understood as a time")
        elif any(end is not None and end - time.astype("datetime64[s]") > np.timedelta64(1, "D") for end in ends):
            notes.append(f"the attribute {name} begins a period of several days and says no day of the image")
        else:
            found.append(Stated(f"its attribute {name}", (time,), key))
    return found, notes


def image_time(
    name: str,
    asked: Sequence[Stated[np.datetime64]],
    found: Sequence[Stated[np.datetime64]],
    *,
    where: Path,
    longitude: float | None = None,
) -> tuple[np.datetime64 | None, list[str]]:
    """The time of an image, by what is asked for and what its file says, and what was assumed.

    LST and what belongs to it must be of the time asked for, weather within an hour. Any other image may be of another
    day, but of a stack over time the day asked for is taken.

    Args:
        name: What the image is.
        asked: What the caller says.
        found: What the file says.
        where: The file, for messages.
        longitude: Of its centre, degrees.

    Raises:
        ArgumentError: when two contradict each other, or several images fit.
    """
    notes = []
    firm = [stated for stated in found if not is_written(stated)]
    for stated in (stated for stated in found if is_written(stated)):
        others = [other.values[0] for other in (*asked, *firm) if len(other.values) == 1]
        day = stated.values[0].astype("datetime64[D]")
        if any(day > other.astype("datetime64[D]") for other in others):
            notes.append(f"{stated}: taken for the time at which the file was written")
        else:
            firm.append(stated)
            notes += [] if others else [f"{stated}: taken for the time of the image"]
    for stated in [stated for stated in firm if stated.key == NAME]:
        # A name may hold the day of an export instead: what the caller asks for takes precedence.
        if any(not agrees(value, stated.values[0]) for other in asked for value in other.values):
            firm.remove(stated)
            notes.append(f"{stated}: {asked[0]}, which takes precedence")
    if firm and not asked and all(stated.key == NAME for stated in firm):
        notes.append(f"its name says {show(firm[0].values[0])}: taken for the time of the image")
    stack = any(len(stated.values) > 1 for stated in firm)
    if name in _STRICT:
        return settle_time([*asked, *firm], where=where, longitude=longitude), notes
    if name in WEATHER:
        return settle_time([*asked, *firm], where=where, longitude=longitude, within=np.timedelta64(1, "h")), notes
    if stack:
        return settle_time([*asked, *firm], where=where, longitude=longitude), notes
    return (firm[0].values[0] if firm else None), notes


def is_written(stated: Stated[np.datetime64]) -> bool:
    """Whether a statement is of the kind that may say when the file was made, and not when the image was."""
    return stated.key == _WRITTEN


def _read(value: object) -> np.datetime64 | None:
    try:
        return read_time(str(value).strip())
    except ArgumentError:
        return None


def _epoch(value: object) -> np.datetime64 | None:
    """Earth Engine's milliseconds since 1970."""
    try:
        return moments([np.datetime64(round(float(str(value)) / 1000), "s")])[0]
    except (ValueError, OverflowError):
        return None


def is_time(name: str, coordinate: xr.DataArray) -> bool:
    """Whether a coordinate holds times of images: an axis in any way that says so, a scalar by its name.

    A scalar may as well be the time of a forecast's start, or of processing.
    """
    named = name.lower() in _TIME_NAMES or coordinate.attrs.get("standard_name") == "time"
    counts = " since " in str(coordinate.attrs.get("units", "")) or coordinate.dtype.kind == "M"
    return (named and coordinate.dtype.kind in "MiufSUO") or (counts and coordinate.ndim > 0)


def coordinate_times(path: Path, name: str, coordinate: xr.DataArray) -> tuple[np.datetime64, ...]:
    """The times that a coordinate holds, in its order; empty where it counts without a unit.

    Raises:
        GranuleError: when its unit or its calendar cannot be read.
    """
    values = np.atleast_1d(coordinate.values)
    unit, calendar = str(coordinate.attrs.get("units", "")), str(coordinate.attrs.get("calendar", "")).lower()
    if calendar not in _CALENDARS:
        raise GranuleError(
            f"The coordinate {name} counts in the calendar {calendar!r}, which has other days.", where=path
        )
    if values.dtype.kind in "M":
        return moments(list(values))
    if values.dtype.kind in "SUO":
        texts = [v.decode() if isinstance(v, bytes) else str(v) for v in values]
        times = [_read(text) for text in texts]
        if any(time is None for time in times):
            raise GranuleError(f"The coordinate {name} holds {texts[0]!r}, which is no time.", where=path)
        return moments([time for time in times if time is not None])
    if " since " in unit:
        try:
            about = {"units": unit, "calendar": "standard"}
            decoded = xr.decode_cf(xr.Dataset({"t": ("t", values, about)}))["t"]
            return moments(list(decoded.dt.round("s").values))
        except (ValueError, AttributeError, TypeError, OverflowError) as error:
            raise GranuleError(f"The coordinate {name} has no readable unit ({unit!r}).", where=path) from error
    if all(float(v).is_integer() and len(str(int(v))) in (7, 8) for v in values):
        days = [_read(str(int(v))) for v in values]
        if all(day is not None for day in days):
            return moments([day for day in days if day is not None])
    if unit:
        raise GranuleError(f"The coordinate {name} has no readable unit ({unit!r}).", where=path)
    return ()
