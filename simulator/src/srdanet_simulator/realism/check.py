"""Compute the statistics of real and simulated scenes, and write the table and the figure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from srdanet.arrays import Progress
from srdanet.atomic import publish, refuse_existing, staged
from srdanet.product.validate import validate_png
from srdanet_simulator.realism import gallery, real, simulated
from srdanet_simulator.realism.figure import draw
from srdanet_simulator.realism.measure import gather
from srdanet_simulator.realism.table import Table

NAMES = ("realism.md", "realism.png")
"""The files `Check.write` makes."""


@dataclass(frozen=True)
class Check:
    """Numbers and pictures, real and simulated."""

    table: Table
    real: gallery.Gallery
    simulated: gallery.Gallery

    def write(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> list[Path]:
        """Write the table as `realism.md` and the figure as `realism.png`.

        Raises:
            OutputError: when one of them exists already, or cannot be written.
        """
        folder = Path(folder)
        refuse(folder, overwrite=overwrite)
        with staged(folder, "realism") as hidden:
            drafts = [hidden / name for name in NAMES]
            drafts[0].write_text(self.table.markdown(), encoding="utf-8")
            draw(drafts[1], self.table, self.real, self.simulated)
            validate_png(drafts[1])
            return publish(hidden, NAMES, overwrite=overwrite)


def refuse(folder: Path, *, overwrite: bool) -> None:
    """Stop before minutes are spent when the files are there already.

    Raises:
        OutputError: when one of them exists and `overwrite` is off.
    """
    refuse_existing([folder / name for name in NAMES], overwrite=overwrite)


def check(root: str | os.PathLike[str], scenes: int = 32, progress: Progress | None = None) -> Check:
    """Compare simulated scenes with the real data sets.

    Args:
        root: Folder of the real sets.
        scenes: How many landscapes to simulate, by day and by night; about three seconds each.
        progress: Called with what is simulated, scenes done and scenes in all.

    Raises:
        GranuleError: when a set is missing or not what it should be.
        ArgumentError: when there are too few scenes.
    """
    root = Path(root)
    # Real first: a missing set is reported before minutes are spent on simulation.
    measured, shown = gather(real.numbers(root)), gallery.of_real(root)
    album: list[gallery.Page] = []
    computed = gather(simulated.numbers(scenes, progress, album=album))
    return Check(Table.of(measured, computed), shown, gallery.of_pages(album))
