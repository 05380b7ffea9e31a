"""By how much the network's uncertainty must be multiplied for its intervals to hold on unseen data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from srdanet.arrays import Floats, repeat
from srdanet.datasets import aster, imt
from srdanet.datasets.sources import find_scenes
from srdanet.datasets.splits import aster_part, imt_part
from srdanet.downscaling.rollout import Estimate, StepModel, advance, rollout
from srdanet.network.bundle import Bundle
from srdanet.network.calibrated import CASES, CELLS, Case
from srdanet.predictors.stack import CONTEXT
from srdanet.scene import LabelledScene
from srdanet.training.sources import Sample, Step, as_sample, without
from srdanet.variables import WEATHER

SCENES, FIRST_SEED = 96, 700
"""Simulated scenes to calibrate on; neither training nor evaluation uses their seeds."""
PROMISED = {1.0: 0.6827, 1.96: 0.95}
"""Share of errors within so many standard deviations."""

OPTIMISM: Mapping[Case, float] = {(cell, False, False): 1.034 for cell in CELLS[1:]}
"""How much larger the factor must be for pairs held out than for those of training, which the network fits better.

Over the pairs of the three folds that the shipped model trains on, each held out in turn (`benchmarks/folds.py`).
"""


@dataclass(frozen=True)
class Errors:
    """Errors of a step and what they are compared with; one number for each known cell."""

    error: Floats
    """|error| (K)."""
    sigma: Floats
    """Standard deviation that the step states (K), without a factor."""
    least: Floats
    """The least that the uncertainty can be (K): that of the step before, calibrated."""


def calibration(bundle: Bundle, data: Path, simulated: str) -> tuple[float, ...]:
    """Logarithms of the factor in each of `network.calibrated.CASES`, for a bundle that has none yet.

    Errors are those of validation patches for 2 -> 1 km, and for 1 km -> 250 m by day under unknown weather those of
    the training's ASTER pairs, times `OPTIMISM`; else of simulated scenes, whose weather is known and, by night, taken
    away as well.

    Args:
        bundle: The network.
        data: Folder of the data sets.
        simulated: Where simulated scenes come from, as in `TrainConfig`.
    """
    found = factors(bundle, _samples(data, simulated), OPTIMISM)
    return tuple(float(np.log(found.get(case, found[case[0], case[1], False]))) for case in CASES)


def factors(
    model: StepModel, samples: Iterable[Sample], extra: Mapping[Case, float] | None = None
) -> dict[Case, float]:
    """The factor of each case that the samples bring, multiplied by its `extra`, if any.

    It is the one under which the errors of the case keep the promises best, step after step, since no result is stated
    to be surer than the one it was made from.
    """
    runs = [(sample, list(results(model, sample))) for sample in samples]
    found: dict[Case, float] = {}
    for size in CELLS:
        groups: dict[Case, list[Errors]] = defaultdict(list)
        for sample, estimates in runs:
            cases = [_case(step) for step in sample.steps]
            for n, case in enumerate(cases):
                if case[0] == size:
                    factor_before = None if n == 0 else found[cases[n - 1]]
                    groups[case].append(errors(sample, estimates, n, factor_before))
        found |= {case: best_factor(group) * (extra or {}).get(case, 1.0) for case, group in groups.items()}
    return found


def best_factor(group: Iterable[Errors]) -> float:
    """The factor whose largest departure from `PROMISED` is least over all errors of a group."""
    parts = [(part.error, part.sigma, part.least) for part in group]
    error, sigma, least = (np.concatenate(values) for values in zip(*parts, strict=True))

    def departure(factor: float) -> float:
        uncertainty = np.maximum(factor * sigma, least)
        return max(abs(float(np.mean(error <= width * uncertainty)) - share) for width, share in PROMISED.items())

    return float(min(np.geomspace(0.5, 3.0, 181), key=departure))


def results(model: StepModel, sample: Sample) -> Iterator[Estimate]:
    """The estimate after each step of a sample, each fed with the one before, as in production."""
    return rollout(partial(advance, model), sample.lst, sample.steps)


def errors(sample: Sample, estimates: Sequence[Estimate], n: int, factor_before: float | None) -> Errors:
    """Of a sample's n-th step; `factor_before` is that of the step before, if there is one."""
    error, sigma = estimates[n].lst - sample.steps[n].truth, np.asarray(estimates[n].raw_uncertainty)
    if not sample.same_sensor:
        error = error - np.nanmean(error)
    least = np.zeros_like(error)
    if factor_before is not None:
        least = repeat(factor_before * np.asarray(estimates[n - 1].raw_uncertainty), 2)
    known = np.isfinite(error)
    return Errors(np.abs(error[known]), sigma[known], least[known])


def _case(step: Step) -> Case:
    context: Mapping[str, Floats] = dict(zip(CONTEXT, step.context, strict=True))
    size = min(CELLS, key=lambda cell: abs(cell - float(context["cell"].mean())))
    return size, not context["day"].mean() > 0, bool(np.isfinite(context[WEATHER[0]]).all())


def _samples(data: Path, simulated: str) -> Iterator[Sample]:
    yield from (as_sample(patch, "imt") for patch in imt_part(imt.read(data), "validation"))
    yield from map(pair_sample, aster_part(aster.read(data), "train"))
    for scene in find_scenes(simulated)(SCENES, first_seed=FIRST_SEED):
        sample = as_sample(scene, "simulated")
        yield sample
        if not scene.scene.day:
            yield without(sample, context=WEATHER)


def pair_sample(pair: LabelledScene) -> Sample:
    """A pair as it is evaluated: without land cover, against ASTER as it is; its bias is left out with the errors."""
    return as_sample(replace(pair, surface=None), "aster")
