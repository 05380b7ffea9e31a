"""`srdanet cube`: products over time in one file, on their own grid or on another."""

from __future__ import annotations

from pathlib import Path

import click

from srdanet.cli import options

PATH = click.Path(exists=True, path_type=Path)


@click.command(short_help="Put products over time into one NetCDF file or Zarr store.")
@click.argument(
    "products", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PRODUCTS..."
)
@click.option("--level", type=click.Choice(["500", "250"]), help="Cell size (m); default: the finest.")
@click.option("--crs", metavar="EPSG:CODE", help="CRS of the cube; default: that of the products.")
@click.option("--res", type=float, help="Cell size in units of --crs; default: about that of the products.")
@options.out("CUBE", required=True)
@options.as_json
@options.overwrite
@options.verbose
def cube(
    products: tuple[Path, ...],
    level: str | None,
    crs: str | None,
    res: float | None,
    out: Path,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Put PRODUCTS into one NetCDF file (.nc) or Zarr store (.zarr) over time.

    PRODUCTS are folders that `downscale` wrote to, or records of single products. On another grid, cells take the
    nearest value; cells 1.5 times larger or more are means.
    """
    from srdanet.product.cube import write_cube
    from srdanet.product.stored import stored_levels

    found = stored_levels(products, int(level) if level else None)
    with options.progress() as show:
        write_cube(found, out, crs=crs, res=res, overwrite=overwrite, progress=show)
    data = {"file": str(out), "products": [one.stem for one in found], "level": found[0].level}
    options.emit(f"{out}  ({len(found)} products)", data, as_json=as_json)
