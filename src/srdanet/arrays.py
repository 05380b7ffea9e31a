"""What every room shares about arrays, times and progress: types, and the conversions needed everywhere."""

from __future__ import annotations

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

_T = TypeVar("_T", bound=np.generic)


def repeat(values: NDArray[_T], factor: int) -> NDArray[_T]:
    """Each cell of the last two axes `factor` x `factor` times: (..., y, x) -> (..., y * factor, x * factor)."""
    return values.repeat(factor, axis=-2).repeat(factor, axis=-1)


def parse_utc(time: object) -> np.datetime64:
    """A UTC time to the second, from anything `numpy.datetime64` reads.

    A bare date becomes midnight, which everywhere in this package stands for "this date, hour unknown".

    Raises:
        ArgumentError: when it cannot be read, or is NaT.
    """
    try:
        moment: np.datetime64 = np.asarray(time, "datetime64[s]").reshape(1)[0]
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"time {time!r} is not a UTC time", todo="Write it like 2020-07-15T10:40.") from error
    if np.isnat(moment):
        raise ArgumentError("time is NaT", todo="Leave it out when it is unknown.")
    return moment


def has_hour(time: np.datetime64 | None) -> bool:
    """Whether a time is known, and with its hour."""
    return time is not None and bool(time != time.astype("datetime64[D]"))
