"""What a run will cost: units, bytes, seconds, from units that were measured. `docs/scale.md` has the numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Self

from srdanet.production.ledger import FILE, Ledger
from srdanet.production.run import Production
from srdanet.production.units import Unit


@dataclass(frozen=True)
class CostModel:
    """What units cost, fitted to units that were made: by least squares, which here are means of each part.

    `seconds = prepare + static (first unit of a tile) + downscale`, on one worker of the machine they were made on.
    """

    units: int
    """From which it was fitted, those without LST included."""
    prepare: float
    """Seconds that reading takes where elevation and land cover are in the store."""
    static: float
    """Seconds more for the first unit of a tile; 0 where each tile has one unit, from which it cannot be told."""
    downscale: float
    """Seconds, writing included."""
    empty: float
    """Seconds of a unit without LST."""
    empty_share: float
    """Of units."""
    bytes: float
    """Of a product."""
    memory: int
    """Most bytes resident in any of the processes."""

    @classmethod
    def fit(cls, ledger: Ledger) -> Self | None:
        """From all that a ledger has measured; None where nothing has been made yet."""
        done = [
            (entry, entry.parts) for entry in ledger.entries(state="done") if entry.parts and "prepare" in entry.parts
        ]
        empty = [entry.seconds or 0.0 for entry in ledger.entries(state="empty")]
        if not done:
            return None
        seen: set[str | None] = set()
        first: list[float] = []
        later: list[float] = []
        for entry, parts in sorted(done, key=lambda one: one[0].changed or ""):
            tile = ledger.unit(entry.name).tile
            (later if tile in seen else first).append(parts["prepare"])
            seen.add(tile)
        prepare = fmean(later or first)
        return cls(
            units=len(done) + len(empty),
            prepare=prepare,
            static=max(0.0, fmean(first) - prepare),
            downscale=fmean(parts["downscale"] for _, parts in done),
            empty=fmean(empty) if empty else 0.0,
            empty_share=len(empty) / (len(done) + len(empty)),
            bytes=fmean(entry.bytes or 0 for entry, _ in done),
            memory=max(entry.memory or 0 for entry, _ in done),
        )

    def seconds(self, units: int, tiles: int) -> float:
        """Of one worker, for so many units, in so many tiles of which none has been made."""
        made = self.prepare + self.downscale
        return units * ((1 - self.empty_share) * made + self.empty_share * self.empty) + tiles * self.static

    def output(self, units: int) -> float:
        """Bytes of the products of so many units."""
        return units * (1 - self.empty_share) * self.bytes


@dataclass(frozen=True)
class Forecast:
    """What is expected of a run."""

    units: int
    done: int
    """Of these, those that the folder has already."""
    input_bytes: int
    """Of all files that any unit reads, each counted once."""
    output_bytes: int | None
    """Of the products still to be made; None where none of the run has been made yet."""
    seconds: float | None
    """Until all are made, with so many workers; None where none of the run has been made yet."""
    workers: int

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        said = [f"{self.units} units, {self.done} done already, {self.input_bytes / 1e6:.0f} MB of input"]
        if self.seconds is None or self.output_bytes is None:
            return [*said, "time and bytes of output: known once a unit has been made here"]
        hours, minutes = divmod(round(self.seconds / 60), 60)
        time = f"{hours} h {minutes} min" if self.seconds >= 60 else f"{self.seconds:.0f} s"
        return [*said, f"about {time} with {self.workers} workers, {self.output_bytes / 1e6:.0f} MB of output"]


def forecast(production: Production, units: Sequence[Unit], workers: int) -> Forecast:
    """What is expected of a run, from what its folder already has (`CostModel`).

    Args:
        production: Files and folder.
        units: Those that are wanted.
        workers: How many work at a time.
    """
    paths = {production.files[name].path for unit in units for name in unit.inputs}
    input_bytes = sum(os.path.getsize(path) for path in paths)
    made: set[str] = set()
    seconds: float | None = None
    written: int | None = None
    if (production.directory / FILE).is_file():
        with Ledger(production.directory, write=False) as ledger:
            made = {entry.name for entry in ledger.entries() if entry.state in ("done", "empty")}
            model = CostModel.fit(ledger)
        left = [unit for unit in units if unit.name not in made]
        if model is not None:
            new = {unit.tile for unit in left} - {unit.tile for unit in units if unit.name in made}
            seconds, written = model.seconds(len(left), len(new)) / workers, round(model.output(len(left)))
    return Forecast(len(units), sum(unit.name in made for unit in units), input_bytes, written, seconds, workers)
