"""How much wider the claimed uncertainty must be for its intervals to hold what they say on unseen data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srdanet.evaluation.coverage import WIDE
from srdanet.evaluation.datasets import AsterPair, aster, imt
from srdanet.evaluation.simulated import scenes
from srdanet.evaluation.splits import load_splits
from srdanet.network.bundle import Bundle
from srdanet.network.widened import CASES, CELLS, Case
from srdanet.physics import aggregate
from srdanet.predictors.stack import CLASSES, CONTEXT
from srdanet.predictors.table import WEATHER
from srdanet.training.samples import Sample, Step, from_aster, from_imt, from_simulation

Floats = NDArray[np.floating]
SCENES, FIRST_SEED = 96, 700
"""Simulated scenes to calibrate on; neither training nor evaluation uses their seeds."""
PROMISED = {1.0: 0.6827, WIDE: 0.95}
"""Share of errors within so many standard deviations."""


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

    In each case the factor is the one under which its errors keep the promises best, step after step, since no result
    is claimed to be surer than the one it was made from. Errors are those of validation patches for 2 -> 1 km, and for
    1 km -> 250 m by day under unknown weather those of the training's ASTER pairs, without their bias and land cover,
    as they are judged; else of simulated scenes, whose weather is known and, by night, taken away as well.
    """
    samples = [(sample, list(results(bundle, sample))) for sample in _samples(data)]
    found: dict[Case, float] = {}
    for size in CELLS:
        groups: dict[Case, list[Errors]] = defaultdict(list)
        for sample, steps in samples:
            cases = [_case(step) for step in sample.steps]
            for n, case in enumerate(cases):
                if case[0] == size:
                    floor = None if n == 0 else found[cases[n - 1]]
                    groups[case].append(_errors(sample, steps, n, floor))
        found |= {case: best_factor(group) for case, group in groups.items()}
        for case in CASES:
            if case[0] == size:
                found.setdefault(case, found[size, case[1], False])
    return tuple(float(np.log(found[case])) for case in CASES)


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


def _errors(sample: Sample, steps: list[tuple[Floats, Floats]], n: int, factor_before: float | None) -> Errors:
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
        yield _judged(pair)
    for scene in scenes(SCENES, first=FIRST_SEED):
        sample = next(from_simulation(scene))
        yield sample
        if not scene.day:
            yield replace(sample, steps=tuple(_without_weather(step) for step in sample.steps))


def _without_weather(step: Step) -> Step:
    context = step.context.copy()
    context[[CONTEXT.index(name) for name in WEATHER]] = np.nan
    return replace(step, context=context)


def _judged(pair: AsterPair) -> Sample:
    """A pair as it is judged: without land cover, against ASTER as it is."""
    sample = next(from_aster(pair))
    steps = []
    for step, truth in zip(sample.steps, (aggregate(pair.aster, 2), pair.aster), strict=True):
        kept = [i for i, name in enumerate(step.names) if name not in CLASSES]
        names, channels = tuple(step.names[i] for i in kept), step.channels[kept]
        steps.append(replace(step, names=names, channels=channels, truth=np.asarray(truth, np.float32)))
    return replace(sample, steps=tuple(steps))
