"""What each simulated granule holds: our layer names to physical values, in the order of the real files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet.energy import aggregate
from srdanet.variables import BANDS
from srdanet_simulator.sensor.modis import View
from srdanet_simulator.simulation import Simulation

Layers = Mapping[str, NDArray[Any]]
_DONE = 1 << 30
"""Word of MOD09GA: atmospheric correction performed, all bands of the highest quality."""
_DONE_250 = 1 << 12
"""The same of MOD09GQ."""


def temperature(views: Mapping[bool, View], emissivity: NDArray[np.float32]) -> Layers:
    """Layers of MOD11A1.

    Args:
        views: What was seen by day (True) and by night.
        emissivity: Broadband, 1 km.
    """
    layers: dict[str, NDArray[Any]] = {}
    clear = {}
    for word, seen in (("day", views[True]), ("night", views[False])):
        missing = np.isnan(seen.lst)
        layers[f"lst_{word}"] = seen.lst
        layers[f"qc_{word}"] = seen.qc
        layers[f"view_time_{word}"] = np.where(missing, np.nan, seen.time)
        layers[f"view_angle_{word}"] = np.where(missing, np.nan, seen.angle)
        # next to clouds less of a cell is clear
        share = ndimage.uniform_filter((~missing).astype(np.float32), 3, mode="nearest")
        clear[f"clear_{word}"] = np.where(missing, np.nan, share)
    nowhere = np.isnan(views[True].lst) & np.isnan(views[False].lst)
    for band, shift in ((31, 0.0), (32, 0.004)):
        layers[f"emissivity_{band}"] = np.where(nowhere, np.nan, np.minimum(emissivity + shift, 1.0))
    return layers | clear


def optical(simulation: Simulation) -> dict[str, Layers]:
    """Layers of the other granules, by the product's name without its platform."""
    raw = simulation.raw
    side = raw.reflectance.shape[1]
    words = {"qc_500m": np.full((side, side), _DONE, np.uint32)}
    fine = {"qc_250m": np.full((2 * side, 2 * side), _DONE_250, np.uint16)}
    return {
        "09GA": {"state": raw.state, **dict(zip(BANDS, raw.reflectance, strict=True)), **words},
        "09GQ": {**dict(zip(BANDS, raw.reflectance_250, strict=False)), **fine},
        "43A3": {"albedo_quality": raw.albedo_quality, "albedo_bsa": raw.albedo_bsa, "albedo_wsa": raw.albedo_wsa},
        "12Q1": {"land_cover": simulation.predictors["land_cover"]},
    }


def coarse_emissivity(simulation: Simulation) -> NDArray[np.float32]:
    """Broadband emissivity of the 1 km cells."""
    return aggregate(simulation.emissivity, 4).astype(np.float32)
