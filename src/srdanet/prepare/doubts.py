"""Predictors whose values show that they are not what their names say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

_NOT_GAO = -0.5
"""Correlation of an NDWI with NDVI below which it is not Gao's."""
_PLANTS, _FEWEST_PLANTS = 0.3, 100
"""NDVI above which a cell is under plants, and how many of these can be judged by."""
_HAZY = 0.85
"""Blue over green reflectance of plants above which they are seen through the atmosphere."""


def false_ndwi(auxiliary: Mapping[str, xr.DataArray]) -> dict[str, str]:
    """An NDWI that is another index of the same name, with the reason; empty where there is none.

    Gao's (nir - swir) rises with vegetation. The other index of that name, McFeeters' (green - nir),
    falls with it: in Landsat scenes around Orleans the correlation with NDVI is -0.97 to -0.98.
    """
    if not {"ndwi", "ndvi"} <= auxiliary.keys() or auxiliary["ndwi"].shape != auxiliary["ndvi"].shape:
        return {}
    ndwi, ndvi = auxiliary["ndwi"].values, auxiliary["ndvi"].values
    both = np.isfinite(ndwi) & np.isfinite(ndvi)
    if both.sum() < 10 or min(ndwi[both].std(), ndvi[both].std()) == 0:
        return {}
    r = float(np.corrcoef(ndwi[both], ndvi[both])[0, 1])
    reason = f"correlates {r:+.2f} with NDVI: not Gao's NDWI (nir - swir), likely McFeeters' (green - nir)"
    return {"ndwi": reason} if r < _NOT_GAO else {}


def hazy_bands(auxiliary: Mapping[str, xr.DataArray]) -> dict[str, str]:
    """Blue and green reflectance as seen through the atmosphere, with the reason; empty where they are the surface's.

    Over plants the surface reflects half as much blue as green or less (in MOD09A1 0.36 in the median, 0.58 at most of
    95 % of cells); light scattered in the air evens that out, in a Landsat image of Chilean farmland to 1.1. There the
    error of the shipped model was 1.23 K with all bands, 1.10 without blue and green, 0.87 with the air's light off.
    """
    names = ("blue", "green", "red", "nir")
    if not set(names) <= auxiliary.keys() or len({auxiliary[name].shape for name in names}) > 1:
        return {}
    blue, green, red, nir = (np.asarray(auxiliary[name].values, np.float64) for name in names)
    with np.errstate(invalid="ignore", divide="ignore"):
        plants = ((nir - red) / (nir + red) > _PLANTS) & (green > 0) & np.isfinite(blue)
    if plants.sum() < _FEWEST_PLANTS:
        return {}
    ratio = float(np.median(blue[plants] / green[plants]))
    reason = f"blue is {ratio:.2f} of green over plants: seen through the atmosphere; give surface reflectance"
    return dict.fromkeys(("blue", "green"), reason) if ratio > _HAZY else {}
