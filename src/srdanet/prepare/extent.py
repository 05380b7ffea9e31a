"""What ground a scene covers: the part of its LST that holds values, with the margin that the network needs."""

from __future__ import annotations

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.errors import GridError
from srdanet.grid import geobox_of, nesting
from srdanet.scene import Scene

MARGIN = 24
"""Coarse cells kept around the valid part: the shipped model's halo. Predictors that far away enter a result."""

Part = tuple[slice, slice]
"""Rows and columns of a grid."""


def valid_part(lst: xr.DataArray, margin: int = MARGIN) -> Part:
    """The smallest rectangle with all valid cells, and a margin around it; everything where no cell is valid.

    Args:
        lst: (y, x), NaN = missing.
        margin: Cells on each side, as far as the grid reaches.
    """
    valid = np.isfinite(lst.values)
    if not valid.any():
        return slice(0, lst.shape[0]), slice(0, lst.shape[1])
    seen = [np.flatnonzero(valid.any(axis=other)) for other in (1, 0)]
    rows, cols = (
        slice(max(0, int(at[0]) - margin), min(size, int(at[-1]) + 1 + margin))
        for at, size in zip(seen, lst.shape, strict=True)
    )
    return rows, cols


def without_margin(scene: Scene) -> Part:
    """The rows and columns of a scene that its products cover: all, unless `prepare` left a margin around the LST."""
    height, width = scene.geobox.shape
    if scene.provenance.get("part") is None:
        return slice(0, height), slice(0, width)
    return valid_part(scene.lst["lst"], 0)


def cut_to(image: xr.DataArray, coarse: GeoBox) -> xr.DataArray:
    """The part of an image that lies over `coarse`; all of it where its grid does not nest, or it lies elsewhere."""
    try:
        at = nesting(coarse, geobox_of(image, name=str(image.name), degrees=True))
    except GridError:
        return image
    rows, cols = (
        slice(max(0, start), min(size, start + cells * at.factor))
        for start, cells, size in zip((at.row, at.col), coarse.shape, image.shape, strict=True)
    )
    return image if rows.stop <= rows.start or cols.stop <= cols.start else image.isel(y=rows, x=cols)
