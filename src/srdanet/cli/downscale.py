"""`srdanet downscale`: from a scene, or the files of one, to a product."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srdanet.cli import options
from srdanet.cli.prepare import SCENES, assumed, build, describe, facts, left_out
from srdanet.errors import ArgumentError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from odc.geo.geom import Geometry

    from srdanet.downscaling import ProductFiles
    from srdanet.network.bundle import Device
    from srdanet.product import Layout, Product


@click.command(short_help="Downscale a scene, or the files of one, to 500 m and 250 m.")
@click.argument("inputs", nargs=-1, required=True, metavar="SCENE|FILES...")
@click.option("--to", type=click.Choice(["500", "250"]), default="250", show_default=True, help="Cell size (m).")
@options.place_and_day
@options.ground
@options.layout
@options.model
@options.device
@click.option("--noise", type=float, metavar="K", help="Error of the coarse LST (K); 0: the mean of a finer field.")
@options.conserve
@click.option("--block", default=400, show_default=True, help="Cells along a window; bounds memory, not the result.")
@options.out("FOLDER", required=True)
@options.dry_run
@options.as_json
@options.overwrite
@options.verbose
def downscale(
    inputs: tuple[str, ...],
    to: str,
    choice: dict[str, Any],
    region: Geometry | None,
    layout: Layout,
    model: str,
    device: Device,
    noise: float | None,
    conserve: bool,
    block: int,
    out: Path,
    dry_run: bool,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Downscale a SCENE (or the FILES of one) to 500 m and 250 m.

    Plain rasters are given as NAME=FILE[:BAND][,key=value], such as lst=LST.tif,scale=0.02; the keys are crs, nodata,
    scale, offset and unit.

    For each level FOLDER gets GeoTIFFs of temperature (K), uncertainty (K) and quality, and a quick look; one
    JSON file records what they were made from. On another grid (--crs) a cell takes the nearest value; cells 1.5
    times larger or more are means.
    """
    from srdanet.downscaling.plan import RunPlan, stem_of
    from srdanet.network.bundle import load_model
    from srdanet.prepare import plan, root_grid
    from srdanet.prepare.extent import over_region, without_margin
    from srdanet.product import check_outputs
    from srdanet.product.produce import produce
    from srdanet.scene import open_scene

    chosen = any(value not in (None, True) for value in choice.values())
    # What ends like a scene may be a raster given as NAME=FILE, unless a file has that very name.
    spec = "=" in inputs[0] and not Path(inputs[0]).exists()
    ready = len(inputs) == 1 and inputs[0].rstrip("/").endswith(SCENES) and not spec
    if ready and chosen:
        todo = "Leave out --tile, --date, --night, --platform, --time and --grid."
        raise ArgumentError("a scene has its tile and date already", where=inputs[0], todo=todo)

    def names(root: GeoBox, *about: Any) -> ProductFiles:
        levels = RunPlan.of(root, to=int(to), block=block).levels.values()
        return check_outputs(out, stem_of(root, *about), levels, overwrite=overwrite, file_format=layout.file_format)

    def announce(files: ProductFiles, lines: list[str], data: dict[str, Any]) -> None:
        paths = [str(path) for path in files]
        text = "\n".join([*lines, *(f"would write {path}" for path in paths)])
        options.emit(text, {**data, "model": model, "writes": paths}, as_json=as_json)

    made = None if ready else plan(inputs, **choice)
    if made is not None and dry_run:
        files = names(root_grid(made, region), made.date, made.day, made.platform)
        announce(files, made.lines(), {"plan": made.model_dump(mode="json")})
        return
    with open_scene(inputs[0]) if made is None else build(made, region) as opened:
        scene = over_region(opened, region) if made is None and region is not None else opened
        files = names(scene.geobox[without_margin(scene)], scene.time, scene.day, scene.platform)
        if dry_run:
            announce(files, describe(scene), {"scene": facts(scene)})
            return
        stated = scene if noise is None else replace(scene, noise=noise)
        with options.progress() as show:
            product = produce(
                stated, out, int(to), model=load_model(model, device), conserve=conserve, block=block, layout=layout,
                command=options.command_line(), progress=show, overwrite=overwrite,
            )  # fmt: skip
    data = {"files": [str(path) for path in product.files], **product.record.model_dump(mode="json")}
    options.emit("\n".join(_summary(product)), data, as_json=as_json)


def _summary(product: Product) -> list[str]:
    """What was written, and the few numbers to look at first."""
    lines = []
    files, record = product.files, product.record
    for level, rasters in files.rasters.items():
        about = record.levels[str(level)]
        parts = [f"{about.valid_share:.1%} valid"]
        parts += [f"mean uncertainty {about.uncertainty_mean:.2f} K"] if about.uncertainty_mean is not None else []
        parts += [f"closure on the input {about.closure.rmse:.3f} K RMSE"] if about.closure else []
        lines += [f"{rasters['lst']}  ({', '.join(parts)})", str(files.pictures[level])]
    lines.append(str(files.provenance))
    missing = record.auxiliary.missing
    lines += [f"without {' '.join(missing)}"] if missing else []
    lines += [record.auxiliary.warning] if record.auxiliary.warning else []
    return [*lines, *assumed({**record.scene, "inputs": record.inputs}), *left_out(record.scene)]
