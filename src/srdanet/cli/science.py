"""`train`, `evaluate`, `simulate`: how a model is made, judged, and tried on a known truth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srdanet.cli.manners import as_json, emit, note, out, overwrite, read_date, read_tile, verbose

if TYPE_CHECKING:
    from srdanet.evaluation import Report
    from srdanet.grid import Tile


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


def _by(*kinds: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option that sorts an experiment's cells."""
    return click.option("--by", type=click.Choice(kinds), help="Rows for each of these classes too.")


@evaluate.command()
@_DATA
@_experiment
@_SPLIT
@_by("season", "relief")
def simulation(data: Path, model: str, split: Any, by: Any, as_json: bool) -> None:
    """2000 -> 1000 m against the real 1 km LST of MODIS."""
    from srdanet.evaluation import run_simulation

    _print(run_simulation(data, model, split, by), as_json=as_json)


@evaluate.command()
@_DATA
@_experiment
@_SPLIT
@click.option("--held", type=int, help="The fold of pairs held apart.")
@_by("relief", "cover")
def target(data: Path, model: str, split: Any, held: int | None, by: Any, as_json: bool) -> None:
    """1 km -> 500 m and 250 m against ASTER of the same overpass."""
    from srdanet.evaluation import run_target

    _print(run_target(data, model, split, held, by), as_json=as_json)


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
def simulated(scenes: int, model: str, by: Any, as_json: bool) -> None:
    """1 km -> 500 m and 250 m on invented scenes whose truth is known."""
    from srdanet.evaluation import run_simulated

    _print(run_simulated(scenes, model, by), as_json=as_json)


@evaluate.command()
@_DATA
@_experiment
def stations(data: Path, model: str, as_json: bool) -> None:
    """1 km -> 250 m against the longwave radiation of a station on the ground."""
    from srdanet.evaluation import run_stations

    _print(run_stations(data, model), as_json=as_json)


def _print(report: Report, *, as_json: bool) -> None:
    emit("\n".join(report.lines()), report.as_dict(), as_json=as_json)


@click.command()
@click.option(
    "--tile", callback=read_tile, metavar="hXXvYY", default="h18v04", show_default=True, help="Where the land lies."
)
@click.option(
    "--date",
    callback=read_date,
    metavar="YYYY-MM-DD",
    default="2020-07-15",
    show_default=True,
    help="Day of the overpass.",
)
@click.option("--night", is_flag=True, help="A night overpass.")
@click.option("--seed", type=int, default=1, show_default=True, help="Everything random follows from it.")
@click.option("--size", type=click.IntRange(4), default=64, show_default=True, help="1 km cells on a side.")
@click.option("--check", is_flag=True, help="Hold simulated scenes against real ones instead: a table and a figure.")
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Real data sets, for --check."
)
@click.option("--scenes", type=click.IntRange(4), default=32, show_default=True, help="Lands to simulate, for --check.")
@out("FOLDER")
@as_json
@overwrite
@verbose
def simulate(
    tile: Tile,
    date: dt.date,
    night: bool,
    seed: int,
    size: int,
    check: bool,
    data: Path | None,
    scenes: int,
    out: Path | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Invent a land with known 250 m temperature and write what satellites see of it, as real file formats.

    With --check, tell how alike such lands are to the real scenes below --data; -o keeps the table and the figure.
    """
    if check:
        if data is None:
            raise click.UsageError("--check needs --data, the folder of the real data sets")
        _hold_against_the_earth(data, scenes, out, as_json=as_json, overwrite=overwrite)
        return
    if out is None:
        raise click.UsageError("Missing option '-o' / '--out'.")
    from srdanet.simulate import simulate as invent
    from srdanet.simulate import write

    files = write(invent(seed, size, tile, date, not night), out, overwrite=overwrite)
    names = [str(path) for path in files]
    emit("\n".join(names), {"files": names, "seed": seed, "size": size, "tile": str(tile)}, as_json=as_json)


def _hold_against_the_earth(data: Path, scenes: int, out: Path | None, *, as_json: bool, overwrite: bool) -> None:
    from srdanet.realism import check, refuse

    if out is not None:
        refuse(out, overwrite=overwrite)
    found = check(data, scenes, note())
    files = [str(path) for path in found.write(out, overwrite=overwrite)] if out else []
    facts = found.table.as_dict() | {"scenes": scenes, "files": files}
    emit("\n".join([*found.table.lines(), *files]), facts, as_json=as_json)
