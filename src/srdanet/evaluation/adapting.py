"""The network, adapted to each image that it is given, behind the door of all methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from srdanet.ladder import downscale, fitted
from srdanet.network.bundle import Bundle, load_model
from srdanet.predictors.overpass import Overpass
from srdanet.rivals.base import Auxiliary

if TYPE_CHECKING:
    from srdanet.adaptation import Adaptation


class Adapting:
    """A `Downscaler` that adapts a model to an image first, once for all factors asked of the same image.

    Args:
        model: A shipped model's name, or a bundle's folder.
        adapt: As of `downscale`.

    Raises:
        ModelError: when the model cannot be loaded.
        MissingExtraError, SceneError: as of `ladder.fitted`, when it is called.
    """

    def __init__(self, model: str | Path, adapt: bool | Adaptation = True) -> None:
        self._start, self._adapt = load_model(model), adapt
        self._last: tuple[xr.DataArray, Bundle] | None = None

    @property
    def name(self) -> str:
        """The model's name, and that it was adapted."""
        return f"{self._start.name}, adapted"

    def __call__(
        self,
        lst: xr.DataArray,
        auxiliary: Auxiliary = None,
        *,
        factor: int,
        time: np.datetime64 | None = None,
        day: bool | None = None,
    ) -> xr.Dataset:
        """Downscale one image with a model of its own; arguments as of `downscale`."""
        if self._last is None or not self._last[0].identical(lst):
            given: Sequence[xr.Dataset] = (
                [] if auxiliary is None else [auxiliary] if isinstance(auxiliary, xr.Dataset) else auxiliary
            )
            self._last = lst, fitted(self._start, self._adapt, lst, given, Overpass.of(time, day))
        return downscale(lst, auxiliary, factor=factor, time=time, day=day, model=self._last[1])
