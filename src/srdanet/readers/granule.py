"""Open a granule: what the provider delivered, checked, in physical units, on its exact grid.

Source of the grids: HDF-EOS Library User's Guide, volume 2 (170-EMD-001), grid structure metadata.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import in_strips
from srdanet.errors import GranuleError, SrdanetError
from srdanet.grid import SINUSOIDAL, SPHERE_RADIUS, Level, Tile, coordinates, part_over
from srdanet.readers import checksum as checksums
from srdanet.readers import hdf4, odl
from srdanet.readers.filenames import GranuleName, identify
from srdanet.readers.quality import cf_attributes
from srdanet.readers.tables import Layer, Product, product_of

_CORNER_TOLERANCE = 0.01
"""Metres by which a corner may miss its tile. Real granules are off by up to 0.0013 m, since
some were made with a cell size cut to nine digits."""
_LATTICE_TOLERANCE = 1e-3
"""Share of a cell by which a cut granule may miss the lattice of its tile and still be set on it."""
_MOST_TILES = 4
"""Tiles along a side that a granule pieced together by other tools may have."""
_AGAIN = "Download it again."
_C_TYPES = {"int8": "SCHAR", "uint8": "UCHAR", "int16": "SHORT", "uint16": "USHORT", "int32": "INT", "uint32": "UINT"}


@dataclass(frozen=True)
class Granule:
    """One granule, opened."""

    product: str
    """Short name, a key of `tables.PRODUCTS`."""
    tile: Tile
    date: dt.date
    """Day of acquisition (first day of a period; the day of interest of MCD43A3)."""
    collection: str
    """Three digits, such as "061"; "002" of VIIRS."""
    name: str
    """Name of the file."""
    sha256: str
    """Of the whole file."""
    layers: Mapping[str, xr.DataArray]
    """Our layer name to (y, x) data with coordinates: quantities float32 in their unit, NaN = missing;
    bit fields and classes as stored integers, `attrs["missing_word"]` = missing, where there is one."""
    checksum: Literal["provider", "none"] = "none"
    """Whether the file was held against a checksum that the provider states; HDF4 has none of its own."""
    whole: bool = True
    """Whether it covers the whole tile; False for granules cut by other tools."""


def open_granule(
    path: str | Path,
    layers: Sequence[str] | None = None,
    *,
    over: GeoBox | None = None,
    raw: bool = False,
    checksum: str | None = None,
    timeout: float = hdf4.TIMEOUT,
) -> Granule:
    """Read a MODIS granule (HDF4-EOS) or one of VIIRS (HDF-EOS5), on a sinusoidal tile.

    Args:
        path: The file. A file renamed by hand is identified by its metadata.
        layers: Our names of the layers to read; None for all in the product table.
        over: Read only what lies over this grid, in which the granule's grids nest; None: all. A grid that does not
            nest is read whole.
        raw: Give counts as stored, fill values included, instead of physical values.
        checksum: What the provider states, as `algorithm:value` (md5, sha256, cksum, ...). Without it,
            the `.xml` beside the file is used where there is one.
        timeout: Seconds the reading may take.

    Returns:
        The granule. Counts outside the valid range, or equal to the fill value, are missing (NaN).

    Raises:
        GranuleError: when the file is absent, damaged, not a granule, or its name, metadata, grid and
            data disagree with one another or with the product table.
        ProductError: when the product, collection or a layer is not known.
    """
    path = Path(path)
    hdf4.check_magic(path)
    stated, beside = checksums.sidecars(path)
    expected = checksums.Expected.parse(checksum) if checksum is not None else stated
    if expected is not None:
        expected.verify(path)
    description = hdf4.describe(path, timeout)
    identity = _identity(path, description, beside)
    product = product_of(identity.product)
    rows = [product.layer(name) for name in dict.fromkeys(layers)] if layers is not None else list(product.layers)
    places = _places(path, description, product, rows, identity.tile, required=layers is not None)
    wanted = {row.sds: (tuple(box.shape), row.dtype) for row, box, _ in places}
    parts = {row.sds: part_over(over, box) for row, box, _ in places} if over is not None else {}
    stored = hdf4.read(path, wanted, timeout, parts)
    coords = {row.grid: _part_of(coordinates(box), parts.get(row.sds)) for row, box, _ in places}
    found = {}
    for row, _, _ in places:
        counts, attributes = stored.pop(row.sds)
        fill, valid = _packing(path, row, attributes)
        values = counts if raw else _physical(row, counts, fill, valid)
        attrs = _attributes(identity, row, fill, valid, raw)
        found[row.name] = xr.DataArray(values, coords[row.grid], ("y", "x"), row.name, attrs)
    whole, sha256 = all(whole for _, _, whole in places), checksums.digest(path)
    return Granule(
        identity.product, identity.tile, identity.date, identity.collection, path.name, sha256, found,
        checksum="provider" if expected is not None else "none", whole=whole,
    )  # fmt: skip


def _part_of(coords: dict[str, xr.Variable], part: tuple[slice, slice] | None) -> dict[str, xr.Variable]:
    """Coordinates of some rows and columns, to the last digit those of the whole."""
    return coords if part is None else coords | {"y": coords["y"][part[0]], "x": coords["x"][part[1]]}


def _identity(path: Path, description: hdf4.Description, beside: str | None) -> GranuleName:
    """What the granule is, by its name and by its metadata, which must agree."""
    try:
        named: GranuleName | None = identify(path)
    except GranuleError:  # renamed by hand: the metadata may still tell
        named = None
    text = description.text("CoreMetadata") or description.text("OldCoreMetadata")
    # VIIRS keeps its inventory in attributes of the file (LocalGranuleID, ShortName, ...).
    listed = [odl.Block(key.upper(), {"VALUE": value}) for key, value in description.attributes.items()]
    core = odl.parse(text, path) if text else odl.Block("", blocks=listed)
    local = core.value("LOCALGRANULEID")
    inside = _inside(path, str(local), core) if local else None
    known = {"The name": named, "the metadata": inside, "the .met beside it": identify(beside) if beside else None}
    said = {source: name for source, name in known.items() if name is not None}
    (first, name), *others = said.items() if said else [("", None)]
    if name is None or (named is None and inside is None):
        what = "Neither the name nor the metadata (LOCALGRANULEID) says which granule this is."
        raise GranuleError(what, where=path, todo="Give the file the provider's name back.")
    for source, other in others:
        for part in ("product", "date", "tile", "collection"):
            if getattr(name, part) != getattr(other, part):
                what = f"{first} says {part} {getattr(name, part)}, but {source} says {getattr(other, part)}."
                todo = "The file is mislabelled. Download it again under its own name."
                raise GranuleError(what, where=path, todo=todo)
    return name


def _inside(path: Path, local: str, core: odl.Block) -> GranuleName:
    """What LOCALGRANULEID says; the other entries of the inventory metadata must agree."""
    try:
        name = identify(local)
    except SrdanetError as error:
        what = f"The metadata name the granule {local[:80]!r}. {error.what}"
        raise GranuleError(what, where=path, todo=error.todo) from error
    short, version = core.value("SHORTNAME"), core.value("VERSIONID")
    first, last = core.value("RANGEBEGINNINGDATE"), core.value("RANGEENDINGDATE")
    wrong = (
        (short is not None and short != name.product)
        or (version is not None and str(version).zfill(3) != name.collection)
        or (first is not None and str(first) > name.date.isoformat())
        or (last is not None and str(last) < name.date.isoformat())
    )
    if wrong:
        said = f"{short}, collection {version}, {first} to {last}"
        todo = "The file is damaged or was pieced together. Download it again."
        raise GranuleError(f"The metadata contradict themselves: {name}, but {said}.", where=path, todo=todo)
    return name


def _places(
    path: Path, description: hdf4.Description, product: Product, rows: Sequence[Layer], tile: Tile, *, required: bool
) -> list[tuple[Layer, GeoBox, bool]]:
    """Each layer to read, its exact grid, and whether that is the whole tile."""
    structure = odl.parse(description.text("StructMetadata"), path).find("GridStructure")
    grids = [_grid(block, path) for block in structure.blocks] if structure is not None else []
    if not grids:
        todo = "Give a tile (level 3): swaths (level 2) are not supported."
        raise GranuleError("The file holds no HDF-EOS grid.", where=path, todo=todo)
    places = []
    for row in rows:
        grid = next((grid for grid in grids if row.sds in grid.fields), None)
        if grid is None or row.sds not in description.fields:
            cut = any(g.shape != tile.geobox(row.level).shape for g in grids if g.name.startswith(row.grid))
            if cut and not required:
                continue
            todo = "The file is damaged or holds a selection only. Download it again, or name the layers it has."
            raise GranuleError(f"The file lacks {row.sds!r} ({product.short_name} {row.name}).", where=path, todo=todo)
        # Tools that cut granules add the cell size to the grid's name.
        if not grid.name.startswith(row.grid):
            what = f"{row.sds} lies in grid {grid.name}, not in {row.grid}."
            raise GranuleError(what, where=path, todo=_AGAIN)
        box, whole = _geobox(grid, tile, row.level, path)
        shape, dtype = description.fields[row.sds]
        # HDF-EOS2 names a type `DFNT_UINT8`, HDF-EOS5 in the words of C or by its size.
        names = (f"DFNT_{dtype.upper()}", f"H5T_NATIVE_{_C_TYPES.get(dtype)}", f"H5T_NATIVE_{dtype.upper()}")
        if shape != grid.shape or dtype != row.dtype or grid.fields[row.sds] not in names:
            found = f"{shape} {dtype}, StructMetadata says {grid.shape} {grid.fields[row.sds]}"
            todo = f"It should be {row.dtype}. The file is damaged or of another make. {_AGAIN}"
            raise GranuleError(f"{row.sds} is {found}.", where=path, todo=todo)
        places.append((row, box, whole))
    if not places:
        raise GranuleError(f"The file holds no layer of {product.short_name}.", where=path)
    return places


@dataclass(frozen=True)
class _Grid:
    """One grid of a granule, in sinusoidal metres, as its `StructMetadata` states it."""

    name: str
    shape: tuple[int, int]
    """(rows, columns)."""
    upper_left: tuple[float, float]
    lower_right: tuple[float, float]
    fields: Mapping[str, str]
    """Data field to HDF type, such as DFNT_INT16; fields of two dimensions only."""


def _grid(block: odl.Block, path: Path) -> _Grid:
    """One grid, refused where it is not on the MODIS sinusoidal sphere."""
    values = block.values
    try:
        left, top = _floats(values["UpperLeftPointMtrs"], 2)[:2]
        right, bottom = _floats(values["LowerRightMtrs"], 2)[:2]
        rows, cols = values["YDim"], values["XDim"]
        radius, *rest = _floats(values["ProjParams"], 8)
        name, projection = str(values["GridName"]), str(values["Projection"]).removeprefix("HE5_")
        if not (isinstance(rows, int) and isinstance(cols, int) and rows > 0 and cols > 0):
            raise ValueError(f"{rows!r} x {cols!r} is not a number of cells")
    except (KeyError, TypeError, ValueError) as error:
        what = f"StructMetadata describes its grid badly: {error!r}."
        raise GranuleError(what, where=path, todo=_AGAIN) from error
    central_meridian, false_easting, false_northing = rest[3], rest[5], rest[6]
    origin = str(values.get("GridOrigin", "")).removeprefix("HE5_")
    strange = central_meridian or false_easting or false_northing or origin not in ("", "HDFE_GD_UL")
    if projection != "GCTP_SNSOID" or abs(radius - SPHERE_RADIUS) > 1e-3 or strange:
        said = f"{projection}, radius {radius:.3f} m"
        todo = "Use the product in the provider's own sinusoidal tiles, or export it as GeoTIFF."
        raise GranuleError(f"Grid {name} is not the MODIS sinusoidal grid ({said}).", where=path, todo=todo)
    listed = block.find("DataField")
    fields = {
        str(field.values["DataFieldName"]): str(field.values.get("DataType"))
        for field in (listed.blocks if listed is not None else [])
        if "DataFieldName" in field.values and field.values.get("DimList") == ["YDim", "XDim"]
    }
    return _Grid(name, (rows, cols), (left, top), (right, bottom), fields)


def _floats(value: odl.Value, least: int) -> list[float]:
    numbers = [float(item) for item in value if isinstance(item, (int, float))] if isinstance(value, list) else []
    if len(numbers) < least:
        raise ValueError(f"{value!r} is not a list of numbers")
    return numbers


def _geobox(grid: _Grid, tile: Tile, level: Level, path: Path) -> tuple[GeoBox, bool]:
    """The exact GeoBox of a granule's grid, and whether it is the whole tile.

    A whole tile gets the tile's own GeoBox. A granule cut by other tools keeps its place, set on the
    lattice of the tile where it lies on it.
    """
    (left, top), (right, bottom), (rows, cols) = grid.upper_left, grid.lower_right, grid.shape
    exact = tile.geobox(level)
    box = exact.boundingbox
    if (rows, cols) == exact.shape:
        miss = max(abs(left - box.left), abs(top - box.top), abs(right - box.right), abs(bottom - box.bottom))
        if miss > _CORNER_TOLERANCE:
            todo = f"The name or the content belongs to another granule. {_AGAIN}"
            raise GranuleError(f"Grid {grid.name} is not in tile {tile}: off by {miss:.3f} m.", where=path, todo=todo)
        return exact, True
    if max(rows / exact.shape[0], cols / exact.shape[1]) > _MOST_TILES:
        what = f"Grid {grid.name} says it has {rows} x {cols} cells, far more than a tile."
        raise GranuleError(what, where=path, todo=f"It is damaged. {_AGAIN}")
    size = level.metres
    drift = max(abs((right - left) - cols * size), abs((top - bottom) - rows * size))
    if drift > _CORNER_TOLERANCE * 10:
        todo = "The file is damaged, or was resampled. Use the provider's granule or export it as GeoTIFF."
        what = f"The corners of grid {grid.name} do not fit {rows} x {cols} cells of {size:.4f} m."
        raise GranuleError(what, where=path, todo=todo)
    if right <= box.left or left >= box.right or bottom >= box.top or top <= box.bottom:
        raise GranuleError(f"Grid {grid.name} does not touch tile {tile} of its name.", where=path, todo=_AGAIN)
    col, row = (left - box.left) / size, (box.top - top) / size
    if max(abs(col - round(col)), abs(row - round(row))) < _LATTICE_TOLERANCE:
        left, top = box.left + round(col) * size, box.top - round(row) * size
    return GeoBox((rows, cols), Affine(size, 0, left, 0, -size, top), SINUSOIDAL), False


def _packing(path: Path, row: Layer, attributes: Mapping[str, Any]) -> tuple[int | None, tuple[int, int]]:
    """Fill value and valid range of a layer: the table's; what the file says otherwise is refused."""
    if "_Fillvalue" in attributes:  # as the specification of VNP21A1D spells it
        attributes = {"_FillValue": attributes["_Fillvalue"], **attributes}

    def refuse(key: str, table: object) -> GranuleError:
        what = f"{row.sds} says {key} {attributes[key]!r}, the product table {table}."
        return GranuleError(what, where=path, todo=f"The file is damaged or of another make. {_AGAIN}")

    def number(key: str) -> float | None:
        value = attributes.get(key)
        if value is None or (isinstance(value, str) and value.strip("\0 ").upper() in ("", "NA", "N/A")):
            return None
        return float(value) if isinstance(value, (int, float)) else math.nan

    fill, valid = number("_FillValue"), attributes.get("valid_range")
    if row.kind == "bits":
        # Words have no order, so no range; each reprocessing has its own fill word, always one that says "not
        # produced". Where the table has none (LST), 0 is a word like any other, though MOD11B2 calls it fill.
        own = row.fill if fill is None or math.isnan(fill) or row.fill is None else int(fill)
        return own, row.valid
    scale, offset = number("scale_factor"), number("add_offset")
    if fill is not None and fill != row.fill:
        raise refuse("_FillValue", row.fill)
    if row.kind == "quantity":
        if scale is not None and not any(math.isclose(scale, known, rel_tol=1e-6) for known in row.scale_spellings):
            raise refuse("scale_factor", " or ".join(map(str, row.scale_spellings)))
        if offset is not None and not math.isclose(offset, row.offset, abs_tol=1e-6):
            raise refuse("add_offset", row.offset)
    ranges = {row.valid, *row.other_valid}
    if row.any_valid and isinstance(valid, list) and len(valid) == 2 and all(isinstance(v, int) for v in valid):
        ranges.add(tuple(valid))
    if valid is not None and (not isinstance(valid, list) or tuple(valid) not in ranges):
        raise refuse("valid_range", row.valid)
    return row.fill, tuple(valid) if valid is not None else row.valid


def _physical(row: Layer, counts: NDArray[Any], fill: int | None, valid: tuple[int, int]) -> NDArray[Any]:
    """Counts to physical values, through a table of all possible counts: exact, and fast for whole tiles."""
    if row.kind == "bits":
        return counts
    info = np.iinfo(counts.dtype)
    every = np.arange(info.min, info.max + 1)
    missing = (every < valid[0]) | (every > valid[1])
    if fill is not None:
        missing |= every == fill
    if row.kind == "classes":
        lookup = np.where(missing, np.int64(row.fill or 0), every).astype(counts.dtype)
    else:
        lookup = np.where(missing, np.nan, every * row.scale + row.offset).astype(np.float32)
    unsigned = counts.view(f"u{counts.dtype.itemsize}")
    if info.min < 0:
        lookup = np.roll(lookup, info.min)  # negative counts are the upper half of the unsigned ones
    return in_strips(lookup.take, unsigned, dtype=lookup.dtype)


def _attributes(
    identity: GranuleName, row: Layer, fill: int | None, valid: tuple[int, int], raw: bool
) -> dict[str, Any]:
    """Name, unit, source and packing of a layer."""
    attrs: dict[str, Any] = {"long_name": row.long_name, "units": row.unit, "source": f"{identity} {row.sds}"}
    if row.kind == "quantity":
        attrs["packing"] = f"count * {row.scale} + {row.offset}, valid counts {valid[0]} to {valid[1]}"
    if fill is not None and (raw or row.kind != "quantity"):
        attrs["missing_word"] = fill
    if raw and row.kind == "quantity":
        attrs["units"] = "count"
    if row.bits:
        attrs |= cf_attributes(row.bits, row.dtype)
    return attrs
