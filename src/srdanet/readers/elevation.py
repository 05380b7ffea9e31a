"""SRTM elevation brought to a grid: `.hgt` and GeoTIFF tiles, joined without seams.

Each target cell is the mean of points spread over its true (sheared) footprint,
each point read bilinearly between the elevation posts. Counting posts into cells
would be simpler, but with two or three posts along a 250 m cell their centroid
jitters by up to 30 m, which is metres of height on a slope. Tiles that share a
raster (all SRTM tiles of one resolution do, their rows overlapping by one) are
joined into one piece before reading, block by block, so that memory stays bounded
however many tiles there are.

Sources: SRTM Topography documentation 2.1 (LP DAAC), `.hgt` layout; EGM96 heights.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError, GranuleError, GridError, SceneError
from srdanet.grid import coordinates, windows
from srdanet.readers.resample import MIN_VALID, corners, sample, splits_for, sub_points
from srdanet.variables import BY_NAME

_SIDES = {2 * n * n: n for n in (1201, 3601)}
_NAME = re.compile(r"[NS]\d{2}[EW]\d{3}(?=\.|_|$)", re.IGNORECASE)
_BLOCK_METRES = 60_000.0
_METRES_PER_DEGREE = 111_000.0


@dataclass(frozen=True)
class ElevationTile:
    """One file of heights and where its posts lie; no height has been read yet."""

    path: str
    """What rasterio opens."""
    crs: CRS
    affine: Affine
    shape: tuple[int, int]

    @property
    def bounds(self) -> str:
        """Where it lies, for messages."""
        a, (rows, cols) = self.affine, self.shape
        return f"x {a.c:.6g} to {a.c + a.a * cols:.6g}, y {a.f + a.e * rows:.6g} to {a.f:.6g} ({str(self.crs)[:30]})"


def inspect_elevation(path: str | Path) -> ElevationTile:
    """Where a file of heights lies, without reading its heights.

    Raises:
        GranuleError: when it is missing, damaged, no SRTM name or size, or of several bands.
        GridError: when it has no CRS or is rotated.
    """
    import rasterio

    path = Path(path)
    if not path.is_file():
        raise GranuleError("no such elevation file", where=path)
    target = _hgt_target(path) if path.name.lower().endswith((".hgt", ".hgt.zip")) else str(path)
    try:
        with rasterio.open(target) as file:
            affine, shape, crs, count = file.transform, file.shape, file.crs, file.count
    except rasterio.errors.RasterioIOError as error:
        todo = "elevation is read from .hgt (or .hgt.zip) and GeoTIFF; download it again"
        raise GranuleError(f"cannot be opened as elevation ({error})", where=path, todo=todo) from error
    if count != 1:
        raise GranuleError(f"has {count} bands; a file of heights has one", where=path)
    if crs is None:
        raise GridError("has no CRS", where=path, todo="assign one, such as gdal_edit.py -a_srs EPSG:4326")
    if affine.b or affine.d or affine.e > 0 or affine.a < 0:
        raise GridError("is rotated or upside down", where=path, todo="warp it north up first")
    return ElevationTile(target, CRS(crs.to_wkt()), affine, shape)


def _hgt_target(path: Path) -> str:
    """What rasterio opens for a `.hgt` or `.hgt.zip`, after checking name and size."""
    if _NAME.match(path.name) is None:
        todo = "a .hgt file holds no place; name it by its south-west corner"
        raise GranuleError("is not named like N44E005.hgt", where=path, todo=todo)
    target, size = str(path), path.stat().st_size
    if path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                inner = [i for i in archive.infolist() if i.filename.lower().endswith(".hgt")]
        except zipfile.BadZipFile as error:
            raise GranuleError("is no zip archive, or is cut off", where=path, todo="download it again") from error
        if len(inner) != 1 or _NAME.match(inner[0].filename) is None:
            raise GranuleError("holds no single .hgt named like N44E005.hgt", where=path)
        target, size = f"/vsizip/{path.resolve()}/{inner[0].filename}", inner[0].file_size
    if size not in _SIDES:
        todo = "1 arc second files hold 3601 x 3601 values of two bytes, 3 arc seconds 1201 x 1201"
        raise GranuleError(f"has {size} bytes; no SRTM tile has that size", where=path, todo=todo)
    return target


@dataclass(frozen=True)
class _Lattice:
    """Tiles that share one raster of posts, with each one's place (row, column) in it."""

    crs: CRS
    affine: Affine
    members: tuple[tuple[ElevationTile, int, int], ...]

    def joined_by(self, tile: ElevationTile) -> _Lattice | None:
        """This lattice with one tile more, or None where the tile's posts lie elsewhere."""
        if tile.crs != self.crs:
            return None
        a, b = self.affine, tile.affine
        rows, cols = tile.shape
        if abs(a.a - b.a) * cols > 0.02 * a.a or abs(a.e - b.e) * rows > 0.02 * abs(a.e):
            return None
        col, row = ~a * (b.c, b.f)
        if max(abs(col - round(col)), abs(row - round(row))) > 0.02:
            return None
        return _Lattice(self.crs, a, (*self.members, (tile, round(row), round(col))))


def _lattices(tiles: Sequence[ElevationTile]) -> list[_Lattice]:
    """Group tiles by their raster of posts, in the order given."""
    groups: list[_Lattice] = []
    for tile in tiles:
        for i, group in enumerate(groups):
            joined = group.joined_by(tile)
            if joined is not None:
                groups[i] = joined
                break
        else:
            groups.append(_Lattice(tile.crs, tile.affine, ((tile, 0, 0),)))
    return groups


def open_elevation(paths: str | Path | Sequence[str | Path], geobox: GeoBox) -> xr.DataArray:
    """Mean height of every cell of a grid, from all the SRTM files that touch it.

    Args:
        paths: `.hgt`, `.hgt.zip` (1201 x 1201 or 3601 x 3601, named like N44E005) or GeoTIFF of
            one band in any CRS, in metres. Voids are the file's nodata value and whatever lies outside
            -500 to 9000 m (so -32768 and -32767 untagged too). Where files of different rasters
            overlap, the one given first wins.
        geobox: The target grid.

    Returns:
        (y, x) float32, m above the EGM96 geoid, NaN where fewer than half of a cell is known.
        `attrs["sources"]` lists the files that touched the grid.

    Raises:
        GranuleError: when a file is missing, damaged, misnamed or of the wrong size.
        GridError: when a file has no CRS.
        SceneError: when no file gives a height on the grid.
        ArgumentError: when no file is given.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not given:
        raise ArgumentError("no elevation file given")
    tiles = [inspect_elevation(p) for p in given]
    lattices = _lattices(tiles)
    cell = abs(geobox.affine.a) * (_METRES_PER_DEGREE if geobox.crs and geobox.crs.geographic else 1)
    block = int(np.clip(_BLOCK_METRES / cell, 16, 512))
    out = np.full(geobox.shape, np.nan, dtype=np.float32)
    used: set[str] = set()
    for window in windows((geobox.shape[0], geobox.shape[1]), block, 0):
        out[window.inner] = _block_mean(lattices, geobox[window.inner], used)
    if not np.isfinite(out).any():
        covered = "; ".join(f"{Path(t.path).name}: {t.bounds}" for t in tiles[:4])
        raise SceneError(
            "no elevation file gives a height on the grid", where=covered, todo="give the tiles of this place"
        )
    attrs: dict[str, object] = {"units": "m", "long_name": BY_NAME["elevation"].long_name, "regridded": "mean"}
    attrs |= {"sources": [Path(t.path).name for t in tiles if t.path in used], "assumed": _assumed(tiles)}
    return xr.DataArray(out, dims=("y", "x"), coords=coordinates(geobox), attrs=attrs, name="elevation")


def _assumed(tiles: Sequence[ElevationTile]) -> list[str]:
    other = sorted({Path(t.path).name for t in tiles if not t.path.lower().endswith(".hgt")})
    return [f"{', '.join(other)}: heights are metres above EGM96"] if other else []


def _block_mean(lattices: Sequence[_Lattice], geobox: GeoBox, used: set[str]) -> NDArray[np.float64]:
    """Mean height of each cell of one block; notes in `used` which files were read."""
    pieces = []
    for lattice in lattices:
        x, y = corners(geobox, lattice.crs)
        piece = _read(lattice, x, y, used)
        if piece is not None:
            pieces.append((*piece, x, y, 360.0 if lattice.crs.geographic else None))
    if not pieces:
        return np.full(geobox.shape, np.nan)
    splits = max(2, *(splits_for(x, y, affine) for _, affine, x, y, _ in pieces))
    total, count = np.zeros(geobox.shape), np.zeros(geobox.shape)
    for places in zip(*(sub_points(x, y, splits) for _, _, x, y, _ in pieces), strict=True):
        height = np.full(geobox.shape, np.nan)
        for (heights, affine, _, _, period), (px, py) in zip(pieces, places, strict=True):
            here = sample(heights, affine, px, py, order=1, period=period)
            height = np.where(np.isnan(height), here, height)
        known = np.isfinite(height)
        total += np.where(known, height, 0)
        count += known
    enough = count >= MIN_VALID * splits**2
    return np.where(enough, total / np.where(enough, count, 1), np.nan)


def _read(
    lattice: _Lattice, x: NDArray[np.float64], y: NDArray[np.float64], used: set[str]
) -> tuple[NDArray[np.float32], Affine] | None:
    """The heights around the points (x, y) as one image, or None where no file of the lattice touches them."""
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.any():
        return None
    for turn in (0.0, 360.0, -360.0) if lattice.crs.geographic else (0.0,):
        col, row = ~lattice.affine * (x[finite] + turn, y[finite])
        row0, row1 = int(np.floor(row.min())) - 2, int(np.ceil(row.max())) + 2
        col0, col1 = int(np.floor(col.min())) - 2, int(np.ceil(col.max())) + 2
        hits = list(_overlaps(lattice, (row0, row1), (col0, col1)))
        if hits:
            break
    else:
        return None
    out = np.full((row1 - row0, col1 - col0), np.nan, dtype=np.float32)
    for tile, source, target in hits:
        part = out[target]
        out[target] = np.where(np.isnan(part), _heights(tile, source), part)
        used.add(tile.path)
    return out, lattice.affine * Affine.translation(col0, row0)


Slices = tuple[slice, slice]


def _overlaps(
    lattice: _Lattice, rows: tuple[int, int], cols: tuple[int, int]
) -> Iterator[tuple[ElevationTile, Slices, Slices]]:
    """Which part of which tile fills which part of a window of the lattice."""
    for tile, top, left in lattice.members:
        spans = []
        for (first, last), start, size in ((rows, top, tile.shape[0]), (cols, left, tile.shape[1])):
            a, b = max(first, start), min(last, start + size)
            spans.append((slice(a - start, b - start), slice(a - first, b - first), b > a))
        if all(s[2] for s in spans):
            yield tile, (spans[0][0], spans[1][0]), (spans[0][1], spans[1][1])


def _heights(tile: ElevationTile, part: Slices) -> NDArray[np.float32]:
    """A part of one tile, m, voids NaN."""
    import rasterio

    limits = BY_NAME["elevation"]
    try:
        with rasterio.open(tile.path) as file:
            raw = file.read(1, window=rasterio.windows.Window.from_slices(*part), masked=True)
    except rasterio.errors.RasterioIOError as error:
        raise GranuleError(f"heights cannot be read ({error})", where=tile.path, todo="download it again") from error
    heights = np.asarray(raw.filled(0), dtype=np.float32)
    void = np.ma.getmaskarray(raw) | ~((heights >= limits.low) & (heights <= limits.high))
    return np.where(void, np.float32(np.nan), heights)
