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
from srdanet.grid import SINUSOIDAL, TILE_SIDE, Tile, Window, cell_size, same_crs, tile_of, windows
from srdanet.predictors.overpass import part_of_day

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
                todo = f"They halve to {cell / 2:.0f} m, {cell / 4:.0f} m and so on."
                raise ArgumentError(f"{cell:.0f} m cells do not halve to about {to} m", todo=todo)
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
    """Per level (m), per variable (`lst`, `lst_uncertainty`, `quality`), the file: a COG each, or one for all three."""
    pictures: Mapping[int, Path]
    """Per level (m), the quick look."""
    provenance: Path
    """The record; written last: where it stands, the product is whole."""
    item: Path | None
    """The STAC item; None of a product without a date, since an item needs one."""

    def __iter__(self) -> Iterator[Path]:
        """All files, the record last."""
        for level, rasters in self.rasters.items():
            for path in dict.fromkeys(rasters.values()):
                yield path
                if path.suffix == FORMATS["cog"]:
                    yield style_of(path)
            yield self.pictures[level]
        if self.item is not None:
            yield self.item
        yield self.provenance

    @classmethod
    def of(
        cls,
        directory: str | os.PathLike[str],
        stem: str,
        levels: Mapping[int, int] | list[int],
        file_format: str = "cog",
    ) -> ProductFiles:
        """For each level `<stem>_<level>m[_uncertainty|_quality].tif`, each with its `.qml`, and a `.png`.

        Then `<stem>_stac.json` and `<stem>_provenance.json`. NetCDF and Zarr hold a level in one `<stem>_<level>m.nc`
        (`.zarr`) without a style.

        Args:
            directory: Where they go.
            stem: What all names begin with.
            levels: Nominal cell sizes (m), or the levels of a `RunPlan`.
            file_format: One of `FORMATS`.

        Raises:
            ArgumentError: when `stem` is not a plain file name, or the format is unknown.
        """
        if file_format not in FORMATS:
            todo = f"Choose from {', '.join(FORMATS)}."
            raise ArgumentError(f"{file_format!r} is not a format of products", where="format", todo=todo)
        if not re.fullmatch(r"[\w][\w.+-]*", stem):
            todo = "Use letters, digits, _ . + and -."
            raise ArgumentError(f"{stem!r} is not a plain file name", where="stem", todo=todo)
        folder = Path(directory)
        sizes = list(levels.values()) if isinstance(levels, Mapping) else levels
        ending, alone = FORMATS[file_format], file_format == "cog"
        rasters = {
            n: {name: folder / f"{stem}_{n}m{end if alone else ''}{ending}" for name, end in SUFFIXES.items()}
            for n in sizes
        }
        pictures = {n: folder / f"{stem}_{n}m.png" for n in sizes}
        return cls(rasters, pictures, folder / f"{stem}_provenance.json", folder / f"{stem}{ITEM}")


FORMATS: Mapping[str, str] = {"cog": ".tif", "netcdf": ".nc", "zarr": ".zarr"}
"""Formats of products, and what the names of their files end in."""
ITEM = "_stac.json"
"""What the name of a STAC item ends in."""
STYLE = ".qml"
"""Ending of a QGIS style."""


def style_of(raster: Path) -> Path:
    """The QGIS style of a raster: QGIS looks for it under this name."""
    return raster.with_suffix(STYLE)


SUFFIXES: Mapping[str, str] = {"lst": "", "lst_uncertainty": "_uncertainty", "quality": "_quality"}
"""Variables of a result and what marks their files."""


def stem_of(
    place: Tile | GeoBox | None, time: np.datetime64 | dt.date | None, day: bool | None, platform: str | None = None
) -> str:
    """What a product's file names begin with: `lst_h18v04_2020197_day`, or `..._day_aqua` to tell it from Terra's.

    Args:
        place: The tile, or the coarse grid, named as in `name_of`.
        time: UTC.
        day: Whether by day.
        platform: `terra` or `aqua`.
    """
    date = None if time is None else np.datetime64(str(time), "D").item()
    origin = platform if platform in ("aqua", "npp", "noaa20") else ""
    where = name_of(place) if isinstance(place, GeoBox) else str(place or "")
    parts = ("lst", where, date.strftime("%Y%j") if date else "", part_of_day(day), origin)
    return "_".join(part for part in parts if part)


def name_of(grid: GeoBox) -> str:
    """A name of the ground that a grid covers, another one for any other ground.

    A whole tile is `h18v04`; a part of one adds the first row and column and the numbers of rows and columns, in its
    own cells (`h18v04-r300c500-18x12`); any other grid is named by its CRS, its upper left corner (whole units east and
    north) and its shape (`32631-e480000n5300000-64x80`).
    """
    height, width = grid.shape
    tile, cell = tile_of(grid), cell_size(grid)
    if tile is not None:
        left, top = tile.corner
        row, col = round((top - grid.affine.f) / cell), round((grid.affine.c - left) / cell)
        whole = (row, col) == (0, 0) and height == width == round(TILE_SIDE / cell)
        return str(tile) if whole else f"{tile}-r{row}c{col}-{height}x{width}"
    code = grid.crs.epsg if grid.crs is not None else None
    crs = str(code) if code else "sinu" if same_crs(grid.crs, SINUSOIDAL) else "grid"
    return f"{crs}-e{grid.affine.c:.0f}n{grid.affine.f:.0f}-{height}x{width}"
