"""Quality words (QA bits) of the simulated products.

In the granules whose words were counted, words follow clouds and regions, not
single cells: within some five kilometres of a cloud nearly every temperature is
"examine, error up to 2 K", beyond ten kilometres few are; whole regions are of one
kind (high water vapour, or an emissivity that is less sure); errors above 2 K make
up some tenths of a percent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srdanet_simulator.noise import Field, fractal
from srdanet_simulator.sensor.clouds import CELL, Clouds

_EXAMINE, _CLOUD = 1, 2
_EMISSIVITY_2 = 1 << 4
_ERROR_2K, _ERROR_3K = 1 << 6, 2 << 6
NOT_PRODUCED = np.uint8(3)
"""Word of a temperature that is missing for other reasons than cloud: so it is all over the sea, cloudy or not."""
_COAST, _OCEAN = 2, 6
"""Codes for land and water of `state_1km_1`: a shore of the sea, the sea over a shelf."""
_REACH = 4.0
"""Distance from a cloud (cells) up to which temperatures are doubted, give or take."""


def lst_words(over: Clouds, rng: np.random.Generator) -> NDArray[np.uint8]:
    """`QC_Day` or `QC_Night` words of a 1 km grid, (y, x)."""
    shape = (over.cover.shape[0], over.cover.shape[1])
    wavy = fractal(shape, rng, slope=3.4, cell=CELL, outer=20e3)
    doubt = (over.distance < _REACH + 2 * wavy) | (over.distance < 2.5) | _region(shape, rng, float(rng.beta(0.3, 1.2)))
    unsure = _region(shape, rng, float(rng.beta(1, 3)) if rng.random() < 0.25 else 0.0)
    words = np.zeros(shape, np.uint8)
    words[doubt] |= _EXAMINE | _ERROR_2K
    words[unsure] |= _EXAMINE | _EMISSIVITY_2
    words[unsure & (over.thin > 2.0)] = _EXAMINE | _EMISSIVITY_2 | _ERROR_3K
    words[over.cover] = _CLOUD
    return words


def _region(shape: tuple[int, int], rng: np.random.Generator, share: float) -> NDArray[np.bool_]:
    """Part of a scene in few large pieces."""
    field = fractal(shape, rng, slope=4.0, cell=CELL, outer=150e3)
    return np.asarray(field > np.quantile(field, 1 - share))


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


def sea_words(words: NDArray[np.uint16], sea: Field) -> NDArray[np.uint16]:
    """`state_1km_1` words with the sea, whose share of the cells is known, named as such."""
    code = np.where(sea > 0.9, np.uint16(_OCEAN), np.uint16(_COAST)) << np.uint16(3)
    return np.where(sea > 0, words & ~np.uint16(7 << 3) | code, words).astype(np.uint16)
