"""The same ground on several dates: what fusion with other dates reaches, beside methods that need none.

STARFM, ESTARFM and FSDAF are given the fine LST of another date, which no other method here is given. So they are not
rows of the other experiments; any other method may be run on the cells of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from srdanet.arrays import Mask, repeat
from srdanet.baselines.spatiotemporal import FUSIONS, Fusion, Pair
from srdanet.datasets import imt, splits
from srdanet.datasets.sources import find_scenes
from srdanet.datasets.splits import Part
from srdanet.errors import SceneError
from srdanet.evaluation import report
from srdanet.evaluation.methods import Model, find_method
from srdanet.evaluation.metrics import Comparison
from srdanet.evaluation.report import Report, Subset
from srdanet.evaluation.scoring import gathered, score
from srdanet.evaluation.strata import By
from srdanet.scene import LabelledScene

DATES = 2
"""Other dates that a scene must have, whatever the method needs, so that all are compared on the same cells."""


@dataclass(frozen=True)
class Revisit:
    """A labelled scene and those of the same ground on other dates that it may be predicted from."""

    labelled: LabelledScene
    """Its truth is known only where all images of the other dates are."""
    others: tuple[LabelledScene, ...]
    """`DATES` of them: the last one before and the first one after where there are both, the nearest date first."""

    @classmethod
    def of(cls, labelled: LabelledScene, same_ground: Iterable[LabelledScene]) -> Revisit | None:
        """The revisit of a scene; None where fewer than `DATES` other dates are known.

        Args:
            labelled: The scene.
            same_ground: Scenes of the same grid and time of day; itself and those of its date do not count.
        """
        own = _date(labelled)
        others = sorted((s for s in same_ground if _date(s) != own), key=lambda s: (abs(_date(s) - own), _date(s)))
        if len(others) < DATES:
            return None
        nearest = others[0]
        beyond = [s for s in others[1:] if (_date(s) > own) != (_date(nearest) > own)]
        chosen = (nearest, (beyond or others[1:])[0])
        known = np.logical_and.reduce([_known(other, labelled.finest) for other in chosen])
        truth = {}
        for factor, values in labelled.truth.items():
            times = labelled.finest // factor
            all_known = known.reshape(known.shape[0] // times, times, -1, times).all((1, 3))
            truth[factor] = values.where(all_known)
        return cls(replace(labelled, truth=truth), chosen)

    def fusion(self, name: str) -> Fusion:
        """The fusion algorithm of that name, given as many of the other dates as it works with."""
        algorithm = FUSIONS[name]()
        factor = self.labelled.finest
        return Fusion(algorithm, tuple(_pair(other, factor) for other in self.others[: algorithm.dates]))


def revisits(wanted: Iterable[LabelledScene], every: Iterable[LabelledScene]) -> Iterator[Revisit]:
    """The revisits of the scenes wanted, in their order; those without enough other dates are left out.

    Args:
        wanted: The scenes to be predicted.
        every: All scenes whose fine LST may be known, on any ground.

    Raises:
        SceneError: when the time of a scene is unknown.
    """
    by_ground: dict[object, list[LabelledScene]] = defaultdict(list)
    for labelled in every:
        by_ground[_ground(labelled)].append(labelled)
    for labelled in wanted:
        found = Revisit.of(labelled, by_ground[_ground(labelled)])
        if found is not None:
            yield found


def run_fusion(data: Path | str, model: Model = "starfm", split: Part = "test", by: By | None = None) -> Report:
    """The upscaling-downscaling loop with the real 1 km LST of other days, 2000 -> 1000 m, by day and by night.

    Input and truth as in `run_simulation`, of the patches that were seen on two other days or more. A fusion algorithm
    is given the coarse and the real 1 km LST of the nearest of them, ESTARFM and STARFM of two, one on each side where
    there are. These may be of any part of the split, since nothing is trained on them.

    Args:
        data: Folder that holds the data sets.
        model: A name of `FUSIONS`; or any other method as in `find_method`, on the same cells.
        split: `test`, `validation`, `train` or `all`.
        by: Rows for each `season` or class of `relief` too.

    Raises:
        GranuleError, ModelError, ArgumentError: same as in `run_simulation`.
    """
    every = list(imt.read(data))
    found = revisits(splits.imt_part(every, split), every)
    about = f"2000 -> 1000 m with other days, IMT patches (MODIS, h18v04, 2020), split {split}"
    return _report("fusion", about, found, model, by, "patches", "days")


def run_simulated_fusion(
    count: int = 8,
    model: Model = "starfm",
    by: By | None = None,
    scenes: str | Iterable[LabelledScene] = "srdanet_simulator:revisits",
) -> Report:
    """Synthetic places seen on three dates each, 1 km -> 250 m, each date predicted from the other two.

    Args:
        count: How many places, where they are to be made; half by day, half by night.
        model: As for `run_fusion`.
        by: As for `run_simulated`.
        scenes: The scenes, or what makes them: `module:function`, to be called with `count`.

    Raises:
        ModelError, MissingExtraError, ArgumentError: same as in `run_simulated`.
    """
    every = list(find_scenes(scenes)(count) if isinstance(scenes, str) else scenes)
    about = "synthetic places of evaluation on three dates each"
    return _report("simulated-fusion", about, revisits(every, every), model, by, "scenes", "places")


def _report(
    title: str, about: str, found: Iterable[Revisit], model: Model, by: By | None, unit: str, group: str
) -> Report:
    """Pooled rows of a method over revisits, with intervals by group."""
    if isinstance(model, str) and model in FUSIONS:
        name = model
        scores = ((v.labelled.group, score(v.fusion(name), v.labelled, by)) for v in found)
    else:
        name, method = find_method(model)
        scores = ((v.labelled.group, score(method, v.labelled, by)) for v in found)
    rows = (_row(subset, groups, unit, group) for subset, groups in gathered(scores).items())
    metrics = ("bias", "mae", "r2", "detail_r2", "closure_rmse", "ssim", "spectral_ratio", "edge_sharpness")
    return Report(title, name, about, tuple(rows), metrics)


def _row(subset: Subset, groups: dict[str, list[Comparison]], unit: str, group: str) -> report.Row:
    counts = {unit: sum(map(len, groups.values())), group: len(groups)}
    return report.pooled(subset, list(groups.values()), counts)


def _pair(labelled: LabelledScene, factor: int) -> Pair:
    """Coarse and fine LST of a date; the fine image has gaps where the coarse one has."""
    coarse = labelled.scene.lst["lst"]
    return Pair(coarse, labelled.truth[factor].where(repeat(np.isfinite(coarse.values), factor)))


def _known(labelled: LabelledScene, factor: int) -> Mask:
    """Where both images of `_pair` are known, on fine cells."""
    known: Mask = np.isfinite(_pair(labelled, factor).fine.values)
    return known


def _date(labelled: LabelledScene) -> np.datetime64:
    time = labelled.scene.time
    if time is None:
        raise SceneError("the time is unknown, and with it which dates are others", where=labelled.source)
    day: np.datetime64 = time.astype("datetime64[D]")
    return day


def _ground(labelled: LabelledScene) -> object:
    """Equal for scenes of the same grid and time of day."""
    box = labelled.scene.geobox
    return tuple(box.affine), tuple(box.shape), str(box.crs), labelled.scene.day
