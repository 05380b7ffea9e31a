"""Validation of every output before it gets its final name.

The structure is checked from the offsets in the file itself (as rio-cogeo does, which the tests hold this against); the
values are compared with the array they came from, every cell of them: reading a file back costs a fraction of writing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.errors import OutputError
from srdanet.grid import same_crs
from srdanet.product.cf import open_arrays
from srdanet.product.cog import BLOCK, strips
from srdanet.product.layers import RASTERS, Raster
from srdanet.readers.guard import COG, open_image

_TODO = "Nothing was written under its final name. If it happens again, check the disk."


def validate_cog(path: Path, data: xr.DataArray, raster: Raster, geobox: GeoBox) -> None:
    """Check that `path` is a COG that holds exactly `data` (y, x) on `geobox`.

    Raises:
        OutputError: when it does not open, is no COG, has another shape, grid, type or missing value, lacks its
            tags, holds values out of range, or differs from `data` in any cell.
    """
    from rasterio.errors import RasterioError

    try:
        with open_image(path, COG) as file:
            fault = structure_fault(file, path.stat().st_size) or _frame_fault(file, data.shape, raster, geobox)
            fault = fault or _value_fault(file, data, raster)
    except RasterioError as error:
        fault = f"it does not open or read ({error})"
    if fault:
        raise OutputError(f"failed its validation: {fault}", where=path.name, todo=_TODO)


def structure_fault(file: Any, size: int) -> str | None:
    """Why an open rasterio dataset of `size` bytes is no cloud-optimised GeoTIFF, or None."""
    if file.driver != "GTiff" or file.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") != "COG":
        return "it is no cloud-optimised GeoTIFF"
    height, width = file.shape
    if file.block_shapes[0] != (BLOCK, BLOCK):
        return f"its tiles are {file.block_shapes[0]}"
    levels = file.overviews(1)
    if max(height, width) > BLOCK and not levels:
        return "it has no overviews"
    # Headers first, coarsest overview next, full resolution last: the order that lets a reader stop early.
    headers = [_offset(file, "IFD_OFFSET", ovr) for ovr in (None, *range(len(levels)))]
    blocks = [_offset(file, "BLOCK_OFFSET_0_0", ovr) for ovr in (*reversed(range(len(levels))), None)]
    order = [offset for offset in (*headers, *blocks) if offset is not None]
    if len(order) < len(headers) + len(blocks):
        return "a header or a first tile is missing"
    if order != sorted(order):
        return "its headers and overviews are out of order"
    last = f"{(width - 1) // BLOCK}_{(height - 1) // BLOCK}"
    start, length = _offset(file, f"BLOCK_OFFSET_{last}", None), _offset(file, f"BLOCK_SIZE_{last}", None)
    if start is None or length is None or start + length > size:
        return "it is cut short"
    return None


def _offset(file: Any, key: str, overview: int | None) -> int | None:
    text = file.get_tag_item(key, "TIFF", bidx=1, ovr=overview)
    return int(text) if text is not None else None


def _frame_fault(file: Any, shape: tuple[int, ...], raster: Raster, geobox: GeoBox) -> str | None:
    """Shape, grid, type and tags."""
    if file.shape != tuple(shape):
        return f"its shape is {file.shape}, not {tuple(shape)}"
    if file.dtypes[0] != raster.dtype:
        return f"its type is {file.dtypes[0]}, not {raster.dtype}"
    if not file.transform.almost_equals(geobox.affine, precision=1e-6):
        return "its geotransform differs"
    stored = CRS(file.crs.to_wkt()) if file.crs else None
    if (stored is not None or geobox.crs is not None) and not same_crs(stored, geobox.crs):
        return "its CRS differs"
    if repr(file.nodata) != repr(raster.nodata):
        return f"its missing value is {file.nodata}"
    return None if file.tags(1).get("units") == raster.unit else "it has lost its units"


def _value_fault(file: Any, data: xr.DataArray, raster: Raster) -> str | None:
    from rasterio.windows import Window

    for rows, values in strips(data, raster.dtype):
        stored = file.read(1, window=Window(0, rows.start, values.shape[1], rows.stop - rows.start))
        if not np.array_equal(stored, values, equal_nan=raster.floating):
            return f"rows {rows.start} to {rows.stop - 1} differ from the result"
        outside = (stored < raster.low) | (stored > raster.high)
        if outside.any():
            extreme = f"{stored[outside].flat[0]:g} {raster.unit}"
            return f"{int(outside.sum())} values such as {extreme} are impossible: look at model and inputs"
    return None


def validate_array_file(path: Path, data: xr.Dataset) -> None:
    """Check that a NetCDF file or a Zarr store holds exactly `data`: the layers of a level, each (y, x).

    Raises:
        OutputError: when it does not open, holds values out of range, or differs from `data` in any cell.
    """
    fault = None
    try:
        with open_arrays(path, decode_cf=False) as file:
            for raster in RASTERS:
                if raster.variable not in data or fault is not None:
                    continue
                stored, wanted = file[raster.variable].values[0], data[raster.variable].values
                if not np.array_equal(stored, wanted, equal_nan=raster.floating):
                    fault = f"{raster.variable} differs from the result"
                outside = (stored < raster.low) | (stored > raster.high)
                if outside.any():
                    extreme = f"{stored[outside].flat[0]:g} {raster.unit}"
                    fault = f"{int(outside.sum())} values such as {extreme} are impossible: look at model and inputs"
    except (OSError, ValueError, KeyError) as error:
        fault = f"it does not open or read ({error})"
    if fault:
        raise OutputError(f"failed its validation: {fault}", where=path.name, todo=_TODO)


def validate_png(path: Path) -> None:
    """Check that a picture is whole, from its first and its last bytes.

    Raises:
        OutputError: when it is no PNG or is cut short.
    """
    content = path.read_bytes()
    if not (content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xaeB`\x82")):
        raise OutputError("failed its validation: it is not a whole PNG", where=path.name, todo=_TODO)
