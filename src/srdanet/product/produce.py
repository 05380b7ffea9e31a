"""From a scene to its product: downscale in bounded memory, write, record."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from srdanet.arrays import Progress
from srdanet.atomic import hidden_folder
from srdanet.downscaling.plan import RunPlan, stem_of
from srdanet.downscaling.rollout import StepModel
from srdanet.downscaling.run import Model, Run, adapted
from srdanet.errors import OutputError
from srdanet.product.product import Product, check_outputs, write_product
from srdanet.product.record import Auxiliary, ModelRecord, Origin
from srdanet.scene import Scene

if TYPE_CHECKING:
    from srdanet.adaptation import Adaptation

_BYTES = 26
"""Disk bytes for a cell of the finest level: working files, then the product, as if it did not compress."""


def produce(
    scene: Scene,
    directory: str | os.PathLike[str],
    to: int = 250,
    *,
    model: Model = "default",
    conserve: bool = False,
    adapt: bool | Adaptation = False,
    block: int = 256,
    stem: str | None = None,
    command: Sequence[str] = (),
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Product:
    """Downscale a scene and write its product; memory is bounded by a window, not by the scene.

    Args:
        scene: The scene.
        directory: Where the product goes; working files lie there too, in a hidden folder, while it runs.
        to: Nominal cell size (m) of the finest level.
        model: Same as in `downscale`.
        conserve: Same as in `downscale`.
        adapt: Same as in `downscale`; the record then says how, and what came of it.
        block: Same as in `downscale`.
        stem: What all file names begin with; made of tile, date, day and platform where it is not given.
        command: What was typed, for the record.
        progress: Called with a step's name, windows done and windows in all.
        overwrite: Replace files of the same names.

    Raises:
        OutputError: when a file exists, there is too little room, or writing fails; nothing is left behind.
        ArgumentError: when an argument is out of range.
        ModelError: when the model cannot be loaded.
        MissingExtraError, SceneError: same as in `downscaling.run.adapted`, when `adapt` is on.
    """
    loaded = adapted(model, scene, adapt, progress)
    plan = RunPlan.of(scene.geobox, to=to, block=block)
    folder = Path(directory)
    stem = stem or stem_of(scene.tile, scene.time, scene.day, scene.platform)
    levels = list(plan.levels.values())
    check_outputs(folder, stem, levels, overwrite=overwrite)
    origin = _origin(scene, loaded, {"to": to, "conserve": conserve, "block": block}, command)
    with hidden_folder(folder, f"{stem}_work") as work:
        _check_room(work, scene.lst["lst"].size * 4 ** len(levels))
        run = Run.of(scene, plan, loaded, conserve=conserve, workdir=work, progress=progress)
        return write_product(dict(run), folder, stem, origin=origin, coarse=scene.lst["lst"], overwrite=overwrite)


def _origin(scene: Scene, model: StepModel, options: dict[str, int | str | None], command: Sequence[str]) -> Origin:
    """What went in."""
    about = dict(scene.provenance)
    known = {key: getattr(model, key, None) for key in ("version", "sha256", "adapted")}
    return Origin(
        tile=str(scene.tile) if scene.tile else None,
        time=scene.when,
        day=scene.day,
        noise=scene.noise,
        command=tuple(command),
        options=options,
        model=ModelRecord(name=getattr(model, "name", type(model).__name__), **known),
        inputs=tuple(about.pop("inputs", [])),
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
