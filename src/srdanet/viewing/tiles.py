"""Layers of a product as tiles of numbers: from the overviews of a COG, or from an array.

A tile is a block of the file or of one of its overviews, read once; the browser colours it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from srdanet.arrays import pad_to
from srdanet.energy import aggregate
from srdanet.errors import ArgumentError, GranuleError
from srdanet.product.cog import BLOCK
from srdanet.readers.guard import COG, image_at

_OPEN = 64
"""Files kept open."""
_LEAST = 256
"""An array is halved until no side is longer than twice this."""


class Tiled(Protocol):
    """A layer that can be read tile by tile, at several sizes."""

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(rows, columns) of each size, full size first."""

    def tile(self, size: int, row: int, col: int) -> NDArray[Any]:
        """One tile (at most `BLOCK` cells on a side) of a size.

        Raises:
            ArgumentError: when there is no such size or tile.
        """

    def cell(self, row: int, col: int) -> float:
        """The value of a cell at full size; NaN = missing.

        Raises:
            ArgumentError: when there is no such cell.
        """


class Files:
    """Open rasters, one used at a time; beyond `_OPEN` of them, the one used longest ago is closed."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[Path, int], Any] = OrderedDict()
        self._lock = threading.RLock()

    @contextmanager
    def use(self, path: Path, size: int) -> Iterator[Any]:
        """The raster of a file (size 0) or of one of its overviews, for this thread alone.

        Raises:
            GranuleError: when it cannot be opened or read.
        """
        from rasterio.errors import RasterioError

        # A raster of GDAL serves one thread at a time, and a tile takes milliseconds: one lock for all will do.
        with self._lock:
            try:
                key = (path, size)
                if key not in self._open:
                    self._open[key] = image_at(path, COG, overview_level=size - 1 if size else None)
                    if len(self._open) > _OPEN:
                        self._open.popitem(last=False)[1].close()
                self._open.move_to_end(key)
                yield self._open[key]
            except RasterioError as error:
                todo = "Downscale the scene again."
                raise GranuleError(f"cannot be read ({error})", where=path, todo=todo) from error

    def close(self) -> None:
        """Close all."""
        with self._lock:
            for file in self._open.values():
                file.close()
            self._open.clear()


@dataclass(frozen=True)
class CogTiles:
    """A layer in a file; its sizes are the file and its overviews."""

    files: Files
    path: Path

    @cached_property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """See `Tiled`."""
        with self.files.use(self.path, 0) as file:
            count = len(file.overviews(1))
        found = []
        for size in range(count + 1):
            with self.files.use(self.path, size) as file:
                found.append((int(file.height), int(file.width)))
        return tuple(found)

    def tile(self, size: int, row: int, col: int) -> NDArray[Any]:
        """See `Tiled`."""
        from rasterio.windows import Window

        rows, cols = _tile(self.sizes, size, row, col)
        with self.files.use(self.path, size) as file:
            window = Window(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
            return np.asarray(file.read(1, window=window))

    def cell(self, row: int, col: int) -> float:
        """See `Tiled`."""
        from rasterio.windows import Window

        with self.files.use(self.path, 0) as file:
            _check_cell(file.shape, row, col)
            return float(file.read(1, window=Window(col, row, 1, 1))[0, 0])


class ArrayTiles:
    """A layer in memory (y, x); smaller sizes are plain means of 2 x 2 valid cells, for looking at only."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self._images = [values]
        while max(self._images[-1].shape) > 2 * _LEAST:
            half = aggregate(pad_to(self._images[-1], 2), 2, min_valid=0.0)
            self._images.append(np.asarray(half, np.float32))

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """See `Tiled`."""
        return tuple((image.shape[0], image.shape[1]) for image in self._images)

    def tile(self, size: int, row: int, col: int) -> NDArray[Any]:
        """See `Tiled`."""
        rows, cols = _tile(self.sizes, size, row, col)
        return self._images[size][rows, cols]

    def cell(self, row: int, col: int) -> float:
        """See `Tiled`."""
        _check_cell(self._images[0].shape, row, col)
        return float(self._images[0][row, col])


def _tile(sizes: tuple[tuple[int, int], ...], size: int, row: int, col: int) -> tuple[slice, slice]:
    if not 0 <= size < len(sizes):
        raise ArgumentError(f"there is no size {size}", todo=f"Give 0 to {len(sizes) - 1}.")
    spans = []
    for number, cells in zip((row, col), sizes[size], strict=True):
        if not 0 <= number * BLOCK < cells:
            raise ArgumentError(f"there is no tile {row}, {col} of size {size}")
        spans.append(slice(number * BLOCK, min((number + 1) * BLOCK, cells)))
    return spans[0], spans[1]


def _check_cell(shape: tuple[int, ...], row: int, col: int) -> None:
    height, width = shape
    if not (0 <= row < height and 0 <= col < width):
        raise ArgumentError(f"there is no cell {row}, {col}", todo=f"Give rows below {height}, columns below {width}.")
