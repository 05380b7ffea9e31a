"""One rule for statements about an image: by the user, the file, its name and the table of products.

Statements that agree are used. A contradiction is refused, and the message names both. What nobody states, the caller
of this module asks for or assumes; assumptions go into the image's `attrs["assumed"]` and the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from srdanet.arrays import has_hour
from srdanet.errors import ArgumentError, spelled

T = TypeVar("T")

SAME_VIEW = np.timedelta64(5, "m")
"""Two times this close are one view: a swath's granule lasts five minutes."""


@dataclass(frozen=True)
class Stated(Generic[T]):
    """What one origin says of one quantity."""

    origin: str
    """Who says it, as a person would name it: `the attribute units`, `its name`, `the time asked for`."""
    values: tuple[T, ...]
    """What it says: one value, or several of which it leaves the choice (the images of a stack over time)."""
    key: str = ""
    """What tells statements of one kind apart for programs, such as the key of an attribute."""

    def __str__(self) -> str:
        shown = [show(value) for value in self.values]
        listed = ", ".join(shown) if len(shown) <= 6 else f"{shown[0]} to {shown[-1]} ({len(shown)} in all)"
        return f"{self.origin} says {listed}"


def show(value: object) -> str:
    """A value as a message shows it; a time without its zero seconds."""
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[m]")) if _is_moment(value) else str(value.astype("datetime64[D]"))
    return f"{value:g}" if isinstance(value, float) else str(value)


def settle(
    what: str,
    statements: Iterable[Stated[T]],
    merge: Callable[[T, T], T | None],
    *,
    where: object = None,
    todo: str = "Correct the one that is wrong.",
) -> tuple[T, ...]:
    """What all statements together say: the values that each of them allows; () where nobody says anything.

    Args:
        what: The quantity, for the message.
        statements: The user's first.
        merge: The more precise of two values that agree, None where they do not.
        where: The file or argument, for the message.
        todo: What to do about a contradiction.

    Raises:
        ArgumentError: when two contradict each other.
    """
    agreed: Stated[T] | None = None
    for stated in (s for s in statements if s.values):
        if agreed is None:
            agreed = stated
            continue
        pairs = (merge(a, b) for a in agreed.values for b in stated.values)
        merged = tuple(dict.fromkeys(value for value in pairs if value is not None))
        if not merged and len(stated.values) > 1:
            span = f"{show(stated.values[0])} to {show(stated.values[-1])}"
            raise ArgumentError(f"{agreed}, but {stated.origin} covers {span} without it", where=where, todo=todo)
        if not merged:
            raise ArgumentError(f"{what} is contradicted: {agreed}, but {stated}", where=where, todo=todo)
        agreed = Stated(f"{agreed.origin} with {stated.origin}" if len(agreed.values) > 1 else agreed.origin, merged)
    return () if agreed is None else agreed.values


def same_number(a: float, b: float) -> float | None:
    """For `settle`: numbers agree to six digits."""
    return a if bool(np.isclose(a, b, rtol=1e-6, atol=0)) else None


def settle_time(
    statements: Sequence[Stated[np.datetime64]],
    *,
    where: object = None,
    longitude: float | None = None,
    within: np.timedelta64 = SAME_VIEW,
) -> np.datetime64 | None:
    """The day (`datetime64[D]`) or the moment (`datetime64[s]`) of an image, UTC; None where nobody says it.

    A day and a moment agree when the moment lies in that day of UTC, or of local solar time where the longitude is
    known (MODIS dates its granules so); two moments when they are one view.

    Args:
        statements: The user's first.
        where: The file, for messages.
        longitude: Of the image's centre, degrees.
        within: How far two moments of one image may lie apart; of several images that near, the nearest counts.

    Raises:
        ArgumentError: when two contradict each other, or several images fit.
    """

    def merge(a: np.datetime64, b: np.datetime64) -> np.datetime64 | None:
        if _is_moment(a) and _is_moment(b):
            return b if abs(a - b) <= within else None
        if not _is_moment(a) and not _is_moment(b):
            return a if a == b else None
        day, moment = (b, a) if _is_moment(a) else (a, b)
        if moment.astype("datetime64[D]") == day:
            return moment
        if longitude is None:
            return None
        solar = moment + np.timedelta64(round(240 * ((longitude + 180) % 360 - 180)), "s")
        return moment if solar.astype("datetime64[D]") == day else None

    todo = "Correct the one that is wrong, or choose the file of that time."
    fits = settle("the time of the image", statements, merge, where=where, todo=todo)
    if len(fits) > 1:
        for day in (s.values[0] for s in statements if len(s.values) == 1 and not _is_moment(s.values[0])):
            # Around midnight the day of UTC takes precedence over that of local solar time.
            fits = tuple(f for f in fits if f.astype("datetime64[D]") == day) or fits
    asked = next((s.values[0] for s in statements if len(s.values) == 1 and _is_moment(s.values[0])), None)
    if len(fits) > 1 and asked is not None:
        fits = tuple(sorted(fits, key=lambda fit: abs(fit - asked)))[:1]
    if len(fits) > 1:
        days = {fit.astype("datetime64[D]") for fit in fits}
        if len(days) == 1:
            hours = ", ".join(str(fit.astype("datetime64[m]"))[11:] for fit in sorted(fits))
            what = f"there are {len(fits)} images of {days.pop()}: {hours} UTC"
            raise ArgumentError(what, where=where, todo=f"Give {spelled('time')} with the hour.")
        what = f"there are images of {len(days)} days, from {min(days)} to {max(days)}"
        raise ArgumentError(what, where=where, todo=f"Give {spelled('date')}.")
    return fits[0] if fits else None


def agrees(a: np.datetime64, b: np.datetime64) -> bool:
    """Whether two times may be of one view."""
    if _is_moment(a) and _is_moment(b):
        return bool(abs(a - b) <= SAME_VIEW)
    return bool(a.astype("datetime64[D]") == b.astype("datetime64[D]"))


def moments(times: Iterable[np.datetime64]) -> tuple[np.datetime64, ...]:
    """Times of the images of one file: midnight is a day, unless another image is of the same day."""
    every = [time.astype("datetime64[s]") for time in times]
    days = [time.astype("datetime64[D]") for time in every]
    alone = [days.count(day) == 1 for day in days] if len(days) < 1000 else [len(set(days)) == len(days)] * len(days)
    return tuple(d if a and not has_hour(t) else t for t, d, a in zip(every, days, alone, strict=True))


def _is_moment(time: np.datetime64) -> bool:
    """Whether a time is more than a day: `read_time` and `moments` keep days as `datetime64[D]`."""
    return np.datetime_data(time.dtype)[0] != "D"
