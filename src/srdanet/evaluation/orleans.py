"""Orleans: four dates of MODIS LST with Landsat LST and indices on 12 x 12 km of farmland and town.

Source: github ichzann/WGAST (exports from Google Earth Engine; data USGS and NASA). Traps,
handled here: the export put MODIS on 1000 m cells of its own, and its tag says
WGS 84 ellipsoid where the sphere is meant (else the images do not overlap); 0 is fill, in
degrees Celsius too; and the "NDWI" is McFeeters's (green - nir) / (green + nir), not Gao's,
so that it is no predictor of this package. On 2019-09-06 Landsat is colder than MODIS by up to
9 K in the south-east: thin cloud that its mask missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.errors import GranuleError
from srdanet.grid import SINUSOIDAL, geobox_of, refine
from srdanet.readers.rasters import open_raster
from srdanet.readers.resampling import to_grid

Floats = NDArray[np.float32]

FACTOR = 4
"""Cells of 250 m along one side of a MODIS cell of 1000 m."""
_INDEX_BANDS = {"ndvi": 2, "ndwi_mcfeeters": 3, "ndbi": 4}


@dataclass(frozen=True)
class OrleansDate:
    """One date; 13 x 13 cells of 1000 m, 52 x 52 of 250 m."""

    date: np.datetime64
    lst: Floats
    """(13, 13) K, MODIS by day."""
    landsat: Floats
    """(52, 52) K, mean of T^4 over Landsat's 30 m pixels; some minutes from MODIS, with a bias of its own."""
    indices: xr.Dataset
    """`ndvi`, `ndwi_mcfeeters`, `ndbi` (52, 52): means of Landsat's 30 m indices."""
    geobox: GeoBox
    """Grid of `lst`."""


def orleans(root: Path | str) -> Iterator[OrleansDate]:
    """Read the dates one after the other, oldest first.

    Args:
        root: Folder that holds `wgast-orleans/`.

    Raises:
        GranuleError: when a file is missing or not what it should be.
    """
    folder = Path(root) / "wgast-orleans"
    paths = sorted(folder.glob("MODIS_*.tif"))
    if not paths:
        raise GranuleError("holds no MODIS_<date>.tif", where=folder, todo="give the folder that holds the data sets")
    for path in paths:
        date = path.stem.removeprefix("MODIS_").replace("_", "-")
        scene = folder / f"LC08_199027_{date.replace('-', '')}.tif"
        modis = open_raster(path, name="lst", crs=str(SINUSOIDAL), nodata=0, unit="degC")
        box = geobox_of(modis)
        fine = refine(box, FACTOR)
        exitance = to_grid(open_raster(scene, name="lst", band=1, nodata=0, unit="degC") ** 4, fine)
        indices = {k: to_grid(open_raster(scene, name=k, band=b, nodata=0), fine) for k, b in _INDEX_BANDS.items()}
        yield OrleansDate(
            date=np.datetime64(date),
            lst=modis.values,
            landsat=np.sqrt(np.sqrt(exitance.values)),
            indices=xr.Dataset(indices),
            geobox=box,
        )
