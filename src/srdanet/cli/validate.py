"""`srdanet validate`: what is wrong with a product, in words."""

from __future__ import annotations

from pathlib import Path

import click

from srdanet.cli import options


@click.command(short_help="Check a product and say what is wrong with it.")
@click.argument("what", type=click.Path(exists=True, path_type=Path), metavar="FILE|FOLDER")
@options.as_json
@options.verbose
@click.pass_context
def validate(context: click.Context, what: Path, as_json: bool) -> None:
    """Say what is wrong with a product: a FOLDER with those in it, a record or a raster.

    Looked at are checksums, the structure of the GeoTIFFs, units, CRS and ranges, whether temperature, uncertainty and
    quality agree, QGIS styles, STAC items and their collection. The exit code is 1 when something is wrong.
    """
    from srdanet.product.inspection import inspect_product

    count, faults = inspect_product(what)
    lines = [*map(str, faults), f"{count} files, {len(faults)} faults" if faults else f"{count} files, nothing wrong"]
    data = {"files": count, "faults": [{"file": fault.file, "what": fault.what} for fault in faults]}
    options.emit("\n".join(lines), data, as_json=as_json)
    if faults:
        context.exit(1)
