"""The experiments: what goes into a method, what its result is compared with, what is counted.

Every method is called with a scene and a factor, as a user would call it; bicubic
interpolation is called alike and stands beside it in every row.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from srdanet.arrays import Floats, Mask
from srdanet.baselines import BASELINES, BICUBIC, Method
from srdanet.datasets import aster, imt, orleans, splits, yanco
from srdanet.datasets.sources import find_scenes
from srdanet.datasets.splits import Part
from srdanet.downscaling.plan import RunPlan
from srdanet.downscaling.run import Run
from srdanet.energy import aggregate, degrade
from srdanet.evaluation import report, stations, strata
from srdanet.evaluation.metrics import Comparison, Tally, Totals
from srdanet.evaluation.report import Measure, Report, Row, Subset, When
from srdanet.evaluation.strata import By
from srdanet.grid import Level, cell_size
from srdanet.network.bundle import load_model
from srdanet.scene import LabelledScene, Scene

Model = str | Path | Method | tuple[str, Method]
"""A shipped model's name, a bundle's folder, a name of `BASELINES`, or a method, with a name or without."""
Groups = dict[str, list[Comparison]]
"""Comparisons of the images of each group of labelled scenes."""

_STRUCTURE = ("ssim", "spectral_ratio", "edge_sharpness")
"""Likeness to the truth: 1 where there is no difference."""
_COVERAGE = ("within_1_sigma", "within_1_96_sigma")
"""Shares of errors within the stated standard deviation; 0.683 and 0.950 where it is right."""
_CENTRED = ("centred_within_1_sigma", "centred_within_1_96_sigma")
"""The same with each image's mean error taken away: two instruments differ by a bias of their own."""


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
        model, sigma = _run(method, labelled.scene, factor)
        bicubic, _ = _run(BICUBIC, labelled.scene, factor)
        return cls(labelled, factor, labelled.truth[factor].values, model, sigma, bicubic)

    def whole(self) -> Comparison:
        """Both compared with the truth over the image."""
        return Comparison(
            Tally.of(self.model, self.truth, self.factor, self.sigma, self._closure(self.model)),
            Tally.of(self.bicubic, self.truth, self.factor, None, self._closure(self.bicubic)),
        )

    def part(self, mask: Mask) -> Comparison:
        """Both compared with the truth over some cells; closure belongs to whole images only."""
        truth = np.where(mask, self.truth, np.nan)
        return Comparison(
            Tally.of(self.model, truth, self.factor, self.sigma), Tally.of(self.bicubic, truth, self.factor)
        )

    def centred(self) -> Results:
        """The results with each method's mean error over the image taken away."""
        biases = (Totals.of(image, self.truth).bias for image in (self.model, self.bicubic))
        model, bicubic = (bias if np.isfinite(bias) else 0.0 for bias in biases)
        return replace(self, model=self.model - model, bicubic=self.bicubic - bicubic)

    def halved(self, method: Method) -> Comparison:
        """Both compared over the means of 2 x 2 cells where the truth and both results are known.

        A mean of four cells has no uncertainty of its own in the result. What a method states for this level is asked
        of it at this level, and compared with the error of what it gives there.
        """
        known = np.isfinite(self.truth) & np.isfinite(self.model) & np.isfinite(self.bicubic)
        images = (self.model, self.bicubic, self.truth)
        model, bicubic, truth = (aggregate(np.where(known, image, np.nan), 2) for image in images)
        half = self.factor // 2
        ours = Tally.of(model, truth, half, None, self._closure(self.model))
        if self.sigma is not None:
            own, sigma = _run(method, self.labelled.scene, half)
            stated = Tally.of(own, truth, half, sigma)
            ours = replace(ours, coverage=stated.coverage, centred=stated.centred)
        return Comparison(ours, Tally.of(bicubic, truth, half, None, self._closure(self.bicubic)))

    def _closure(self, image: Floats) -> Totals:
        """How far a result, degraded, is from the input."""
        return Totals.of(degrade(image, self.factor), self.labelled.scene.lst["lst"].values)


def score(method: Method, labelled: LabelledScene, by: By | None = None) -> dict[Subset, Comparison]:
    """One labelled scene given to a method and to bicubic interpolation, and both compared with the truth.

    Args:
        method: The method.
        labelled: The scene; the finest level of its truth counts, and where that is more than twice as fine as the
            scene, the level of its 2 x 2 means too.
        by: Compare each of these classes of the finest cells too. Where the truth is of another sensor, the mean error
            over the whole image is taken away before.

    Raises:
        ArgumentError: when the scene cannot be sorted `by` it.
    """
    results = Results.of(method, labelled)
    whole = results.whole()
    if not whole.model.error.n:
        return {}
    when = When.of(labelled.scene.day)
    level = _level(labelled.scene, results.factor)
    found = {Subset(when, level): whole}
    if results.factor > 2:
        found[Subset(when, _level(labelled.scene, results.factor // 2))] = results.halved(method)
    if by is not None:
        compared = results if labelled.same_sensor else results.centred()
        for name, mask in strata.classes(labelled, by).items():
            found[Subset(when, level, name)] = compared.part(mask)
    return found


def score_all(method: Method, scenes: Iterable[LabelledScene], by: By | None = None) -> dict[Subset, Groups]:
    """`score` of each scene, gathered by subset, in the order of the rows, and by group."""
    return gathered((labelled.group, score(method, labelled, by)) for labelled in scenes)


def gathered(scores: Iterable[tuple[str, Mapping[Subset, Comparison]]]) -> dict[Subset, Groups]:
    """Scores of scenes, each with its group, gathered as `score_all` does."""
    found: dict[Subset, Groups] = defaultdict(lambda: defaultdict(list))
    for group, comparisons in scores:
        for subset, comparison in comparisons.items():
            found[subset][group].append(comparison)
    return {subset: found[subset] for subset in sorted(found, key=lambda subset: subset.order)}


def run_simulation(data: Path | str, model: Model = "default", split: Part = "test", by: By | None = None) -> Report:
    """The upscaling-downscaling loop, 2000 -> 1000 m against the real 1 km LST of MODIS, by day and by night.

    Input and truth as in `datasets.imt`. RMSE pooled over all cells; its interval by day.

    Args:
        data: Folder that holds the data sets.
        model: The method; `find_method` says how it is found.
        split: `test`, `validation`, `train` or `all`.
        by: Rows for each `season` or class of `relief` too.

    Raises:
        GranuleError: when a data set is missing or damaged.
        ModelError: when the model cannot be loaded.
        ArgumentError: when the patches cannot be sorted `by` it, or there is no such part of the split.
    """
    name, run = find_method(model)
    scored = score_all(run, splits.imt_part(imt.read(data), split), by)
    rows = (
        report.pooled(s, list(days.values()), {"patches": sum(map(len, days.values())), "days": len(days)})
        for s, days in scored.items()
    )
    metrics = ("bias", "mae", "r2", "detail_r2", "closure_rmse", *_STRUCTURE, *_COVERAGE)
    about = f"2000 -> 1000 m, IMT patches (MODIS, h18v04, 2020), split {split}"
    return Report("simulation", name, about, tuple(rows), metrics)


def run_target(
    data: Path | str,
    model: Model = "default",
    split: Part = "test",
    held: int | None = None,
    by: By | None = None,
) -> Report:
    """The target scale, real MODIS 1 km -> 250 m against ASTER of the same overpass, at 500 m and at 250 m.

    Input and truth as in `datasets.aster`. Standard deviation of the error over the valid cells of each pair (at 500 m:
    of the error's 2 x 2 means); median over pairs; its interval by pair. Rows `by` a class follow, at 250 m: RMSE
    pooled over the class's cells, each pair's mean error (over all its cells) taken away before.

    Args:
        data: Folder that holds the data sets.
        model: As for `run_simulation`.
        split: `test` (the held-out fold), `train` or `all`.
        held: The fold held out; default: the split file's.
        by: Rows for each class of `relief` or land `cover` too, where it is known.

    Raises:
        GranuleError, ModelError, ArgumentError: same as in `run_simulation`.
    """
    name, run = find_method(model)
    rows: list[Row] = []
    for subset, pairs in score_all(run, splits.aster_part(aster.read(data), split, held), by).items():
        images = [image for pair in pairs.values() for image in pair]
        if subset.stratum:
            counts = {"cells": _cells(pairs), "pairs": len(pairs)}
            rows.append(report.pooled(subset, list(pairs.values()), counts, Measure.CENTRED_RMSE))
        else:
            rows.append(report.median(subset, images, "pairs"))
    fold = "" if held is None else f", fold {held} held out"
    metrics = ("median_rmse", "median_abs_bias", "detail_r2", "closure_rmse", *_STRUCTURE, *_COVERAGE, *_CENTRED)
    return Report("target", name, f"MODIS-ASTER pairs (h18v04), split {split}{fold}", tuple(rows), metrics)


def run_orleans(data: Path | str, model: Model = "default") -> Report:
    """The worked example, MODIS 1 km -> 250 m against Landsat at Orleans, four dates, at 500 m and at 250 m.

    Input and truth as in `datasets.orleans`. About 160 cells of 1 km a date: an example, no statistics, so that no
    interval is given. Arguments and errors as in `run_simulation`.
    """
    name, run = find_method(model)
    rows = [
        report.single(replace(subset, case=labelled.group), image)
        for labelled in orleans.read(data)
        for subset, image in sorted(score(run, labelled).items(), key=lambda item: item[0].order)
    ]
    metrics = ("rmse", "bias", "closure_rmse", *_STRUCTURE, *_COVERAGE, *_CENTRED)
    return Report("orleans", name, "MODIS against Landsat 8, 12 x 12 km", tuple(rows), metrics)


def run_stations(data: Path | str, model: Model = "default") -> Report:
    """The downscaled 250 m cell and MODIS's own against the station at Yanco; input and truth as in `datasets.yanco`.

    The measure is the cell's distance from the station. Arguments and errors as in `run_simulation`.
    """
    name, run = find_method(model)
    rows = []
    for labelled in yanco.read(data):
        results, scene = Results.of(run, labelled), labelled.scene
        level = _level(scene, results.factor)
        subset = stations.subset_of(labelled.attributes["station"], scene.time, scene.day, level)
        published = None if labelled.surface is None else labelled.surface["published_lst"].values
        for cell in zip(*np.isfinite(results.truth).nonzero(), strict=True):
            images = {"model": results.model, "bicubic": results.bicubic, "sigma": results.sigma, "coarse": published}
            values = {name: float(image[cell]) for name, image in images.items() if image is not None}
            rows.append(stations.row(subset, float(results.truth[cell]), **values))
    metrics = ("error", "coarse_error", "station", "uncertainty")
    return Report("stations", name, "MODIS, 1 km -> 250 m, against longwave radiation at Yanco", tuple(rows), metrics)


def run_product(product: Path | str, data: Path | str) -> Report:
    """A product that was made already against stations; arguments and errors as in `stations.against_stations`."""
    name, rows = stations.against_stations(product, data)
    metrics = ("error", "station", "uncertainty")
    return Report("stations", name, "a product against longwave radiation measured on the ground", rows, metrics)


def run_simulated(
    count: int = 16,
    model: Model = "default",
    by: By | None = None,
    scenes: str | Iterable[LabelledScene] = "srdanet_simulator:scenes",
) -> Report:
    """Synthetic scenes with known truth and every predictor, 1 km -> 250 m, at 500 m (2 x 2 means) and at 250 m.

    RMSE pooled over all cells, by day, by night and over both; its interval by scene.

    Args:
        count: How many scenes, where they are to be made; half by day, half by night.
        model: As for `run_simulation`.
        by: Rows for each `season`, class of `relief`, land `cover` or view `angle` too.
        scenes: The scenes, or what makes them: `module:function`, to be called with `count`.

    Raises:
        ModelError: when the model cannot be loaded.
        MissingExtraError: when the simulator is not installed.
        ArgumentError: when the scenes cannot be sorted `by` it, or `scenes` is not the name of a function.
    """
    name, run = find_method(model)
    made = find_scenes(scenes)(count) if isinstance(scenes, str) else scenes
    found = score_all(run, made, by)
    for subset in [s for s in found if s.when == When.DAY and not s.stratum]:
        day, night = found[subset], found.get(replace(subset, when=When.NIGHT))
        if night is not None:
            both = {group: [*day.get(group, []), *night.get(group, [])] for group in [*day, *night]}
            found[replace(subset, when=When.BOTH)] = both
    rows = (
        report.pooled(s, list(groups.values()), {"cells": _cells(groups), "scenes": len(groups)})
        for s, groups in found.items()
    )
    about = "synthetic scenes of evaluation, never trained on"
    metrics = ("bias", "mae", "detail_r2", "closure_rmse", *_STRUCTURE, *_COVERAGE)
    return Report("simulated", name, about, tuple(rows), metrics)


def find_method(model: Model, *, conserve: bool = False) -> tuple[str, Method]:
    """A method and its name.

    Args:
        model: What is to be found; a method is returned as it is.
        conserve: Make the network's result reproduce the coarse LST, as in `srdanet.downscale`.

    Raises:
        ModelError: when the model cannot be loaded.
    """
    if isinstance(model, tuple):
        return model
    if callable(model):
        return str(getattr(model, "name", "method")), model
    if isinstance(model, str) and model in BASELINES and not conserve:
        return model, BASELINES[model]()
    bundle = load_model(model)

    def method(scene: Scene, factor: int) -> xr.Dataset:
        run = Run.of(scene, RunPlan.of(scene.geobox, factor=factor), bundle, conserve=conserve)
        return deque(run, maxlen=1).pop()[1]

    return f"{bundle.name}, conserving" if conserve else bundle.name, method


def _run(method: Method, scene: Scene, factor: int) -> tuple[Floats, Floats | None]:
    """Result and stated uncertainty (None for none), each (y * factor, x * factor) K."""
    result = method(scene, factor)
    return result["lst"].values, result["lst_uncertainty"].values if "lst_uncertainty" in result else None


def _level(scene: Scene, factor: int) -> int:
    """Nominal cell size (m) of a result."""
    cell = cell_size(scene.geobox) / factor
    return int(min(Level, key=lambda level: abs(level.metres - cell)))


def _cells(groups: Groups) -> int:
    """Cells counted of the method."""
    return round(sum(image.model.error.n for images in groups.values() for image in images))
