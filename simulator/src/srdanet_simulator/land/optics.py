"""What the land reflects: seven MODIS bands and the shortwave albedo.

A linear mixture of a few end members per cell. Reflectances of the end members are
rounded from the USGS and ECOSTRESS spectral libraries; wet soil darkens as in
Lobell & Asner 2002 (Soil Science Society of America Journal 66); albedo is Liang's
2001 narrow to broad band conversion (Remote Sensing of Environment 76).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srdanet_simulator.land import landscape as ls
from srdanet_simulator.land.phenology import State
from srdanet_simulator.noise import Field

BANDS = ("red", "nir", "blue", "green", "nir2", "swir1", "swir2")
"""MODIS bands 1-7: 645, 858, 469, 555, 1240, 1640, 2130 nm."""

_LEAF = (0.032, 0.46, 0.020, 0.062, 0.42, 0.22, 0.090)
_TREE = (0.027, 0.36, 0.017, 0.045, 0.33, 0.17, 0.065)
_NEEDLE = (0.022, 0.25, 0.015, 0.032, 0.21, 0.095, 0.036)
_DRY = (0.185, 0.300, 0.090, 0.145, 0.370, 0.360, 0.250)
_SOIL = (0.170, 0.230, 0.085, 0.125, 0.300, 0.330, 0.290)
_ROCK = (0.165, 0.190, 0.110, 0.140, 0.220, 0.240, 0.220)
_SEALED = (0.125, 0.160, 0.090, 0.108, 0.185, 0.195, 0.175)
_SNOW = (0.880, 0.820, 0.900, 0.890, 0.420, 0.080, 0.070)
_WATER = (0.028, 0.014, 0.036, 0.042, 0.010, 0.006, 0.004)
# how much of a dry soil's reflectance is lost when it is saturated
_DARKENING = (0.50, 0.47, 0.48, 0.50, 0.50, 0.58, 0.68)
_LIANG = (0.160, 0.291, 0.243, 0.116, 0.112, 0.0, 0.081)


def reflectances(land: ls.Land, state: State) -> NDArray[np.float32]:
    """Surface reflectance of the seven bands on level ground, (7, y, x) float32 on the fine grid."""
    bare = np.clip(1 - state.green - state.dry - land.sealed - land.water, 0, 1)
    rock = land.kind == ls.BARE
    needle, tree = land.kind == ls.CONIFER, land.kind == ls.BROADLEAF
    roofs = land.sealed * (0.75 + 0.5 * (land.soil / np.float32(land.character.soil)))
    # a canopy taller than it is dense shades its ground
    shade = np.where(needle | tree, np.float32(0.55), np.float32(1.0))
    out = np.empty((7, *land.kind.shape), np.float32)
    for band in range(7):
        leaf = np.where(needle, _NEEDLE[band], np.where(tree, _TREE[band], _LEAF[band]))
        dust = land.soil * np.where(rock, _ROCK[band], _SOIL[band]) * (1 - _DARKENING[band] * state.surface)
        ground = (bare * dust + state.dry * np.float32(_DRY[band])) * shade
        out[band] = state.green * leaf + ground + roofs * np.float32(_SEALED[band]) + land.water * _WATER[band]
        out[band] += state.snow * (np.float32(_SNOW[band]) - out[band])
    return out


def albedo(bands: NDArray[np.float32]) -> Field:
    """Broadband shortwave albedo (0-1) of seven reflectances (7, y, x)."""
    total = np.tensordot(np.asarray(_LIANG, np.float32), bands, axes=1)
    return np.asarray(np.clip(total - np.float32(0.0015), 0.01, 0.95), dtype=np.float32)


def observed_reflectances(bands: NDArray[np.float32], ratio: Field) -> NDArray[np.float32]:
    """Reflectance as a satellite reports it, not corrected for slope.

    Args:
        bands: Reflectance on level ground, (7, y, x).
        ratio: Cosine of the sun's incidence on the slope over that on level ground.
    """
    # the diffuse share is larger at short wavelengths
    direct = np.asarray((0.55, 0.65, 0.42, 0.50, 0.70, 0.72, 0.74), np.float32)[:, None, None]
    return (bands * (1 - direct * (1 - np.clip(ratio, 0.0, 1.8)))).astype(np.float32)
