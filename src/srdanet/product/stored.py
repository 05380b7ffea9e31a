"""Products that were written, read again: which there are, and parts of their layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.windows import Window

from srdanet.arrays import parse_utc
from srdanet.errors import ArgumentError, GranuleError
from srdanet.flags import flag_attributes
from srdanet.grid import coordinates, geobox_of
from srdanet.product.cf import open_arrays
from srdanet.product.layers import RASTERS
from srdanet.product.record import RECORD, Record, read_record, records_in
from srdanet.readers.guard import COG, open_image


@dataclass(frozen=True)
class StoredLevel:
    """One level of a product on disk; nothing is read before `read`."""

    record: Record
    note: Path
    """The record's file."""
    level: int
    """Nominal cell size (m)."""
    geobox: GeoBox

    @property
    def stem(self) -> str:
        """What the names of its files begin with."""
        return self.note.name.removesuffix(RECORD)

    @property
    def time(self) -> np.datetime64 | None:
        """Overpass, UTC; midnight exactly where the hour is not known; None without a time."""
        return None if self.record.time is None else parse_utc(self.record.time)

    def path(self, variable: str) -> Path | None:
        """The file of `lst`, `lst_uncertainty` or `quality`; None where the product has none."""
        name = self.record.levels[str(self.level)].file_of(variable)
        return None if name is None else self.note.with_name(name)

    def read(self, rows: slice | None = None, cols: slice | None = None) -> xr.Dataset:
        """A part of the level: `lst` (y, x) K, `lst_uncertainty` (K) and `quality` as far as the product has them.

        Args:
            rows: From the north; all when None.
            cols: From the west; all when None.

        Raises:
            GranuleError: when a file is missing or damaged.
        """
        height, width = self.geobox.shape
        rows, cols = rows or slice(0, height), cols or slice(0, width)
        window = Window(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
        held = self.path("lst")
        if held is not None and held.suffix != ".tif":
            return _read_arrays(held, self.geobox[rows, cols], rows, cols)
        data = {}
        for raster in RASTERS:
            path = self.path(raster.variable)
            if path is None:
                continue
            with open_layer(path) as file:
                values = file.read(1, window=window)
            about = flag_attributes() if raster.variable == "quality" else {"long_name": raster.long_name}
            data[raster.variable] = (("y", "x"), values, {"units": raster.unit, **about})
        return xr.Dataset(data, coords=coordinates(self.geobox[rows, cols]))


def stored_levels(places: Iterable[Path], level: int | None = None) -> list[StoredLevel]:
    """The products in folders, or of records, in order of time; each at one level.

    Args:
        places: Folders with products in them or below, or their records (`…_provenance.json`).
        level: Nominal cell size (m); the finest of each product when None.

    Raises:
        ArgumentError: when there is no product, or one lacks the level.
        GranuleError: when a record or its LST cannot be read.
    """
    notes: list[Path] = []
    for place in places:
        found = records_in(place) if place.is_dir() else [place]
        if not found:
            todo = "Give the folder that `srdanet downscale` wrote to."
            raise ArgumentError(f"holds no product (no file *{RECORD})", where=place, todo=todo)
        notes += found
    levels = [_stored(note, level) for note in dict.fromkeys(notes)]
    return sorted(levels, key=lambda one: (str(one.record.time or ""), one.stem))


def _stored(note: Path, level: int | None) -> StoredLevel:
    record = read_record(note)
    known = sorted(map(int, record.levels))
    if level is not None and level not in known:
        raise ArgumentError(f"has no level of {level} m", where=note, todo=f"Choose from {known}.")
    level = known[0] if level is None else level
    name = record.levels[str(level)].file_of("lst")
    if name is None:
        raise GranuleError("names no file with the LST", where=note, todo="Make the product again.")
    if not name.endswith(".tif"):
        with open_level(note.with_name(name)) as arrays:
            return StoredLevel(record, note, level, geobox_of(arrays["lst"].isel(time=0), degrees=True))
    return StoredLevel(record, note, level, grid_of_layer(note.with_name(name)))


def open_level(path: Path) -> xr.Dataset:
    """A level that was written as NetCDF or Zarr, opened.

    Raises:
        GranuleError: when it cannot be opened.
    """
    try:
        return open_arrays(path, decode_coords="all")
    except (OSError, ValueError) as error:
        raise GranuleError(f"cannot be read ({error})", where=path, todo="Make the product again.") from error


def _read_arrays(path: Path, geobox: GeoBox, rows: slice, cols: slice) -> xr.Dataset:
    """A part of a level that was written as NetCDF or Zarr."""
    data = {}
    with open_level(path) as arrays:
        for raster in RASTERS:
            if raster.variable in arrays:
                values = arrays[raster.variable].isel(time=0, y=rows, x=cols).values
                about = flag_attributes() if raster.variable == "quality" else {"long_name": raster.long_name}
                data[raster.variable] = (("y", "x"), values, {"units": raster.unit, **about})
    return xr.Dataset(data, coords=coordinates(geobox))


@contextmanager
def open_layer(path: Path) -> Iterator[Any]:
    """A raster of a product, opened.

    Raises:
        GranuleError: when it cannot be opened, or a read in the block fails.
    """
    try:
        with open_image(path, COG) as file:
            yield file
    except RasterioError as error:
        raise GranuleError(f"cannot be read ({error})", where=path, todo="Make the product again.") from error


def grid_of_layer(path: Path) -> GeoBox:
    """The grid of a raster of a product.

    Raises:
        GranuleError: when it cannot be opened, or has no CRS.
    """
    with open_layer(path) as file:
        if file.crs is None:
            raise GranuleError("has no CRS", where=path, todo="Make the product again.")
        return GeoBox(file.shape, file.transform, CRS(file.crs.to_wkt()))
