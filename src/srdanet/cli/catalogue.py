"""`srdanet catalogue`: a folder of products as a static STAC collection."""

from __future__ import annotations

from pathlib import Path

import click

from srdanet.cli import options


@click.command(short_help="Write a STAC collection of the products in a folder.")
@click.argument("folder", type=options.FOLDER, metavar="FOLDER")
@options.as_json
@options.verbose
def catalogue(folder: Path, as_json: bool) -> None:
    """Write the STAC collection of FOLDER: `collection.json`, which lists the products in it and in its folders.

    The items beside the products are made anew from their records and linked to it. Run it again after new products.
    """
    from srdanet.product.collection import write_collection

    made = write_collection(folder)
    lines = [f"{made.path}  ({len(made.items)} products)"]
    lines += [f"left out {path.name}: the product has no date" for path in made.undated]
    data = {"file": str(made.path), "items": list(map(str, made.items)), "left_out": list(map(str, made.undated))}
    options.emit("\n".join(lines), data, as_json=as_json)
