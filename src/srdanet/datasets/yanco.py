"""Yanco (OzFlux, south-east Australia): two dates of MODIS LST by day around a station's longwave radiation.

Source: github yuyi13/ubESTARFM (MOD11A1 on cells of 0.01 degrees, each repeated to 0.001; half-hourly radiation of the
station). A station sees some ten metres of ground, a cell 250 m or more: their difference is no error of the cell
alone, and two dates are no statistics.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from srdanet.arrays import read_time
from srdanet.datasets.sources import find_files, overpass_time
from srdanet.grid import GRID_LEFT, GRID_TOP, SINUSOIDAL, Level, cell_at, refine, tile_of
from srdanet.readers.rasters import open_raster
from srdanet.readers.resampling import to_grid
from srdanet.readers.stations_longwave import open_longwave
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid
from srdanet.variables import MODIS_NOISE

FACTOR = Level.KM1 // Level.M250
REACH = 16
"""1 km cells to each side of the station's."""


def read(root: Path | str) -> Iterator[LabelledScene]:
    """1 km -> 250 m against the station, one scene a date.

    Each scene holds MODIS's LST by day, brought back to MODIS's own 1 km grid, and no other predictor. The export has
    lost the time of the overpass, so that it is Terra's usual one, right to some twenty minutes. The truth (K) is that
    of the 250 m cell in which the station lies, at that time, all others being unknown; `surface` holds, at the same
    cell, `published_lst` (K), the cell of the published image. The group is the date, the attribute `station` the name.

    Args:
        root: Folder that holds `ubestarfm-yanco/`.

    Raises:
        GranuleError: when a file is missing or not what it should be.
    """
    folder = Path(root) / "ubestarfm-yanco"
    station = open_longwave(find_files(folder, "Yanco_insitu_lst_*.csv")[0])
    box = around(station.longitude, station.latitude)
    fine = refine(box, FACTOR)
    cell = cell_at(fine, station.longitude, station.latitude)
    for path in find_files(folder, "MOD11A1_LST_*.tif"):
        date = read_time(path.stem.split("_")[-1])
        time = overpass_time(date, station.longitude)
        image = open_raster(path, name="lst", unit="K")
        measured, published = np.full((2, *fine.shape), np.nan)
        measured[cell] = station.at(time)
        published[cell] = float(image.sel(x=station.longitude, y=station.latitude, method="nearest"))
        lst = on_grid({"lst": to_grid(image, box, "mean").values}, box)
        yield LabelledScene(
            Scene(lst, (), time, True, tile_of(box), noise=MODIS_NOISE, boxes=(box,)),
            {FACTOR: on_grid({"lst": measured}, fine)["lst"]},
            source="yanco",
            group=str(date),
            same_sensor=False,
            surface=on_grid({"published_lst": published}, fine),
            attributes={"station": station.name},
        )


def around(longitude: float, latitude: float) -> GeoBox:
    """MODIS's 1 km cells around a place (degrees east, north), the place's own in the middle."""
    x, y = Transformer.from_crs(4326, str(SINUSOIDAL), always_xy=True).transform(longitude, latitude)
    size = Level.KM1.metres
    col, row = int((x - GRID_LEFT) // size), int((GRID_TOP - y) // size)
    affine = Affine(size, 0, GRID_LEFT + (col - REACH) * size, 0, -size, GRID_TOP - (row - REACH) * size)
    return GeoBox((2 * REACH + 1, 2 * REACH + 1), affine, SINUSOIDAL)
