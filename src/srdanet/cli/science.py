"""`train`, `evaluate`, `simulate`: how a model is made, judged, and tried on a known truth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srdanet.cli.options import (
    as_json,
    dry_run,
    emit,
    out,
    overwrite,
    progress,
    read_dates,
    read_tile,
    status,
    verbose,
)

if TYPE_CHECKING:
    from srdanet.baselines import Downscaler
    from srdanet.evaluation import Report
    from srdanet.grid import Tile


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


@click.command()
@click.option(
    "--tile", callback=read_tile, metavar="hXXvYY", default="h18v04", show_default=True, help="Where the land lies."
)
@click.option(
    "--date",
    "dates",
    callback=read_dates,
    multiple=True,
    metavar="YYYY-MM-DD[..]",
    default=("2020-07-15",),
    show_default=True,
    help="Day (UTC); may be repeated, or be FIRST..LAST. All days share their land.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Everything random follows from it.")
@click.option(
    "--size",
    type=click.IntRange(4, 1200),
    default=1200,
    show_default=True,
    help="1 km cells on a side; 1200 is a tile.",
)
@click.option("--check", is_flag=True, help="Hold simulated scenes against real ones instead: a table and a figure.")
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Real data sets, for --check."
)
@click.option("--scenes", type=click.IntRange(4), default=32, show_default=True, help="Lands to simulate, for --check.")
@out("FOLDER")
@dry_run
@as_json
@overwrite
@verbose
def simulate(
    tile: Tile,
    dates: tuple[dt.date, ...],
    seed: int,
    size: int,
    check: bool,
    data: Path | None,
    scenes: int,
    out: Path | None,
    dry_run: bool,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Invent a land with known 250 m temperature and write what satellites see of it, as real file formats.

    For each day FOLDER gets granules (MOD11A1, MOD09GA, MOD09GQ, MCD43A3, MCD12Q1), SRTM tiles and ERA5; its
    stations/ longwave radiation measured on the ground; its truth/ the true temperature of the day's and the
    night's overpass at 1000, 500 and 250 m, as GeoTIFF and NetCDF.

    With --check, tell how alike such lands are to the real scenes below --data; -o keeps the table and the figure.
    """
    if check:
        if data is None:
            raise click.UsageError("--check needs --data, the folder of the real data sets")
        _hold_against_the_earth(data, scenes, out, as_json=as_json, overwrite=overwrite)
        return
    if out is None:
        raise click.UsageError("Missing option '-o' / '--out'.")
    from srdanet.atomic import refuse_existing
    from srdanet_simulator.files.write import file_names, room, write_days

    names = file_names(seed, size, tile, dates)
    facts = {"seed": seed, "size": size, "tile": str(tile), "dates": [str(date) for date in dates]}
    if dry_run:
        refuse_existing([out / name for name in names], overwrite=overwrite)
        lines = [*(f"would write {out / name}" for name in names), f"about {room(names, size) / 1e6:.0f} MB"]
        emit("\n".join(lines), facts | {"writes": [str(out / name) for name in names]}, as_json=as_json)
        return
    with progress() as show:
        files = [str(path) for path in write_days(seed, size, tile, dates, out, overwrite=overwrite, progress=show)]
    emit("\n".join(files), facts | {"files": files}, as_json=as_json)


def _hold_against_the_earth(data: Path, scenes: int, out: Path | None, *, as_json: bool, overwrite: bool) -> None:
    from srdanet_simulator.realism import check, refuse

    if out is not None:
        refuse(out, overwrite=overwrite)
    found = check(data, scenes, status())
    files = [str(path) for path in found.write(out, overwrite=overwrite)] if out else []
    facts = found.table.as_dict() | {"scenes": scenes, "files": files}
    emit("\n".join([*found.table.lines(), *files]), facts, as_json=as_json)
