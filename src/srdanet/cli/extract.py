"""`srdanet extract`: series at points and over regions."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from srdanet.cli import options

PATH = click.Path(exists=True, path_type=Path)


@click.command(short_help="Write time series at points and over regions.")
@click.argument("products", nargs=-1, required=True, type=PATH, metavar="PRODUCTS...")
@click.option("--at", "points", type=options.FILE, metavar="POINTS.csv", help="Table with columns name, lon, lat.")
@click.option("--region", "regions", type=options.FILE, metavar="FIELDS.geojson", help="Polygons; one region each.")
@click.option("--level", type=click.Choice(["500", "250"]), help="Cell size (m); default: the finest.")
@click.option("--least-valid", default=0.5, show_default=True, help="Share of a region with LST that a mean needs.")
@options.out("TABLE", required=True)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="PICTURE", help="Draw the series, too."
)
@options.as_json
@options.overwrite
@options.verbose
def extract(
    products: tuple[Path, ...],
    points: Path | None,
    regions: Path | None,
    level: str | None,
    least_valid: float,
    out: Path,
    plot: Path | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Write series of temperature with uncertainty and quality at points and over regions.

    PRODUCTS are folders that `downscale` wrote to, or records of single products. The TABLE is CSV or Parquet with a
    row for each place and overpass. The uncertainty of a region's mean takes into account that errors of neighbouring
    cells go together.
    """
    from srdanet.analysis.extract import draw_series, write_table
    from srdanet.analysis.extract import extract as run
    from srdanet.atomic import refuse_existing
    from srdanet.product.stored import stored_levels
    from srdanet.readers.places import read_points, read_regions

    if points is None and regions is None:
        raise click.UsageError("Give --at POINTS.csv, --region FIELDS.geojson, or both.")
    wanted = [out] if plot is None else [out, plot]
    refuse_existing(wanted, overwrite=overwrite)
    places = [*(read_points(points) if points else []), *(read_regions(regions) if regions else [])]
    values = run(stored_levels(products, int(level) if level else None), places, least_valid=least_valid)
    write_table(values, out)
    if plot is not None:
        draw_series(values, plot)
    known = sum(value.lst == value.lst for value in values)
    absent = [place.name for place in places if place.name not in {value.place for value in values}]
    lines = [f"{path}" for path in wanted]
    lines[0] += f"  ({len(values)} rows, {known} with LST)"
    lines += [f"no product covers {', '.join(absent)}"] if absent else []
    rows = [{key: None if cell != cell else cell for key, cell in asdict(value).items()} for value in values]
    options.emit("\n".join(lines), {"files": [str(p) for p in wanted], "rows": rows, "absent": absent}, as_json=as_json)
