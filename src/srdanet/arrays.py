"""Types and conversions for arrays, times and progress that the whole package shares."""

from __future__ import annotations

import datetime as dt
import mmap
import re
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from srdanet.errors import ArgumentError

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
"""Either of the two."""
Mask = NDArray[np.bool_]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, parts done and parts in all."""


def silent(what: str, done: int, total: int) -> None:
    """A `Progress` that tells nobody."""


_T = TypeVar("_T", bound=np.generic)


def repeat(values: NDArray[_T], factor: int) -> NDArray[_T]:
    """Each cell of the last two axes `factor` x `factor` times: (..., y, x) -> (..., y * factor, x * factor)."""
    return values.repeat(factor, axis=-2).repeat(factor, axis=-1)


_STRIP = 1 << 17
"""Cells that are worked on at a time: what they need in between fits into a processor's cache."""


def in_strips(
    function: Callable[..., NDArray[_T]], *arrays: NDArray[Any], dtype: np.dtype[_T] | type[_T]
) -> NDArray[_T]:
    """A function of each cell by itself, applied to some rows at a time.

    Over a whole tile each intermediate array would be asked of the system anew, which costs more than the arithmetic.

    Args:
        function: Of as many arrays; the result has their shape.
        arrays: All of one shape.
        dtype: Of the result.
    """
    first = arrays[0]
    if first.ndim == 0 or first.size <= _STRIP:
        return np.asarray(function(*arrays), dtype)
    out = np.empty(first.shape, dtype)
    rows = max(1, _STRIP * len(first) // first.size)
    for top in range(0, len(first), rows):
        out[top : top + rows] = function(*(array[top : top + rows] for array in arrays))
    return out


def count_finite(values: NDArray[Any]) -> int:
    """How many values are neither NaN nor infinite."""
    return int(np.count_nonzero(in_strips(np.isfinite, values, dtype=np.bool_)))


def pad_to(values: NDArray[_T], multiple: int) -> NDArray[_T]:
    """With missing cells (NaN) below and to the right, (..., y, x), up to a multiple of cells along both axes."""
    beyond = [(0, 0)] * (values.ndim - 2) + [(0, -n % multiple) for n in values.shape[-2:]]
    return np.pad(values, beyond, constant_values=np.nan) if np.any(beyond) else values


def let_go(*arrays: NDArray[Any] | None) -> None:
    """Hand the pages of mapped arrays back to the system, which keeps what they hold in its cache or in their files."""
    for array in arrays:
        mapped: Any = array
        while mapped is not None and not isinstance(mapped, np.memmap):
            mapped = getattr(mapped, "base", None)
        # Private pages ("c") would be lost.
        if mapped is not None and mapped.mode in ("r", "r+", "w+") and hasattr(mmap, "MADV_DONTNEED"):
            pages: Any = mapped
            pages._mmap.madvise(mmap.MADV_DONTNEED)


def parse_utc(time: object) -> np.datetime64:
    """A UTC time to the second, from any of the forms that `read_time` reads.

    A bare date becomes midnight, which everywhere in this package stands for "this date, hour unknown".

    Raises:
        ArgumentError: when it cannot be read, or is NaT.
    """
    moment: np.datetime64 = read_time(time).astype("datetime64[s]")
    return moment


def read_time(time: object) -> np.datetime64:
    """A UTC day (`datetime64[D]`) or moment (`datetime64[s]`), from what people write or libraries hold.

    Read are ISO 8601 texts (`2020-07-15`, `20200715`, `2020-07-15T10:40`, with `Z` or an offset, which is applied),
    years with days (`2020197`), dates and datetimes (with a time zone: brought to UTC), `numpy.datetime64`, pandas and
    cftime times, and arrays of one of these. Midnight counts as a day, unless a text says the hour.

    Raises:
        ArgumentError: when it is a number, a month or a year, cannot be read, or is NaT.
    """
    if hasattr(time, "shape") and hasattr(time, "dtype"):
        array = np.asarray(time)
        if array.size != 1:
            raise ArgumentError(f"time holds {array.size} times, not one", todo="Choose one.")
        time = array.reshape(1)[0] if array.dtype.kind in "M" else array.reshape(1)[0].item()
    if isinstance(time, bool | np.bool_ | int | float | np.number):
        todo = "Write it as text, like 2020-07-15T10:40."
        raise ArgumentError(f"time {time!r} is a number, which says no unit and no epoch", todo=todo)
    if isinstance(time, np.datetime64):
        if np.isnat(time):
            raise ArgumentError("time is NaT", todo="Leave it out when it is unknown.")
        if np.datetime_data(time.dtype)[0] in "YMW":
            raise ArgumentError(f"time {time} is not a day", todo="Write it like 2020-07-15T10:40.")
        return _day_or_moment(time.astype("datetime64[s]"))
    if isinstance(time, str):
        return _read_text(time)
    if isinstance(time, dt.date):
        if time != time:  # pandas.NaT
            raise ArgumentError("time is NaT", todo="Leave it out when it is unknown.")
        return _utc(time)
    if hasattr(time, "isoformat"):  # cftime
        if getattr(time, "calendar", "standard") not in ("standard", "gregorian", "proleptic_gregorian", ""):
            raise ArgumentError(f"time {time} is of another calendar", todo="Write it like 2020-07-15T10:40.")
        return _day_or_moment(_read_text(str(time.isoformat())).astype("datetime64[s]"))
    raise ArgumentError(f"time {time!r} is not a UTC time", todo="Write it like 2020-07-15T10:40.")


def _read_text(text: str) -> np.datetime64:
    form = text.strip().upper().removesuffix(" UTC")
    try:
        if re.fullmatch(r"\d{4}-?\d{3}", form):
            return np.datetime64(dt.datetime.strptime(form.replace("-", ""), "%Y%j").date(), "D")
        exif = re.fullmatch(r"(\d{4}):(\d\d):(\d\d)( .*)?", form)
        form = "{}-{}-{}{}".format(*(part or "" for part in exif.groups())) if exif else form
        if re.fullmatch(r"\d{4}(-\d\d)?|\d{6}", form):
            raise ValueError("a month is no day")
        if re.fullmatch(r"\d{4}-?\d\d-?\d\d", form):
            return np.datetime64(dt.date.fromisoformat(form), "D")
        # Python reads six digits of a second at most.
        moment = dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", form))
    except ValueError as error:
        raise ArgumentError(f"time {text!r} is not a UTC time", todo="Write it like 2020-07-15T10:40.") from error
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return np.datetime64(moment, "s")


def _utc(time: dt.date) -> np.datetime64:
    if not isinstance(time, dt.datetime):
        return np.datetime64(time, "D")
    if time.tzinfo is not None:
        time = time.astimezone(dt.UTC).replace(tzinfo=None)
        return np.datetime64(time, "s")
    return _day_or_moment(np.datetime64(time, "s"))


def _day_or_moment(time: np.datetime64) -> np.datetime64:
    return time if has_hour(time) else time.astype("datetime64[D]")


def has_hour(time: np.datetime64 | None) -> bool:
    """Whether a time is known, and with its hour."""
    return time is not None and bool(time != time.astype("datetime64[D]"))
