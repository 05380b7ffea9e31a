"""The table's numbers of the real scenes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from srdanet.datasets import aster, imt, orleans
from srdanet.errors import GranuleError
from srdanet.grid import Level, nesting, refine
from srdanet.readers.granule import open_granule
from srdanet.readers.rasters import open_raster
from srdanet.scene import LabelledScene
from srdanet_simulator.realism import measure
from srdanet_simulator.realism.measure import Numbers
from srdanet_simulator.realism.table import SEASONS

SIDE = 64
"""Cells along a window."""
_LAYERS = ("red", "nir", "elevation")
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
    yield from _patches(root)
    yield from _pairs(root)
    for date in orleans.read(root):
        yield from measure.small(date.truth[orleans.FACTOR].values, date.scene.variable("ndvi").values, WHOLE_YEAR)
    lst, ndvi, qc = _heihe(root / "heihe-2013001")
    for warm, green in zip(_windows(lst), _windows(ndvi), strict=True):
        if np.isfinite(warm).all():
            yield from measure.winter_steppe(warm, green, COLD)
    for scenes, word in ((COLD, qc), *((ANY, granule) for granule in _granules(root / "hdf4-granules"))):
        for part in _windows(word):
            # Sea, and what was left out for other reasons than cloud, is no land to judge.
            if ((part & 3) == 3).mean() < 0.02:
                yield from measure.words(part, scenes)


def _patches(root: Path) -> Numbers:
    every = list(imt.read(root))
    views = {when: [p for p in every if p.scene.day == (when == "day")] for when in imt.WHEN}
    for name in SEASONS:
        for when, patches in views.items():
            some = [patch for patch in patches if season(month(patch)) == name]
            if some:
                red, nir, elevation = (_stack(patch.scene.variable(v) for patch in some) for v in _LAYERS)
                lst = _stack(patch.truth[2] for patch in some)
                yield from measure.landscape(lst, measure.vegetation(red, nir), elevation, when, name)
    for when, patches in views.items():
        for mosaic in _mosaics(patches):
            yield from measure.wide(mosaic, when)


def month(labelled: LabelledScene) -> int:
    """1 to 12, of a scene whose date is known."""
    return int(np.asarray(labelled.scene.time, "datetime64[M]").astype(int)) % 12 + 1


def _stack(layers: Iterable[xr.DataArray]) -> NDArray[Any]:
    return np.stack([layer.values for layer in layers])


def _mosaics(patches: Sequence[LabelledScene]) -> Iterator[NDArray[np.float32]]:
    """Two by two patches of a date; a patch may be in several."""
    tile, place = imt.TILE.geobox(Level.KM1), {}
    for patch in patches:
        lies = nesting(tile, refine(patch.scene.geobox, 2))
        place[patch.group, -lies.row, -lies.col] = patch.truth[2].values
    for date, row, col in place:
        keys = [[(date, row + a, col + b) for b in (0, SIDE)] for a in (0, SIDE)]
        if all(key in place for line in keys for key in line):
            yield np.block([[place[key] for key in line] for line in keys])


def _pairs(root: Path) -> Numbers:
    for pair in aster.read(root):
        ndvi = pair.scene.variable("ndvi").values
        known = "elevation" in pair.scene.present
        elevation = pair.scene.variable("elevation").values if known else np.full_like(ndvi, np.nan)
        box = refine(pair.scene.geobox, aster.FACTOR)
        yield from measure.fine(
            pair.truth[aster.FACTOR].values, pair.scene.lst["lst"].values, ndvi, elevation, box, WARM
        )


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
