"""Open a granule: what the provider delivered, checked, in physical units, on its exact grid."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.errors import GranuleError, SrdanetError
from srdanet.grid import Tile, coordinates
from srdanet.readers import checksum as checksums
from srdanet.readers import hdf4, odl, struct_metadata
from srdanet.readers.filenames import GranuleName, identify
from srdanet.readers.quality import cf_attributes
from srdanet.readers.tables import Layer, Product, product_of


@dataclass(frozen=True)
class Granule:
    """One granule, opened."""

    product: str
    """Short name, a key of `tables.PRODUCTS`."""
    tile: Tile
    date: dt.date
    """Day of acquisition (first day of a period; the day of interest of MCD43A3)."""
    collection: str
    """"006" or "061"."""
    name: str
    """Name of the file."""
    sha256: str
    """Of the whole file."""
    layers: Mapping[str, xr.DataArray]
    """Our layer name to (y, x) data with coordinates: quantities float32 in their unit, NaN = missing;
    bit fields and classes as stored integers, `attrs["missing_word"]` = missing, where there is one."""
    whole: bool = True
    """Whether it covers the whole tile; False for granules cut by other tools."""


def open_granule(
    path: str | Path,
    layers: Sequence[str] | None = None,
    *,
    raw: bool = False,
    checksum: str | None = None,
    timeout: float = hdf4.TIMEOUT,
) -> Granule:
    """Read a MODIS granule (HDF4-EOS, sinusoidal tile).

    Args:
        path: The file. A file renamed by hand is identified by its metadata.
        layers: Our names of the layers to read; None for all in the product table.
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
    stored = hdf4.read(path, wanted, timeout)
    coords = {row.grid: coordinates(box) for row, box, _ in places}
    found = {}
    for row, _, _ in places:
        counts, attributes = stored.pop(row.sds)
        fill, valid = _packing(path, row, attributes)
        values = counts if raw else _physical(row, counts, fill, valid)
        found[row.name] = xr.DataArray(
            values, coords[row.grid], ("y", "x"), row.name, _attributes(identity, row, fill, valid, raw)
        )
    return Granule(
        product=identity.product,
        tile=identity.tile,
        date=identity.date,
        collection=identity.collection,
        name=path.name,
        sha256=checksums.digest(path),
        layers=found,
        whole=all(whole for _, _, whole in places),
    )


def _identity(path: Path, description: hdf4.Description, beside: str | None) -> GranuleName:
    """What the granule is, by its name and by its metadata, which must agree."""
    try:
        named: GranuleName | None = identify(path)
    except GranuleError:  # renamed by hand: the metadata may still tell
        named = None
    text = description.text("CoreMetadata") or description.text("OldCoreMetadata")
    core = odl.parse(text, path) if text else odl.Block("")
    local = core.value("LOCALGRANULEID")
    inside = _inside(path, str(local), core) if local else None
    known = {"The name": named, "the metadata": inside, "the .met beside it": identify(beside) if beside else None}
    said = {source: name for source, name in known.items() if name is not None}
    (first, name), *others = said.items() if said else [("", None)]
    if name is None or (named is None and inside is None):
        todo = "Give the file the provider's name back."
        raise GranuleError(
            "Neither the name nor the metadata (LOCALGRANULEID) says which granule this is.", where=path, todo=todo
        )
    for source, other in others:
        for part in ("product", "date", "tile", "collection"):
            if getattr(name, part) != getattr(other, part):
                what = f"{first} says {part} {getattr(name, part)}, but {source} says {getattr(other, part)}."
                raise GranuleError(
                    what, where=path, todo="The file is mislabelled. Download it again under its own name."
                )
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
    path: Path,
    description: hdf4.Description,
    product: Product,
    rows: Sequence[Layer],
    tile: Tile,
    *,
    required: bool,
) -> list[tuple[Layer, GeoBox, bool]]:
    """Each layer to read, its exact grid, and whether that is the whole tile."""
    grids = struct_metadata.grids(description.text("StructMetadata"), path)
    places = []
    for row in rows:
        grid = next((grid for grid in grids.values() if row.sds in grid.fields), None)
        if grid is None or row.sds not in description.fields:
            cut = any(g.shape != tile.geobox(row.level).shape for g in grids.values() if g.name.startswith(row.grid))
            if cut and not required:
                continue
            todo = "The file is damaged or holds a selection only. Download it again, or name the layers it has."
            raise GranuleError(f"The file lacks {row.sds!r} ({product.short_name} {row.name}).", where=path, todo=todo)
        # Tools that cut granules add the cell size to the grid's name.
        if not grid.name.startswith(row.grid):
            raise GranuleError(
                f"{row.sds} lies in grid {grid.name}, not in {row.grid}.", where=path, todo="Download it again."
            )
        box, whole = struct_metadata.geobox(grid, tile, row.level, path)
        shape, dtype = description.fields[row.sds]
        if shape != grid.shape or dtype != row.dtype or grid.fields[row.sds] != f"DFNT_{row.dtype.upper()}":
            found = f"{shape} {dtype}, StructMetadata says {grid.shape} {grid.fields[row.sds]}"
            todo = f"It should be {row.dtype}. The file is damaged or of another make. Download it again."
            raise GranuleError(f"{row.sds} is {found}.", where=path, todo=todo)
        places.append((row, box, whole))
    if not places:
        raise GranuleError(f"The file holds no layer of {product.short_name}.", where=path)
    return places


def _packing(path: Path, row: Layer, attributes: Mapping[str, Any]) -> tuple[int | None, tuple[int, int]]:
    """Fill value and valid range of a layer: the table's, or a known spelling of the file's own.

    What a file does not say is taken from the table; what it says otherwise is refused.
    """

    def refuse(key: str, table: object) -> GranuleError:
        what = f"{row.sds} says {key} {attributes[key]!r}, the product table {table}."
        return GranuleError(what, where=path, todo="The file is damaged or of another make. Download it again.")

    def number(key: str) -> float | None:
        value = attributes.get(key)
        if value is None or (isinstance(value, str) and value.strip("\0 ") in ("", "NA")):
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
    result: NDArray[Any] = np.take(lookup, unsigned)
    return result


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
