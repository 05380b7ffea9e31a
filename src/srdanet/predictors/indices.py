"""Spectral indices of vegetation and water, and the dryness index of the NDVI-temperature triangle.

Arrays in, arrays out: reflectance 0-1, temperature in K, NaN = missing. Values are float64 for float64, else float32,
and lie within the ranges of `variables.BY_NAME`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet.arrays import Floats
from srdanet.variables import BY_NAME

_LEAST_SUM = 0.01
"""Sum of two reflectances below which their normalised difference is noise."""
_LEAST_EVI = 0.1
"""EVI's denominator is about 1 over land; near 0 and below (clouds, snow, bad blue) it means nothing."""


def ndvi(red: Floats, nir: Floats) -> Floats:
    """Normalised difference vegetation index, `(nir - red) / (nir + red)` (Rouse 1974)."""
    nir, red = _alike(nir, red)
    return _ratio("ndvi", nir - red, nir + red, _LEAST_SUM)


def ndwi(nir: Floats, nir2: Floats) -> Floats:
    """Normalised difference water index of leaves, of 0.86 and 1.24 um (Gao 1996; MODIS bands 2 and 5)."""
    nir, nir2 = _alike(nir, nir2)
    return _ratio("ndwi", nir - nir2, nir + nir2, _LEAST_SUM)


def evi(red: Floats, nir: Floats, blue: Floats) -> Floats:
    """Enhanced vegetation index, `2.5 (nir - red) / (nir + 6 red - 7.5 blue + 1)` (Huete 2002)."""
    red, nir, blue = _alike(red, nir, blue)
    return _ratio("evi", 2.5 * (nir - red), nir + 6 * red - 7.5 * blue + 1, _LEAST_EVI)


def tvdi(lst: Floats, ndvi: Floats, *, bins: int = 40, per_bin: int = 5) -> Floats:
    """Temperature-vegetation dryness index, 0 (wet edge) to 1 (dry edge), of one scene.

    `(Ts - Ts_min) / (a + b NDVI - Ts_min)`: the dry edge `a + b NDVI` is the linear regression through the highest
    temperature in each bin of NDVI, the wet edge `Ts_min` the mean of the lowest (Sandholt 2002). The edges belong to
    the scene as a whole: compute it on the coarse level, never window by window.

    Args:
        lst: (y, x) K, NaN = missing.
        ndvi: (y, x), NaN = missing; cells below 0 (water, snow) lie outside the triangle.
        bins: Bins of equal width between the scene's lowest and highest NDVI.
        per_bin: Cells a bin needs before its extremes count.

    Returns:
        (y, x), NaN = missing; all missing where the cells do not form a triangle: fewer than four filled bins, a dry
        edge that does not fall with NDVI (night, winter), or edges that meet.
    """
    lst, ndvi = _alike(lst, ndvi)
    out = np.full(lst.shape, np.nan, lst.dtype)
    inside = np.isfinite(lst) & (ndvi >= 0)
    if inside.sum() < 4 * per_bin:
        return out
    temperature, green = lst[inside].astype(np.float64), ndvi[inside].astype(np.float64)
    edges = _edges(temperature, green, bins, per_bin)
    if edges is None:
        return out
    intercept, slope, wet = edges
    depth = intercept + slope * green - wet
    with np.errstate(invalid="ignore", divide="ignore"):
        dryness = np.where(depth > 0.5, (temperature - wet) / depth, np.nan)
    row = BY_NAME["tvdi"]
    out[inside] = np.clip(dryness, row.low, row.high)
    return out


def _edges(temperature: Floats, green: Floats, bins: int, per_bin: int) -> tuple[float, float, float] | None:
    """Intercept and slope of the dry edge and level of the wet edge, or None without a triangle."""
    low, high = float(green.min()), float(green.max())
    if high - low < 0.05:
        return None
    place = np.minimum(((green - low) / (high - low) * bins).astype(int), bins - 1)
    filled = np.bincount(place, minlength=bins) >= per_bin
    if filled.sum() < 4:
        return None
    warmest, coldest = np.full(bins, -np.inf), np.full(bins, np.inf)
    np.maximum.at(warmest, place, temperature)
    np.minimum.at(coldest, place, temperature)
    middle = (low + (np.arange(bins) + 0.5) / bins * (high - low))[filled]
    slope, intercept = np.polyfit(middle, warmest[filled], 1)
    wet = float(coldest[filled].mean())
    if slope >= 0 or intercept + slope * middle[0] - wet < 1.0:
        return None
    return float(intercept), float(slope), wet


def _ratio(name: str, above: Floats, below: Floats, least: float) -> Floats:
    """Clipped to the table's range; NaN where the denominator is below `least`."""
    row = BY_NAME[name]
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(below >= least, above / below, np.asarray(np.nan, below.dtype))
    return np.clip(value, row.low, row.high)


def _alike(*arrays: NDArray[Any]) -> tuple[Floats, ...]:
    """All float64 when one is, else all float32."""
    kind = np.float64 if any(np.asarray(a).dtype == np.float64 for a in arrays) else np.float32
    return tuple(np.asarray(a, kind) for a in arrays)
