"""From a checkpoint to a model that can be shipped: calibrated, evaluated on data kept apart, described."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import product
from pathlib import Path
from string import Template

import numpy as np

from srdanet.evaluation import Report, run_orleans, run_simulated, run_simulation, run_target
from srdanet.evaluation.tables import coverage, interval, number, pipe
from srdanet.evaluation.world import CUBIC, MODEL, TSHARP, WorldReport, run_world
from srdanet.network.bundle import Bundle
from srdanet.network.calibrated import CASES, CELLS
from srdanet.network.kinds import TITLES, flops_per_cell
from srdanet.training.calibration import calibration
from srdanet.training.config import SIMULATED
from srdanet.training.export import check_place, export, read_checkpoint

SCENES = 48
"""Simulated scenes that a model is evaluated on."""


def publish(
    checkpoint: Path, folder: Path, data: Path, version: str, *, overwrite: bool = False
) -> tuple[Bundle, Sequence[Report]]:
    """Write the bundle of a checkpoint with its model card.

    The uncertainty is multiplied by the factors of `training.calibration`. The card's numbers are of the test part of
    the split, which neither training nor calibration saw; those of other climates are of places that are in training
    unless the configuration leaves them out.

    Args:
        checkpoint: Written by `training.train`.
        folder: The bundle's folder.
        data: Folder of the data sets.
        version: The model's version.
        overwrite: Replace a bundle that is there already.

    Raises:
        ModelError: when the checkpoint cannot be read.
        GranuleError: when the data cannot be read.
        OutputError: when the exported network is not the trained one; or, before any work is done, when the folder
            exists and is no bundle, or is one and `overwrite` is off.
    """
    check_place(folder, overwrite=overwrite)
    simulated = str(read_checkpoint(checkpoint)[1].get("simulated", SIMULATED))
    with tempfile.TemporaryDirectory() as name:
        plain = export(checkpoint, Path(name) / "plain", version=version, card="")
        widen = calibration(plain, data, simulated)
        model = export(checkpoint, Path(name) / "calibrated", version=version, card="", widen=widen).folder
        reports = [run_simulation(data, model), run_target(data, model), run_orleans(data, model)]
        reports.append(run_simulated(SCENES, model, scenes=simulated))
        places = run_world(data, model)
    card = _card(checkpoint, version, widen, reports, places)
    results = {report.title: report.as_dict()["rows"] for report in reports} | {"world": places.as_dict()["rows"]}
    bundle = export(checkpoint, folder, version=version, card=card, widen=widen, results=results, overwrite=overwrite)
    return bundle, reports


def _card(
    checkpoint: Path, version: str, widen: Sequence[float], reports: Sequence[Report], places: WorldReport
) -> str:
    """The model card from its template."""
    net, config = read_checkpoint(checkpoint)
    template = Template((files("srdanet") / "models" / "MODEL_CARD.template.md").read_text(encoding="utf-8"))
    began, start = "from random weights", config["start"]
    if start is not None:
        made = f"{start['name']} {start['version']}" if "version" in start else f"stage {start['stage']}"
        began = f"from the weights of {made}"
    tables = {f"{report.title}_table": _markdown(report) for report in reports}
    return template.substitute(
        name=config["name"],
        version=version,
        network=TITLES[net.architecture.kind],
        parameters=f"{sum(p.numel() for p in net.parameters()):,}",
        flops=f"{flops_per_cell(net) / 1000:.0f}",
        iterations=f"{config['iteration']:,}",
        seed=config["seed"],
        began=began,
        scenes=config["simulated_scenes"],
        left_out=", ".join(config["left_out"]) or "none",
        world_table=_places(places),
        factors_table=_factors(widen),
        ranges_table=_ranges(net.statistics.ranges),
        **tables,
    )


def _factors(widen: Sequence[float]) -> str:
    """The factors of calibration as a Markdown table, a row for each step."""
    found = dict(zip(CASES, np.exp(widen), strict=True))
    columns = list(product((False, True), (False, True)))
    names = [f"{'night' if night else 'day'}, weather {'known' if known else 'unknown'}" for night, known in columns]
    steps = zip(("2 → 1 km", "1 km → 500 m", "500 → 250 m"), CELLS, strict=True)
    return pipe(["step", *names], [[step, *(f"{found[cell, *case]:.2f}" for case in columns)] for step, cell in steps])


def _ranges(ranges: Mapping[str, Sequence[float]]) -> str:
    """The ranges of training as a Markdown table."""
    return pipe(
        ["input", "lowest", "highest"], [[name, f"{low:.4g}", f"{high:.4g}"] for name, (low, high) in ranges.items()]
    )


def _places(report: WorldReport) -> str:
    """The rows of other climates as a Markdown table."""
    head = ["place", "predictors", "images", "model", "bicubic", "share", "of TsHARP", "within 1 s"]
    rows = []
    for row in report.rows:
        numbers = (row.rmse(MODEL), row.rmse(CUBIC), row.share(MODEL), row.share(MODEL, TSHARP))
        within = row.methods[MODEL].coverage.metrics().get("within_1_sigma", np.nan)
        rows.append([row.place, row.guides, str(row.images), *map(number, numbers), f"{within:.2f}"])
    return pipe(head, rows, words=2)


def _markdown(report: Report) -> str:
    """A report's rows as a Markdown table."""
    head = ["", "of", "measure", "model", "bicubic", "share", "95 % interval", "errors within 1 s / 1.96 s"]
    rows = []
    for row in report.rows:
        numbers = map(number, (row.model, row.bicubic, row.share))
        rows.append(
            [row.label, row.count, row.measure.label, *numbers, interval(row.interval), coverage(row.as_dict())]
        )
    return pipe(head, rows, words=3)
