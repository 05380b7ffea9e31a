"""The samples of a run, by source, split as `evaluation/splits.toml` says."""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import chain

import numpy as np

from srdanet.evaluation.datasets import aster, imt
from srdanet.evaluation.splits import load_splits
from srdanet.grid import Tile
from srdanet.training.config import TrainConfig
from srdanet.training.samples import Sample, from_aster, from_imt, from_simulation
from srdanet_simulator import simulate

log = logging.getLogger(__name__)

Groups = dict[str, list[Sample]]
TILES = ("h18v04", "h26v05", "h11v05", "h08v05", "h27v05", "h20v05", "h12v12", "h30v12")
"""Tiles whose latitude and climate the simulated training scenes take: temperate and dry, both hemispheres."""
SIMULATED_KM = 64
"""Side of a simulated training scene."""


def gather(config: TrainConfig) -> tuple[Groups, Groups]:
    """Training and validation samples of the sources that the configuration names."""
    splits = load_splits()
    patches, pairs = imt(config.data), aster(config.data)
    training: Groups = defaultdict(list)
    validation: Groups = defaultdict(list)
    _sort(training, (s for p in patches.take(splits.imt.mask(patches, "train")) for s in from_imt(p)))
    _sort(validation, (s for p in patches.take(splits.imt.mask(patches, "validation")) for s in from_imt(p)))
    kept, held = (splits.aster.mask(pairs, role, config.held_fold) for role in ("train", "test"))
    _sort(training, (s for p in pairs.take(kept) for s in from_aster(p)))
    _sort(validation, (s for p in pairs.take(held) for s in from_aster(p)))
    seeds = range(config.simulated_scenes)
    with ProcessPoolExecutor() as pool:
        _sort(training, chain.from_iterable(pool.map(_simulated, (1000 + seed for seed in seeds))))
        _sort(validation, chain.from_iterable(pool.map(_simulated, (500 + seed for seed in seeds[: len(seeds) // 10]))))
    log.info("samples: %s", {name: len(group) for name, group in training.items()})
    return _wanted(training, config), _wanted(validation, config)


def _simulated(seed: int) -> list[Sample]:
    """The samples of a simulated scene whose place, date and time of day follow from its seed."""
    rng = np.random.default_rng(seed)
    tile = Tile.parse(str(rng.choice(TILES)))
    date = dt.date(2020, 1, 1) + dt.timedelta(days=int(rng.integers(366)))
    day = bool(rng.random() < 0.5)
    return list(from_simulation(simulate(int(seed), size=SIMULATED_KM, tile=tile, date=date, day=day)))


def _sort(groups: Groups, samples: Iterable[Sample]) -> None:
    for sample in samples:
        groups[sample.source].append(sample)


def _wanted(groups: Mapping[str, list[Sample]], config: TrainConfig) -> Groups:
    return {name: group for name, group in groups.items() if name in config.sources}
