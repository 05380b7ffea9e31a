"""IGBP land cover classes, the groups a model is given, and their shares of a cell.

Source: MCD12Q1 version 6.1 user guide, table 3 (layer LC_Type1).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet.energy import aggregate
from srdanet.variables import NO_CLASS

GROUPS = MappingProxyType(
    {
        # Evergreen needleleaf and broadleaf, deciduous needleleaf and broadleaf, mixed; woody savanna.
        "forest": (1, 2, 3, 4, 5, 8),
        "shrub": (6, 7),  # closed, open
        "grass": (9, 10),  # savanna, grassland
        "wetland": (11,),
        "crop": (12, 14),  # cropland, cropland and natural vegetation mosaic
        "urban": (13,),
        "snow": (15,),  # permanent snow and ice
        "bare": (16,),
        "water": (17,),
    }
)
"""Groups of class numbers that behave alike thermally, in the order of `fractions`.

255 (fill), 254 (unclassified) and anything else that is in no group is missing.
"""

_CLASS_TO_GROUP = {member: k for k, members in enumerate(GROUPS.values()) for member in members}
_GROUP_OF = np.array([_CLASS_TO_GROUP.get(c, NO_CLASS) for c in range(256)], np.uint8)


def fractions(classes: NDArray[Any], factor: int, *, min_valid: float = 0.5) -> NDArray[np.float32]:
    """Share of each group in the classified part of each coarse cell.

    Args:
        classes: (y, x) IGBP class, unsigned bytes or floats with NaN; what is in none of `GROUPS` is missing.
        factor: Fine cells along one side of a coarse cell.
        min_valid: Share of a coarse cell's fine cells that must be classified.

    Returns:
        (len(GROUPS), y / factor, x / factor); sums to 1 over the groups; NaN = missing.

    Raises:
        GridError: when the shape is not a multiple of `factor`.
    """
    classes = np.asarray(classes)
    a_byte = (classes >= 0) & (classes <= 255)
    group = _GROUP_OF[np.where(a_byte, classes, NO_CLASS).astype(np.uint8)]
    absent = np.where(group == NO_CLASS, np.float32(np.nan), np.float32(0))
    shares = [aggregate(absent + (group == k), factor, min_valid) for k in range(len(GROUPS))]
    return np.stack(shares).astype(np.float32, copy=False)
