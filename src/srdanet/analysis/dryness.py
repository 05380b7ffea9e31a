"""Vegetation, water and dryness on the grid of a product: NDVI, EVI, NDWI, and TVDI from the downscaled LST."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from srdanet.analysis.errors import error_of_sum
from srdanet.arrays import Float32, Floats, Mask
from srdanet.atomic import publish, refuse_existing, staged
from srdanet.errors import SceneError
from srdanet.grid import coordinates, ground_cell, nesting
from srdanet.predictors.indices import Triangle, triangle
from srdanet.predictors.stack import CHANNELS
from srdanet.product.cog import write_cog
from srdanet.product.layers import Raster
from srdanet.product.stored import StoredLevel
from srdanet.product.validate import validate_cog
from srdanet.readers.places import Place, cover
from srdanet.scene import Scene
from srdanet.variables import BY_NAME, NO_CLASS

CROPS = (12, 14)
"""IGBP classes: croplands, and mosaics of cropland and natural vegetation."""
_GREEN = ("ndvi", "evi", "ndwi")
_DOTS = 60_000
"""Cells drawn in the picture of the triangle at most."""
_BITS = Raster("cropland", "uint8", "1", "cropland or mosaic with cropland (IGBP 12, 14)", 0.0, 1.0)


@dataclass(frozen=True)
class Dryness:
    """Indices of one product on its grid."""

    indices: xr.Dataset
    """(y, x): those of `ndvi`, `evi`, `ndwi` and `tvdi` that can be computed, NaN = missing; `cropland`, 0 or 1."""
    edges: Triangle | None
    """None where the scene does not form a triangle (night, winter, one kind of cover)."""
    lst: Float32
    """(y, x) K, NaN = missing: that of the product."""


def dryness(scene: Scene, product: StoredLevel, *, crops_only: bool = False) -> Dryness:
    """The indices of a product, with the reflectance (or indices) of the scene it was made from.

    The edges of the triangle are fitted to all cells of the product with LST and NDVI. A scene's LST was downscaled
    with the same NDVI: the dryness of single cells is not independent of it.

    Args:
        scene: Holds NDVI, or red and near infrared reflectance.
        product: Lies within the scene, on a grid that nests in the scene's.
        crops_only: Fit the edges to cropland alone, and give TVDI there alone.

    Raises:
        SceneError: when the scene has no NDVI, was seen at another time, or lacks the land cover that `crops_only`
            needs.
        GridError: when the product's grid does not nest in the scene's.
    """
    if None not in (scene.time, product.time) and scene.time != product.time:
        what = f"the scene is of {scene.when}, the product of {product.record.time}"
        raise SceneError(what, where=product.note, todo="Give the scene that the product was made from.")
    at = nesting(scene.geobox, product.geobox)
    rows, cols = (
        slice(-start // at.factor, -(start - size) // at.factor)
        for start, size in zip((at.row, at.col), product.geobox.shape, strict=True)
    )
    fields = scene.stack.read(rows, cols, at.factor)
    data = {name: np.asarray(fields.channels[CHANNELS.index(name)]) for name in _GREEN if name in CHANNELS}
    data = {name: values for name, values in data.items() if np.isfinite(values).any()}
    if "ndvi" not in data:
        todo = "Prepare the scene with MOD09GQ or MOD09GA, or with ndvi=FILE."
        raise SceneError("has neither NDVI nor red and near infrared reflectance", where=product.note, todo=todo)
    lst = np.asarray(product.read()["lst"].values, np.float32)
    crops = _crops(scene, rows, cols, at.factor)
    if crops_only and crops is None:
        raise SceneError("has no land cover", where=product.note, todo="Prepare the scene with MCD12Q1.")
    shown = lst if not crops_only or crops is None else np.where(crops, lst, np.float32(np.nan))
    edges = triangle(shown, data["ndvi"])
    if edges is not None:
        data["tvdi"] = np.asarray(edges.dryness(shown, data["ndvi"]), np.float32)
    layers: dict[str, tuple[Any, ...]] = {
        name: (("y", "x"), values, {"units": "1", "long_name": BY_NAME[name].long_name})
        for name, values in data.items()
    }
    if crops is not None:
        layers["cropland"] = (("y", "x"), crops.astype(np.uint8), {"units": "1", "long_name": _BITS.long_name})
    return Dryness(xr.Dataset(layers, coords=coordinates(product.geobox)), edges, lst)


def _crops(scene: Scene, rows: slice, cols: slice, factor: int) -> Mask | None:
    """(y, x): whether a cell's class is one of `CROPS`; None without land cover."""
    if "land_cover" not in scene.present:
        return None
    held = next(i for i, dataset in enumerate(scene.auxiliary) if "land_cover" in dataset)
    classes, at = scene.auxiliary[held]["land_cover"].values, scene.nestings[held]
    fine = (np.arange(s.start * factor, s.stop * factor) * at.factor // factor + start
            for s, start in zip((rows, cols), (at.row, at.col), strict=True))  # fmt: skip
    down, right = fine
    inside = ((down >= 0) & (down < classes.shape[0]))[:, None] & ((right >= 0) & (right < classes.shape[1]))
    taken = classes[np.clip(down, 0, classes.shape[0] - 1)][:, np.clip(right, 0, classes.shape[1] - 1)]
    return np.asarray(np.isin(np.where(inside, taken, NO_CLASS), CROPS))


def field_rows(made: Dryness, product: StoredLevel, places: Sequence[Place]) -> list[dict[str, float | str]]:
    """Statistics of each region: mean and standard deviation of each index, LST with its uncertainty, share of crops.

    Regions that the product does not cover are left out; a mean of cells none of which is known is NaN.
    """
    rows = []
    for place in places:
        part = cover(place, product.geobox)
        if part is None:
            continue
        stored = product.read(part.rows, part.cols)
        row: dict[str, float | str] = {"place": place.name, "time": product.record.time or "", "product": product.stem}
        row["cells"] = round(float(part.share.sum()), 2)
        for name, layer in {"lst": stored["lst"], **made.indices.isel(y=part.rows, x=part.cols)}.items():
            values = np.asarray(layer.values, np.float64)
            known = np.isfinite(values) & (part.share > 0)
            weight = np.where(known, part.share, 0) / max(part.share[known].sum(), 1e-9)
            mean = float((weight * np.where(known, values, 0)).sum()) if known.any() else float("nan")
            row[str(name)] = round(mean, 4)
            if name == "lst" and "lst_uncertainty" in stored:
                error = error_of_sum(weight, stored["lst_uncertainty"].values, ground_cell(product.geobox))
                row["lst_uncertainty"] = round(error, 3)
            elif name != "cropland":
                spread = np.sqrt((weight * np.where(known, values - mean, 0) ** 2).sum()) if known.any() else np.nan
                row[f"{name}_spread"] = round(float(spread), 4)
        rows.append(row)
    return rows


def write_dryness(made: Dryness, product: StoredLevel, directory: Path, *, overwrite: bool = False) -> list[Path]:
    """Write each index as a COG beside a picture of the triangle; all or none.

    Returns:
        `<stem>_<level>m_<index>.tif`, and `<stem>_<level>m_tvdi.png` where there is a triangle.

    Raises:
        OutputError: when a file exists and `overwrite` is off, or one cannot be written.
    """
    start = f"{product.stem}_{product.level}m"
    names = [f"{start}_{name}.tif" for name in made.indices]
    names += [f"{start}_tvdi.png"] if made.edges is not None else []
    refuse_existing([directory / name for name in names], overwrite=overwrite)
    tags = {"title": "indices of vegetation, water and dryness", "time": str(product.record.time or "")}
    with staged(directory, f"{start}_indices") as folder:
        for name, layer in made.indices.items():
            row = _BITS if name == "cropland" else _raster(str(name))
            path = folder / f"{start}_{name}.tif"
            write_cog(path, layer, row, product.geobox, tags)
            validate_cog(path, layer, row, product.geobox)
        if made.edges is not None:
            draw_triangle(made, folder / f"{start}_tvdi.png")
        return publish(folder, names, overwrite=overwrite)


def _raster(name: str) -> Raster:
    known = BY_NAME[name]
    return Raster(name, "float32", known.unit, known.long_name, known.low, known.high)


def draw_triangle(made: Dryness, path: Path) -> None:
    """The cells of a scene in the plane of NDVI and temperature with the fitted edges, and the map of TVDI.

    Raises:
        SceneError: when the scene forms no triangle.
    """
    from matplotlib.figure import Figure

    edges = made.edges
    if edges is None:
        raise SceneError("the scene forms no triangle of NDVI and temperature", todo="Choose a day in summer.")
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    cloud, chart = figure.subplots(1, 2)
    ndvi: Floats = made.indices["ndvi"].values
    known = np.flatnonzero(np.isfinite(made.indices["tvdi"].values))
    known = known[:: -(-known.size // _DOTS) or 1]
    cloud.plot(ndvi.flat[known], made.lst.flat[known], ",", color="0.6", rasterized=True)
    cloud.plot(edges.ndvi, edges.warmest, "o", color="#d55e00", markersize=3, label="warmest of a bin")
    cloud.plot(edges.ndvi, edges.coldest, "o", color="#0072b2", markersize=3, label="coldest of a bin")
    ends = np.array([0.0, float(edges.ndvi.max())])
    sign = f"dry edge {edges.intercept:.1f} {edges.slope:+.1f} NDVI"
    cloud.plot(ends, edges.dry(ends), color="#d55e00", label=sign)
    cloud.plot(ends, [edges.wet, edges.wet], color="#0072b2", label=f"wet edge {edges.wet:.1f}")
    cloud.set(xlabel="NDVI", ylabel="LST (K)")
    cloud.legend(fontsize=7, frameon=False)
    image = chart.imshow(made.indices["tvdi"].values, cmap="cividis_r", vmin=0, vmax=1, interpolation="nearest")
    chart.set_axis_off()
    figure.colorbar(image, ax=chart, label="TVDI: 0 wet, 1 dry")
    figure.savefig(path, dpi=150, format="png")
