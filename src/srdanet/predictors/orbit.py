"""How Terra and Aqua fly over a place: MODIS's pixels are longest along the scan, which lies across the track.

Both orbits are sun-synchronous, inclined by 98.2 degrees. Terra crosses the equator southward at 10:30 and northward
at 22:30 mean local solar time, Aqua northward at 13:30 and southward at 1:30 (Wolfe et al. 2002, Remote Sensing of
Environment 83).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

INCLINATION = np.radians(98.2)
"""Of both orbits (radians)."""


def lean(latitude: ArrayLike, *, ascending: bool) -> NDArray[np.float64]:
    """Direction of the track's line (radians clockwise from north, negative where it leans to the west).

    Args:
        latitude: Degrees; poleward of 81.8, which no track reaches, the track lies east-west.
        ascending: Whether the satellite flies northward.
    """
    sine = np.cos(INCLINATION) / np.cos(np.radians(np.asarray(latitude, float)))
    line = np.arcsin(np.clip(sine, -1, 1))
    return np.asarray(line if ascending else -line, np.float64)


def is_terra(time: np.datetime64, longitude: float) -> bool:
    """Whether Terra rather than Aqua views a place (degrees east) at a time (UTC): before noon or midnight there."""
    hours = float((time - time.astype("datetime64[D]")) / np.timedelta64(3600, "s")) + longitude / 15
    return hours % 12 >= 6
