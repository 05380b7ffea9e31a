"""The table's numbers of the real scenes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet.errors import GranuleError
from srdanet.evaluation.datasets import ImtSet, aster, imt
from srdanet.evaluation.orleans import orleans
from srdanet.grid import refine
from srdanet.readers.granule import open_granule
from srdanet.readers.rasters import open_raster
from srdanet_simulator.realism import measure
from srdanet_simulator.realism.measure import Numbers
from srdanet_simulator.realism.table import SEASONS

SIDE = 64
"""Cells along a window."""
WARM, WHOLE_YEAR, COLD, ANY = "day, May to September", "day, all year", "day, January", "day and night"
"""Kinds of scenes that are no season of a set by itself."""


def season(month: int) -> str:
    """Of a month, 1 to 12, in the north."""
    return SEASONS[month % 12 // 3]


def numbers(root: Path) -> Numbers:
    """What the sets below `root` give.

    Raises:
        GranuleError: when a set is missing or not what it should be.
    """
    yield from _patches(imt(root))
    yield from _pairs(root)
    for date in orleans(root):
        yield from measure.small(date.landsat, date.indices["ndvi"].values, WHOLE_YEAR)
    lst, ndvi, qc = _heihe(root / "heihe-2013001")
    for warm, green in zip(_windows(lst), _windows(ndvi), strict=True):
        if np.isfinite(warm).all():
            yield from measure.winter_steppe(warm, green, COLD)
    for scenes, word in ((COLD, qc), *((ANY, granule) for granule in _granules(root / "hdf4-granules"))):
        for part in _windows(word):
            # Sea, and what was left out for other reasons than cloud, is no land to judge.
            if ((part & 3) == 3).mean() < 0.02:
                yield from measure.words(part, scenes)


def _patches(patches: ImtSet) -> Numbers:
    months = patches.date.astype("datetime64[M]").astype(int) % 12 + 1
    names = np.array([season(int(month)) for month in months])
    for name in SEASONS:
        some = patches.take(names == name)
        ndvi = measure.vegetation(some.reflectance[:, 0], some.reflectance[:, 1])
        if len(some):
            yield from measure.landscape(some.lst_day, ndvi, some.elevation, "day", name)
            yield from measure.landscape(some.lst_night, ndvi, some.elevation, "night", name)
    for when, lst in (("day", patches.lst_day), ("night", patches.lst_night)):
        for mosaic in _mosaics(patches, lst):
            yield from measure.wide(mosaic, when)


def _mosaics(patches: ImtSet, lst: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Two by two patches of a date; a patch may be in several."""
    side = lst.shape[-1]
    keys = zip(patches.date.astype(int).tolist(), patches.row.tolist(), patches.col.tolist(), strict=True)
    place = {key: index for index, key in enumerate(keys)}
    for date, row, col in place:
        corners = [[place.get((date, row + a, col + b)) for b in (0, side)] for a in (0, side)]
        if all(index is not None for line in corners for index in line):
            yield np.block([[lst[index] for index in line] for line in corners])


def _pairs(root: Path) -> Numbers:
    for pair in aster(root):
        box = refine(pair.geobox, 4)
        yield from measure.fine(pair.aster, pair.lst, pair.ndvi, pair.elevation, box, WARM)


def _heihe(folder: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.uint8]]:
    """LST (K), NDVI and quality words."""
    names = ("MOD11A1_2013001.LST_Day_1km", "MOD13A2_2013001.1_km_16_days_NDVI", "MOD11A1_2013001.QC_Day")
    paths = [folder / f"{name}.tif" for name in names]
    for path in paths:
        if not path.is_file():
            raise GranuleError("no such file", where=path, todo="give the folder that holds the data sets")
    lst = open_raster(paths[0], name="lst", nodata=0, scale=0.02, unit="K").values
    ndvi = open_raster(paths[1], name="ndvi", nodata=-3000, scale=1e-4).values
    return lst, ndvi, open_raster(paths[2], name="qc").values.astype(np.uint8)


def _granules(folder: Path) -> Iterator[NDArray[np.uint8]]:
    """Quality words of whole tiles."""
    for path in sorted(folder.glob("MOD11A1.*.hdf")):
        layers = open_granule(path, ["qc_day", "qc_night"]).layers
        yield from (layers[name].values for name in ("qc_day", "qc_night"))


def _windows(image: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Windows of 64 cells side by side."""
    height, width = image.shape
    for row in range(0, height - SIDE + 1, SIDE):
        for col in range(0, width - SIDE + 1, SIDE):
            yield image[row : row + SIDE, col : col + SIDE]
