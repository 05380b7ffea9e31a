"""A few cells that are followed through the day: their places, and temperature and sky minute by minute.

A site is one cell of the 250 m grid. Its course comes from the energy balance that gives the truth, solved anew
for every moment of the day as if an overpass were then. At the true overpasses it is the truth again but for what
the solver leaves open in the hours before (0.2 K on cold, calm days), and `through` takes that away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet.arrays import Float64
from srdanet_simulator.balance import energy
from srdanet_simulator.balance.ground import Ground, join
from srdanet_simulator.balance.weather import Weather, solar_hour
from srdanet_simulator.land import landscape as ls
from srdanet_simulator.noise import stream
from srdanet_simulator.place import MARGIN

COUNT = 4
"""Sites in a scene."""
COVERS = {
    ls.WATER: "water", ls.CONIFER: "conifers", ls.BROADLEAF: "broadleaved trees", ls.GRASS: "grassland",
    ls.SHRUB: "shrubs", ls.CROP: "cropland", ls.BARE: "bare land", ls.URBAN: "built-up land",
}  # fmt: skip
_DRAWN = 4096
"""Cells looked at in the choice."""
_CELLS = 4
"""250 m cells along a 1 km cell."""
_PER_HOUR = 20
"""Moments of an hour at which the balance is solved; between them the course is linear."""


@dataclass(frozen=True)
class Chosen:
    """Places in a scene, each a cell of its 250 m grid."""

    row: NDArray[np.int64]
    """(n,) row of the scene's 250 m grid."""
    col: NDArray[np.int64]
    cover: tuple[str, ...]
    """Land cover of each."""
    rows: NDArray[np.int64]
    """(n, m) rows of their fine cells, counted with the margin."""
    cols: NDArray[np.int64]

    def within(self, strip: slice) -> tuple[NDArray[np.intp], tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Which of them lie in some fine rows, and the index of their fine cells in these."""
        mine = np.flatnonzero((self.rows[:, 0] >= strip.start) & (self.rows[:, 0] < strip.stop))
        return mine, (self.rows[mine][:, :, None] - strip.start, self.cols[mine][:, None, :])

    def on(self, parts: list[tuple[NDArray[np.intp], Ground]]) -> Sites:
        """These places with their ground, of which each part has some."""
        order = np.argsort(np.concatenate([which for which, _ in parts]))
        return Sites(self.row, self.col, self.cover, join([ground for _, ground in parts]).take(order))


@dataclass(frozen=True)
class Sites:
    """Places in a scene, and what is there."""

    row: NDArray[np.int64]
    """(n,) row of the scene's 250 m grid."""
    col: NDArray[np.int64]
    cover: tuple[str, ...]
    """Land cover of each."""
    ground: Ground
    """Of their fine cells, (n, m, m): 2 x 2 of them, 1 in large scenes."""


@dataclass(frozen=True)
class Course:
    """How a day went at some sites."""

    time: NDArray[np.datetime64]
    """(time,) UTC."""
    kelvin: Float64
    """(time, n) temperature of what the cell emits, K."""
    down: Float64
    """(time, n) longwave radiation of the sky, W m-2."""
    air: Float64
    """(time, n) air temperature, K."""
    emissivity: Float64
    """(n,) broadband."""


def choose(seed: int, kind: NDArray[np.uint8], fine: int) -> Chosen:
    """Choose cells of the most common covers but water, of one cover each, off the scene's rim where it has room.

    Args:
        seed: Seed of the land: the places are the same on every date.
        kind: Cover of the fine cells, margin included.
        fine: Fine cells along a 1 km cell.
    """
    size = kind.shape[0] // fine - 2 * MARGIN
    low, high = (_CELLS, _CELLS * (size - 1)) if size > 2 else (0, _CELLS * size)
    drawn = np.unique(stream(seed, "sites").integers(low, high, (_DRAWN, 2)), axis=0)
    drawn = stream(seed, "order of sites").permutation(drawn)
    rows, cols = (_fine(drawn[:, axis], fine) for axis in (0, 1))
    held = kind[rows[:, :, None], cols[:, None, :]].reshape(len(drawn), -1)
    own = held[:, 0]
    pure = (held == own[:, None]).all(1)
    counts = np.bincount(own[pure & (own != ls.WATER)], minlength=8)
    # the first of each common cover, then whatever comes, the purest first
    firsts = [int(np.flatnonzero(pure & (own == k))[0]) for k in np.argsort(-counts, kind="stable") if counts[k]]
    rest = [n for n in np.argsort(~pure | (own == ls.WATER), kind="stable").tolist() if n not in firsts[:COUNT]]
    chosen = np.array((firsts + rest)[:COUNT])
    covers = tuple(COVERS[int(np.bincount(held[n], minlength=8).argmax())] for n in chosen)
    return Chosen(drawn[chosen, 0], drawn[chosen, 1], covers, rows[chosen], cols[chosen])


def _fine(cells: NDArray[np.int64], fine: int) -> NDArray[np.int64]:
    """(n, m) fine cells, counted with the margin, of 250 m cells counted without."""
    return MARGIN * fine + fine // _CELLS * cells[:, None] + np.arange(fine // _CELLS)


def course(sites: Sites, now: Weather, steps: tuple[float, ...]) -> Course:
    """The UTC day of the weather's date at the sites.

    Args:
        sites: The sites.
        now: The day's weather.
        steps: Hours of the time steps before a moment, as the truth has them; multiples of a twentieth.

    Returns:
        From midnight to midnight, both included, every three minutes.
    """
    midnight = np.datetime64(now.date, "s")
    day = 24 * _PER_HOUR
    moments = midnight + np.arange(-day, day + 1) * np.timedelta64(3600 // _PER_HOUR, "s")
    hours = solar_hour(midnight, now.longitude) + np.arange(-day, day + 1) / _PER_HOUR
    every = [sites.ground.forcing(now, float(hour), moment) for hour, moment in zip(hours, moments, strict=True)]
    weather = {name: np.stack([getattr(one, name) for one in every]) for name in energy.Forcing.__dataclass_fields__}

    def forcing(before: float) -> energy.Forcing:
        """At so many hours before each moment of the day."""
        first = day + round(before * _PER_HOUR)
        return energy.Forcing(**{name: values[first : first + day + 1] for name, values in weather.items()})

    bare, _ = energy.balance(sites.ground.surface, forcing, [-sum(steps[n:]) for n in range(len(steps) + 1)])
    pairs = [sites.ground.with_water(one, now, hour) for one, hour in zip(bare, hours[day:], strict=True)]
    kelvin, emissivity = (np.stack([pair[n] for pair in pairs]).astype(np.float64) for n in (0, 1))
    emitted = (emissivity * kelvin**4).mean((-2, -1)) / emissivity.mean((-2, -1))
    there = forcing(0)
    down, air = (np.asarray(part, np.float64).mean((-2, -1)) for part in (there.sky, there.air))
    return Course(moments[day:], emitted**0.25, down, air, emissivity[0].mean((-2, -1)))


def through(day: Course, truth: Mapping[np.datetime64, Float64]) -> Course:
    """The course moved so that it has the truth at each overpass: moment (UTC) to (n,) K."""
    times = np.array(sorted(truth))
    gap = np.stack([truth[time] for time in times]) - at(day.kelvin, day, times)
    since, known = ((part - day.time[0]) / np.timedelta64(1, "s") for part in (day.time, times))
    moved = np.stack([np.interp(since, known, column) for column in gap.T], axis=1)
    return replace(day, kelvin=day.kelvin + moved)


def at(values: Any, day: Course, times: NDArray[np.datetime64]) -> Float64:
    """(time, n) values of a course at other times of the day, (m, n), linear between its moments."""
    since = (times - day.time[0]) / np.timedelta64(1, "s")
    known = (day.time - day.time[0]) / np.timedelta64(1, "s")
    return np.stack([np.interp(since, known, column) for column in np.asarray(values).T], axis=1)
