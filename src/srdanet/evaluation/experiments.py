"""The experiments: the input of a method, the truth its result is compared with, and what is counted.

Every method is called with a scene and a factor, as a user would call it; bicubic
interpolation is called alike and stands beside it in every row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from srdanet.datasets import aster, imt, orleans, splits, yanco
from srdanet.datasets.sources import find_scenes
from srdanet.datasets.splits import Part
from srdanet.evaluation import report, stations
from srdanet.evaluation.methods import Model, find_method
from srdanet.evaluation.report import Measure, Report, Row, When
from srdanet.evaluation.scoring import Groups, Results, level_of, score, score_all
from srdanet.evaluation.strata import By
from srdanet.scene import LabelledScene

_STRUCTURE = ("ssim", "spectral_ratio", "edge_sharpness")
"""Likeness to the truth: 1 where there is no difference."""
_COVERAGE = ("within_1_sigma", "within_1_96_sigma")
"""Shares of errors within the stated standard deviation; 0.683 and 0.950 where it is right."""
_CENTRED = ("centred_within_1_sigma", "centred_within_1_96_sigma")
"""The same with each image's mean error taken away: two instruments differ by a bias of their own."""


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
        level = level_of(scene, results.factor)
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


def _cells(groups: Groups) -> int:
    """Cells counted of the method."""
    return round(sum(image.model.error.n for images in groups.values() for image in images))
