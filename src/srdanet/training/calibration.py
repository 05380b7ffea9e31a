"""How much wider the claimed uncertainty must be for its intervals to hold what they say on unseen data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srdanet.evaluation.coverage import WIDE
from srdanet.evaluation.datasets import AsterPair, aster, imt
from srdanet.evaluation.simulated import scenes
from srdanet.evaluation.splits import load_splits
from srdanet.network.bundle import Bundle
from srdanet.predictors.stack import CLASSES, CONTEXT
from srdanet.training.samples import Sample, from_aster, from_imt, from_simulation

Floats = NDArray[np.floating]
SCENES, FIRST_SEED = 24, 700
"""Simulated scenes to calibrate on; neither training nor evaluation uses their seeds."""
PROMISED = {1.0: 0.6827, WIDE: 0.95}
"""Share of errors within so many standard deviations."""
Case = tuple[float, bool]
"""What a factor is found for: log2 of the last step's coarse cell in km, and whether it is night."""


def calibration(bundle: Bundle, data: Path) -> tuple[float, float, float, float]:
    """Coefficients of the factor (`network.widened`) that a bundle without one needs on its standard deviation.

    Cases: 2 -> 1 km and 1 km -> 250 m, each by day and by night, four factors for four coefficients. In each the factor
    is the one under which the worst group keeps the promises best. Groups: validation patches (IMT), simulated scenes,
    and the training's ASTER pairs without their bias and land cover, as they are judged. No other pairs are there; what
    the claim holds on them and on pairs held apart differs little.
    """
    groups: dict[Case, dict[str, list[Floats]]] = defaultdict(lambda: defaultdict(list))
    for sample in _samples(data):
        groups[_case(sample)][sample.source].append(ratios(bundle, sample, centred=sample.source == "aster"))
    return coefficients(
        {
            case: best_factor([np.sort(np.concatenate(parts)) for parts in found.values()])
            for case, found in groups.items()
        }
    )


def coefficients(factors: Mapping[Case, float]) -> tuple[float, float, float, float]:
    """The coefficients that give a factor in each of four cases (two sizes of cell, by day and by night)."""
    terms = [[1, cell, night, cell * night] for cell, night in factors]
    base, by_cell, by_night, by_both = np.linalg.solve(np.array(terms, float), np.log(list(factors.values())))
    return float(base), float(by_cell), float(by_night), float(by_both)


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


def ratios(bundle: Bundle, sample: Sample, *, centred: bool = False) -> Floats:
    """|error| / claimed standard deviation of the last step's cells, the steps run one after another as in `ladder`.

    Args:
        bundle: The model.
        sample: What it is given, and the truth.
        centred: Take the mean off the error first.
    """
    lst, doubt = sample.lst, np.zeros_like(sample.lst)
    for step in sample.steps:
        fine, spread = bundle.step(lst, step.full(), step.context)
        holes = np.isnan(lst).repeat(2, 0).repeat(2, 1)
        lst = np.where(holes, np.float32(np.nan), fine)
        doubt = np.maximum(spread, doubt.repeat(2, 0).repeat(2, 1))
    error = lst - sample.steps[-1].truth
    if centred:
        error = error - np.nanmean(error)
    found = np.abs(error) / doubt
    return found[np.isfinite(found)]


def _case(sample: Sample) -> Case:
    context = dict(zip(CONTEXT, sample.steps[-1].context, strict=True))
    return round(float(context["cell"].mean()), 3), not context["day"].mean() > 0


def _samples(data: Path) -> Iterable[Sample]:
    splits, patches, pairs = load_splits(), imt(data), aster(data)
    for patch in patches.take(splits.imt.mask(patches, "validation")):
        yield from (sample for sample in from_imt(patch) if sample.source in ("imt-day", "imt-night"))
    for pair in pairs.take(splits.aster.mask(pairs, "train")):
        yield _judged(pair)
    for scene in scenes(SCENES, first=FIRST_SEED):
        yield next(from_simulation(scene))


def _judged(pair: AsterPair) -> Sample:
    """A pair as it is judged: without land cover, against ASTER as it is."""
    sample = next(from_aster(pair))
    steps = []
    for step in (*sample.steps[:-1], replace(sample.steps[-1], truth=pair.aster)):
        kept = [i for i, name in enumerate(step.names) if name not in CLASSES]
        steps.append(replace(step, names=tuple(step.names[i] for i in kept), channels=step.channels[kept]))
    return replace(sample, steps=tuple(steps))
