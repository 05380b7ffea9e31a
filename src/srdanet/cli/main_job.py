"""`prepare` and `downscale`: from files to a scene, from a scene to products."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srdanet.cli.manners import as_json as json_option
from srdanet.cli.manners import dry_run as dry_run_option
from srdanet.cli.manners import emit, note, out, place_and_day, progress, typed, verbose
from srdanet.cli.manners import overwrite as overwrite_option
from srdanet.errors import ArgumentError

if TYPE_CHECKING:
    from srdanet.grid import Tile
    from srdanet.prepare import Plan
    from srdanet.product import ProductFiles
    from srdanet.scene import Scene

_SCENES = (".nc", ".zarr")
_MOST_LEFT_OUT = 8


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@place_and_day
@out("SCENE")
@dry_run_option
@json_option
@overwrite_option
@verbose
def prepare(
    files: tuple[str, ...],
    tile: Tile | None,
    date: dt.date | None,
    night: bool,
    platform: Any,
    time: str | None,
    out: Path | None,
    dry_run: bool,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Make a scene from granules and other FILES.

    FILES are granules (MOD11A1 or MYD11A1 is needed), SRTM tiles, ERA5, folders of them, or plain rasters as
    NAME=FILE[:BAND]. The SCENE is a NetCDF file (.nc) or a Zarr store (.zarr).
    """
    from srdanet.scene.storage import check_place

    if out is None and not dry_run:
        raise click.UsageError("Missing option '-o': where does the scene go? (--dry-run needs none)")
    if out is not None:
        check_place(out, overwrite=overwrite)
        if out.suffix not in _SCENES:
            raise ArgumentError("is no name of a scene", where=out, todo=f"let it end in {' or '.join(_SCENES)}")
    plan = _plan(files, tile, date, night, platform, time)
    if out is None or dry_run:
        emit("\n".join(plan.lines()), plan.model_dump(mode="json"), as_json=as_json)
        return
    scene = _prepared(plan)
    path = scene.save(out, overwrite=overwrite)
    emit("\n".join([str(path), *about(scene)]), {"scene": str(path), **facts(scene)}, as_json=as_json)


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="SCENE|FILES...")
@click.option("--to", type=click.Choice(["500", "250"]), default="250", show_default=True, help="Cell size (m).")
@place_and_day
@click.option("--model", default="default", show_default=True, metavar="NAME|FOLDER", help="Which model.")
@click.option("--conserve/--no-conserve", default=False, show_default=True, help="Reproduce the 1 km LST exactly.")
@click.option(
    "--adapt/--no-adapt", default=False, show_default=True, help="Fit the model to the scene first; needs [train]."
)
@click.option("--block", default=256, show_default=True, help="Cells along a window; bounds memory, not the result.")
@out("FOLDER", required=True)
@dry_run_option
@json_option
@overwrite_option
@verbose
def downscale(
    inputs: tuple[str, ...],
    to: str,
    tile: Tile | None,
    date: dt.date | None,
    night: bool,
    platform: Any,
    time: str | None,
    model: str,
    conserve: bool,
    adapt: bool,
    block: int,
    out: Path,
    dry_run: bool,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Downscale a SCENE (or the FILES of one) to 500 m and 250 m.

    For each level FOLDER gets GeoTIFFs of temperature (K), uncertainty (K) and quality, and a quick look; one
    JSON file says what they were made from.
    """
    from srdanet.grid import cell_size
    from srdanet.product import check_outputs
    from srdanet.product.produce import levels_of, produce, stem_of

    given = any(value is not None for value in (tile, date, platform, time)) or night
    ready = len(inputs) == 1 and inputs[0].rstrip("/").endswith(_SCENES) and not _is_spec(inputs[0])
    if ready and given:
        raise ArgumentError("a scene has its tile and date", where=inputs[0], todo="leave --tile, --date, … out")
    plan = None if ready else _plan(inputs, tile, date, night, platform, time)
    if plan is not None and dry_run:
        tile, cell = _place(plan)
        levels = levels_of(cell, int(to))
        stem = stem_of(tile, plan.date, plan.day, plan.platform)
        files = check_outputs(out, stem, levels, overwrite=overwrite)
        data = {"plan": plan.model_dump(mode="json"), "model": model, "writes": [str(path) for path in files]}
        emit("\n".join([*plan.lines(), *_writes(files)]), data, as_json=as_json)
        return
    with _opened(inputs[0]) if plan is None else _prepared(plan) as scene:
        stem = stem_of(scene.tile, scene.time, scene.day, scene.provenance.get("platform"))
        levels = levels_of(cell_size(scene.geobox), int(to))
        files = check_outputs(out, stem, levels, overwrite=overwrite)
        if dry_run:
            data = {"scene": facts(scene), "model": model, "writes": [str(path) for path in files]}
            emit("\n".join([*about(scene), *_writes(files)]), data, as_json=as_json)
            return
        with progress() as show:
            files = produce(
                scene,
                out,
                int(to),
                model=model,
                conserve=conserve,
                adapt=adapt,
                block=block,
                command=typed(),
                progress=show,
                overwrite=overwrite,
            )
    record = json.loads(files.provenance.read_text(encoding="utf-8"))
    _tell(files, record, as_json=as_json)


def _is_spec(text: str) -> bool:
    """Whether it is `NAME=FILE` rather than a file whose name holds a =."""
    return "=" in text and not Path(text).exists()


def _plan(
    files: tuple[str, ...],
    tile: Tile | None,
    date: dt.date | None,
    night: bool,
    platform: Any,
    time: str | None,
) -> Plan:
    from srdanet.prepare import plan

    return plan(files, tile, date, not night, platform=platform, time=time)


def _place(plan: Plan) -> tuple[Tile | None, float]:
    """The tile and the cell size (m) of the scene to come; a plain raster is opened for them."""
    from srdanet.grid import Level, cell_size, tile_of
    from srdanet.prepare.build import coarse_grid

    source = plan.source("lst")
    if source is None or source.spec is None:
        return plan.tile, Level.KM1.metres
    box = coarse_grid(source)
    return tile_of(box), cell_size(box)


def _prepared(plan: Plan) -> Scene:
    from srdanet.prepare import prepare

    return prepare(plan, progress=note())


def _opened(path: str) -> Scene:
    from srdanet.scene import open_scene

    return open_scene(path)


def about(scene: Scene) -> list[str]:
    """A scene in a few lines."""
    known = facts(scene)
    height, width = known["cells"]
    return [
        f"{known['tile'] or 'no tile'} {known['time'] or 'time unknown'} {'day' if scene.day else 'night'}, "
        f"{height} x {width} cells, {known['valid_share']:.1%} valid",
        f"auxiliary: {' '.join(known['present']) or 'none'}",
        f"missing: {' '.join(known['missing']) or 'nothing'}",
        *_left_out(scene.provenance),
    ]


def _left_out(provenance: Mapping[str, Any]) -> list[str]:
    """What was given and not used, with the reason; of many only how many, since the record has them."""
    found = provenance.get("left_out", [])
    if len(found) > _MOST_LEFT_OUT:
        return [f"left out {len(found)} files (see the record)"]
    return [f"left out {name}: {reason}" for name, reason in found]


def facts(scene: Scene) -> dict[str, Any]:
    """A scene as plain data."""
    lst = scene.lst["lst"]
    return {
        "tile": str(scene.tile) if scene.tile else None,
        "time": scene.when,
        "day": scene.day,
        "cells": list(lst.shape),
        "valid_share": float(lst.notnull().mean()),
        "present": list(scene.present),
        "missing": list(scene.missing),
    }


def _writes(files: ProductFiles) -> list[str]:
    return [f"would write {path}" for path in files]


def _tell(files: ProductFiles, record: Mapping[str, Any], *, as_json: bool) -> None:
    """What was written, and the few numbers to look at first."""
    lines = []
    for level, rasters in files.rasters.items():
        level_facts = record["levels"][str(level)]
        share, doubt, closed = (level_facts[key] for key in ("valid_share", "uncertainty_mean", "closure"))
        parts = [f"{share:.1%} valid"]
        parts += [f"mean uncertainty {doubt:.2f} K"] if doubt is not None else []
        parts += [f"closure on the input {closed['rmse']:.3f} K RMSE"] if closed else []
        lines += [f"{rasters['lst']}  ({', '.join(parts)})", str(files.pictures[level])]
    lines.append(str(files.provenance))
    missing = record["auxiliary"]["missing"]
    lines += [f"without {' '.join(missing)}"] if missing else []
    lines += _left_out(record["scene"])
    emit("\n".join(lines), {"files": [str(path) for path in files], **record}, as_json=as_json)
