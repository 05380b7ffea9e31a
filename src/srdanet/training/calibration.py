"""How much wider the claimed uncertainty must be for its intervals to hold what they say on unseen data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srdanet.energy import aggregate
from srdanet.evaluation.coverage import WIDE
from srdanet.evaluation.datasets import AsterPair, aster, imt
from srdanet.evaluation.simulated import scenes
from srdanet.evaluation.splits import load_splits
from srdanet.network.bundle import Bundle
from srdanet.network.calibrated import CASES, CELLS, Case
from srdanet.predictors.stack import CLASSES, CONTEXT
from srdanet.training.samples import Sample, Step, from_aster, from_imt, from_simulation
from srdanet.variables import WEATHER

Floats = NDArray[np.floating]
SCENES, FIRST_SEED = 96, 700
"""Simulated scenes to calibrate on; neither training nor evaluation uses their seeds."""
PROMISED = {1.0: 0.6827, WIDE: 0.95}
"""Share of errors within so many standard deviations."""

OPTIMISM: Mapping[Case, float] = {(cell, False, False): 1.034 for cell in CELLS[1:]}
"""How much wider a claim must be for pairs held apart than for those of training, which the network fits better.

Over the pairs of the three folds that the shipped model trains on, each held apart in turn (`benchmarks/folds.py`).
"""


@dataclass(frozen=True)
class Errors:
    """What a step's claim is held against; one number for each known cell."""

    error: Floats
    """|error| (K)."""
    claim: Floats
    """Standard deviation that the step claims (K), without a factor."""
    before: Floats
    """The least it can be (K): what the step before claims, calibrated."""


def calibration(bundle: Bundle, data: Path) -> tuple[float, ...]:
    """Logarithms of the factor in each of `network.widened.CASES`, for a bundle that has none yet.

    Errors are those of validation patches for 2 -> 1 km, and for 1 km -> 250 m by day under unknown weather those of
    the training's ASTER pairs, made wider by `OPTIMISM`; else of simulated scenes, whose weather is known and, by
    night, taken away as well.
    """
    found = factors(bundle, _samples(data), OPTIMISM)
    return tuple(float(np.log(found.get(case, found[case[0], case[1], False]))) for case in CASES)


def factors(bundle: Bundle, samples: Iterable[Sample], wider: Mapping[Case, float] | None = None) -> dict[Case, float]:
    """The factor of each case that a bundle's samples bring, and the `wider` ones times what they are to be wider.

    It is the one under which the errors of the case keep the promises best, step after step, since no result is claimed
    to be surer than the one it was made from.
    """
    run = [(sample, list(results(bundle, sample))) for sample in samples]
    found: dict[Case, float] = {}
    for size in CELLS:
        groups: dict[Case, list[Errors]] = defaultdict(list)
        for sample, steps in run:
            cases = [_case(step) for step in sample.steps]
            for n, case in enumerate(cases):
                if case[0] == size:
                    floor = None if n == 0 else found[cases[n - 1]]
                    groups[case].append(errors(sample, steps, n, floor))
        found |= {case: best_factor(group) * (wider or {}).get(case, 1.0) for case, group in groups.items()}
    return found


def best_factor(group: Iterable[Errors]) -> float:
    """The factor whose largest departure from `PROMISED` is least over all errors of a group."""
    error, claim, before = (
        np.concatenate([getattr(part, name) for part in group]) for name in ("error", "claim", "before")
    )
    factors = np.geomspace(0.5, 3.0, 181)

    def departure(factor: float) -> float:
        spread = np.maximum(factor * claim, before)
        return max(abs(float(np.mean(error <= width * spread)) - share) for width, share in PROMISED.items())

    return float(min(factors, key=departure))


def results(bundle: Bundle, sample: Sample) -> Iterator[tuple[Floats, Floats]]:
    """Result (NaN = missing) and what is claimed of it (K) after each step, one run after another as in `ladder`."""
    lst = sample.lst
    for step in sample.steps:
        fine, spread = bundle.step(lst, step.full(), step.context)
        lst = np.where(np.isnan(lst).repeat(2, 0).repeat(2, 1), np.float32(np.nan), fine)
        yield lst, spread


def errors(sample: Sample, steps: list[tuple[Floats, Floats]], n: int, factor_before: float | None) -> Errors:
    """Of a sample's n-th step; the step before, if any, has got its factor."""
    error = steps[n][0] - sample.steps[n].truth
    if sample.source == "aster":
        error = error - np.nanmean(error)
    before = np.zeros_like(error)
    if factor_before is not None:
        before = (factor_before * steps[n - 1][1]).repeat(2, 0).repeat(2, 1)
    known = np.isfinite(error)
    return Errors(np.abs(error[known]), steps[n][1][known], before[known])


def _case(step: Step) -> Case:
    context: Mapping[str, Floats] = dict(zip(CONTEXT, step.context, strict=True))
    size = min(CELLS, key=lambda cell: abs(cell - float(context["cell"].mean())))
    return size, not context["day"].mean() > 0, bool(np.isfinite(context[WEATHER[0]]).all())


def _samples(data: Path) -> Iterator[Sample]:
    splits, patches, pairs = load_splits(), imt(data), aster(data)
    for patch in patches.take(splits.imt.mask(patches, "validation")):
        yield from (sample for sample in from_imt(patch) if sample.source in ("imt-day", "imt-night"))
    for pair in pairs.take(splits.aster.mask(pairs, "train")):
        yield judged(pair)
    for scene in scenes(SCENES, first=FIRST_SEED):
        sample = next(from_simulation(scene))
        yield sample
        if not scene.day:
            yield replace(sample, steps=tuple(_without_weather(step) for step in sample.steps))


def _without_weather(step: Step) -> Step:
    context = step.context.copy()
    context[[CONTEXT.index(name) for name in WEATHER]] = np.nan
    return replace(step, context=context)


def judged(pair: AsterPair) -> Sample:
    """A pair as it is judged: without land cover, against ASTER as it is; its bias is left out with the errors."""
    sample = next(from_aster(pair))
    steps = []
    for step, truth in zip(sample.steps, (aggregate(pair.aster, 2), pair.aster), strict=True):
        kept = [i for i, name in enumerate(step.names) if name not in CLASSES]
        names, channels = tuple(step.names[i] for i in kept), step.channels[kept]
        steps.append(replace(step, names=names, channels=channels, truth=np.asarray(truth, np.float32)))
    return replace(sample, steps=tuple(steps))
