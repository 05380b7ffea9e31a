"""What MODIS makes of the land: a 1 km temperature, and reflectances.

A temperature is measured in the pixels of a swath (`swath`) and gridded. MOD11A1 weighs
the pixels that lie over a cell by the area they share with it (MODIS LST user guide,
collection 6, Wan 2013), so that its 1 km images are smoother than the pixels; MOD21A1 as
it was met beside ASTER's images behaves as if each cell took its nearest pixel, which
keeps contrast and gets places wrong by up to half a pixel. Noise: Wan 2014 (Remote
Sensing of Environment 140) finds 0.5-1 K over land, most of which is smooth
(emissivity, atmosphere); that of single pixels is about 0.1 K.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet_simulator.noise import Field, fractal
from srdanet_simulator.parallel import strips
from srdanet_simulator.sensor import swath
from srdanet_simulator.sensor.clouds import CELL, Clouds
from srdanet_simulator.sensor.shift import shift_field
from srdanet_simulator.sensor.words import NOT_PRODUCED, lst_words

COUNT = 0.02
"""Step of the temperature's counts (K)."""
_POINTS = 3
"""Places a side in a cell that take the pixel over them. With nine, pixels that share little with a cell do not count;
at large view angles as many neighbours are then equal as in granules (16 to 25 % beyond 50 degrees)."""
Gridding = Literal["area", "nearest"]
"""How pixels come into cells: weighted by the area they share, as MOD11A1 does, or the nearest alone."""


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

    def without(self, sea: NDArray[np.bool_]) -> View:
        """The same where the sea is not looked at."""
        lst = np.where(sea, np.float32(np.nan), self.lst)
        return View(lst, np.where(sea, NOT_PRODUCED, self.qc), self.time, self.angle)


def view(
    truth: Field,
    emissivity: Field,
    factor: int,
    rng: np.random.Generator,
    *,
    over: Clouds,
    hour: float | Field,
    angle: float,
    way: tuple[float, float] = (0.0, 0.0),
    noise: float = 0.1,
    error: float = 0.3,
    jitter: float = 0.05,
    gridding: Gridding = "area",
) -> View:
    """Look at a fine temperature with a 1 km instrument.

    Args:
        truth: (y, x) K on the fine grid.
        emissivity: (y, x) 0-1.
        factor: Fine cells along a 1 km cell.
        rng: Source of randomness.
        over: Clouds on the 1 km grid.
        hour: Local solar hours of the view at the centre, or in each 1 km cell.
        angle: View zenith angle at the centre (degrees, negative to the left).
        way: How the orbit and the grid lie to each other, see `swath.track`.
        noise: Standard deviation of the single pixels' noise (K).
        error: Standard deviation of the smooth error (K): atmosphere, emissivity.
        jitter: Standard deviation of the geolocation's error (km); 50 m, Wolfe et al. 2002.
        gridding: How pixels come into cells.
    """
    shape = (truth.shape[0] // factor, truth.shape[1] // factor)
    phase, off = (rng.random(), rng.random()), (rng.normal(0, jitter), rng.normal(0, jitter))
    pixels = swath.lay(swath.Swath.over(shape, angle, way, phase), shape)
    seen = swath.see(pixels, truth, emissivity, CELL / 1000 / factor, off)
    seen += error * swath.at(pixels, fractal(shape, rng, slope=3.6, cell=CELL, outer=60e3))
    seen += noise * rng.standard_normal(seen.shape) - swath.at(pixels, over.thin)
    lst, angles = swath.cells(pixels, _counted(seen), shape, _POINTS if gridding == "area" else 1)
    cols = np.arange(shape[1], dtype=np.float32) - shape[1] / 2
    hours = hour if isinstance(hour, np.ndarray) else np.float32(hour) + np.float32(0.0004) * cols
    hours = np.round(hours, 1).astype(np.float32)
    lst = np.where(over.cover, np.nan, _counted(lst))
    return View(
        lst.astype(np.float32),
        lst_words(over, rng),
        np.broadcast_to(hours, shape).copy(),
        np.round(angles).astype(np.float32),
    )


def _counted(kelvin: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(kelvin / COUNT) * COUNT


JITTER = 0.06
"""Standard deviation of the geolocation's error in images of reflectance (observed cells)."""


def seen_bands(bands: NDArray[np.float32], factor: int, shift: tuple[float, float]) -> NDArray[np.float32]:
    """Fine reflectances as cells `factor` times coarser see them; reaches `factor` + 2 fine cells.

    Args:
        bands: (band, y, x) on the fine grid.
        factor: Fine cells along an observed cell.
        shift: Error of the geolocation down and to the right (observed cells, below 0.5).

    Returns:
        (band, y / factor, x / factor).
    """
    rows, cols = bands.shape[1] // factor, bands.shape[2] // factor
    out = np.empty((bands.shape[0], rows, cols), np.float32)
    for n, band in enumerate(bands):
        moved = shift_field(band, shift[0] * factor, shift[1] * factor)
        sharp = ndimage.gaussian_filter(moved, 0.3 * factor, truncate=2)
        lines = sum(sharp[:, m::factor] for m in range(factor))
        out[n] = sum(lines[m::factor] for m in range(factor))
    out /= factor * factor
    return out


def measure_band(seen: Field, cell: float, rng: np.random.Generator, bright: Field | None = None) -> Field:
    """A reflectance as the sensor measures it: with noise, haze and clouds.

    Args:
        seen: (y, x) without them.
        cell: Its cell (m).
        rng: Source of randomness.
        bright: Reflectance that clouds put in the place of the land's, NaN where clear.

    Returns:
        (y, x) in steps of 1e-4.
    """
    shape = (seen.shape[0], seen.shape[1])
    grain = rng.standard_normal(shape, dtype=np.float32)
    haze = fractal(shape, rng, slope=3.6, cell=cell, outer=60e3, inner=2e3)
    out = np.empty(shape, np.float32)
    for rows in strips(shape, 1, 1 << 15):
        part = seen[rows] * (1 + np.float32(0.008) * grain[rows]) + np.float32(0.0015) * grain[rows]
        part += np.float32(0.002) * haze[rows]
        if bright is not None:
            part = np.where(np.isnan(bright[rows]), part, bright[rows])
        np.round(np.clip(part, -0.01, 1.6), 4, out=out[rows])
    return out
