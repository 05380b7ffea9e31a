"""Simulated scenes whose 250 m temperature is known: the target scale with every predictor and no second sensor."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from srdanet.baselines import Downscaler
from srdanet.evaluation import rows, strata
from srdanet.evaluation.protocol import dataset
from srdanet.evaluation.scores import Row
from srdanet.evaluation.strata import By, Mask
from srdanet.evaluation.views import Both, View, at_500_and_250
from srdanet.grid import Level, Tile, cell_size, lonlat, refine
from srdanet_simulator import Simulation, simulate

FIRST_SEED = 9000
"""Training's lands come from smaller seeds."""
YEAR = 2021
"""Training's dates are of 2020."""
TILES = ("h18v04", "h26v05", "h11v05", "h08v05", "h27v05", "h20v05", "h12v12", "h30v12", "h17v05", "h25v06", "h31v11")
"""Where the lands lie: temperate and dry, both hemispheres; the last three occur in no training."""

WHEN = ("day", "night", "day and night")
"""Rows come in this order; the last is over all scenes, where there are some of both."""


def scenes(count: int, size: int = 64, first: int = FIRST_SEED) -> Iterator[Simulation]:
    """Scenes by day and by night in turn; place and date follow from the seed.

    Args:
        count: How many.
        size: 1 km cells on a side.
        first: Seed of the first; each has its own.
    """
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        tile = Tile.parse(str(rng.choice(TILES)))
        date = dt.date(YEAR, 1, 1) + dt.timedelta(days=int(rng.integers(365)))
        yield simulate(seed, size=size, tile=tile, date=date, day=seed % 2 == 0)


def known(downscaler: Downscaler, simulations: Iterable[Simulation], by: By | None = None) -> tuple[Row, ...]:
    """1 km -> 250 m against the truth, at 500 m (2 x 2 means) and at 250 m, by day, by night and over both.

    Input: the observed `lst` (noise, quality and clouds as of MODIS) and all base predictors on
    their own grids; time and day given. RMSE pooled over all cells; its interval by scene.

    Args:
        downscaler: The method.
        simulations: The scenes.
        by: Rows at 250 m for each season, class of relief or land cover, or view angle too.
    """
    groups: dict[str, list[list[Both]]] = defaultdict(list)
    for scene in simulations:
        when = "day" if scene.day else "night"
        half, quarter, results = at_500_and_250(downscaler, view_of(scene), scene.truth)
        if not quarter[0].error.n:
            continue
        groups[f"{when}, 500 m"].append([half])
        groups[f"{when}, 250 m"].append([quarter])
        if by is not None:
            for name, both in results.parts(scene.truth, _classes(scene, by)).items():
                groups[f"{when}, 250 m, {name}"].append([both])
    for size in ("500 m", "250 m"):
        day, night, always = (f"{when}, {size}" for when in WHEN)
        if day in groups and night in groups:
            groups[always] = groups[day] + groups[night]
    order = sorted(groups, key=_order)
    return tuple(rows.pooled(label, groups[label], f"{rows.cells(groups[label])} cells", "scenes") for label in order)


def _order(label: str) -> tuple[int, bool, bool, str]:
    return WHEN.index(label.partition(",")[0]), label.count(",") > 1, "500 m" not in label, label


def view_of(scene: Simulation) -> View:
    """What a user with every product would give a method."""
    grids: dict[int, dict[str, NDArray[np.generic]]] = defaultdict(dict)
    for name, values in scene.predictors.items():
        grids[values.shape[0] // scene.size][name] = values
    auxiliary = [dataset(layers, refine(scene.geobox, factor)) for factor, layers in grids.items()]
    return View(scene.lst, scene.geobox, auxiliary, scene.time, scene.day)


def _classes(scene: Simulation, by: By) -> Mapping[str, Mask]:
    """Classes of the 250 m cells."""
    if by == "season":
        north = float(lonlat(scene.geobox)[1].mean())
        return {strata.season(scene.time, north): np.ones(scene.truth.shape, bool)}
    if by == "relief":
        heights = scene.predictors["elevation"].astype(np.float64)
        return strata.relief(heights, cell_size(scene.geobox_at(Level.M250)))
    classes = strata.igbp(scene.predictors["land_cover"]) if by == "cover" else strata.angle(scene.view_angle)
    times = scene.truth.shape[0] // next(iter(classes.values())).shape[0]
    return {name: mask.repeat(times, 0).repeat(times, 1) for name, mask in classes.items()}
