"""What a folder of products holds: places, their dates, and the coarse LST beside each.

Products are found by their records; a file is opened only when it is looked at. The coarse LST comes from the scene
the product was made from, where one lies in the folder or is named; elsewhere the mean of the product
takes its place, and is labelled as such.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import pad_to
from srdanet.energy import degrade
from srdanet.errors import ArgumentError, GridError, SrdanetError
from srdanet.grid import nesting
from srdanet.predictors.overpass import part_of_day
from srdanet.product.layers import LST
from srdanet.product.record import RECORD, Record, read_record, records_in
from srdanet.product.stored import grid_of_layer, open_layer
from srdanet.scene import Scene, open_scene

_SCENES = (".nc", ".zarr")


@dataclass(frozen=True)
class Coarse:
    """The LST before downscaling, on a grid in which the finest level nests exactly."""

    values: NDArray[np.float32]
    """(y, x) K, NaN = missing."""
    factor: int
    """Fine cells along one of its cells."""
    nominal: int
    """Nominal cell size (m)."""
    from_scene: bool
    """Whether it is the input; otherwise it is the mean of the product."""


@dataclass(frozen=True)
class Entry:
    """One product of a folder."""

    note: Path
    """Its record."""
    record: Record
    scenes: tuple[Path, ...] = ()
    """Scenes it may have been made from."""

    @property
    def stem(self) -> str:
        """What its file names begin with."""
        return self.note.name.removesuffix(RECORD)

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """Nominal cell sizes (m) of which the LST is there, fine to coarse."""
        sizes = sorted(int(name) for name in self.record.levels)
        return tuple(size for size in sizes if self.raster(size, LST.variable) is not None)

    @property
    def finest(self) -> int:
        """Nominal cell size (m) of the finest level."""
        return self.levels[0]

    @property
    def nominal(self) -> int:
        """Nominal cell size (m) of the coarse LST: each step halves it."""
        return 2 * max(self.levels)

    @property
    def title(self) -> str:
        """Date, time (UTC) and part of the day, as far as they are known."""
        time = self.record.time
        when = f"{time[:16].replace('T', ' ')} UTC" if time and "T" in time else time
        return ", ".join(part for part in (when, part_of_day(self.record.day)) if part) or self.stem

    def raster(self, level: int, variable: str) -> Path | None:
        """The COG of a variable; None when the product has none, or it is gone or of another format."""
        about = self.record.levels.get(str(level))
        name = about.file_of(variable) if about else None
        if name is None:
            return None
        path = self.note.parent / name
        return path if path.is_file() and path.suffix == ".tif" else None

    @cached_property
    def geobox(self) -> GeoBox:
        """Grid of the finest level.

        Raises:
            GranuleError: when the file cannot be read, or has no CRS.
        """
        path = self.raster(self.finest, LST.variable)
        assert path is not None  # `levels` holds only levels whose LST is there
        return grid_of_layer(path)

    def read(self, variable: str = LST.variable) -> NDArray[np.float32] | None:
        """A whole layer (y, x) of the finest level in its own type; None when the product has none."""
        path = self.raster(self.finest, variable)
        if path is None:
            return None
        with open_layer(path) as file:
            return np.asarray(file.read(1))

    @contextmanager
    def scene(self) -> Iterator[Scene | None]:
        """The scene it was made from, open; None when none of `scenes` has its time and nests around it."""
        for path in self.scenes:
            try:
                scene = open_scene(path)
            except SrdanetError:
                continue
            with scene:
                same = scene.when == self.record.time and scene.day == self.record.day
                if same and self._span(scene) is not None:
                    yield scene
                    return
        yield None

    def coarse(self) -> Coarse:
        """The LST before downscaling; the mean of the product (by radiated energy) where no scene is known."""
        with self.scene() as scene:
            if scene is not None and (span := self._span(scene)) is not None:
                rows, cols, factor = span
                values = np.asarray(scene.lst["lst"][rows, cols].values, np.float32)
                return Coarse(values, factor, self.nominal, from_scene=True)
        factor = max(1, self.nominal // self.finest)
        fine = self.read()
        assert fine is not None  # `levels` holds only levels whose LST is there
        values = degrade(pad_to(fine, factor), factor)
        return Coarse(values.astype(np.float32), factor, self.nominal, from_scene=False)

    def _span(self, scene: Scene) -> tuple[slice, slice, int] | None:
        """Rows and columns of the scene's LST that the product covers, and the factor between them.

        None where the scene does not hold whole cells of the product.
        """
        try:
            lies = nesting(scene.geobox, self.geobox)
        except GridError:
            return None
        spans = []
        for start, size, there in zip((lies.row, lies.col), self.geobox.shape, scene.geobox.shape, strict=True):
            first, last = -start / lies.factor, (size - start) / lies.factor
            if first != int(first) or last != int(last) or first < 0 or last > there:
                return None
            spans.append(slice(int(first), int(last)))
        return spans[0], spans[1], lies.factor


@dataclass(frozen=True)
class Place:
    """Products on one grid, in order of time."""

    name: str
    entries: tuple[Entry, ...]

    @property
    def geobox(self) -> GeoBox:
        """Grid of the finest level of all of them."""
        return self.entries[0].geobox


@dataclass(frozen=True)
class Catalogue:
    """All products of a folder."""

    folder: Path
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, folder: str | os.PathLike[str], scenes: Iterable[Path] = ()) -> Catalogue:
        """Find the products of a folder by their records.

        Args:
            folder: Where the products are; folders in it are not searched.
            scenes: Scenes they were made from; those in the folder are found without being named.

        Raises:
            ArgumentError: when it holds no product.
            GranuleError: when a record cannot be read.
        """
        home = Path(folder)
        named = tuple(scenes)
        beside = sorted(path for path in home.glob("*") if path.suffix in _SCENES)
        found = [Entry(note, read_record(note), (*named, *beside)) for note in records_in(home)]
        whole = [entry for entry in found if entry.levels]
        if not whole:
            todo = "Name a folder that `srdanet downscale` or `srdanet demo` wrote; NetCDF and Zarr are not drawn."
            raise ArgumentError("holds no product of GeoTIFFs", where=home, todo=todo)
        return cls(home, tuple(sorted(whole, key=lambda entry: (entry.record.time or "", entry.stem))))

    def places(self) -> tuple[Place, ...]:
        """The products by grid: those that share one can be compared cell by cell."""
        groups: dict[tuple[object, ...], list[Entry]] = {}
        for entry in self.entries:
            box = entry.geobox
            key = (tuple(box.shape), *(round(v, 3) for v in tuple(box.affine)[:6]), str(box.crs))
            groups.setdefault(key, []).append(entry)
        names = [group[0].record.tile or group[0].stem for group in groups.values()]
        numbered = [f"{name} ({names[:k].count(name) + 1})" if names.count(name) > 1 else name
                    for k, name in enumerate(names)]  # fmt: skip
        return tuple(Place(name, tuple(group)) for name, group in zip(numbered, groups.values(), strict=True))
