"""One image given to a method and to bicubic, and what is counted of both results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.baselines import Downscaler, Interpolation
from srdanet.baselines.base import Auxiliary
from srdanet.energy import aggregate, degrade
from srdanet.evaluation.orleans import FACTOR
from srdanet.evaluation.statistics import Totals
from srdanet.evaluation.strata import Mask, present
from srdanet.evaluation.tally import Tally
from srdanet.grid import coordinates

Floats = NDArray[np.floating[Any]]
Both = tuple[Tally, Tally]
"""Tallies of a method and of bicubic on the same cells."""

_BICUBIC = Interpolation("bicubic")


@dataclass(frozen=True)
class View:
    """What a method is given of one image, but for the factor."""

    lst: Floats
    """(y, x) K, NaN = missing."""
    geobox: GeoBox
    auxiliary: Auxiliary
    time: np.datetime64 | None
    day: bool | None

    def through(self, downscaler: Downscaler, factor: int) -> tuple[Floats, Floats | None]:
        """Result and claimed uncertainty (None for none), each (y * factor, x * factor) K."""
        coarse = xr.DataArray(self.lst, coordinates(self.geobox), ("y", "x"), attrs={"units": "K"})
        result = downscaler(coarse, self.auxiliary, factor=factor, time=self.time, day=self.day)
        sigma = result["lst_uncertainty"].values if "lst_uncertainty" in result else None
        return result["lst"].values, sigma

    def results(self, downscaler: Downscaler, factor: int) -> Results:
        """Both methods' results."""
        return Results(self.lst, factor, *self.through(downscaler, factor), self.through(_BICUBIC, factor)[0])


@dataclass(frozen=True)
class Results:
    """What a method and bicubic make of one image; all (y * factor, x * factor) K, NaN = missing."""

    lst: Floats
    """(y, x) K, the input."""
    factor: int
    model: Floats
    sigma: Floats | None
    """The uncertainty the method claims."""
    bicubic: Floats

    def whole(self, truth: Floats) -> Both:
        """Both tallies over the image."""
        return (
            Tally.of(self.model, truth, self.factor, self.sigma, self._closure(self.model)),
            Tally.of(self.bicubic, truth, self.factor, None, self._closure(self.bicubic)),
        )

    def parts(self, truth: Floats, masks: Mapping[str, Mask]) -> dict[str, Both]:
        """Both tallies of each class of cells that has any; closure belongs to whole images only."""
        found = {}
        for name, mask in present(masks):
            held = np.where(mask, truth, np.nan)
            both = Tally.of(self.model, held, self.factor, self.sigma), Tally.of(self.bicubic, held, self.factor)
            found[name] = both
        return found

    def centred(self, truth: Floats) -> Results:
        """The results with each method's mean error over the image taken away."""
        model, bicubic = (image - _bias(image, truth) for image in (self.model, self.bicubic))
        return replace(self, model=model, bicubic=bicubic)

    def halved(self, truth: Floats) -> tuple[Both, Floats]:
        """Both tallies of the 2 x 2 means where truth and both results are known, and the truth's means."""
        known = np.isfinite(truth) & np.isfinite(self.model) & np.isfinite(self.bicubic)
        model, bicubic, means = (
            aggregate(np.where(known, image, np.nan), 2) for image in (self.model, self.bicubic, truth)
        )
        half = self.factor // 2
        ours = Tally.of(model, means, half, None, self._closure(self.model))
        return (ours, Tally.of(bicubic, means, half, None, self._closure(self.bicubic))), means

    def _closure(self, result: Floats) -> Totals:
        """How far a result, degraded, is from the input."""
        return Totals.of(degrade(result, self.factor), self.lst)


def at_500_and_250(downscaler: Downscaler, view: View, truth: Floats) -> tuple[Both, Both, Results]:
    """Tallies of 1 km -> 250 m results at 500 m (of their 2 x 2 means) and as they are, and the results.

    A mean of four cells has no uncertainty of its own in the result. What a method claims for
    500 m is asked of it at 500 m, and held against the error of what it gives there.
    """
    results = view.results(downscaler, FACTOR)
    (model, bicubic), means = results.halved(truth)
    if results.sigma is not None:
        own, claimed = view.through(downscaler, FACTOR // 2)
        counted = Tally.of(own, means, FACTOR // 2, claimed)
        model = replace(model, coverage=counted.coverage, centred=counted.centred)
    return (model, bicubic), results.whole(truth), results


def _bias(image: Floats, truth: Floats) -> float:
    bias = Totals.of(image, truth).bias
    return bias if np.isfinite(bias) else 0.0
