"""`srdanet fetch`: download what a place and dates need."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from srdanet.cli import options
from srdanet.errors import DownloadError

if TYPE_CHECKING:
    from srdanet.download import FetchPlan, Outcome, Place
    from srdanet.grid import Tile
    from srdanet.prepare.survey import Bounds

_PARTS = ("reflectance_250m", "reflectance_500m", "albedo", "land_cover", "elevation", "weather")


def _read_dates(context: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[dt.date, ...]:
    """Dates and spans of them, written with `/` or `..`."""
    return options.read_dates(context, param, [value.replace("/", "..") for value in values])


@click.command(short_help="Download the inputs for a place and dates.")
@click.option("--tile", "tiles", multiple=True, metavar="hXXvYY", help="A MODIS tile; may be repeated.")
@click.option("--bounds", callback=options.read_bounds, metavar="W,S,E,N", help="An extent in degrees.")
@click.option("--region", type=options.FILE, help="A GeoJSON file in longitude and latitude.")
@click.option(
    "--dates", multiple=True, required=True, callback=_read_dates, metavar="FIRST/LAST",
    help="Days of the overpass; may be repeated.",
)  # fmt: skip
@click.option(
    "--lst", type=click.Choice(["mod11", "mod21", "vnp21"]), default="mod11", show_default=True,
    help="Which LST: MOD11A1 and MYD11A1, MOD21A1 and MYD21A1, or VNP21A1.",
)  # fmt: skip
@click.option(
    "--platform", "platforms", multiple=True, type=click.Choice(["terra", "aqua", "npp"]),
    help="Terra (the default), Aqua, or S-NPP for vnp21; may be repeated.",
)  # fmt: skip
@click.option(
    "--elevation", type=click.Choice(["srtm", "nasadem"]), default="srtm", show_default=True,
    help="SRTMGL1 or NASADEM_HGT.",
)  # fmt: skip
@click.option("--without", multiple=True, type=click.Choice(_PARTS), help="What to leave out; may be repeated.")
@click.option("--list", "as_list", is_flag=True, help="Print the addresses, for another program to download.")
@click.option("--yes", is_flag=True, help="Download without asking.")
@options.out("FOLDER")
@options.dry_run
@options.as_json
@options.verbose
def fetch(
    tiles: tuple[str, ...], bounds: Bounds | None, region: Path | None, dates: tuple[dt.date, ...],
    lst: str, platforms: tuple[str, ...], elevation: str, without: tuple[str, ...],
    as_list: bool, yes: bool, out: Path | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Download the inputs for a place and dates.

    Granules and elevation come from NASA Earthdata, weather (ERA5) from the Climate Data Store. Both need a free
    account, whose credentials are read from netrc and ~/.cdsapirc or from the environment, and are not kept. Searching
    (--dry-run, --list) needs no account. Run again, the command keeps what is there and continues what was cut off.
    """
    from srdanet.download import already_there, carry_out, plan_fetch

    if out is None and not (dry_run or as_list):
        raise click.UsageError("Missing option '-o' for the folder (--dry-run and --list need none).")
    place = _place(tiles, bounds, region)
    plan = plan_fetch(place, dates, lst=lst, platforms=platforms, elevation=elevation, without=without)  # type: ignore[arg-type]
    kept = already_there(plan, out) if out is not None else ()
    left = plan.without(kept)
    if as_list:
        _print_list(left, as_json=as_json)
        return
    text = [*left.lines(), *([f"already there: {len(kept)} files"] if kept else [])]
    if dry_run or out is None:
        options.emit("\n".join(text), left.model_dump(mode="json"), as_json=as_json)
        return
    if left.files or left.requests:
        click.echo("\n".join(text), err=True)
        if not yes:
            _ask(out)
    with options.progress() as show:
        outcome = carry_out(plan, out, progress=show)
    _report(outcome, left.missing, out, as_json=as_json)


def _place(tiles: tuple[str, ...], bounds: Bounds | None, region: Path | None) -> Place:
    from srdanet.download import Place, place_of_bounds, place_of_region
    from srdanet.grid import Tile

    if sum(map(bool, (tiles, bounds, region))) != 1:
        raise click.UsageError("Give one of --tile, --bounds and --region.")
    if bounds is not None:
        return place_of_bounds(*bounds)
    if region is not None:
        return place_of_region(region)
    found: list[Tile] = [Tile.parse(name) for name in tiles]
    return Place(tuple(dict.fromkeys(found)))


def _ask(out: Path) -> None:
    """Ask before anything is downloaded; where nobody can answer, say how to go on."""
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to confirm the download. Give --yes.")
    click.confirm(f"Download to {out}?", abort=True, err=True)


def _print_list(plan: FetchPlan, *, as_json: bool) -> None:
    for missing in plan.missing:
        click.echo(f"missing: {missing}", err=True)
    if plan.requests and not as_json:
        click.echo(f"weather has no address: {len(plan.requests)} requests, shown by --json", err=True)
    options.emit("\n".join(file.url for file in plan.files), plan.model_dump(mode="json"), as_json=as_json)


def _report(outcome: Outcome, missing: tuple[str, ...], out: Path, *, as_json: bool) -> None:
    counts = f"{out}: {len(outcome.done)} files downloaded, {len(outcome.kept)} were there"
    data = {
        "folder": str(out),
        "downloaded": list(outcome.done),
        "kept": list(outcome.kept),
        "failed": [{"file": path, "reason": error.what} for path, error in outcome.failed],
        "missing": list(missing),
    }
    options.emit(counts, data, as_json=as_json)
    if outcome.failed:
        for path, error in outcome.failed[1:]:
            click.echo(f"failed: {path}: {error.what}", err=True)
        _, first = outcome.failed[0]
        more = f" (and {len(outcome.failed) - 1} more files)" if len(outcome.failed) > 1 else ""
        raise DownloadError(f"{first.what}{more}", where=first.where, todo=first.todo)
