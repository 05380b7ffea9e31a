"""`srdanet prepare`: from files to a scene; and what `downscale` and `info` share of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srdanet.cli import options
from srdanet.errors import ArgumentError

if TYPE_CHECKING:
    from odc.geo.geom import Geometry

    from srdanet.prepare import Plan
    from srdanet.scene import Scene

SCENES = (".nc", ".zarr")
_MOST_LEFT_OUT = 8


@click.command(short_help="Make a scene from granules and other files.")
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@options.place_and_day
@options.ground
@options.out("SCENE")
@options.dry_run
@options.as_json
@options.overwrite
@options.verbose
def prepare(
    files: tuple[str, ...],
    choice: dict[str, Any],
    region: Geometry | None,
    out: Path | None,
    dry_run: bool,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Make a scene from granules and other FILES.

    FILES are granules (MOD11A1 or MYD11A1 is needed), SRTM tiles, ERA5, folders of them, or plain rasters as
    NAME=FILE[:BAND][,key=value]. NAME is lst, ndvi, elevation or another quantity; the keys are crs, nodata, scale,
    offset and unit, as in lst=LST.tif,scale=0.02,unit=K. The SCENE is a NetCDF file (.nc) or a Zarr store (.zarr).
    """
    from srdanet.prepare import plan
    from srdanet.scene.storage import check_place

    if out is None and not dry_run:
        raise click.UsageError("Missing option '-o' for the scene file (--dry-run needs none).")
    if out is not None:
        check_place(out, overwrite=overwrite)
        if out.suffix not in SCENES:
            raise ArgumentError("is not the name of a scene", where=out, todo=f"Use {' or '.join(SCENES)}.")
    made = plan(files, **choice)
    if out is None or dry_run:
        options.emit("\n".join(made.lines()), made.model_dump(mode="json"), as_json=as_json)
        return
    scene = build(made, region)
    path = scene.save(out, overwrite=overwrite)
    text, data = describe(scene, table=True), facts(scene, table=True)
    options.emit("\n".join([str(path), *text]), {"scene": str(path), **data}, as_json=as_json)


def build(plan: Plan, region: Geometry | None = None) -> Scene:
    """The scene of a plan, with its progress on stderr."""
    from srdanet.prepare import prepare as run

    with options.progress() as show:
        return run(plan, region=region, progress=show.under("reading"))


def describe(scene: Scene, *, table: bool = False) -> list[str]:
    """A scene in a few lines; with `table` the input report follows."""
    from srdanet.cli.tables import report_table
    from srdanet.predictors.overpass import part_of_day
    from srdanet.prepare import scene_report

    known, rows = facts(scene), scene_report(scene) if table else ()
    height, width = known["cells"]
    part = part_of_day(scene.day) or "day or night unknown"
    return [
        f"{known['tile'] or 'no tile'} {known['time'] or 'time unknown'} {part}, "
        f"{height} x {width} cells, {known['valid_share']:.1%} valid",
        *_kept(scene.provenance.get("part")),
        f"auxiliary: {' '.join(known['present']) or 'none'}",
        f"missing: {' '.join(known['missing']) or 'nothing'}",
        *assumed(scene.provenance, [row.variable for row in rows]),
        *left_out(scene.provenance),
        *(report_table(rows) if rows else ()),
    ]


def _kept(part: Mapping[str, Any] | None) -> list[str]:
    """Which part of the LST's grid the scene keeps, where it is not all."""
    if part is None:
        return []
    rows, columns = (f"{first} to {end - 1}" for first, end in (part["rows"], part["columns"]))
    height, width = part["of"]
    return [
        f"the valid part of {height} x {width} cells and {part['margin']} cells around it (rows {rows}, columns "
        f"{columns}); --tile keeps the whole tile"
    ]


def assumed(provenance: Mapping[str, Any], shown: Collection[str] = ()) -> list[str]:
    """What was taken for granted of the inputs, a line each; of the variables `shown` an input report says it."""
    inputs = [one for one in provenance.get("inputs", []) if not set(one.get("valid", ())) & set(shown)]
    said = [(one.get("role", "").removeprefix("raster:"), one.get("assumed")) for one in inputs]
    lines = [f"assumed {role}: {text}" for role, text in said if text]
    return [*lines, *(f"assumed: {text}" for text in provenance.get("assumed", []))]


def left_out(provenance: Mapping[str, Any]) -> list[str]:
    """Files that were given and not used, with the reason; of many only how many, since the record lists them."""
    found = provenance.get("left_out", [])
    if len(found) > _MOST_LEFT_OUT:
        return [f"left out {len(found)} files (listed in the record)"]
    return [f"left out {name}: {reason}" for name, reason in found]


def facts(scene: Scene, *, table: bool = False) -> dict[str, Any]:
    """A scene as plain data; with `table` the input report is in it."""
    from srdanet.prepare import scene_report

    lst = scene.lst["lst"]
    report = {"report": [row.model_dump(mode="json") for row in scene_report(scene)]} if table else {}
    return {
        "tile": str(scene.tile) if scene.tile else None,
        "time": scene.when,
        "day": scene.day,
        "cells": list(lst.shape),
        "valid_share": float(lst.notnull().mean()),
        "present": list(scene.present),
        "missing": list(scene.missing),
        **report,
    }
