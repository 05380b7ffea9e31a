"""`srdanet evaluate`: a model on data whose finer temperature is known, with bicubic interpolation as the baseline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srdanet.cli import options

if TYPE_CHECKING:
    from srdanet.evaluation import Report
    from srdanet.evaluation.world import WorldReport

_PARTS = click.Choice(["test", "validation", "train", "all"])
_split = click.option("--split", type=_PARTS, default="test", show_default=True, help="Which part of the data.")


def _experiment(command: Callable[..., None]) -> Callable[..., None]:
    """The options of all experiments."""
    about = "A shipped model, a bundle's folder, or a baseline."
    model = click.option("--model", default="default", show_default=True, metavar="NAME|FOLDER", help=about)
    return model(options.as_json(options.verbose(command)))


def _by(*kinds: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option("--by", type=click.Choice(kinds), help="Add a row for each of these classes of cells.")


@click.group(short_help="Evaluate a model against real or simulated data.")
def evaluate() -> None:
    """Evaluate a model on real data, with bicubic interpolation as the baseline."""


@evaluate.command()
@options.data
@_experiment
@_split
@_by("season", "relief")
@options.conserve
def simulation(data: Path, model: str, split: Any, by: Any, conserve: bool, as_json: bool) -> None:
    """2000 -> 1000 m against the real 1 km LST of MODIS."""
    from srdanet.evaluation import find_method, run_simulation

    _print(run_simulation(data, find_method(model, conserve=conserve), split, by), as_json=as_json)


@evaluate.command()
@options.data
@_experiment
@_split
@click.option("--held", type=int, help="Cross-validation fold to hold out.")
@_by("relief", "cover")
@options.conserve
def target(data: Path, model: str, split: Any, held: int | None, by: Any, conserve: bool, as_json: bool) -> None:
    """1 km -> 500 m and 250 m against ASTER of the same overpass."""
    from srdanet.evaluation import find_method, run_target

    _print(run_target(data, find_method(model, conserve=conserve), split, held, by), as_json=as_json)


@evaluate.command()
@options.data
@_experiment
def orleans(data: Path, model: str, as_json: bool) -> None:
    """1 km -> 250 m over Orleans against Landsat, four dates."""
    from srdanet.evaluation import run_orleans

    _print(run_orleans(data, model), as_json=as_json)


@evaluate.command()
@click.option("--scenes", type=click.IntRange(1), default=16, show_default=True, help="How many scenes to simulate.")
@_experiment
@_by("season", "relief", "cover", "angle")
@options.conserve
def simulated(scenes: int, model: str, by: Any, conserve: bool, as_json: bool) -> None:
    """1 km -> 500 m and 250 m on synthetic scenes with known ground truth; needs srdanet_simulator."""
    from srdanet.evaluation import find_method, run_simulated

    _print(run_simulated(scenes, find_method(model, conserve=conserve), by), as_json=as_json)


@evaluate.command()
@options.data
@_experiment
@click.option("--place", "places", multiple=True, metavar="NAME", help="Only this place; may be given several times.")
@click.option("--guides", is_flag=True, help="A row for each subset of the predictors that a place holds.")
@click.option("--cells", type=click.IntRange(1), help="The sensor's cells along a cell of the truth.")
@click.option("--blur", type=click.FloatRange(0), default=0.0, help="Point spread of the coarse LST, coarse cells.")
@click.option("--noise", type=click.FloatRange(0), default=0.0, help="Noise added to the coarse LST, K.")
@click.option("--undated", is_flag=True, help="Hide the dates.")
@click.option("--scenes", type=click.IntRange(0), default=0, help="Add so many simulated scenes as a place.")
def world(
    data: Path,
    model: str,
    places: tuple[str, ...],
    guides: bool,
    cells: int | None,
    blur: float,
    noise: float,
    undated: bool,
    scenes: int,
    as_json: bool,
) -> None:
    """About 1 km -> 250 m in other climates, made from finer LST of one sensor.

    One row for each place and set of predictors: NDVI alone, all, none. A blur of 0.35 is that of MODIS.
    """
    from srdanet.evaluation.world import EACH, USUAL, run_world

    subsets = EACH if guides else USUAL
    report = run_world(
        data,
        model,
        places=places,
        subsets=subsets,
        cells=cells,
        blur=blur,
        noise=noise,
        undated=undated,
        scenes=scenes,
    )
    _print(report, as_json=as_json)


@evaluate.command()
@options.data
@_experiment
@click.option(
    "--product",
    type=options.FOLDER,
    help="A product to compare with the stations listed below --data, instead of downscaling the images at Yanco.",
)
def stations(data: Path, model: str, product: Path | None, as_json: bool) -> None:
    """1 km -> 250 m against the longwave radiation of stations on the ground.

    A list of stations is a CSV file stations*.csv with the columns file (a SURFRAD or ARM record beside it) and
    emissivity (broadband), as `srdanet simulate` writes it.
    """
    from srdanet.evaluation import run_product, run_stations

    report = run_stations(data, model) if product is None else run_product(product, data)
    _print(report, as_json=as_json)


def _print(report: Report | WorldReport, *, as_json: bool) -> None:
    options.emit("\n".join(report.lines()), report.as_dict(), as_json=as_json)
