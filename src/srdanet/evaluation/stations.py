"""Against a station on the ground: Yanco (OzFlux, south-east Australia), two dates of MODIS LST.

Source: github yuyi13/ubESTARFM (MOD11A1 by day on cells of 0.01 degrees, each repeated to 0.001;
half-hourly longwave radiation of the OzFlux station). A station sees some ten metres of ground, a cell
250 m or more: their difference is no error of the cell alone, and two dates are no statistics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from srdanet.baselines import Downscaler
from srdanet.errors import GranuleError
from srdanet.evaluation.datasets import overpass_time
from srdanet.evaluation.orleans import FACTOR
from srdanet.evaluation.rows import NO_INTERVAL
from srdanet.evaluation.scores import Row
from srdanet.evaluation.views import View
from srdanet.grid import GRID_LEFT, GRID_TOP, SINUSOIDAL, Level
from srdanet.readers.rasters import open_raster
from srdanet.readers.resampling import to_grid
from srdanet.readers.stations_longwave import Longwave, open_longwave

Floats = NDArray[np.floating[Any]]

REACH = 16
"""1 km cells to each side of the station's."""


@dataclass(frozen=True)
class StationDate:
    """A station and the satellite's image around it on one date."""

    station: Longwave
    time: np.datetime64
    """UTC of the overpass, to some twenty minutes: the export has lost it, so that it is Terra's usual one."""
    lst: Floats
    """(y, x) K, MODIS by day brought back to MODIS's own grid; NaN = missing."""
    geobox: GeoBox
    """Grid of `lst`, sinusoidal, 1 km."""
    cell: float
    """K, the published image's cell at the station."""


def yanco(root: Path | str) -> Iterator[StationDate]:
    """Read the dates one after the other.

    Args:
        root: Folder that holds `ubestarfm-yanco/`.

    Raises:
        GranuleError: when a file is missing or not what it should be.
    """
    folder = Path(root) / "ubestarfm-yanco"
    tables, images = sorted(folder.glob("Yanco_insitu_lst_*.csv")), sorted(folder.glob("MOD11A1_LST_*.tif"))
    if not tables or not images:
        raise GranuleError("holds no station table and images", where=folder, todo="give the folder of the data sets")
    station = open_longwave(tables[0])
    box = around(station.longitude, station.latitude)
    for path in images:
        day = path.stem.split("_")[-1]
        date = np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}")
        image = open_raster(path, name="lst", unit="K")
        there = image.sel(x=station.longitude, y=station.latitude, method="nearest")
        time = overpass_time(date, station.longitude)
        yield StationDate(station, time, to_grid(image, box, "mean").values, box, float(there))


def around(longitude: float, latitude: float) -> GeoBox:
    """MODIS's 1 km cells around a place, the place's own in the middle."""
    x, y = Transformer.from_crs(4326, str(SINUSOIDAL), always_xy=True).transform(longitude, latitude)
    size = Level.KM1.metres
    col, row = int((x - GRID_LEFT) // size), int((GRID_TOP - y) // size)
    affine = Affine(size, 0, GRID_LEFT + (col - REACH) * size, 0, -size, GRID_TOP - (row - REACH) * size)
    return GeoBox((2 * REACH + 1, 2 * REACH + 1), affine, SINUSOIDAL)


def value_at(image: Floats, geobox: GeoBox, longitude: float, latitude: float) -> float:
    """The cell a place lies in; NaN outside.

    Args:
        image: (y, x) on `geobox`, or on one that is a whole number of times finer.
        geobox: The grid.
        longitude: Degrees east.
        latitude: Degrees north.
    """
    x, y = Transformer.from_crs(4326, str(geobox.crs), always_xy=True).transform(longitude, latitude)
    col, row = ~geobox.affine * (x, y)
    finer = image.shape[0] // geobox.shape[0]
    i, j = int(np.floor(row * finer)), int(np.floor(col * finer))
    inside = 0 <= i < image.shape[0] and 0 <= j < image.shape[1]
    return float(image[i, j]) if inside else float("nan")


def stations(downscaler: Downscaler, root: Path | str) -> tuple[Row, ...]:
    """The downscaled 250 m cell and MODIS's own against the station's temperature at the overpass.

    Input: `lst` at 1 km, time and day; no other predictor is at hand. The measure is the cell's
    distance from the station.

    Args:
        downscaler: The method.
        root: Folder that holds `ubestarfm-yanco/`.
    """
    return tuple(_row(downscaler, day) for day in yanco(root))


def _row(downscaler: Downscaler, day: StationDate) -> Row:
    results = View(day.lst, day.geobox, None, day.time, True).results(downscaler, FACTOR)
    place = day.station.longitude, day.station.latitude
    measured = day.station.at(day.time)
    ours, theirs = (value_at(image, day.geobox, *place) for image in (results.model, results.bicubic))
    common = {"station": measured, "1 km error": day.cell - measured}
    metrics = common | {"error": ours - measured}
    if results.sigma is not None:
        metrics["uncertainty"] = value_at(results.sigma, day.geobox, *place)
    return Row(
        label=f"{day.station.name}, {np.datetime_as_string(day.time, 'm')} UTC, 250 m",
        measure="distance from station, K",
        count="1 cell",
        model=abs(ours - measured),
        bicubic=abs(theirs - measured),
        interval=NO_INTERVAL,
        model_metrics=metrics,
        bicubic_metrics=common | {"error": theirs - measured},
    )
