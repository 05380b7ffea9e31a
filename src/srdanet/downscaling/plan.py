"""The plan of a run: which levels, which windows, which files. Printed by `--dry-run`, or executed as it is."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError
from srdanet.grid import Tile, Window, cell_size, windows

_TOLERANCE = 0.1
"""Share of a nominal cell size by which the true one may differ: 231.66 m is "250 m"."""


@dataclass(frozen=True)
class RunPlan:
    """Levels and windows of one run."""

    root: GeoBox
    """Grid of the coarse LST."""
    levels: Mapping[int, int]
    """Factor (fine cells along a coarse cell) → nominal cell size (m), coarse to fine."""
    block: int = 400
    """Coarse cells along a window of each step; bounds memory and does not change the result."""

    @classmethod
    def of(cls, root: GeoBox, *, factor: int | None = None, to: int | None = None, block: int = 400) -> RunPlan:
        """Plan the steps from a coarse grid.

        Args:
            root: The grid.
            factor: 2, 4, 8, ...: how many times finer; 4 when neither `factor` nor `to` is given.
            to: Nominal cell size of the result in metres, instead of `factor`.
            block: Coarse cells along a window.

        Raises:
            ArgumentError: when the two contradict each other or the grid, or one is out of range.
        """
        if block < 1:
            raise ArgumentError(f"block is {block}", todo="Give the coarse cells along a window, such as 400.")
        cell = cell_size(root)
        if factor is not None and to is not None:
            raise ArgumentError("both factor and to are given", todo="Give one of them.")
        if to is not None:
            if to <= 0 or cell / to < 1.5:
                raise ArgumentError(f"to={to} m is not finer than the {cell:.0f} m of the LST", todo="Give less.")
            factor = 2 ** round(math.log2(cell / to))
            if abs(cell / factor - to) > _TOLERANCE * to:
                raise ArgumentError(f"{cell:.0f} m cells do not halve to about {to} m", todo="Give factor=2, 4, ...")
        factor = 4 if factor is None else factor
        if factor < 2 or factor & (factor - 1):
            raise ArgumentError(f"factor is {factor}", todo="Each step is x2: give 2, 4, 8, ...")
        finest = round(cell / factor) if to is None else to
        factors = [2**k for k in range(1, factor.bit_length())]
        return cls(root, {one: finest * (factor // one) for one in factors}, block)

    def windows(self, factor: int, halo: int) -> Iterator[Window]:
        """Windows of the step that ends at `factor`, in cells of the coarse grid, where all grids meet.

        Args:
            factor: Fine cells along a coarse cell after the step.
            halo: Cells of the step's own input around a window that its result depends on.
        """
        half = factor // 2
        height, width = self.root.shape
        yield from windows((height, width), max(1, self.block // half), math.ceil(halo / half))


@dataclass(frozen=True)
class ProductFiles:
    """Where the files of a product are."""

    rasters: Mapping[int, Mapping[str, Path]]
    """Per level (m), per variable (`lst`, `lst_uncertainty`, `quality`), the COG."""
    pictures: Mapping[int, Path]
    """Per level (m), the quick look."""
    provenance: Path
    """The record; written last: where it stands, the product is whole."""

    def __iter__(self) -> Iterator[Path]:
        """All files, the record last."""
        for level, rasters in self.rasters.items():
            yield from rasters.values()
            yield self.pictures[level]
        yield self.provenance

    @classmethod
    def of(cls, directory: str | os.PathLike[str], stem: str, levels: Mapping[int, int] | list[int]) -> ProductFiles:
        """`<stem>_<level>m[_uncertainty|_quality].tif`, `….png` for each level, `<stem>_provenance.json`.

        Args:
            directory: Where they go.
            stem: What all names begin with.
            levels: Nominal cell sizes (m), or the levels of a `RunPlan`.

        Raises:
            ArgumentError: when `stem` is not a plain file name.
        """
        if not re.fullmatch(r"[\w][\w.+-]*", stem):
            todo = "Use letters, digits, _ . + and -."
            raise ArgumentError(f"{stem!r} is not a plain file name", where="stem", todo=todo)
        folder = Path(directory)
        sizes = list(levels.values()) if isinstance(levels, Mapping) else levels
        rasters = {n: {name: folder / f"{stem}_{n}m{end}.tif" for name, end in SUFFIXES.items()} for n in sizes}
        pictures = {n: folder / f"{stem}_{n}m.png" for n in sizes}
        return cls(rasters, pictures, folder / f"{stem}_provenance.json")


SUFFIXES: Mapping[str, str] = {"lst": "", "lst_uncertainty": "_uncertainty", "quality": "_quality"}
"""Variables of a result and what marks their files."""


def stem_of(
    tile: Tile | None, time: np.datetime64 | dt.date | None, day: bool | None, platform: str | None = None
) -> str:
    """What a product's file names begin with: `lst_h18v04_2020197_day`, or `..._day_aqua` to tell it from Terra's."""
    date = None if time is None else np.datetime64(str(time), "D").item()
    part = {True: "day", False: "night", None: ""}[day]
    origin = "aqua" if platform == "aqua" else ""
    parts = ("lst", str(tile) if tile else "", date.strftime("%Y%j") if date else "", part, origin)
    return "_".join(part for part in parts if part)
