"""One unit: from its files to its product."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srdanet.arrays import Progress, silent
from srdanet.baselines import BASELINES
from srdanet.baselines.interpolation import Interpolation
from srdanet.downscaling.rollout import StepModel
from srdanet.network.bundle import Device, load_model
from srdanet.prepare.build import prepare
from srdanet.prepare.plan import choose
from srdanet.prepare.survey import InputFile
from srdanet.product.produce import produce
from srdanet.product.product import OWN, Layout
from srdanet.production.static import Static
from srdanet.production.units import Options, Unit

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "bicubic-conserving")
"""Baselines that can take the place of a model."""


@dataclass(frozen=True)
class Task:
    """A unit, with all that a worker needs to make it."""

    unit: Unit
    files: tuple[InputFile, ...]
    """What the survey found of the unit's inputs, so that nobody opens them twice."""
    directory: str
    """The folder of the run."""
    options: Options


@dataclass(frozen=True)
class Made:
    """What came of a unit."""

    record: str
    """The product's record, relative to the folder of the run."""
    bytes: int
    """Of all its files."""
    parts: Mapping[str, float]
    """Seconds by part of the work."""


def model_of(name: str, device: Device = "cpu") -> StepModel:
    """A shipped model, the folder of a bundle, or one of `INTERPOLATIONS`.

    Raises:
        ModelError, MissingExtraError: when it cannot be loaded, or not for this device.
    """
    if name in INTERPOLATIONS:
        method = BASELINES[name]()
        assert isinstance(method, Interpolation)
        return method
    return load_model(name, device)


def identity_of(model: StepModel) -> str:
    """What tells a model from any other."""
    parts: tuple[Any, ...] = tuple(getattr(model, key, None) for key in ("name", "version", "sha256"))
    return " ".join(str(part) for part in parts if part) or type(model).__name__


def make(task: Task, progress: Progress = silent) -> Made:
    """Make the product of a unit, whole or not at all.

    Raises:
        SrdanetError: whatever `prepare` and `produce` raise.
    """
    unit, options, directory = task.unit, task.options, Path(task.directory)
    started = time.perf_counter()
    plan = choose(task.files, unit.tile, unit.date, unit.day, platform=unit.platform, time=unit.time)
    scene = prepare(plan, region=options.ground, static=Static(directory), progress=progress)
    prepared = time.perf_counter()
    product = produce(
        scene,
        directory / unit.folder,
        options.to,
        model=model_of(options.model, options.device),
        conserve=options.conserve,
        stem=unit.name,
        layout=Layout(options.file_format or OWN.file_format, options.crs, options.res),
        progress=progress,
        overwrite=True,
    )
    ended = time.perf_counter()
    files = list(product.files)
    parts = {"prepare": round(prepared - started, 3), "downscale": round(ended - prepared, 3)}
    record = product.files.provenance.relative_to(directory)
    return Made(str(record), sum(_bytes(path) for path in files), parts)


def _bytes(place: Path) -> int:
    """Bytes of a file, or of all files of a folder; none where it is not there."""
    return sum(path.stat().st_size for path in (place, *place.rglob("*")) if path.is_file())
