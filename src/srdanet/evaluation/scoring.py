"""One scene, given to methods and to bicubic interpolation, and what is counted of their results beside the truth.

Every method is called with a scene and a factor, as a user would call it, and all are compared on the same cells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import xarray as xr

from srdanet.arrays import Floats
from srdanet.baselines import BICUBIC, Method
from srdanet.energy import aggregate, degrade
from srdanet.errors import ArgumentError
from srdanet.evaluation import strata
from srdanet.evaluation.metrics import Comparison, Tally, Totals
from srdanet.evaluation.report import Subset, When
from srdanet.evaluation.strata import By
from srdanet.grid import Level, cell_size
from srdanet.scene import LabelledScene, Scene

Groups = dict[str, list[Comparison]]
"""Comparisons of the images of each group of labelled scenes."""
BLOCK = 8
"""Coarse cells along a block, the unit that the bootstrap draws where there is one scene: about as far as errors of
neighbouring cells are alike."""
BICUBIC_NAME = "bicubic"


class Estimate(NamedTuple):
    """What a method makes of a scene; (y * factor, x * factor) K, NaN = missing."""

    lst: Floats
    sigma: Floats | None = None
    """The standard deviation that it states, if any."""


class Score(NamedTuple):
    """What was counted of one method on one scene."""

    tally: Tally
    blocks: tuple[Totals, ...] = ()
    """The errors again, block by block in rows; empty blocks too, so that those of two methods belong together."""


@dataclass(frozen=True)
class Results:
    """What a method and bicubic interpolation make of one labelled scene; (y * factor, x * factor) K, NaN = missing."""

    labelled: LabelledScene
    factor: int
    truth: Floats
    model: Floats
    sigma: Floats | None
    """The standard deviation that the method states, if any."""
    bicubic: Floats

    @classmethod
    def of(cls, method: Method, labelled: LabelledScene) -> Results:
        """Run both at the finest level of the truth."""
        factor = labelled.finest
        model = estimate(method, labelled.scene, factor)
        bicubic = estimate(BICUBIC, labelled.scene, factor)
        return cls(labelled, factor, labelled.truth[factor].values, model.lst, model.sigma, bicubic.lst)


def estimate(method: Method, scene: Scene, factor: int) -> Estimate:
    """The result of a method, which may be a dataset, its `lst` alone, or a plain array.

    Raises:
        ArgumentError: when it is not of the right size.
    """
    result = method(scene, factor)
    sigma = None
    if isinstance(result, xr.Dataset):
        sigma = result["lst_uncertainty"].values if "lst_uncertainty" in result else None
    lst = np.asarray(result["lst"] if isinstance(result, xr.Dataset) else result)
    wanted = tuple(n * factor for n in scene.geobox.shape)
    if lst.shape != wanted:
        name = getattr(method, "name", getattr(method, "__name__", "method"))
        todo = "Return `lst` on the grid `factor` times finer than the scene's."
        raise ArgumentError(f"returned {lst.shape} cells, not {wanted}", where=name, todo=todo)
    return Estimate(lst, sigma)


def score_methods(
    methods: Mapping[str, Method], labelled: LabelledScene, by: Collection[By] = ()
) -> dict[Subset, dict[str, Score]]:
    """One labelled scene given to several methods and to bicubic interpolation, and all compared with the truth.

    Only those cells count where the truth and every result are known.

    Args:
        methods: Name to method.
        labelled: The scene; the finest level of its truth counts, and where that is more than twice as fine as the
            scene, the level of its 2 x 2 means too.
        by: Compare each class of the finest cells too, sorted by each of these. Where the truth is of another sensor,
            the mean error over the whole image is taken away before.

    Returns:
        For each subset the score of each method and of `bicubic`; empty where nothing is known of all.

    Raises:
        ArgumentError: when the scene cannot be sorted `by` one of them, or a result is not of the right size.
    """
    scene, factor = labelled.scene, labelled.finest
    every = {**methods, BICUBIC_NAME: methods.get(BICUBIC_NAME, BICUBIC)}
    results = {name: estimate(method, scene, factor) for name, method in every.items()}
    known = np.logical_and.reduce([np.isfinite(result.lst) for result in results.values()])
    truth = np.where(known, labelled.truth[factor].values, np.nan)
    if not np.isfinite(truth).any():
        return {}
    coarse = np.asarray(scene.lst["lst"].values)
    closures = {name: Totals.of(degrade(result.lst, factor), coarse) for name, result in results.items()}
    when = When.of(scene.day)
    whole = Subset(when, level_of(scene, factor))

    def score(name: str, result: Estimate) -> Score:
        tally = Tally.of(result.lst, truth, factor, result.sigma, closures[name], coarse)
        return Score(tally, _blocks(result.lst, truth, factor))

    found = {whole: {name: score(name, result) for name, result in results.items()}}
    if factor > 2:
        half = replace(whole, level=level_of(scene, factor // 2))
        means, halves = aggregate(truth, 2), {}
        for name, result in results.items():
            halves[name] = _halved(result, truth, means, closures[name], coarse, scene, every[name])
        found[half] = halves
    for kind in by:
        for stratum, mask in strata.classes(labelled, kind).items():
            part = np.where(mask, truth, np.nan)
            found[replace(whole, stratum=stratum)] = {
                name: _in_part(result, truth, part, factor, centred=not labelled.same_sensor)
                for name, result in results.items()
            }
    return found


def score(method: Method, labelled: LabelledScene, by: By | None = None) -> dict[Subset, Comparison]:
    """One labelled scene given to a method and to bicubic interpolation; arguments and errors as in `score_methods`."""
    scored = score_methods({"model": method}, labelled, () if by is None else (by,))
    return {subset: Comparison(scores["model"].tally, scores[BICUBIC_NAME].tally) for subset, scores in scored.items()}


def score_all(method: Method, scenes: Iterable[LabelledScene], by: By | None = None) -> dict[Subset, Groups]:
    """`score` of each scene, gathered by subset, in the order of the rows, and by group."""
    found: dict[Subset, Groups] = defaultdict(lambda: defaultdict(list))
    for labelled in scenes:
        for subset, comparison in score(method, labelled, by).items():
            found[subset][labelled.group].append(comparison)
    return {subset: found[subset] for subset in sorted(found, key=lambda subset: subset.order)}


def level_of(scene: Scene, factor: int) -> int:
    """Nominal cell size (m) of a result."""
    cell = cell_size(scene.geobox) / factor
    return int(min(Level, key=lambda level: abs(level.metres - cell)))


def _halved(
    result: Estimate,
    truth: Floats,
    means: Floats,
    closure: Totals,
    coarse: Floats,
    scene: Scene,
    method: Callable[[Scene, int], xr.Dataset],
) -> Score:
    """A result compared over the means of 2 x 2 cells.

    A mean of four cells has no uncertainty of its own in the result. What a method states for this level is asked of
    it at this level, and compared with the error of what it gives there.
    """
    half = truth.shape[0] // coarse.shape[0] // 2
    image = aggregate(np.where(np.isfinite(truth), result.lst, np.nan), 2)
    tally = Tally.of(image, means, half, None, closure, coarse)
    if result.sigma is not None:
        own = estimate(method, scene, half)
        stated = Tally.of(own.lst, means, half, own.sigma)
        tally = replace(tally, coverage=stated.coverage, centred=stated.centred)
    return Score(tally, _blocks(image, means, half))


def _in_part(result: Estimate, truth: Floats, part: Floats, factor: int, *, centred: bool) -> Score:
    """A result compared over the cells of a class; closure and overshoot belong to whole images only."""
    image = result.lst - Totals.of(result.lst, truth).bias if centred else result.lst
    return Score(Tally.of(image, part, factor, result.sigma), _blocks(image, part, factor))


def _blocks(image: Floats, truth: Floats, factor: int) -> tuple[Totals, ...]:
    """Totals of each block of `BLOCK` x `BLOCK` coarse cells, in rows."""
    side = BLOCK * factor
    corners = ((row, col) for row in range(0, truth.shape[0], side) for col in range(0, truth.shape[1], side))
    parts = ((slice(row, row + side), slice(col, col + side)) for row, col in corners)
    return tuple(Totals.of(image[part], truth[part]) for part in parts)
