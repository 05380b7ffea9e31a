"""`srdanet indices`: vegetation, water and dryness at 250 m, statistics of fields, heat islands."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from srdanet.cli import options


@click.command(short_help="Make vegetation, water and dryness indices of a product.")
@click.argument("scene", type=click.Path(exists=True, path_type=Path), metavar="SCENE")
@click.argument("product", type=click.Path(exists=True, path_type=Path), metavar="PRODUCT")
@click.option(
    "--region", "regions", type=options.FILE, metavar="FIELDS.geojson", help="Statistics of each polygon, too."
)
@click.option("--crops-only", is_flag=True, help="TVDI of cropland alone (IGBP 12 and 14 of MCD12Q1).")
@click.option("--city", metavar="LON,LAT", help="Heat island around this point by rings of distance, too.")
@options.out("FOLDER", required=True)
@options.as_json
@options.overwrite
@options.verbose
def indices(
    scene: Path,
    product: Path,
    regions: Path | None,
    crops_only: bool,
    city: str | None,
    out: Path,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Make NDVI, EVI, NDWI and the dryness index TVDI on the grid of a product.

    PRODUCT is the record (..._provenance.json) of what `downscale` made of the SCENE, or a folder that holds only that.
    The edges of the triangle of NDVI and temperature are fitted to the product, and drawn.
    """
    from srdanet.analysis.dryness import dryness, field_rows, write_dryness
    from srdanet.analysis.heat_island import heat_island
    from srdanet.atomic import refuse_existing, replacing
    from srdanet.errors import ArgumentError
    from srdanet.product.stored import stored_levels
    from srdanet.readers.places import read_regions
    from srdanet.scene import open_scene

    found = stored_levels([product])
    if len(found) > 1:
        raise ArgumentError(f"holds {len(found)} products", where=product, todo="Name the record of one.")
    stored = found[0]
    centre = None if city is None else _centre(city)
    tables = {"fields": regions, "rings": centre}
    paths = {name: out / f"{stored.stem}_{stored.level}m_{name}.csv" for name, given in tables.items() if given}
    refuse_existing(list(paths.values()), overwrite=overwrite)
    with open_scene(scene) as opened:
        made = dryness(opened, stored, crops_only=crops_only)
    files = write_dryness(made, stored, out, overwrite=overwrite)
    rows: dict[str, list[dict[str, Any]]] = {}
    if regions is not None:
        rows["fields"] = field_rows(made, stored, read_regions(regions))
    if centre is not None:
        rows["rings"] = [asdict(ring) for ring in heat_island(stored, centre)]
    for name, table in rows.items():
        with replacing(paths[name], overwrite=overwrite) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(table[0]) if table else [], lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)
    lines = [str(path) for path in (*files, *paths.values())]
    edges = None
    if made.edges is None:
        lines.append("no TVDI: NDVI and temperature form no triangle (night, winter, or one kind of cover)")
    else:
        edges = {"dry_intercept": made.edges.intercept, "dry_slope": made.edges.slope, "wet": made.edges.wet}
        lines.append("dry edge {dry_intercept:.1f} K {dry_slope:+.1f} K NDVI, wet edge {wet:.1f} K".format(**edges))
    for ring in rows.get("rings", []):
        lines.append(
            f"{ring['inner']:g} to {ring['outer']:g} km: {ring['intensity']:+.2f} K (error {ring['uncertainty']:.2f} K)"
        )
    options.emit("\n".join(lines), {"files": lines[: len(files) + len(paths)], "edges": edges, **rows}, as_json=as_json)


def _centre(text: str) -> Any:
    from odc.geo.geom import point

    from srdanet.readers.places import LONLAT, Place

    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError:
        message = f"{text!r} is no point. Write longitude,latitude in degrees, as in 2.35,48.86."
        raise click.BadParameter(message, param_hint="--city") from None
    return Place("the city", point(lon, lat, LONLAT))
