"""How much wider the claimed uncertainty must be for its intervals to hold what they say on unseen data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srdanet.evaluation.coverage import WIDE
from srdanet.evaluation.datasets import imt
from srdanet.evaluation.simulated import scenes
from srdanet.evaluation.splits import load_splits
from srdanet.network.bundle import Bundle
from srdanet.training.samples import Sample, from_imt, from_simulation

Floats = NDArray[np.floating]
SCENES, FIRST_SEED = 12, 700
"""Simulated scenes to calibrate on; neither training nor evaluation uses their seeds."""
PROMISED = {1.0: 0.6827, WIDE: 0.95}
"""Share of errors within so many standard deviations."""


def calibration(bundle: Bundle, data: Path) -> float:
    """The factor on the standard deviation under which the worst group keeps the promises best.

    Groups: validation patches (IMT, 2 -> 1 km) and simulated scenes (1 km -> 250 m), each by day and by night. One
    factor cannot serve each of them exactly; more factors would be tuned to the groups that happen to be known.
    """
    groups: dict[str, list[Floats]] = defaultdict(list)
    for sample in _samples(data):
        groups[sample.source].append(ratios(bundle, sample))
    return best_factor([np.sort(np.concatenate(parts)) for parts in groups.values()])


def best_factor(groups: Iterable[Floats]) -> float:
    """The factor whose largest departure from `PROMISED` over groups of sorted |error| / sigma is least."""
    known = [group for group in groups if group.size]
    factors = np.geomspace(0.5, 3.0, 361)

    def departure(factor: float) -> float:
        found = (
            (np.searchsorted(group, width * factor) / group.size, share)
            for group in known
            for width, share in PROMISED.items()
        )
        return max(abs(within - share) for within, share in found)

    return float(min(factors, key=departure))


def ratios(bundle: Bundle, sample: Sample) -> Floats:
    """|error| / claimed standard deviation of the last step's cells, the steps run one after another as in `ladder`."""
    lst, doubt = sample.lst, np.zeros_like(sample.lst)
    for step in sample.steps:
        fine, spread = bundle.step(lst, step.full(), step.context)
        holes = np.isnan(lst).repeat(2, 0).repeat(2, 1)
        lst = np.where(holes, np.float32(np.nan), fine)
        doubt = np.maximum(spread, doubt.repeat(2, 0).repeat(2, 1))
    found = np.abs(lst - sample.steps[-1].truth) / doubt
    return found[np.isfinite(found)]


def _samples(data: Path) -> Iterable[Sample]:
    patches = imt(data)
    for patch in patches.take(load_splits().imt.mask(patches, "validation")):
        yield from (sample for sample in from_imt(patch) if sample.source in ("imt-day", "imt-night"))
    for scene in scenes(SCENES, first=FIRST_SEED):
        yield next(from_simulation(scene))
