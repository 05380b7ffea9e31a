"""Elevation brought to a grid: the usual deliveries (`elevation_names`), zipped or not, joined without seams.

Each cell is the mean of points spread over its true (sheared) footprint, each read
bilinearly between the elevation posts. Counting posts into cells would be simpler, but
with two or three posts along a 250 m cell their centroid jitters by up to 30 m, which is
metres of height on a slope. Tiles that share a raster (all SRTM tiles of one resolution
do) are joined before reading, block by block, so that memory stays bounded.

Sources: SRTM Topography documentation 2.1 (LP DAAC), `.hgt` layout; EGM96 heights.
"""

from __future__ import annotations

import gzip
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet import threads
from srdanet.arrays import Float32, Float64, pad_to
from srdanet.energy import aggregate
from srdanet.errors import ArgumentError, GranuleError, GridError, SceneError, some
from srdanet.grid import coordinates, metres_per_unit, windows
from srdanet.readers import resampling
from srdanet.readers.elevation_names import BY_HAND, GEOID, SUFFIXES, derived_word, recognise
from srdanet.readers.guard import check_file, open_image, unreadable
from srdanet.readers.resampling import NOWHERE, interpolate, interpolate_within
from srdanet.units import unit_of
from srdanet.variables import BY_NAME

_SIDES = {2 * n * n: n for n in (1201, 3601)}
_NAME = re.compile(r"[NS]\d{2}[EW]\d{3}(?=\.|_|$)", re.IGNORECASE)
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
"""Ends of files that may hold files of heights."""
_GEOTIFF = "GTiff"
_DRIVERS = {
    ".hgt": "SRTMHGT", ".gz": "SRTMHGT", ".img": "HFA", ".bil": "EHdr", ".flt": "EHdr", ".dt1": "DTED", ".dt2": "DTED"
}  # fmt: skip
"""Formats of heights by the end of the name; all else is GeoTIFF. A text that lists other files, or a service, is not
opened, whatever it is named."""
Slices = tuple[slice, slice]
_BLOCK_METRES = 60_000.0
_ENOUGH_POSTS = 16
"""Posts along a cell from which on twice as many are averaged in pairs first, and so on."""
_BLOCK_POSTS = 4096
"""Posts along a block: models of 1 m are read in smaller blocks."""
_STRAIGHT = 5e-4
"""Posts by which a row of cells may stray from a row of posts: 0.05 m of height on the steepest slope."""
_KNOT_METRES = 1_000.0
"""Cell corners are projected at this distance; between them straight lines miss by less than 0.05 m."""


@dataclass(frozen=True)
class ElevationTile:
    """One file of heights and where its posts lie; no height has been read yet."""

    path: str
    """What rasterio opens."""
    crs: CRS
    affine: Affine
    shape: tuple[int, int]
    band: int = 1
    scale: float = 1.0
    """Metres that a step of the stored values stands for."""
    offset: float = 0.0
    """Metres at the stored value 0."""
    datum: str = ""
    """What its heights refer to, where that is not the EGM96 geoid; empty where nothing says it."""

    @property
    def name(self) -> str:
        """The file's name; for an archive, that of the file in it."""
        return Path(self.path).name.removesuffix(".gz")

    @property
    def bounds(self) -> str:
        """Where it lies, for messages."""
        a, (rows, cols) = self.affine, self.shape
        return f"x {a.c:.6g} to {a.c + a.a * cols:.6g}, y {a.f + a.e * rows:.6g} to {a.f:.6g} ({str(self.crs)[:30]})"


def inspect_elevation(path: str | Path) -> tuple[ElevationTile, ...]:
    """Where the heights of a file lie, without reading them; of an archive, those of every file of heights in it.

    Raises:
        GranuleError: when it is missing, damaged, misnamed, of the wrong size, of several bands of which none is
            named as heights, in an unknown unit, or holds something else than heights.
        GridError: when it has no CRS or is rotated.
    """
    path = Path(path)
    check_file(path, "elevation file")
    named, archive = recognise(path.name), path.name.lower().endswith(ARCHIVES)
    if named is not None and named.other and not (archive and named.delivery == BY_HAND):
        raise not_heights(path)
    if archive:
        members = heights_within(path)
        if not members:
            todo = "Unpack it and give the file of heights."
            raise GranuleError("The archive holds no file of heights.", where=path, todo=todo)
        return tuple(_inspect(target, path, size) for target, size in members)
    if path.name.lower().endswith(".gz"):
        return (_inspect(f"/vsigzip/{path.resolve()}", path, None),)
    return (_inspect(str(path), path, path.stat().st_size),)


def not_heights(path: Path) -> GranuleError:
    """The refusal of a file that goes with heights, or is derived from them, by its name."""
    named = recognise(path.name)
    if named is not None and named.other.startswith("'"):
        what, todo = f"{named.other} in its name says that it is not heights", "Say what it holds, as NAME=FILE[:BAND]."
    elif named is not None:
        what, todo = f"{named.delivery}: {named.other}, not heights", "Give the file of heights beside it."
    else:
        what, todo = "its name does not say that it is heights", "Say what it holds, as NAME=FILE[:BAND]."
    return GranuleError(what, where=path, todo=todo)


def heights_within(path: Path) -> tuple[tuple[str, int], ...]:
    """The files of heights in an archive, by their names: what rasterio opens, and the size in bytes.

    Raises:
        GranuleError: when the archive cannot be read, or a file of heights in it is protected by a password.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found = [(i.filename, i.file_size, bool(i.flag_bits & 1)) for i in archive.infolist()]
            root = f"/vsizip/{path.resolve()}"
        elif path.name.lower().endswith(".zip"):
            raise zipfile.BadZipFile("no zip archive")
        else:
            with tarfile.open(path) as packed:
                found = [(i.name, i.size, False) for i in packed if i.isfile()]
            root = f"/vsitar/{path.resolve()}"
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, NotImplementedError) as error:
        what = f"The file is not a {'zip archive' if path.suffix.lower() == '.zip' else 'tar archive'}, or is cut off."
        raise GranuleError(what, where=path, todo="Download it again.") from error
    heights = []
    for name, size, locked in sorted(found):
        named = recognise(name)
        if not name.lower().endswith(SUFFIXES) or (named is not None and named.other):
            continue
        if named is None and not name.lower().endswith(".hgt"):
            continue
        if locked:
            raise GranuleError("The archive is protected by a password.", where=path, todo="Unpack it.")
        heights.append((f"{root}/{name}", size))
    return tuple(heights)


def _inspect(target: str, path: Path, size: int | None) -> ElevationTile:
    """One raster of heights: `target` is what rasterio opens, `path` the file that a message names."""
    if target.lower().endswith((".hgt", ".hgt.gz")):
        _check_hgt(Path(target).name, path, size)
    driver = _DRIVERS.get(Path(target).suffix.lower(), _GEOTIFF)
    todo = "Elevation is read from .hgt and GeoTIFF, zipped or not. Download the file again."
    with unreadable(path, "The file cannot be opened as elevation", todo), open_image(target, [driver]) as file:
        affine, shape, crs, count = file.transform, file.shape, file.crs, file.count
        descriptions = [text or "" for text in file.descriptions]
        band = _band(path, descriptions, count)
        unit, scale, offset = file.units[band - 1], file.scales[band - 1], file.offsets[band - 1]
        crs = None if crs is None else CRS(crs.to_wkt())
    known = unit_of(unit or "m", "m")
    if known is None:
        todo = "Convert it to metres, or give it as NAME=FILE,unit=UNIT."
        raise GranuleError(f"The file is in {unit!r}, which is not a unit of height known here.", where=path, todo=todo)
    if crs is None:
        raise GridError("The file has no CRS.", where=path, todo="Assign one, such as gdal_edit.py -a_srs EPSG:4326.")
    if affine.b or affine.d or affine.e > 0 or affine.a < 0:
        raise GridError("The raster is rotated or upside down.", where=path, todo="Warp it north up first (gdalwarp).")
    named = recognise(Path(target).name) or recognise(path.name)
    datum = named.datum if named is not None and named.datum != GEOID else ""
    return ElevationTile(target, crs, affine, shape, band, scale * known.scale, offset * known.scale, datum)


def _band(path: Path, descriptions: Sequence[str], count: int) -> int:
    """The band of heights: the only one, or the only one that is described as heights."""
    about = [recognise(text) if text else None for text in descriptions]
    heights = [i for i, named in enumerate(about, 1) if named is not None and not named.other]
    if count == 1:
        derived = derived_word(descriptions[0])
        if derived and not heights:
            todo = "Say what it holds, as NAME=FILE[:BAND]."
            what = f"The file describes its band as {descriptions[0]!r}, which is not heights."
            raise GranuleError(what, where=path, todo=todo)
        return 1
    if len(heights) != 1:
        todo = "Give a file of heights, which has one band, or name the band: elevation=FILE:BAND."
        raise GranuleError(f"The file has {count} bands.", where=path, todo=todo)
    return heights[0]


def _check_hgt(name: str, path: Path, size: int | None) -> None:
    """Refuse a `.hgt` whose name does not say where it lies, or whose size is none of a tile."""
    if _NAME.match(name) is None:
        todo = "A .hgt file does not say where it lies. Name it by its south-west corner."
        raise GranuleError("The file is not named like N44E005.hgt.", where=path, todo=todo)
    if size is None:
        try:
            with gzip.open(path) as packed:
                size = len(packed.read(max(_SIDES) + 1))
        except (OSError, EOFError, zlib.error) as error:
            raise GranuleError("The file is not gzip, or is cut off.", where=path, todo="Download it again.") from error
    if size not in _SIDES:
        todo = "A tile has 3601 x 3601 (1 arc second) or 1201 x 1201 values of two bytes. Download it again."
        raise GranuleError(f"The file has {size} bytes; no SRTM tile has that size.", where=path, todo=todo)


@dataclass(frozen=True)
class _Lattice:
    """Tiles that share one raster of posts, with each one's place (row, column) in it."""

    crs: CRS
    affine: Affine
    members: tuple[tuple[ElevationTile, int, int], ...]

    @cached_property
    def corners(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First post (row, column) of each tile, and the one after its last; each (tiles, 2)."""
        first = np.array([(row, col) for _, row, col in self.members])
        return first, first + [tile.shape for tile, _, _ in self.members]

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


def open_elevation(
    files: str | Path | ElevationTile | Sequence[str | Path | ElevationTile], geobox: GeoBox
) -> xr.DataArray:
    """Mean height of every cell of a grid, from all the SRTM files that touch it.

    Args:
        files: `.hgt` (1201 x 1201 or 3601 x 3601, named like N44E005), or GeoTIFF in any CRS, in metres unless the
            file states another unit; zip and tar archives of them; or what `inspect_elevation` says of them, which
            saves opening it again. Voids are the file's nodata value and whatever lies outside -500 to 9000 m (so
            -32768 and -32767 untagged too). Where files of different rasters overlap, the one given first wins.
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
    given = [files] if isinstance(files, str | Path | ElevationTile) else files
    tiles = [t for f in given for t in ((f,) if isinstance(f, ElevationTile) else inspect_elevation(f))]
    if not tiles:
        raise ArgumentError("No elevation file is given.")
    lattices = _lattices(tiles)
    cell = abs(geobox.affine.a) * metres_per_unit(geobox.crs)
    posts = min(abs(lattice.affine.a) * metres_per_unit(lattice.crs) for lattice in lattices)
    block = int(np.clip(min(_BLOCK_METRES, _BLOCK_POSTS * posts) / cell, 16, 512))
    every = max(1, int(_KNOT_METRES / cell))
    out = np.full(geobox.shape, np.nan, dtype=np.float32)
    cuts = [window.inner for window in windows((geobox.shape[0], geobox.shape[1]), block, 0)]

    def read(cut: Slices) -> tuple[Float64, set[ElevationTile]]:
        part = geobox[cut]
        pieces = [piece for lattice in lattices for piece in _pieces(lattice, part, every)]
        return _mean(pieces, (part.shape[0], part.shape[1])), {tile for piece in pieces for tile in piece.tiles}

    used: set[ElevationTile] = set()
    with ThreadPoolExecutor(threads.allowed()) as pool:  # most of the work is array arithmetic, which they share
        for cut, (heights, tiles_of_block) in zip(cuts, pool.map(read, cuts), strict=True):
            out[cut] = heights
            used |= tiles_of_block
    if not np.isfinite(out).any():
        covered = "; ".join(f"{tile.name}: {tile.bounds}" for tile in tiles[:4])
        todo = "Give the tiles of this place."
        raise SceneError("No elevation file has a height on the grid.", where=covered, todo=todo)
    sources = [tile.name for tile in tiles if tile in used]
    assumed = _assumed([tile for tile in tiles if tile in used])
    attrs: dict[str, object] = {"units": "m", "long_name": BY_NAME["elevation"].long_name, "regridded": "mean"}
    attrs |= {"sources": sources, "assumed": assumed}
    return xr.DataArray(out, dims=("y", "x"), coords=coordinates(geobox), attrs=attrs, name="elevation")


def _assumed(tiles: Sequence[ElevationTile]) -> list[str]:
    """What was assumed about the datum of the heights, which no raster states."""
    unstated = sorted({t.name for t in tiles if not t.datum and not t.path.lower().endswith((".hgt", ".hgt.gz"))})
    assumed = [f"{some(unstated)}: heights are metres above EGM96"] if unstated else []
    for datum in sorted({tile.datum for tile in tiles if tile.datum}):
        names = sorted({tile.name for tile in tiles if tile.datum == datum})
        assumed.append(f"{some(names)}: heights above the {datum} are taken for heights above EGM96")
    return assumed


@dataclass(frozen=True)
class _Piece:
    """The heights around a block of cells, from the tiles of one lattice."""

    heights: Float32
    """m, NaN = void or beyond the tiles."""
    cols: Float32
    """Of each corner of the block's cells, (y + 1, x + 1), in `heights`, whose first post is 0."""
    rows: Float32
    tiles: tuple[ElevationTile, ...]
    complete: bool
    """Whether every point of the block lies among known heights."""

    @property
    def along_rows(self) -> bool:
        """Whether each row of cells lies along a row of posts: so do sinusoidal cells among posts in degrees."""
        return bool(np.ptp(self.rows, axis=1).max() < _STRAIGHT)

    def at(self, cols: Float32, rows: Float32) -> Float32:
        """Heights at points of the block, m, NaN = unknown."""
        read = interpolate_within if self.complete else interpolate
        return read(self.heights, (rows, cols))


def _pieces(lattice: _Lattice, geobox: GeoBox, every: int) -> Iterator[_Piece]:
    """The part of a lattice around a block; several where the block crosses the lattice's own end of the circle."""
    x, y = resampling.near_corners(geobox, lattice.crs, every)
    on = np.isfinite(x) & np.isfinite(y)
    if not on.any():
        return
    first_col, row = ~lattice.affine * (x, y)
    ends = [(float(place[on].min()), float(place[on].max())) for place in (row, first_col)]
    for turn in (0.0, 360.0, -360.0) if lattice.crs.geographic else (0.0,):
        shift = turn / lattice.affine.a
        (row0, row1), (col0, col1) = (
            (int(np.floor(low + by)) - 2, int(np.ceil(high + by)) + 2)
            for (low, high), by in zip(ends, (0.0, shift), strict=True)
        )
        hits = list(_overlaps(lattice, (row0, row1), (col0, col1)))
        if not hits:
            continue
        # Only what the tiles cover: a small model under a large block has few posts.
        rows, cols = ([target[axis] for _, _, target in hits] for axis in (0, 1))
        covered = (
            (row0 + min(part.start for part in rows), row0 + max(part.stop for part in rows)),
            (col0 + min(part.start for part in cols), col0 + max(part.stop for part in cols)),
        )
        whole = covered == ((row0, row1), (col0, col1))
        (row0, row1), (col0, col1) = covered
        hits = list(_overlaps(lattice, *covered))
        heights = np.full((row1 - row0, col1 - col0), np.nan, dtype=np.float32)
        for tile, source, target in hits:
            part = heights[target]
            np.copyto(part, _heights(tile, source), where=np.isnan(part))
        across, down = (
            np.where(on, place - (first + 0.5), NOWHERE).astype(np.float32)
            for place, first in ((first_col, col0 - shift), (row, row0))
        )
        complete = whole and bool(on.all()) and not np.isnan(heights).any()
        many = resampling.splits_for(across, down, Affine.identity()) // _ENOUGH_POSTS
        if many > 1:
            heights = np.asarray(aggregate(pad_to(heights, many), many), np.float32)
            across, down = (((at + 0.5) / many - 0.5).astype(np.float32) for at in (across, down))
            complete = False
        yield _Piece(heights, across, down, tuple(tile for tile, _, _ in hits), complete)


def _mean(pieces: Sequence[_Piece], shape: tuple[int, int]) -> Float64:
    """Mean height of each cell of a block, m, the first piece first; NaN where fewer than half of a cell is known."""
    if not pieces:
        return np.full(shape, np.nan)
    splits = max(2, *(resampling.splits_for(piece.cols, piece.rows, Affine.identity()) for piece in pieces))
    if len(pieces) == 1 and pieces[0].complete and pieces[0].along_rows:
        return _mean_along_rows(pieces[0], splits)

    def heights() -> Iterator[Float32]:
        for places in zip(*(resampling.sub_points(piece.cols, piece.rows, splits) for piece in pieces), strict=True):
            height = pieces[0].at(*places[0])
            for piece, place in zip(pieces[1:], places[1:], strict=True):
                unknown = np.isnan(height)
                height[unknown] = piece.at(*(axis[unknown] for axis in place))
            yield height

    return resampling.mean_of_valid(heights(), splits)


def _mean_along_rows(piece: _Piece, splits: int) -> Float64:
    """`_mean` of one piece that is complete and lies along rows: the same points, in half of the time.

    All points of a row of cells at one height share their place between two rows of posts, which are mixed first, once.
    """
    width = piece.heights.shape[1]
    places = (np.arange(splits, dtype=np.float32) + np.float32(0.5)) / np.float32(splits)
    rows, cols = piece.rows[:, 0], piece.cols
    start = (np.arange(len(rows) - 1) * width)[:, None]
    total = np.zeros((len(rows) - 1, cols.shape[1] - 1))
    for v in places:
        row = rows[:-1] + v * (rows[1:] - rows[:-1])
        above = row.astype(np.intp)
        line = piece.heights[above]
        line += (row - above).astype(np.float32)[:, None] * (piece.heights[above + 1] - line)
        left = cols[:-1] + v * (cols[1:] - cols[:-1])
        across = left[:, 1:] - left[:, :-1]
        flat = line.ravel()
        for u in places:
            col = left[:, :-1] + u * across
            before = col.astype(np.intp)
            share = np.subtract(col, before, dtype=np.float32, casting="unsafe")
            before += start
            low = flat.take(before)
            mixed = flat[1:].take(before)
            mixed -= low
            mixed *= share
            mixed += low
            total += mixed
    total /= splits**2
    return total


def _overlaps(
    lattice: _Lattice, rows: tuple[int, int], cols: tuple[int, int]
) -> Iterator[tuple[ElevationTile, Slices, Slices]]:
    """Which part of which tile fills which part of a window of the lattice."""
    starts, ends = (
        np.maximum(lattice.corners[0], (rows[0], cols[0])),
        np.minimum(lattice.corners[1], (rows[1], cols[1])),
    )
    for i in np.flatnonzero((starts < ends).all(axis=1)):
        tile, *corner = lattice.members[i]
        place = [(int(start), int(end)) for start, end in zip(starts[i], ends[i], strict=True)]
        source, target = (
            tuple(slice(start - zero, end - zero) for (start, end), zero in zip(place, zeros, strict=True))
            for zeros in (corner, (rows[0], cols[0]))
        )
        yield tile, source, target  # type: ignore[misc]


def _heights(tile: ElevationTile, part: Slices) -> Float32:
    """A part of one tile, m, voids NaN."""
    import rasterio
    from rasterio.enums import MaskFlags

    limits, driver = BY_NAME["elevation"], _DRIVERS.get(Path(tile.path).suffix.lower(), _GEOTIFF)
    window = rasterio.windows.Window.from_slices(*part)
    with unreadable(tile.path, "The heights cannot be read"), open_image(tile.path, [driver]) as file:
        void, masked = file.nodatavals[tile.band - 1], file.mask_flag_enums[tile.band - 1]
        # What lies outside the limits is void anyway; GDAL's mask would cost as much as the heights.
        plain = masked in ([MaskFlags.all_valid], [MaskFlags.nodata])
        plain &= void is None or not limits.low <= void * tile.scale + tile.offset <= limits.high
        raw = file.read(tile.band, window=window, masked=not plain)
    heights = np.array(np.ma.getdata(raw), dtype=np.float32)
    if (tile.scale, tile.offset) != (1.0, 0.0):
        heights = heights * np.float32(tile.scale) + np.float32(tile.offset)
    # NaN fails both comparisons.
    if not plain or not (heights.min() >= limits.low and heights.max() <= limits.high):
        known = ~np.ma.getmaskarray(raw) & (heights >= limits.low) & (heights <= limits.high)
        heights[~known] = np.nan
    return heights
