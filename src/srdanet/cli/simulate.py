"""`srdanet simulate`: synthetic scenes with known temperature, made by the package `srdanet_simulator`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from srdanet.cli import options
from srdanet.errors import MissingExtraError

if TYPE_CHECKING:
    from srdanet.grid import Tile


@click.command(short_help="Generate synthetic scenes with known temperature.")
@click.option("--tile", callback=options.read_tile, metavar="hXXvYY", default="h18v04", show_default=True, help="Tile.")
@click.option(
    "--date", "dates", callback=options.read_dates, multiple=True, default=("2020-07-15",), show_default=True,
    metavar="YYYY-MM-DD[..]", help="Date (UTC); may be repeated, or be FIRST..LAST. All dates share one landscape.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Random seed.")
@click.option(
    "--size", type=click.IntRange(4, 1200), default=1200, show_default=True,
    help="1 km cells on a side; 1200 is a whole tile.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Compare simulated with real scenes instead: a table and a figure.")
@click.option("--data", type=options.FOLDER, help="Real data sets, for --check.")
@click.option(
    "--scenes", type=click.IntRange(4), default=32, show_default=True, help="Scenes to simulate, for --check."
)
@options.out("FOLDER")
@options.dry_run
@options.as_json
@options.overwrite
@options.verbose
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
    """Generate a synthetic scene for a tile and date with known ground truth, in the real file formats.

    For each date FOLDER gets granules (MOD11A1, MOD09GA, MOD09GQ, MCD43A3, MCD12Q1), SRTM tiles and an ERA5 archive.
    Its subfolder stations/ gets longwave radiation as measured on the ground, and truth/ the true temperature of the
    day and the night overpass at 1000, 500 and 250 m, as GeoTIFF and NetCDF.

    With --check, compare statistics of simulated scenes with those of the real scenes below --data; -o writes the
    table and a figure.
    """
    if check:
        if data is None:
            raise click.UsageError("--check needs --data, the folder of the real data sets.")
        _compare(data, scenes, out, as_json=as_json, overwrite=overwrite)
        return
    if out is None:
        raise click.UsageError("Missing option '-o' / '--out'.")
    with simulator_installed():
        from srdanet_simulator.files.write import file_names, room, write_days
    from srdanet.atomic import refuse_existing

    names = file_names(seed, size, tile, dates)
    facts = {"seed": seed, "size": size, "tile": str(tile), "dates": [str(date) for date in dates]}
    if dry_run:
        refuse_existing([out / name for name in names], overwrite=overwrite)
        lines = [*(f"would write {out / name}" for name in names), f"about {room(names, size) / 1e6:.0f} MB"]
        options.emit("\n".join(lines), facts | {"writes": [str(out / name) for name in names]}, as_json=as_json)
        return
    with options.progress() as show:
        files = [str(path) for path in write_days(seed, size, tile, dates, out, overwrite=overwrite, progress=show)]
    options.emit("\n".join(files), facts | {"files": files}, as_json=as_json)


def _compare(data: Path, scenes: int, out: Path | None, *, as_json: bool, overwrite: bool) -> None:
    with simulator_installed():
        from srdanet_simulator.realism import check, refuse

    if out is not None:
        refuse(out, overwrite=overwrite)
    with options.progress() as show:
        found = check(data, scenes, show)
    files = [str(path) for path in found.write(out, overwrite=overwrite)] if out else []
    facts = found.table.as_dict() | {"scenes": scenes, "files": files}
    options.emit("\n".join([*found.table.lines(), *files]), facts, as_json=as_json)


@contextmanager
def simulator_installed() -> Iterator[None]:
    """Around imports of `srdanet_simulator`.

    Raises:
        MissingExtraError: when the package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "srdanet_simulator":
            raise
        todo = "Install it from the folder of the source code: pip install ./simulator"
        raise MissingExtraError("the simulator is not installed", todo=todo) from error
