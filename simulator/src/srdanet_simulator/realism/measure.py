"""The statistics of the table: one function for each kind of scene, the same for real and simulated ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float64, Floats
from srdanet.energy import aggregate, degrade
from srdanet.predictors.solar import illumination
from srdanet.predictors.terrain import gradient
from srdanet.readers.quality import lst_error
from srdanet_simulator.realism import fields
from srdanet_simulator.realism.table import Case, Values

Numbers = Iterator[tuple[Case, float]]
When = Literal["day", "night"]

KM = 0.926625433
"""A 1 km cell of the MODIS grid."""
BLOCK = 4
"""1 km detail is what lies inside blocks of so many cells."""
GREY = 31.2
"""Step (m) of the elevation beside the IMT patches; simulated heights get the same."""
SUN = 40.0, 150.0
"""Zenith and azimuth taken for illumination: the pairs' dates are unknown; best fit of a summer's morning there."""
_LEAST_NDVI, _LEAST_HEIGHT = 0.01, GREY
"""Detail (RMS) below which there is nothing to correlate with."""


def landscape(lst: Floats, ndvi: Floats, height: Floats, when: When, season: str) -> Numbers:
    """A clear 1 km scene of 64 cells.

    Args:
        lst: (..., 64, 64) K without gaps.
        ndvi: The same shape, NaN = missing.
        height: The same shape, m.
        when: Day or night overpass.
        season: One of `table.SEASONS`.
    """
    scenes = f"{when}, {season}"
    inside = fields.detail(lst, BLOCK)
    heights = np.round(height / GREY) * GREY
    yield from _each("spread", scenes, fields.spread(lst))
    yield from _each("level", scenes, lst.mean(axis=(-2, -1), dtype=np.float64))
    yield from _each("bicubic", scenes, fields.bicubic_error(lst))
    yield from _each("slope", scenes, fields.spectrum_slope(lst, KM, 2, 30))
    if when == "day":
        yield from _each("green", scenes, np.nanmean(ndvi, axis=(-2, -1)))
    yield from _each("steps", when, fields.step_ratio(lst))
    yield from _each("equal", when, fields.equal_neighbours(lst))
    yield from _each("ndvi", scenes, _along(inside, ndvi, BLOCK, _LEAST_NDVI))
    yield from _each("height", scenes, _along(inside, heights, BLOCK, _LEAST_HEIGHT))


def wide(lst: Floats, scenes: str) -> Numbers:
    """A clear 1 km scene of 128 cells: (..., 128, 128) K without gaps."""
    yield from _each("slope_wide", scenes, fields.spectrum_slope(lst, KM, 2, 60))


def winter_steppe(lst: Floats, ndvi: Floats, scenes: str) -> Numbers:
    """As Heihe: (..., 64, 64) K without gaps, and NDVI."""
    yield from _each("heihe_spread", scenes, fields.spread(lst))
    yield from _each("heihe_bicubic", scenes, fields.bicubic_error(lst))
    yield from _each("heihe_slope", scenes, fields.spectrum_slope(lst, KM, 2, 30))
    yield from _each("heihe_ndvi", scenes, _along(fields.detail(lst, BLOCK), ndvi, BLOCK, _LEAST_NDVI))


def fine(truth: Floats, modis: Floats, ndvi: Floats, height: Floats, box: GeoBox, scenes: str) -> Numbers:
    """A 250 m scene beside its 1 km image.

    Args:
        truth: (4y, 4x) K, NaN = missing.
        modis: (y, x) K.
        ndvi: (4y, 4x).
        height: (4y, 4x) m, NaN where unknown.
        box: Grid of the fine images.
        scenes: Which scenes these are.
    """
    inside = fields.detail(truth, 4)
    at_250, at_500, at_1000 = (_variance(truth, factor) for factor in (1, 2, 4))
    there = np.where(np.isfinite(degrade(truth, 4, min_valid=1.0)), modis, np.nan)
    light = illumination(*gradient(height, box), *SUN)
    even = modis[: modis.shape[0] // 2 * 2, : modis.shape[1] // 2 * 2]
    yield from _each("pair_bicubic", scenes, fields.bicubic_error(even))
    yield from _each("pair_slope", scenes, fields.spectrum_slope(modis, KM, 2, 30))
    yield from _each("fine_rms", scenes, fields.rms(inside))
    yield from _each("share_250", scenes, at_250 / at_1000)
    yield from _each("share_500", scenes, at_500 / at_1000)
    yield from _each("share_modis", scenes, _variance(there, 1) / at_1000)
    true = fields.detail(degrade(truth, 4, min_valid=1.0), 2)
    yield from _each("agreement", scenes, fields.correlation(fields.detail(there, 2), true))
    yield from _each("fine_ndvi", scenes, _along(inside, ndvi, 4, _LEAST_NDVI))
    yield from _each("fine_light", scenes, _along(inside, light, 4, 0.02))


def small(truth: Floats, ndvi: Floats, scenes: str) -> Numbers:
    """As Orleans: 250 m LST and NDVI over a dozen kilometres."""
    inside = fields.detail(truth, 4)
    yield from _each("orleans_rms", scenes, fields.rms(inside))
    yield from _each("orleans_share", scenes, _variance(truth, 1) / _variance(truth, 2))
    yield from _each("orleans_ndvi", scenes, _along(inside, ndvi, 4, _LEAST_NDVI))


def words(qc: NDArray[np.uint8], scenes: str) -> Numbers:
    """Quality words of 64 x 64 cells of 1 km over land."""
    cloud = (qc & 3) == 2
    share = float(cloud.mean())
    yield Case("cloud_share", scenes), 100 * share
    if 0.1 <= share <= 0.9:
        yield Case("cloud_size", scenes), fields.cloud_size(cloud, KM)
    made = qc[(qc & 3) < 2]
    if made.size >= qc.size / 10:
        error = lst_error(made)
        yield Case("word_good", scenes), 100 * float((made == 0).mean())
        yield Case("word_2K", scenes), 100 * float((error == 2).mean())
        yield Case("word_3K", scenes), 100 * float((error > 2).mean())


def vegetation(red: NDArray[Any], nir: NDArray[Any]) -> Float64:
    """NDVI, NaN where it has no meaning."""
    total = np.asarray(red, np.float64) + nir
    with np.errstate(invalid="ignore", divide="ignore"):
        index: Float64 = np.where(total > 0, (nir - np.asarray(red, np.float64)) / total, np.nan)
    return index


def _each(measure: str, scenes: str, values: NDArray[Any] | np.floating[Any]) -> Numbers:
    for value in np.ravel(values):
        yield Case(measure, scenes), float(value)


def _along(inside: Float64, other: Floats, factor: int, least: float) -> Float64:
    """Correlation with the other image's detail, NaN where that is below `least`."""
    beside = fields.detail(other, factor)
    return np.where(fields.rms(beside) >= least, fields.correlation(inside, beside), np.nan)


def _variance(lst: Floats, factor: int) -> Float64:
    """Variance of the cells `factor` times coarser inside cells twice as coarse again."""
    height, width = (side - side % (2 * factor) for side in lst.shape[-2:])
    part = lst[..., :height, :width]
    return np.square(fields.rms(fields.detail(aggregate(part, factor, min_valid=1.0), 2)))


def gather(numbers: Iterable[tuple[Case, float]]) -> Values:
    """All numbers of a case together."""
    together: Values = {}
    for case, value in numbers:
        together.setdefault(case, []).append(value)
    return together
