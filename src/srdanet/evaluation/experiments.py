"""One call per experiment: a folder of data and a model go in, a report comes out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import get_args

from srdanet.baselines import Downscaler, Interpolation
from srdanet.evaluation import listed, protocol, simulated, stations
from srdanet.evaluation.datasets import When, aster, imt
from srdanet.evaluation.scores import Report
from srdanet.evaluation.splits import Role
from srdanet.evaluation.strata import By
from srdanet.interpolation import Kind

WHEN: tuple[When, ...] = ("day", "night")
_STRUCTURE = ("ssim", "spectral ratio", "edge sharpness")
"""Likeness to the truth: 1 where there is no difference."""
_COVERAGE = ("within 1 s", "within 1.96 s")
"""Shares of errors within the claimed standard deviation s; 0.683 and 0.950 where the claim is right."""
_CENTRED = ("centred within 1 s", "centred within 1.96 s")
"""The same with each image's mean error taken away: two instruments differ by a bias of their own."""


def run_simulation(
    data: Path | str, model: str | Path | Downscaler = "default", split: Role = "test", by: By | None = None
) -> Report:
    """The simulation experiment, 2000 -> 1000 m against real 1 km LST, by day and by night.

    Args:
        data: Folder that holds the data sets.
        model: A model's name, a bundle's folder, `bicubic`, `bilinear`, `nearest`, or any `Downscaler`.
        split: `test`, `validation`, `train` or `all`.
        by: Rows for each `season` or class of `relief` too.

    Raises:
        GranuleError: when a data set is missing or damaged.
        ModelError: when the model cannot be loaded.
    """
    name, downscaler = method(model)
    patches = imt(data)
    rows = (row for when in WHEN for row in protocol.closed_loops(downscaler, patches, split, when, by))
    metrics = ("bias", "mae", "r2", "detail r2", "closure rmse", *_STRUCTURE, *_COVERAGE)
    return Report("simulation", name, f"IMT patches (MODIS, h18v04, 2020), split {split}", tuple(rows), metrics)


def run_target(
    data: Path | str,
    model: str | Path | Downscaler = "default",
    split: Role = "test",
    held: int | None = None,
    by: By | None = None,
) -> Report:
    """The target experiment, 1 km -> 250 m against ASTER, at 500 m and at 250 m; arguments as `run_simulation`.

    Args:
        data: Folder that holds the data sets.
        model: As for `run_simulation`.
        split: `test` (the held fold), `train` or `all`.
        held: The fold held apart; default: the split file's.
        by: Rows for each class of `relief` or land `cover` too, where it is known.
    """
    name, downscaler = method(model)
    rows = protocol.target(downscaler, aster(data), split, held=held, by=by)
    fold = "" if held is None else f", fold {held} held apart"
    metrics = ("median rmse", "median |bias|", "detail r2", "closure rmse", *_STRUCTURE, *_COVERAGE, *_CENTRED)
    return Report("target", name, f"MODIS-ASTER pairs (h18v04), split {split}{fold}", rows, metrics)


def run_orleans(data: Path | str, model: str | Path | Downscaler = "default") -> Report:
    """The worked example of Orleans, 1 km -> 250 m against Landsat; arguments as `run_simulation`."""
    name, downscaler = method(model)
    rows = protocol.orleans(downscaler, data)
    metrics = ("rmse", "bias", "closure rmse", *_STRUCTURE, *_COVERAGE, *_CENTRED)
    return Report("orleans", name, "MODIS against Landsat 8, 12 x 12 km", rows, metrics)


def run_stations(data: Path | str, model: str | Path | Downscaler = "default") -> Report:
    """The downscaled cell against a station on the ground; arguments as `run_simulation`."""
    name, downscaler = method(model)
    rows = stations.stations(downscaler, data)
    metrics = ("error", "1 km error", "station", "uncertainty")
    return Report("stations", name, "MODIS, 1 km -> 250 m, against longwave radiation at Yanco", rows, metrics)


def run_product(product: Path | str, data: Path | str) -> Report:
    """A product that was made already against stations; arguments and errors as of `listed.against_stations`."""
    name, rows = listed.against_stations(product, data)
    metrics = ("error", "station", "uncertainty")
    return Report("stations", name, "a product against longwave radiation measured on the ground", rows, metrics)


def run_simulated(count: int = 16, model: str | Path | Downscaler = "default", by: By | None = None) -> Report:
    """The target scale on simulated scenes with known truth and every predictor.

    Args:
        count: How many scenes; half by day, half by night.
        model: As for `run_simulation`.
        by: Rows for each `season`, class of `relief`, land `cover` or view `angle` too.

    Raises:
        ModelError: when the model cannot be loaded.
    """
    name, downscaler = method(model)
    rows = simulated.known(downscaler, simulated.scenes(count), by)
    about = f"{count} simulated scenes, seeds from {simulated.FIRST_SEED}, never trained on"
    metrics = ("bias", "mae", "detail r2", "closure rmse", *_STRUCTURE, *_COVERAGE)
    return Report("simulated", name, about, rows, metrics)


def method(model: str | Path | Downscaler) -> tuple[str, Downscaler]:
    """A method by name: (its name, the method)."""
    if callable(model):
        return str(getattr(model, "name", getattr(model, "kind", "method"))), model
    if model in get_args(Kind):
        return str(model), Interpolation(model)  # type: ignore[arg-type]
    from srdanet.downscaling.run import downscale
    from srdanet.network.bundle import load_model

    bundle = load_model(model)
    return bundle.name, partial(downscale, model=bundle)
