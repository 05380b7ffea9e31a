"""`srdanet run`: many tiles and days, on one machine or many."""

from __future__ import annotations

import datetime as dt
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from srdanet.cli import options

if TYPE_CHECKING:
    from odc.geo.geom import Geometry

    from srdanet.grid import Tile
    from srdanet.network.bundle import Device
    from srdanet.product import Layout
    from srdanet.production.ledger import Entry, Totals
    from srdanet.production.run import Production
    from srdanet.production.units import Unit

_SHOWN = 20
"""Units that a dry run lists; of more only how many."""
_MARKS = {"done": "done", "empty": "no LST", "failed": "FAILED", "waiting": "not done"}

Dates = tuple[dt.date | None, dt.date | None]


def read_tiles(context: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[Tile, ...]:
    """Tiles, also several joined by commas."""
    names = [name for value in values for name in value.split(",") if name]
    tiles = [options.read_tile(context, param, name) for name in names]
    return tuple(tile for tile in tiles if tile is not None)


def read_span(context: click.Context, param: click.Parameter, value: str | None) -> Dates:
    """FIRST/LAST, both included, or one date."""
    if value is None:
        return None, None
    ends = [options.read_date(context, param, part or None) for part in value.split("/")]
    first, last = ends[0], ends[-1]
    if len(ends) > 2 or (first is not None and last is not None and last < first):
        message = f"{value!r} is not a span of dates. Write it like 2020-07-01/2020-07-31."
        raise click.BadParameter(message, param=param)
    return first, last


@click.command(short_help="Downscale all tiles and dates of a folder of files.")
@click.argument("files", nargs=-1, required=True, metavar="FILES|FOLDERS...")
@click.option("--tiles", "--tile", multiple=True, callback=read_tiles, metavar="hXXvYY,…", help="Only these tiles.")
@options.ground
@click.option("--dates", "--date", callback=read_span, metavar="FIRST/LAST", help="Only these days, both included.")
@click.option(
    "--overpass", type=click.Choice(["day", "night", "both"]), default="both", show_default=True, help="Which LST."
)
@click.option("--platform", type=click.Choice(["terra", "aqua", "both"]), default="both", show_default=True)
@click.option("--time", metavar="UTC", help="Overpass, where a plain LST raster does not give it.")
@click.option("--to", type=click.Choice(["500", "250"]), default="250", show_default=True, help="Cell size (m).")
@click.option(
    "--model", default="default", show_default=True, metavar="NAME|FOLDER",
    help="A shipped model, the folder of a bundle, or bicubic-conserving.",
)  # fmt: skip
@options.device
@options.conserve
@options.layout
@click.option("--workers", type=click.IntRange(0), metavar="N", help="Processes; 0: this one alone. One per core.")
@options.scheduler
@click.option(
    "--time-limit", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Ends a unit that hangs."
)
@click.option("--memory", type=click.FloatRange(0, min_open=True), metavar="GB", help="Most memory of a unit.")
@click.option("--retry", is_flag=True, help="Try units again that failed; otherwise only where their inputs changed.")
@options.out("FOLDER", required=True)
@options.dry_run
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each unit, then one for the run.")
@options.verbose
def run(
    files: tuple[str, ...],
    tiles: tuple[Tile, ...],
    region: Geometry | None,
    dates: Dates,
    overpass: str,
    platform: str,
    time: str | None,
    to: str,
    model: str,
    device: Device,
    conserve: bool,
    layout: Layout,
    workers: int | None,
    scheduler: str | None,
    time_limit: float | None,
    memory: float | None,
    retry: bool,
    out: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Downscale all tiles and days that FILES hold.

    A unit is one tile, date, overpass and platform. Its product is whole or absent; the ledger in FOLDER says what came
    of each. The same command given again makes what is missing, and what depends on an input that has changed.

    Ctrl-C once finishes the units that are running; twice stops at once. A unit that fails, crashes or exceeds a limit
    is named with its cause and costs no other.
    """
    from srdanet.production.execute import Limits
    from srdanet.production.ledger import Ledger
    from srdanet.production.run import Production, carry_out, clear

    production = Production.of(
        files, out, model=model, device=device, to=int(to), conserve=conserve, region=region, layout=layout
    )
    platforms = ("terra", "aqua") if platform == "both" else (platform,)
    days = {"both": (True, False), "day": (True,), "night": (False,)}[overpass]
    units = production.units(tiles=tiles, dates=dates, days=days, platforms=platforms, time=time)
    count = options.count_workers(workers, scheduler)
    if dry_run:
        _announce(production, list(units), count, as_json=as_json)
        return
    limits = Limits(time_limit, None if memory is None else int(memory * 1e9), options.threads_of(count))
    with Ledger(out) as ledger:
        clear(out, ledger.recover())
        ledger.register(production.keyed(units), retry=retry)
        before = ledger.totals()
        if not as_json:
            click.echo(f"{before.units} units: {before}")
        with _two_interrupts() as interrupted, _report(before, as_json=as_json) as report:
            if before.waiting:
                executor = options.executor(count, scheduler, limits)
                after = carry_out(production, ledger, executor, ended=report, stopping=interrupted)
            else:
                after = before
        _summary(ledger.directory, after, list(ledger.entries(state="failed")), as_json=as_json)
    if interrupted():
        raise KeyboardInterrupt
    if after.failed:
        click.get_current_context().exit(1)


@contextmanager
def _two_interrupts() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C is kept, for what runs to be finished; the second raises `KeyboardInterrupt`."""
    seen = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            raise KeyboardInterrupt
        click.echo("Finishing the units that are running; Ctrl-C again stops them.", err=True)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield lambda: seen > 0
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _report(before: Totals, *, as_json: bool) -> Iterator[Callable[[Entry], None]]:
    """Says what came of each unit: a bar on a terminal, a line a unit elsewhere, JSON for programs."""
    if as_json:
        yield lambda entry: click.echo(entry.line())
        return
    if not sys.stderr.isatty():
        yield lambda entry: click.echo(_line(entry))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("units"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("units", total=before.waiting)

        def show(entry: Entry) -> None:
            bars.advance(task)
            if entry.state != "done":
                bars.console.print(_line(entry), markup=False, highlight=False)

        yield show


def _line(entry: Entry) -> str:
    """What came of a unit, in a line."""
    seconds = f"{entry.seconds:.1f} s" if entry.seconds is not None else ""
    return "  ".join(part for part in (entry.name, _MARKS[entry.state], seconds, entry.cause) if part)


def _summary(directory: Path, totals: Totals, failed: list[Entry], *, as_json: bool) -> None:
    """How many, and which failed for what cause."""
    if as_json:
        known = {name: getattr(totals, name) for name in ("units", "done", "empty", "failed", "waiting")}
        click.echo(json.dumps({"run": str(directory), **known}))
        return
    for entry in failed[:_SHOWN]:
        click.echo(f"failed {entry.name}: {entry.cause}")
    if len(failed) > _SHOWN:
        click.echo(f"failed {len(failed) - _SHOWN} more: see `srdanet status {directory}`")
    if failed:
        click.echo("--retry tries failed units again.")
    click.echo(str(totals))


def _announce(production: Production, units: list[Unit], workers: int, *, as_json: bool) -> None:
    """What a run would do: units, bytes, time."""
    from srdanet.production.cost import forecast

    about = forecast(production, units, max(1, workers))
    if as_json:
        for unit in units:
            click.echo(unit.model_dump_json())
        click.echo(json.dumps(about.as_dict()))
        return
    for unit in units[:_SHOWN]:
        click.echo(f"{unit.name}  {len(unit.inputs)} files  to {production.directory / unit.folder}")
    if len(units) > _SHOWN:
        click.echo(f"and {len(units) - _SHOWN} more")
    for path, reason in production.left_out[:_SHOWN]:
        click.echo(f"left out {Path(path).name}: {reason}", err=True)
    click.echo("\n".join(about.lines()))
