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
from pathlib import Path

import numpy as np

from srdanet.datasets.sources import find_files
from srdanet.grid import SINUSOIDAL, Level, geobox_of, refine
from srdanet.readers.rasters import open_raster
from srdanet.readers.resampling import to_grid
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid
from srdanet.variables import MODIS_NOISE

FACTOR = Level.KM1 // Level.M250
_INDEX_BANDS = {"ndvi": 2, "ndwi_mcfeeters": 3, "ndbi": 4}


def read(root: Path | str) -> Iterator[LabelledScene]:
    """1 km -> 250 m against Landsat, oldest date first: 13 x 13 cells of 1000 m.

    Each scene holds MODIS's LST by day at 1000 m and `ndvi` at 250 m (means of Landsat's 30 m); the date is known, the
    hour is not. The truth is the mean of T^4 over Landsat's pixels, some minutes from MODIS, with a bias of its own.
    `surface` holds `ndwi_mcfeeters` and `ndbi`. The group is the date.

    Args:
        root: Folder that holds `wgast-orleans/`.

    Raises:
        GranuleError: when a file is missing or not what it should be.
    """
    folder = Path(root) / "wgast-orleans"
    for path in find_files(folder, "MODIS_*.tif"):
        date = path.stem.removeprefix("MODIS_").replace("_", "-")
        landsat = folder / f"LC08_199027_{date.replace('-', '')}.tif"
        modis = open_raster(path, name="lst", crs=str(SINUSOIDAL), nodata=0, unit="degC")
        box = geobox_of(modis)
        fine = refine(box, FACTOR)
        exitance = to_grid(open_raster(landsat, name="lst", band=1, nodata=0, unit="degC") ** 4, fine)
        indices = {
            name: to_grid(open_raster(landsat, name=name, band=band, nodata=0), fine).values
            for name, band in _INDEX_BANDS.items()
        }
        ndvi = on_grid({"ndvi": indices.pop("ndvi")}, fine)
        yield LabelledScene(
            Scene(
                on_grid({"lst": modis.values}, box),
                (ndvi,),
                np.datetime64(date),
                True,
                noise=MODIS_NOISE,
                boxes=(box, fine),
            ),
            {FACTOR: on_grid({"lst": np.sqrt(np.sqrt(exitance.values))}, fine)["lst"]},
            source="orleans",
            group=date,
            same_sensor=False,
            surface=on_grid(indices, fine),
        )
