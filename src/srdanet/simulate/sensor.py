"""What MODIS makes of the land: a 1 km temperature and its quality words, reflectances, clouds.

Point spread: box of the cell and a Gaussian of 0.35 cells at nadir (fitted on
MODIS-ASTER pairs), broader at larger view angles. Noise: Wan 2014 (Remote Sensing
of Environment 140) finds 0.5-1 K over land, most of which is smooth (emissivity,
atmosphere); the noise of single cells is about 0.1 K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet.physics import degrade
from srdanet.simulate.noise import Field, fractal

SPREAD = 0.35
"""Standard deviation of the point spread at nadir, in 1 km cells."""
COUNT = 0.02
"""Step of the temperature's counts (K)."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Clouds:
    """Clouds over a 1 km grid, (y, x)."""

    cover: Mask
    """Detected cloud."""
    near: Mask
    """Next to a cloud."""
    shadow: Mask
    thin: Field
    """How much colder (K) undetected thin cloud makes the land look."""


def clouds(shape: tuple[int, int], rng: np.random.Generator, share: float, sun_azimuth: float = 135.0) -> Clouds:
    """Clouds of fractal shape.

    Args:
        shape: Rows and columns of the 1 km grid.
        rng: Source of randomness.
        share: Share of the cells under detected cloud, 0-1.
        sun_azimuth: Where the sun stands (degrees from north); shadows fall away from it.
    """
    field = fractal(shape, rng, slope=3.0, cell=927.0, outer=float(rng.uniform(15e3, 80e3)))
    if share <= 0:
        none = np.zeros(shape, np.bool_)
        return Clouds(none, none, none, np.zeros(shape, np.float32))
    limit = np.float32(np.quantile(field, 1 - min(share, 1.0)))
    cover = field > limit
    near = ndimage.binary_dilation(cover, iterations=1) & ~cover
    angle = np.radians(sun_azimuth)
    down, right = (round(float(2.2 * part)) for part in (np.cos(angle), -np.sin(angle)))
    shadow = ndimage.shift(cover.astype(np.uint8), (down, right), order=0, mode="nearest").astype(bool) & ~cover
    thin = 2.5 * np.exp((field - limit) / np.float32(0.12)) * (rng.random(shape, dtype=np.float32) < 0.7)
    return Clouds(cover, near, shadow, np.where(cover, 0, np.clip(thin - 0.15, 0, 3)).astype(np.float32))


def draw_share(rng: np.random.Generator) -> float:
    """Share of a scene under cloud: often none, seldom most."""
    return 0.0 if rng.random() < 0.4 else float(rng.beta(0.9, 4.0))


@dataclass(frozen=True)
class View:
    """A 1 km temperature as the product has it; (y, x) on the 1 km grid."""

    lst: Field
    """K in steps of 0.02, NaN where not produced."""
    qc: NDArray[np.uint8]
    """`QC_Day` or `QC_Night` words."""
    time: Field
    """Local solar hours."""
    angle: Field
    """View zenith angle (degrees, negative to the left of the track)."""


def view(
    truth: Field,
    emissivity: Field,
    factor: int,
    rng: np.random.Generator,
    *,
    over: Clouds,
    hour: float,
    angle: float,
    noise: float = 0.1,
    error: float = 0.3,
    jitter: float = 0.05,
) -> View:
    """Look at a fine temperature with a 1 km instrument.

    Args:
        truth: (y, x) K on the fine grid.
        emissivity: (y, x) 0-1.
        factor: Fine cells along a 1 km cell.
        rng: Source of randomness.
        over: Clouds on the 1 km grid.
        hour: Local solar hours of the view at the centre.
        angle: View zenith angle at the centre (degrees, negative to the left).
        noise: Standard deviation of the single cells' noise (K).
        error: Standard deviation of the smooth error (K): atmosphere, emissivity.
        jitter: Standard deviation of the geolocation's error (1 km cells).
    """
    shift = rng.normal(0, jitter, 2) * factor
    moved = ndimage.shift(truth, shift, order=1, mode="nearest", output=np.float32) if jitter > 0 else truth
    growth = 1 / np.cos(np.radians(min(abs(angle), 55.0)))
    lst = degrade(moved, factor, emissivity=emissivity, spread=SPREAD * growth).astype(np.float32)
    shape = (lst.shape[0], lst.shape[1])
    smooth = fractal(shape, rng, slope=3.6, cell=927.0, outer=60e3)
    lst = (
        lst + np.float32(noise) * rng.standard_normal(shape, dtype=np.float32) + np.float32(error) * smooth - over.thin
    )
    lst = np.round(lst / COUNT).astype(np.float32) * np.float32(COUNT)
    cols = np.arange(shape[1], dtype=np.float32) - shape[1] / 2
    angles = np.broadcast_to(np.round(np.float32(angle) + np.float32(0.065) * cols), shape).astype(np.float32)
    hours = np.round(np.float32(hour) + np.float32(0.0004) * cols, 1).astype(np.float32)
    # 65: examine, error <= 2 K; 145: examine, emissivity error <= 0.02, LST error <= 3 K; 17: emissivity error
    qc = np.zeros(shape, np.uint8)
    qc[(rng.random(shape, dtype=np.float32) < 0.03) | (np.abs(angles) > 45)] = 17
    qc[over.near | (over.thin > 0.5)] = 65
    qc[(over.near & (rng.random(shape, dtype=np.float32) < 0.3)) | (over.thin > 1.5)] = 145
    qc[over.cover] = 2
    lst = np.where(over.cover, np.float32(np.nan), lst)
    return View(lst, qc, np.broadcast_to(hours, shape).copy(), angles)


def state_words(over: Clouds, water: Field, snow: Field, rng: np.random.Generator) -> NDArray[np.uint16]:
    """`state_1km_1` words from clouds and the 1 km shares of water and snow."""
    words = np.where(water > 0.5, 3, 1).astype(np.uint16) << np.uint16(3)
    words |= np.uint16(1 << 6)
    words[over.cover] |= np.uint16(1 | 1 << 10)
    words[(over.thin > 0.4) & ~over.cover] |= np.uint16(2)
    words[over.shadow] |= np.uint16(1 << 2)
    words[over.near] |= np.uint16(1 << 13)
    words[over.thin > 0.25] |= np.uint16(1 << 8)
    words[snow > 0.5] |= np.uint16(1 << 12 | 1 << 15)
    words[(rng.random(words.shape) < 0.01) & ~over.cover] |= np.uint16(1 << 7)
    return words


def reflectance(
    bands: NDArray[np.float32],
    factor: int,
    rng: np.random.Generator,
    *,
    bright: Field | None = None,
    jitter: float = 0.06,
) -> NDArray[np.float32]:
    """Look at fine reflectances with cells `factor` times coarser.

    Args:
        bands: (band, y, x) on the fine grid.
        factor: Fine cells along an observed cell.
        rng: Source of randomness.
        bright: Reflectance that clouds put in the place of the land's, NaN where clear; (y, x) observed cells.
        jitter: Standard deviation of the geolocation's error (observed cells).

    Returns:
        (band, y / factor, x / factor) in steps of 1e-4.
    """
    rows, cols = bands.shape[1] // factor, bands.shape[2] // factor
    shift = rng.normal(0, jitter, 2) * factor
    out = np.empty((bands.shape[0], rows, cols), np.float32)
    for n, band in enumerate(bands):
        sharp = ndimage.gaussian_filter(ndimage.shift(band, shift, order=1, mode="nearest"), 0.3 * factor, truncate=2)
        mean = sharp.reshape(rows, factor, cols, factor).mean((1, 3))
        grain = rng.standard_normal((rows, cols), dtype=np.float32)
        haze = fractal((rows, cols), rng, slope=3.6, cell=116.0 * factor, outer=60e3)
        out[n] = mean * (1 + np.float32(0.008) * grain) + np.float32(0.0015) * grain + np.float32(0.002) * haze
    if bright is not None:
        out = np.where(np.isnan(bright), out, bright)
    return np.round(np.clip(out, -0.01, 1.6), 4).astype(np.float32)
