"""Clouds over a scene: fronts and other large systems, by day small cumulus among them.

Cover is one field, cut at the share asked for. Clouds follow power laws of size from
the mesoscale down to a kilometre (Wood & Field 2011, Journal of Climate 24); what no
cloud mask finds is thin and lies within a few kilometres of what it does (Koren et
al. 2007, Geophysical Research Letters 34: the twilight zone).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from srdanet.arrays import Mask
from srdanet.grid import Level
from srdanet_simulator.noise import Field, fractal

CELL = Level.KM1.metres
"""1 km cell (m)."""


@dataclass(frozen=True)
class Clouds:
    """Clouds over a 1 km grid, (y, x)."""

    cover: Mask
    """Detected cloud."""
    distance: Field
    """To the nearest cloud (cells), 0 under it; infinite where there is none."""
    shadow: Mask
    thin: Field
    """How much colder (K) undetected thin cloud makes the land look."""

    @property
    def near(self) -> Mask:
        """Beside a cloud."""
        return (self.distance > 0) & (self.distance <= 1)


def draw_clouds(
    shape: tuple[int, int], rng: np.random.Generator, share: float, *, sun_azimuth: float = 135.0, day: bool = True
) -> Clouds:
    """Draw clouds.

    Args:
        shape: Rows and columns of the 1 km grid.
        rng: Source of randomness.
        share: Share of the cells under detected cloud, 0-1.
        sun_azimuth: Where the sun stands (degrees from north); shadows fall away from it.
        day: Whether the sun heats the ground, so that there may be cumulus.
    """
    field = fractal(shape, rng, slope=4.0, cell=CELL, outer=float(rng.uniform(300e3, 900e3)))
    field += np.float32(0.05) * fractal(shape, rng, slope=2.8, cell=CELL, outer=15e3)
    if rng.random() < (0.4 if day else 0.1):
        weight = np.float32(rng.uniform(0.3, 0.9))
        small = fractal(shape, rng, slope=3.0, cell=CELL, outer=float(rng.uniform(8e3, 20e3)))
        field = (1 - weight) * field + weight * small
    if share <= 0:
        none = np.zeros(shape, np.bool_)
        return Clouds(none, np.full(shape, np.inf, np.float32), none, np.zeros(shape, np.float32))
    cover = field > np.quantile(field, 1 - min(share, 1.0))
    distance = ndimage.distance_transform_edt(~cover).astype(np.float32)
    angle = np.radians(sun_azimuth)
    down, right = (round(float(2.2 * part)) for part in (np.cos(angle), -np.sin(angle)))
    shadow = ndimage.shift(cover.astype(np.uint8), (down, right), order=0, mode="nearest").astype(bool) & ~cover
    patchy = fractal(shape, rng, slope=2.4, cell=CELL, outer=10e3)
    thin = (1.2 + 1.0 * patchy) * np.exp(-(distance - 1) / np.float32(1.2)) - np.float32(0.1)
    return Clouds(cover, distance, shadow, np.where(cover, 0, np.clip(thin, 0, 4)).astype(np.float32))


def draw_share(rng: np.random.Generator) -> float:
    """Share of a scene under cloud: often none, seldom most."""
    return 0.0 if rng.random() < 0.35 else float(rng.beta(0.9, 2.8))
