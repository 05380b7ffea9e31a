"""One Protocol for all methods: evaluation cannot tell the network from bicubic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import xarray as xr

Auxiliary = xr.Dataset | Sequence[xr.Dataset] | None
"""Predictors: one Dataset, or one for each grid."""


class Downscaler(Protocol):
    """Whatever downscales as `srdanet.downscale` does."""

    def __call__(
        self,
        lst: xr.DataArray,
        auxiliary: Auxiliary = None,
        *,
        factor: int,
        time: np.datetime64 | None = None,
        day: bool | None = None,
    ) -> xr.Dataset:
        """Downscale one image.

        Args:
            lst: (y, x) K, NaN = missing, with coordinates in metres and a CRS.
            auxiliary: Predictors on any finer grid that nests in that of `lst`, or several Datasets, each on its own.
            factor: Fine cells along one side of a coarse cell.
            time: UTC of the overpass, where known.
            day: Day or night view, where known.

        Returns:
            At least `lst` (y * factor, x * factor) K, NaN = missing.
        """
        ...
