"""Simulated scenes with their truth, one after the other, as training and evaluation take them.

Place, date and time of day follow from the seed. Scenes for training and scenes for evaluation differ in year, and
their seeds and three of the tiles of evaluation are used in no training.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Literal

import numpy as np

from srdanet.errors import ArgumentError
from srdanet.grid import Tile
from srdanet.scene import LabelledScene
from srdanet_simulator.simulation import Simulation, simulate

Purpose = Literal["evaluation", "training"]

TRAINING_TILES = ("h18v04", "h26v05", "h11v05", "h08v05", "h27v05", "h20v05", "h12v12", "h30v12")
"""Temperate and dry, both hemispheres."""
TILES: dict[Purpose, tuple[str, ...]] = {
    "evaluation": (*TRAINING_TILES, "h17v05", "h25v06", "h31v11"),
    "training": TRAINING_TILES,
}
YEAR: dict[Purpose, int] = {"evaluation": 2021, "training": 2020}
FIRST_SEED: dict[Purpose, int] = {"evaluation": 9000, "training": 1000}
"""Where seeds start unless a caller says otherwise; training's validation scenes start at 500."""


def scenes(
    count: int,
    *,
    size: int = 64,
    first_seed: int | None = None,
    purpose: Purpose = "evaluation",
    processes: int = 1,
) -> Iterator[LabelledScene]:
    """Simulate scenes with successive seeds, each when it is asked for.

    Args:
        count: How many.
        size: 1 km cells on a side.
        first_seed: Seed of the first; 9000 for evaluation and 1000 for training when None.
        purpose: `evaluation`: dates of 2021, day and night in turn. `training`: dates of 2020, day or night drawn.
        processes: How many scenes are simulated at the same time; the order and the scenes stay the same.

    Yields:
        What `scene` returns for each seed.

    Raises:
        ArgumentError: when `purpose` or `processes` is not one of the above, or the size does not fit a tile.
    """
    if processes < 1:
        raise ArgumentError(f"processes is {processes}", todo="Give 1 or more.")
    start = FIRST_SEED[_known(purpose)] if first_seed is None else first_seed
    seeds = range(start, start + count)
    if processes == 1:
        yield from (scene(seed, size=size, purpose=purpose) for seed in seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        todo = iter(seeds)
        # Scenes are large: only a few more are made than have been taken.
        ahead: deque[Future[LabelledScene]] = deque(
            pool.submit(scene, seed, size=size, purpose=purpose) for seed in islice(todo, 2 * processes)
        )
        while ahead:
            done = ahead.popleft().result()
            ahead.extend(pool.submit(scene, seed, size=size, purpose=purpose) for seed in islice(todo, 1))
            yield done


def series(count: int, *, size: int = 64, first_seed: int | None = None, dates: int = 3) -> Iterator[LabelledScene]:
    """Simulate the same land on several dates by day, 16 days apart and without clouds, for one land after the other.

    Args:
        count: How many lands; seeds, tiles and first dates are those of the `scenes` of evaluation by day.
        size: 1 km cells on a side.
        first_seed: Seed of the first land; 9000 when None. Every second seed is used.
        dates: How many dates of each.

    Yields:
        As `scene`; the group is the land, the attribute `date` tells its scenes apart.

    Raises:
        ArgumentError: when the size does not fit a tile.
    """
    start = FIRST_SEED["evaluation"] if first_seed is None else first_seed
    for seed in range(start, start + 2 * count, 2):
        tile, first = _place_and_date(np.random.default_rng(seed), "evaluation")
        for number in range(dates):
            date = first + dt.timedelta(days=16 * number)
            made = simulate(seed, size=size, tile=tile, date=date, day=True, clouds=0.0).labelled()
            yield replace(made, attributes={**made.attributes, "date": date.isoformat()})


def scene(seed: int, *, size: int = 64, purpose: Purpose = "evaluation") -> LabelledScene:
    """The simulated scene of a seed with its truth at 500 m and 250 m.

    Args:
        seed: Everything follows from it, place, date and time of day included.
        size: 1 km cells on a side.
        purpose: See `scenes`.

    Returns:
        What `Simulation.labelled` returns.

    Raises:
        ArgumentError: when `purpose` is not known, or the size does not fit a tile.
    """
    return draw(seed, size=size, purpose=purpose).labelled()


def draw(seed: int, *, size: int = 64, purpose: Purpose = "evaluation") -> Simulation:
    """The simulation behind `scene`, with all that the files need; arguments and errors as there."""
    rng = np.random.default_rng(seed)
    tile, date = _place_and_date(rng, purpose)
    day = seed % 2 == 0 if purpose == "evaluation" else bool(rng.random() < 0.5)
    return simulate(seed, size=size, tile=tile, date=date, day=day)


def _place_and_date(rng: np.random.Generator, purpose: Purpose) -> tuple[Tile, dt.date]:
    tile = Tile.parse(str(rng.choice(TILES[_known(purpose)])))
    first = dt.date(YEAR[purpose], 1, 1)
    days = (dt.date(first.year + 1, 1, 1) - first).days
    return tile, first + dt.timedelta(days=int(rng.integers(days)))


def _known(purpose: Purpose) -> Purpose:
    if purpose not in TILES:
        raise ArgumentError(f"purpose {purpose!r} is unknown", todo="Give evaluation or training.")
    return purpose
