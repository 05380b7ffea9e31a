"""The grids of an HDF-EOS granule, as its `StructMetadata` states them, and whether to believe them.

Source: HDF-EOS Library User's Guide, volume 2 (170-EMD-001), grid structure metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from affine import Affine
from odc.geo.geobox import GeoBox

from srdanet.errors import GranuleError
from srdanet.grid import SINUSOIDAL, SPHERE_RADIUS, Level, Tile
from srdanet.readers import odl

CORNER_TOLERANCE = 0.01
"""Metres by which a corner may miss its tile. Real granules are off by up to 0.0013 m, since
some were made with a cell size cut to nine digits."""
_LATTICE_TOLERANCE = 1e-3
"""Share of a cell by which a cut granule may miss the lattice of its tile and still be set on it."""


@dataclass(frozen=True)
class Grid:
    """One grid of a granule, in sinusoidal metres."""

    name: str
    shape: tuple[int, int]
    """(rows, columns)."""
    upper_left: tuple[float, float]
    lower_right: tuple[float, float]
    fields: Mapping[str, str]
    """Data field to HDF type, such as DFNT_INT16; fields of two dimensions only."""


def grids(text: str, where: object) -> dict[str, Grid]:
    """All grids in a `StructMetadata` text, by name.

    Raises:
        GranuleError: when the text is damaged, holds no grid, or a grid is not on the MODIS sinusoidal sphere.
    """
    structure = odl.parse(text, where).find("GridStructure")
    found = [_grid(block, where) for block in structure.blocks] if structure is not None else []
    if not found:
        raise GranuleError(
            "The file holds no HDF-EOS grid.",
            where=where,
            todo="Give a tile (level 3): swaths (level 2) are not supported.",
        )
    return {grid.name: grid for grid in found}


def _grid(block: odl.Block, where: object) -> Grid:
    values = block.values
    try:
        ul, lr = (_floats(values[key], 2) for key in ("UpperLeftPointMtrs", "LowerRightMtrs"))
        shape = (_count(values["YDim"]), _count(values["XDim"]))
        radius, *rest = _floats(values["ProjParams"], 8)
        name, projection = str(values["GridName"]), values["Projection"]
    except (KeyError, TypeError, ValueError) as error:
        what = f"StructMetadata describes its grid badly: {error!r}."
        raise GranuleError(what, where=where, todo="Download it again.") from error
    central_meridian, false_easting, false_northing = rest[3], rest[5], rest[6]
    strange = central_meridian or false_easting or false_northing or values.get("GridOrigin", "") not in _ORIGINS
    if projection != "GCTP_SNSOID" or abs(radius - SPHERE_RADIUS) > 1e-3 or strange:
        said = f"{projection}, radius {radius:.3f} m"
        todo = "Use the product in the provider's own sinusoidal tiles, or export it as GeoTIFF."
        raise GranuleError(f"Grid {name} is not the MODIS sinusoidal grid ({said}).", where=where, todo=todo)
    return Grid(name, shape, (ul[0], ul[1]), (lr[0], lr[1]), _fields(block))


_ORIGINS = ("", "HDFE_GD_UL")


def _fields(block: odl.Block) -> dict[str, str]:
    rows = block.find("DataField")
    return {
        str(row.values["DataFieldName"]): str(row.values.get("DataType"))
        for row in (rows.blocks if rows is not None else [])
        if "DataFieldName" in row.values and row.values.get("DimList") == ["YDim", "XDim"]
    }


def _floats(value: odl.Value, least: int) -> list[float]:
    numbers = [float(item) for item in value if isinstance(item, (int, float))] if isinstance(value, list) else []
    if len(numbers) < least:
        raise ValueError(f"{value!r} is not a list of numbers")
    return numbers


def _count(value: odl.Value) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is not a number of cells")
    return value


def geobox(grid: Grid, tile: Tile, level: Level, where: object) -> tuple[GeoBox, bool]:
    """The exact GeoBox of a granule's grid, and whether it is the whole tile.

    A whole tile gets the tile's own GeoBox. A granule cut by other tools keeps its place, set on the
    lattice of the tile where it lies on it.

    Raises:
        GranuleError: when place, shape and tile disagree.
    """
    (left, top), (right, bottom), (rows, cols) = grid.upper_left, grid.lower_right, grid.shape
    exact = tile.geobox(level)
    box = exact.boundingbox
    if (rows, cols) == exact.shape:
        miss = max(abs(left - box.left), abs(top - box.top), abs(right - box.right), abs(bottom - box.bottom))
        if miss > CORNER_TOLERANCE:
            todo = "The name or the content belongs to another granule. Download it again."
            raise GranuleError(f"Grid {grid.name} is not in tile {tile}: off by {miss:.3f} m.", where=where, todo=todo)
        return exact, True
    size = level.metres
    drift = max(abs((right - left) - cols * size), abs((top - bottom) - rows * size))
    if drift > CORNER_TOLERANCE * 10:
        todo = "The file is damaged, or was resampled. Use the provider's granule or export it as GeoTIFF."
        what = f"The corners of grid {grid.name} do not fit {rows} x {cols} cells of {size:.4f} m."
        raise GranuleError(what, where=where, todo=todo)
    if right <= box.left or left >= box.right or bottom >= box.top or top <= box.bottom:
        raise GranuleError(
            f"Grid {grid.name} does not touch tile {tile} of its name.", where=where, todo="Download it again."
        )
    col, row = (left - box.left) / size, (box.top - top) / size
    if max(abs(col - round(col)), abs(row - round(row))) < _LATTICE_TOLERANCE:
        left, top = box.left + round(col) * size, box.top - round(row) * size
    return GeoBox((rows, cols), Affine(size, 0, left, 0, -size, top), SINUSOIDAL), False
