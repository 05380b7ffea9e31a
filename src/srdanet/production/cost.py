"""What a run will cost: units, bytes, seconds, from units that were measured. `docs/scale.md` has the numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from srdanet.production.ledger import FILE, Ledger
from srdanet.production.run import Production
from srdanet.production.units import Unit


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
    """What is expected of a run, from the mean of what its folder already has.

    Args:
        production: Files and folder.
        units: Those that are wanted.
        workers: How many work at a time.
    """
    paths = {production.files[name].path for unit in units for name in unit.inputs}
    input_bytes = sum(os.path.getsize(path) for path in paths)
    done = 0
    seconds: float | None = None
    written: int | None = None
    if (production.directory / FILE).is_file():
        with Ledger(production.directory, write=False) as ledger:
            names = {entry.name for entry in ledger.entries() if entry.state in ("done", "empty")}
            done = sum(unit.name in names for unit in units)
            means = ledger.means()
        left = len(units) - done
        if "seconds" in means:
            seconds, written = means["seconds"] * left / workers, round(means.get("bytes", 0) * left)
    return Forecast(len(units), done, input_bytes, written, seconds, workers)
