"""Spectral indices of vegetation and water, and the dryness index of the NDVI-temperature triangle.

Arrays in, arrays out: reflectance 0-1, temperature in K, NaN = missing. Values are float64 for float64, else float32,
and lie within the ranges of `variables.BY_NAME`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet.arrays import Float64, Floats
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


@dataclass(frozen=True)
class Triangle:
    """Edges of the NDVI-temperature triangle of one scene."""

    intercept: float
    """Of the dry edge (K): its temperature at an NDVI of 0."""
    slope: float
    """Of the dry edge (K per unit of NDVI), below 0."""
    wet: float
    """The wet edge (K)."""
    ndvi: Float64
    """(bins,) middles of the bins that the edges are fitted to."""
    warmest: Float64
    """(bins,) K: highest temperature in each."""
    coldest: Float64
    """(bins,) K: lowest temperature in each."""

    def dry(self, ndvi: Floats) -> Floats:
        """Temperature (K) of the dry edge."""
        return self.intercept + self.slope * ndvi

    def dryness(self, lst: Floats, ndvi: Floats) -> Floats:
        """TVDI, 0 at the wet edge and below, 1 at the dry edge and above; NaN outside the triangle or where missing.

        Args:
            lst: K, NaN = missing.
            ndvi: Of the same shape, NaN = missing.
        """
        lst, ndvi = _alike(lst, ndvi)
        depth = self.dry(ndvi) - self.wet
        inside = (ndvi >= 0) & (depth > 0.5)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.where(inside, (lst - self.wet) / depth, np.nan)
        row = BY_NAME["tvdi"]
        return np.clip(value, row.low, row.high).astype(lst.dtype)


def triangle(lst: Floats, ndvi: Floats, *, bins: int = 40, per_bin: int = 5) -> Triangle | None:
    """The edges of a scene's triangle of NDVI and temperature (Sandholt 2002).

    The dry edge is the linear regression through the highest temperature in each bin of NDVI, the wet edge the mean of
    the lowest. They belong to the scene as a whole: never fit them window by window.

    Args:
        lst: (y, x) K, NaN = missing.
        ndvi: (y, x), NaN = missing; cells below 0 (water, snow) lie outside the triangle.
        bins: Bins of equal width between the scene's lowest and highest NDVI.
        per_bin: Cells a bin needs before its extremes count.

    Returns:
        None where the cells do not form a triangle: fewer than four filled bins, a dry edge that does not fall with
        NDVI (night, winter), or edges that meet.
    """
    lst, ndvi = _alike(lst, ndvi)
    inside = np.isfinite(lst) & (ndvi >= 0)
    temperature, green = lst[inside].astype(np.float64), ndvi[inside].astype(np.float64)
    if temperature.size < 4 * per_bin:
        return None
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
    return Triangle(float(intercept), float(slope), wet, middle, warmest[filled], coldest[filled])


def tvdi(lst: Floats, ndvi: Floats, *, bins: int = 40, per_bin: int = 5) -> Floats:
    """Temperature-vegetation dryness index, 0 (wet edge) to 1 (dry edge), of one scene (Sandholt 2002).

    Arguments as in `triangle`; (y, x), all missing where there is no triangle.
    """
    lst, ndvi = _alike(lst, ndvi)
    edges = triangle(lst, ndvi, bins=bins, per_bin=per_bin)
    return np.full(lst.shape, np.nan, lst.dtype) if edges is None else edges.dryness(lst, ndvi)


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
