"""From a scene to its product: downscale in bounded memory, write, record."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from srdanet.arrays import Progress, silent
from srdanet.atomic import heal, hidden_folder
from srdanet.downscaling.plan import RunPlan, stem_of
from srdanet.downscaling.rollout import StepModel
from srdanet.downscaling.run import Model, Run, step_model
from srdanet.errors import OutputError
from srdanet.prepare.extent import Part, without_margin
from srdanet.product.product import OWN, Layout, Product, check_outputs, write_product
from srdanet.product.record import Auxiliary, ModelRecord, Origin
from srdanet.product.warp import other_grid
from srdanet.scene import Scene

_BYTES = 26
"""Disk bytes for a cell of the finest level: working files, then the product, as if it did not compress."""


def produce(
    scene: Scene,
    directory: str | os.PathLike[str],
    to: int = 250,
    *,
    model: Model = "default",
    conserve: bool = False,
    block: int = 400,
    stem: str | None = None,
    layout: Layout = OWN,
    command: Sequence[str] = (),
    progress: Progress = silent,
    overwrite: bool = False,
) -> Product:
    """Downscale a scene and write its product; memory is bounded by a window, not by the scene.

    The margin that `prepare` leaves around the LST serves the model and is not in the product.

    Args:
        scene: The scene.
        directory: Where the product goes; working files lie there too, in a hidden folder, while it runs.
        to: Nominal cell size (m) of the finest level.
        model: Same as in `downscale`.
        conserve: Same as in `downscale`.
        block: Same as in `downscale`.
        stem: What all file names begin with; made of tile, date, day and platform where it is not given.
        layout: Same as in `write_product`.
        command: What was typed, for the record.
        progress: Called with a step's name, windows done and windows in all.
        overwrite: Replace files of the same names.

    Raises:
        OutputError: when a file exists, there is too little room, or writing fails; nothing is left behind.
        ArgumentError: when an argument is out of range.
        ModelError: when the model cannot be loaded.
    """
    loaded = step_model(model)
    plan = RunPlan.of(scene.geobox, to=to, block=block)
    ground, folder = without_margin(scene), Path(directory)
    stem = stem or stem_of(scene.geobox[ground], scene.time, scene.day, scene.platform)
    levels = list(plan.levels.values())
    heal(folder, stem)
    check_outputs(folder, stem, levels, overwrite=overwrite, file_format=layout.file_format)
    if layout.crs is not None:
        other_grid(scene.geobox[ground], layout.crs, layout.res)  # an unknown CRS is refused before the work
    options: dict[str, int | str | None] = {"to": to, "conserve": conserve, "block": block}
    if layout != OWN:
        options |= {"format": layout.file_format, "crs": layout.crs}
        options |= {} if layout.res is None else {"res": str(layout.res)}
    origin = _origin(scene, loaded, options, command)
    with hidden_folder(folder, f"{stem}_work") as work:
        _check_room(work, scene.lst["lst"].size * 4 ** len(levels))
        run = Run.of(scene, plan, loaded, conserve=conserve, workdir=work, progress=progress)
        results = {level: _part_of(result, scene, ground) for level, result in run}
        coarse = scene.lst["lst"][ground]
        return write_product(results, folder, stem, origin=origin, coarse=coarse, layout=layout, overwrite=overwrite)


def _part_of(result: xr.Dataset, scene: Scene, ground: Part) -> xr.Dataset:
    """The part of a level's result that the product covers."""
    factor = result.sizes["y"] // scene.geobox.shape[0]
    rows, cols = (slice(along.start * factor, along.stop * factor) for along in ground)
    return result.isel(y=rows, x=cols)


def _origin(scene: Scene, model: StepModel, options: dict[str, int | str | None], command: Sequence[str]) -> Origin:
    """What went in."""
    about = dict(scene.provenance)
    known = {key: getattr(model, key, None) for key in ("version", "sha256", "bundle_sha256")}
    return Origin(
        tile=str(scene.tile) if scene.tile else None,
        time=scene.when,
        day=scene.day,
        noise=scene.noise,
        command=tuple(command),
        options=options,
        model=ModelRecord(name=getattr(model, "name", type(model).__name__), **known),
        inputs=tuple(about.pop("inputs", [])),
        scene_sha256=scene.sha256,
        auxiliary=Auxiliary(present=scene.present, missing=scene.missing),
        scene=about,
    )


def _check_room(folder: Path, cells: int) -> None:
    """Refuse before an hour of work rather than after it; a mapped file on a full disk would kill the process."""
    free, need = shutil.disk_usage(folder).free, cells * _BYTES
    if free < need:
        what = f"has only {free / 1e6:.0f} MB free, and {need / 1e6:.0f} MB are needed"
        raise OutputError(what, where=folder.parent, todo="Make room, or write elsewhere.") from OSError(
            errno.ENOSPC, os.strerror(errno.ENOSPC)
        )
