"""Four places in other climates: LST of one fine sensor, from which the coarse scene is made, with NDVI.

Sources: github zhengjie9510/tvdi (Zhangye), JPL-Evapotranspiration-Algorithms/ET-Sensitivity (Imperial Valley),
advikar/coolequity (Los Angeles), midraed/water (Talca); data NASA, METI, USGS, ESA. As truth and coarse LST come from
one sensor, errors on them must not share a table with those of MODIS against another sensor. Traps, handled here: a
quick look's greenness stands for the NDVI of Imperial Valley (absolute error 0.1); the sea off Los Angeles, NDVI below
0, is left out; Talca's LST is brightness temperature in steps of 0.45 K, and its NDVI comes from counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float32
from srdanet.energy import degrade
from srdanet.grid import coarsen, geobox_of
from srdanet.readers.rasters import open_raster
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid

FACTOR = 4
_LEAST_VALID = 0.75
"""Share of a coarse cell's fine cells that must be known: at rims and shores half of a cell says little of it."""

Layers = tuple[GeoBox, Float32, dict[str, Float32]]
"""Grid, LST (K) and predictors of the finest cells."""


def read(root: Path | str) -> Iterator[LabelledScene]:
    """About 1 km -> 250 m, day views: `zhangye`, `imperial`, `los-angeles`, `talca`, in this order.

    Each scene holds the mean of T^4 over its cells, and `ndvi` (in Talca `elevation` too) on the sensor's cells. The
    truth is known at factors 2 and 4. The group is the place.

    Args:
        root: Folder that holds the sets `aster-zhangye/`, `ecostress-imperial/`, and so on.

    Raises:
        GranuleError: when a file is missing or not what it should be.
    """
    for name, place in PLACES.items():
        box, lst, layers = place.layers(Path(root) / place.folder)
        step = place.cells * FACTOR
        height, width = (n // step * step for n in lst.shape)
        box = box[:height, :width]
        truth = np.asarray(degrade(lst[:height, :width], place.cells), np.float32)
        truths = {2: np.asarray(degrade(truth, 2), np.float32), FACTOR: truth}
        coarse = np.asarray(degrade(truth, FACTOR, min_valid=_LEAST_VALID), np.float32)
        root_box = coarsen(box, step)
        predictors = on_grid({key: values[:height, :width] for key, values in layers.items()}, box)
        time = None if place.time is None else np.datetime64(place.time)
        scene = Scene(on_grid({"lst": coarse}, root_box), (predictors,), time, True, noise=0.0, boxes=(root_box, box))
        levels = {
            factor: on_grid({"lst": values}, root_box.zoom_out(1 / factor))["lst"] for factor, values in truths.items()
        }
        yield LabelledScene(scene, levels, source="world", group=name, same_sensor=True)


def _zhangye(folder: Path) -> Layers:
    lst = open_raster(folder / "lst_cols0-654.tif", name="lst", unit="K")
    ndvi = open_raster(folder / "ndvi_cols0-654.tif", name="ndvi")
    return geobox_of(lst), lst.values, {"ndvi": ndvi.values}


def _imperial(folder: Path) -> Layers:
    stem = "ECOv002_L2T_LSTE_21485_013_11SPS_20220420T211350_0601_01_LST"
    lst = open_raster(folder / f"{stem}_rows0-1029.tif", name="lst", nodata=0, scale=0.02, unit="K")
    # Two points of the colour scale: counts of 250 are an NDVI of 0.915, counts of 0 one of -0.155.
    path = folder / "greenness_approx_DERIVED_rows0-1029.tif"
    ndvi = open_raster(path, name="ndvi", scale=1.07 / 250, offset=-0.155)
    return geobox_of(lst), lst.values, {"ndvi": ndvi.values}


def _los_angeles(folder: Path) -> Layers:
    lst = open_raster(folder / "lst_rows250-717.tif", name="lst", unit="degC")
    ndvi = open_raster(folder / "ndvi_rows250-717.tif", name="ndvi").values
    return geobox_of(lst), np.where(ndvi < 0, np.float32(np.nan), lst.values), {"ndvi": ndvi}


def _talca(folder: Path) -> Layers:
    path = folder / "L7_Talca_dn_cols0-329.tif"
    red, nir, thermal = (open_raster(path, name="counts", band=band, nodata=0) for band in (3, 4, 6))
    # Landsat 7, band 6 in low gain: radiance (W m-2 sr-1 um-1), then Planck's law with the sensor's constants.
    radiance = 0.067 * thermal.values - 0.06709
    lst = np.asarray(1282.71 / np.log(666.09 / radiance + 1), np.float32)
    ndvi = np.asarray((nir.values - red.values) / (nir.values + red.values), np.float32)
    elevation = open_raster(folder / "DEM_Talca_cols0-329.tif", name="elevation", nodata=-32768)
    return geobox_of(thermal), lst, {"ndvi": ndvi, "elevation": elevation.values}


@dataclass(frozen=True)
class Place:
    """How one place is read."""

    folder: str
    layers: Callable[[Path], Layers]
    cells: int
    """Of the sensor along a cell of the truth, which is 200 to 300 m."""
    time: str | None = None
    """UTC, where it is known."""


PLACES: Mapping[str, Place] = {
    "zhangye": Place("aster-zhangye", _zhangye, 8),
    "imperial": Place("ecostress-imperial", _imperial, 4, "2022-04-20T21:13:50"),
    "los-angeles": Place("landsat-losangeles", _los_angeles, 2),
    "talca": Place("landsat7-talca", _talca, 10, "2013-02-15T14:30:40"),
}
"""Name of a place → how it is read. Talca's thermal cells are 60 m, repeated to 30: hence 300 m, not 240."""
