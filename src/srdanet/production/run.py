"""A run of many units: survey once, note the units in the ledger, make what is to be made."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from odc.geo.geom import Geometry

from srdanet.atomic import heal
from srdanet.errors import ArgumentError, OutputError, SrdanetError
from srdanet.network.bundle import Device
from srdanet.prepare.survey import InputFile, survey
from srdanet.product.product import OWN, Layout
from srdanet.production.child import Work
from srdanet.production.execute import Executor, execute
from srdanet.production.ledger import Entry, Ledger, Totals
from srdanet.production.make import Task, identity_of, make, model_of
from srdanet.production.units import Options, Unit, argument, key_of, units_of


@dataclass(frozen=True)
class Production:
    """What many units share: files, options, and the folder that all goes to."""

    directory: Path
    options: Options
    files: Mapping[str, InputFile]
    """What the survey found, by what a unit calls it (`srdanet.production.units.argument`)."""

    @classmethod
    def of(
        cls,
        files: Iterable[str | os.PathLike[str]],
        directory: Path,
        *,
        model: str = "default",
        device: Device = "cpu",
        to: int = 250,
        conserve: bool = False,
        layout: Layout = OWN,
        region: Geometry | None = None,
    ) -> Production:
        """Load the model, for what identifies it, and survey the files once for all units.

        A file that cannot be identified is left out (`left_out`), named or not: it must not stop all others.

        Raises:
            ArgumentError: when a path does not exist.
            ModelError, MissingExtraError: when the model cannot be loaded, or not for this device.
        """
        options = Options(
            model=model, identity=identity_of(model_of(model, device)), device=device, to=to, conserve=conserve,
            region=None if region is None else json.dumps(region.json),
            file_format=None if layout.file_format == OWN.file_format else layout.file_format,
            crs=layout.crs, res=layout.res,
        )  # fmt: skip
        found: dict[str, InputFile] = {}
        for given in files:
            try:
                surveyed = survey([given])
            except ArgumentError:
                raise
            except SrdanetError as error:
                surveyed = (InputFile(path=str(given), kind="other", reason=error.what),)
            found |= {argument(file): file for file in surveyed}
        return cls(directory, options, found)

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """Files that serve no unit, with the reason."""
        return [(file.path, file.reason) for file in self.files.values() if file.kind == "other"]

    def units(self, **choice: Any) -> Iterator[Unit]:
        """The units that the files hold; arguments of `srdanet.production.units.units_of`."""
        return units_of(list(self.files.values()), region=self.options.ground, **choice)

    def keyed(self, units: Iterable[Unit]) -> Iterator[tuple[Unit, str]]:
        """Each unit with its key; each file is looked at once."""

        @cache
        def stat(path: str) -> tuple[int, int]:
            found = os.stat(path)
            return found.st_size, found.st_mtime_ns

        for unit in units:
            yield unit, key_of(unit, [self.files[name].path for name in unit.inputs], self.options, stat)

    def task(self, unit: Unit) -> Task:
        """What a worker needs to make a unit."""
        files = tuple(self.files[name] for name in unit.inputs)
        return Task(unit, files, str(self.directory.absolute()), self.options)


def carry_out(
    production: Production,
    ledger: Ledger,
    executor: Executor,
    *,
    work: Work = make,
    started: Callable[[str], None] = lambda name: None,
    ended: Callable[[Entry], None] = lambda entry: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Totals:
    """Make what the ledger has to do; closes the executor.

    Args:
        production: Files, options, folder.
        ledger: With its units registered.
        executor: Where units are made.
        work: Makes a `Task`; a function of a module.
        started: Called with the name of a unit that is begun.
        ended: Called with what the ledger says of a unit that ended.
        stopping: Asked before a unit is begun; once it is true, what is running is finished and nothing more begun.

    Raises:
        OutputError: when the disk is full, or the ledger cannot be written; nothing is lost.
        RunError: when a cluster is lost.
    """
    full = ""
    ledger.remember("executor", type(executor).__name__.lower())

    def begin(name: str) -> None:
        ledger.started(name)
        started(name)

    def task_of(name: str) -> Task:
        return production.task(ledger.unit(name))

    def stop() -> bool:
        return bool(full) or stopping()

    try:
        for name, outcome in execute(ledger.waiting(), work, task_of, executor, started=begin, stopping=stop):
            cause = outcome.cause
            if cause is not None and cause.kind in ("died", "timeout"):
                clear(production.directory, [ledger.unit(name)])
            if cause is not None and cause.kind == "disk":
                full = cause.what
            ended(ledger.ended(name, outcome))
    finally:
        executor.close()
        ledger.release()
    if full:
        todo = "Make room, then give the same command again: what is done stays."
        raise OutputError(f"the disk is full ({full})", where=production.directory, todo=todo)
    return ledger.totals()


def clear(directory: Path, units: Sequence[Unit]) -> None:
    """Remove the hidden working files of units whose maker was killed."""
    for unit in units:
        folder = directory / unit.folder
        if folder.is_dir():
            for stem in (unit.name, f"{unit.name}_work"):
                heal(folder, stem)
