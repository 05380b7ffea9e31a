"""What ground a scene covers: the part of its LST that holds values, or a region, with the margin the network needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry

from srdanet.errors import ArgumentError, NoLstError
from srdanet.grid import geobox_of, part_over
from srdanet.readers.places import Place, cover
from srdanet.scene import Scene

MARGIN = 24
"""Coarse cells kept around the valid part: the shipped model's halo. Predictors that far away enter a result."""
REGION_MARGIN = 48
"""Coarse cells kept around a region. Each of two steps looks 24 cells of its own input far, a residual correction 8
more, and the second step's cells are half as wide: (24 + 8) * 1.5 cells give a region the result of the whole tile."""

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


def region_part(grid: GeoBox, region: Geometry, margin: int = REGION_MARGIN) -> tuple[Part, Part]:
    """The rows and columns that a result over a region needs, and those that it covers.

    Args:
        grid: The coarse grid.
        region: In longitude and latitude (WGS 84).
        margin: Cells on each side, as far as the grid reaches.

    Raises:
        ArgumentError: when the region lies outside the grid.
    """
    covered = cover(Place("region", region), grid)
    if covered is None:
        west, south, east, north = region.boundingbox
        what = f"the region ({west:.3f} to {east:.3f} degrees east, {south:.3f} to {north:.3f} north) has no LST"
        raise ArgumentError(what, todo="Check that it is longitude, latitude, and choose the files of that place.")
    inner = (covered.rows, covered.cols)
    rows, cols = (
        slice(max(0, at.start - margin), min(size, at.stop + margin))
        for at, size in zip(inner, grid.shape, strict=True)
    )
    return (rows, cols), inner


def about_part(outer: Part, shape: tuple[int, ...], margin: int, inner: Part | None = None) -> dict[str, Any]:
    """What the record says of a scene that is a part of a larger image; `covers` is what its products cover."""
    about = {"rows": [outer[0].start, outer[0].stop], "columns": [outer[1].start, outer[1].stop]}
    covers = (
        None if inner is None else [[i.start - o.start, i.stop - o.start] for i, o in zip(inner, outer, strict=True)]
    )
    return {**about, "of": list(shape), "margin": margin} | ({} if covers is None else {"covers": covers})


def over_region(scene: Scene, region: Geometry) -> Scene:
    """The part of a scene that a result over a region needs; its products cover the region alone.

    Args:
        scene: The scene; stays as it is, and open where it is read from a file.
        region: In longitude and latitude (WGS 84).

    Raises:
        ArgumentError: when the region lies outside the scene.
        NoLstError: when no LST is left in it.
    """
    outer, inner = region_part(scene.geobox, region)
    if not np.isfinite(scene.lst["lst"][inner].values).any():
        raise NoLstError("no LST is left in the region", todo="Choose another date, or the other overpass.")
    lst, box = scene.lst.isel(y=outer[0], x=outer[1]), scene.geobox[outer]
    auxiliary = []
    for dataset, at in zip(scene.auxiliary, scene.nestings, strict=True):
        grid = next(iter(dataset.data_vars.values()))
        rows, cols = (
            slice(max(0, start + s.start * at.factor), min(size, start + s.stop * at.factor))
            for start, s, size in zip((at.row, at.col), outer, grid.shape, strict=True)
        )
        if rows.stop - rows.start > 1 and cols.stop - cols.start > 1:
            auxiliary.append(dataset.isel(y=rows, x=cols))
    part = about_part(outer, tuple(scene.geobox.shape), REGION_MARGIN, inner)
    return replace(
        scene, lst=lst, auxiliary=tuple(auxiliary), provenance={**scene.provenance, "part": part},
        boxes=(box, *(geobox_of(one, name="auxiliary") for one in auxiliary)),
    )  # fmt: skip


def without_margin(scene: Scene) -> Part:
    """The rows and columns of a scene that its products cover: all, unless `prepare` left a margin around the LST."""
    height, width = scene.geobox.shape
    part = scene.provenance.get("part")
    if part is None:
        return slice(0, height), slice(0, width)
    if "covers" in part:
        rows, cols = (slice(*along) for along in part["covers"])
        return rows, cols
    return valid_part(scene.lst["lst"], 0)


def cut_to(image: xr.DataArray, coarse: GeoBox) -> xr.DataArray:
    """The part of an image that lies over `coarse`; all of it where its grid does not nest, or it lies elsewhere."""
    rows, cols = part_over(coarse, geobox_of(image, name=str(image.name), degrees=True))
    return image.isel(y=rows, x=cols)
