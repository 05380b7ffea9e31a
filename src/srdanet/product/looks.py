"""How each layer looks, as a table: colours, unit, words. Shared by quick looks, styles, the report and the viewer.

The colours of temperature, difference and uncertainty are even in lightness or diverge through white, and stay
distinct to colour-blind people; those of the flags are Okabe and Ito's (2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srdanet.flags import FLAGS
from srdanet.product.layers import LST, QUALITY, UNCERTAINTY

COLOURS = ("inferno", 0.07, 1.0)
"""Even steps in lightness, readable in grey and by colour-blind people, dark is cold; without the blackest end."""


@dataclass(frozen=True)
class Look:
    """How one kind of layer is shown."""

    name: str
    """For people."""
    unit: str
    """Empty for flags."""
    colours: tuple[str, float, float]
    """Colour map of matplotlib, and the part of it that is used."""
    least: float
    """Narrowest colour range, in the unit."""
    from_zero: bool = False
    """Whether the colour range begins at 0."""
    blank: tuple[float, float] = (0.0, 1.0)
    """Colour range of an image without a valid cell."""

    def palette(self) -> NDArray[np.uint8]:
        """(256, 3) RGB, low to high."""
        from matplotlib import colormaps

        name, low, high = self.colours
        return np.asarray(np.round(colormaps[name](np.linspace(low, high, 256))[:, :3] * 255), np.uint8)

    def limits(self, values: NDArray[np.float32]) -> tuple[float, float]:
        """A colour range: the middle 98 % of `values`, in steps that read well; `blank` when none is valid."""
        valid = values[np.isfinite(values)]
        if not valid.size:
            return self.blank
        low, high = (float(v) for v in np.percentile(valid, (1, 99)))
        step = self.least / 2
        low = 0.0 if self.from_zero else float(np.floor(low / step) * step)
        high = float(np.ceil(high / step) * step)
        return low, max(high, low + self.least)


LOOKS = {
    LST.variable: Look("temperature", "K", COLOURS, least=2.0, blank=(273.0, 303.0)),
    UNCERTAINTY.variable: Look("uncertainty, 1 σ", "K", ("cividis", 0.0, 1.0), 0.5, from_zero=True),
    QUALITY.variable: Look("quality", "", ("viridis", 0.0, 1.0), 1.0),
}
"""By variable of a product."""
DIFFERENCE = Look("difference", "K", ("PuOr_r", 0.05, 0.95), least=1.0)
"""Diverges through white: orange is warmer."""

FLAG_COLOURS = {flag.name: flag.colour or "#b9b9b9" for flag in FLAGS}
"""By flag; of several in a cell the first defect is shown, and what is no defect only where there is none."""
NO_FLAG = "#f4f4f0"
"""A cell without any flag."""


def first_flag(quality: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Number of the first flag set, in the order of `FLAGS` from 1, defects before others; 0 where none is set."""
    found = np.zeros(quality.shape, np.uint8)
    for number, flag in sorted(enumerate(FLAGS, start=1), key=lambda item: (not item[1].colour, item[0]), reverse=True):
        found[(quality & flag.mask) > 0] = number
    return found
