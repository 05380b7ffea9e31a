"""`train`, `publish`, `evaluate`: how a model is made and judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srdanet.cli.options import as_json, emit, out, verbose

if TYPE_CHECKING:
    from srdanet.baselines import Downscaler
    from srdanet.evaluation import Report


@click.command(short_help="Train a model; needs the extra [train].")
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of the same run.")
@click.option("--hours", type=float, help="Stop after this time, at the next checkpoint.")
@as_json
@verbose
def train(config: Path, resume: bool, hours: float | None, as_json: bool) -> None:
    """Train a model as CONFIG (TOML) says; needs the extra [train]."""
    from srdanet.training import train as run

    checkpoint = run(config, resume=resume, hours=hours)
    emit(str(checkpoint), {"checkpoint": str(checkpoint)}, as_json=as_json)


@click.command(short_help="Make a checkpoint a model with its card; needs the extra [train].")
@click.argument("checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True, help="Data sets.")
@click.option("--version", required=True, help="The model's version.")
@out("FOLDER", required=True)
@as_json
@verbose
def publish(checkpoint: Path, data: Path, version: str, out: Path, as_json: bool) -> None:
    """Calibrate CHECKPOINT, judge it on the data kept apart, and write it as a bundle with its model card."""
    from srdanet.training import publish as make

    bundle, reports = make(checkpoint, out, data, version)
    lines = [line for report in reports for line in (*report.lines(), "")]
    facts = {"folder": str(bundle.folder), "sha256": bundle.sha256, "reports": [r.as_dict() for r in reports]}
    emit("\n".join([*lines, str(bundle.folder)]), facts, as_json=as_json)


@click.group()
def evaluate() -> None:
    """Hold a model against real data, beside bicubic."""


def _experiment(command: Callable[..., None]) -> Callable[..., None]:
    """What all experiments have in common."""
    options = (
        click.option(
            "--model", default="default", show_default=True, metavar="NAME|FOLDER", help="A model, or bicubic."
        ),
        as_json,
        verbose,
    )
    for option in reversed(options):
        command = option(command)
    return command


_DATA = click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder of the data sets.",
)
_SPLIT = click.option(
    "--split",
    type=click.Choice(["test", "validation", "train", "all"]),
    default="test",
    show_default=True,
    help="Which part of the data.",
)


_ADAPT = click.option(
    "--adapt/--no-adapt", default=False, show_default=True, help="Fit the model to each image first; needs [train]."
)
_CONSERVE = click.option(
    "--conserve/--no-conserve", default=False, show_default=True, help="Reproduce the coarse LST exactly."
)


def _by(*kinds: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option that sorts an experiment's cells."""
    return click.option("--by", type=click.Choice(kinds), help="Rows for each of these classes too.")


@evaluate.command()
@_DATA
@_experiment
@_SPLIT
@_by("season", "relief")
@_CONSERVE
def simulation(data: Path, model: str, split: Any, by: Any, conserve: bool, as_json: bool) -> None:
    """2000 -> 1000 m against the real 1 km LST of MODIS."""
    from srdanet.evaluation import run_simulation

    _print(run_simulation(data, _method(model, conserve=conserve), split, by), as_json=as_json)


@evaluate.command()
@_DATA
@_experiment
@_SPLIT
@click.option("--held", type=int, help="The fold of pairs held apart.")
@_by("relief", "cover")
@_ADAPT
@_CONSERVE
def target(
    data: Path, model: str, split: Any, held: int | None, by: Any, adapt: bool, conserve: bool, as_json: bool
) -> None:
    """1 km -> 500 m and 250 m against ASTER of the same overpass."""
    from srdanet.evaluation import run_target

    _print(run_target(data, _method(model, adapt=adapt, conserve=conserve), split, held, by), as_json=as_json)


@evaluate.command()
@_DATA
@_experiment
def orleans(data: Path, model: str, as_json: bool) -> None:
    """1 km -> 250 m over Orleans against Landsat, four dates."""
    from srdanet.evaluation import run_orleans

    _print(run_orleans(data, model), as_json=as_json)


@evaluate.command()
@click.option("--scenes", type=click.IntRange(1), default=16, show_default=True, help="How many scenes to invent.")
@_experiment
@_by("season", "relief", "cover", "angle")
@_ADAPT
@_CONSERVE
def simulated(scenes: int, model: str, by: Any, adapt: bool, conserve: bool, as_json: bool) -> None:
    """1 km -> 500 m and 250 m on invented scenes whose truth is known."""
    from srdanet.evaluation import run_simulated

    _print(run_simulated(scenes, _method(model, adapt=adapt, conserve=conserve), by), as_json=as_json)


@evaluate.command()
@_DATA
@_experiment
@click.option(
    "--product",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A product to hold against the stations listed below --data, instead of downscaling the images at Yanco.",
)
def stations(data: Path, model: str, product: Path | None, as_json: bool) -> None:
    """1 km -> 250 m against the longwave radiation of stations on the ground.

    A list of stations is a CSV file stations*.csv with the columns file (a SURFRAD or ARM record beside it) and
    emissivity (broadband), as `srdanet simulate` writes it.
    """
    from srdanet.evaluation import run_product, run_stations

    report = run_stations(data, model) if product is None else run_product(product, data)
    _print(report, as_json=as_json)


def _method(model: str, *, adapt: bool = False, conserve: bool = False) -> str | Downscaler:
    from srdanet.evaluation.switched import Switched

    return Switched(model, adapt=adapt, conserve=conserve) if adapt or conserve else model


def _print(report: Report, *, as_json: bool) -> None:
    emit("\n".join(report.lines()), report.as_dict(), as_json=as_json)
