"""The network with its switches set, behind the door of all methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from srdanet.baselines.base import Auxiliary
from srdanet.downscaling.run import downscale, fitted
from srdanet.network.bundle import Bundle, load_model
from srdanet.predictors.overpass import Overpass

if TYPE_CHECKING:
    from srdanet.adaptation import Adaptation


class Switched:
    """A `Downscaler`: a model, adapted to each image first if asked, its result conserving the coarse LST if asked.

    Args:
        model: A shipped model's name, or a bundle's folder.
        adapt: As of `downscale`; a model is adapted once for all factors asked of the same image.
        conserve: As of `downscale`.

    Raises:
        ModelError: when the model cannot be loaded.
        MissingExtraError, SceneError: as of `ladder.fitted`, when it is called.
    """

    def __init__(self, model: str | Path, *, adapt: bool | Adaptation = False, conserve: bool = False) -> None:
        self._start, self._adapt, self._conserve = load_model(model), adapt, conserve
        self._last: tuple[xr.DataArray, Bundle] | None = None

    @property
    def name(self) -> str:
        """The model's name, and what was done to it and to its result."""
        said = {"adapted": self._adapt, "conserving": self._conserve}
        return ", ".join([self._start.name, *(word for word, on in said.items() if on)])

    def __call__(
        self,
        lst: xr.DataArray,
        auxiliary: Auxiliary = None,
        *,
        factor: int,
        time: np.datetime64 | None = None,
        day: bool | None = None,
    ) -> xr.Dataset:
        """Downscale one image; arguments as of `downscale`."""
        bundle = self._fitted(lst, auxiliary, Overpass.of(time, day)) if self._adapt else self._start
        return downscale(lst, auxiliary, factor=factor, time=time, day=day, model=bundle, conserve=self._conserve)

    def _fitted(self, lst: xr.DataArray, auxiliary: Auxiliary, overpass: Overpass) -> Bundle:
        if self._last is None or not self._last[0].identical(lst):
            given: Sequence[xr.Dataset] = (
                [] if auxiliary is None else [auxiliary] if isinstance(auxiliary, xr.Dataset) else auxiliary
            )
            self._last = lst, fitted(self._start, self._adapt, lst, given, overpass)
        return self._last[1]
