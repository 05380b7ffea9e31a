"""One x2 step of any model, and the rollout: each step's result is the next step's input.

Production (window by window), training, validation and calibration (whole patches) all come here; NumPy arrays and
torch tensors both do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, TypeVar

import numpy as np

Array = Any
"""A NumPy array or a torch tensor, (..., y, x)."""


class StepModel(Protocol):
    """Whatever downscales by two: the network's bundle, an interpolation, anything with these two members."""

    @property
    def halo(self) -> int:
        """Coarse cells around a window that its result depends on."""
        ...

    def step(self, lst: Array, channels: Array, context: Array) -> tuple[Array, Array | None]:
        """One x2 step.

        Args:
            lst: (h, w) K, NaN = missing.
            channels: (len(CHANNELS), 2h, 2w) of `predictors.stack`, NaN = missing.
            context: (len(CONTEXT), h, w), NaN = missing.

        Returns:
            (2h, 2w) LST and its standard deviation (K), whatever they are where `lst` is missing; None in place of
            the latter when the model states no uncertainty.
        """
        ...


class Predictors(Protocol):
    """The predictors of one step."""

    @property
    def channels(self) -> Array:
        """(len(CHANNELS), 2h, 2w)."""
        ...

    @property
    def context(self) -> Array:
        """(len(CONTEXT), h, w)."""
        ...


@dataclass(frozen=True)
class Estimate:
    """An image at one level: the input of a rollout, or the result of a step."""

    lst: Array
    """(..., y, x) K, NaN = missing."""
    uncertainty: Array | None = None
    """(..., y, x) K, one standard deviation, never less than that of the input; None when unknown."""
    raw_lst: Array | None = None
    """What the model gave, missing cells included: a loss needs finite numbers everywhere."""
    raw_uncertainty: Array | None = None
    """What the model stated, whatever the input's uncertainty."""
    quality: Array | None = None
    """(y, x) bits of `srdanet.flags`, in production."""


Step = TypeVar("Step")


def rollout(advance: Callable[[Estimate, Step], Estimate], lst: Array, steps: Iterable[Step]) -> Iterator[Estimate]:
    """The estimate after each x2 step, each fed with the one before.

    Args:
        advance: Makes one step: `functools.partial(advance, model)` on a patch, or one that works in windows.
        lst: (..., h, w) K, NaN = missing.
        steps: What each step needs: its predictors, or its factor.
    """
    estimate = Estimate(lst)
    for step in steps:
        estimate = advance(estimate, step)
        yield estimate


def advance(model: StepModel, before: Estimate, predictors: Predictors, xp: ModuleType = np) -> Estimate:
    """One x2 step of a patch: run the model, keep missing cells missing, state no less uncertainty than the input has.

    Args:
        model: The model.
        before: The coarse image.
        predictors: Those of the step.
        xp: `numpy`, or `torch` for tensors.
    """
    fine, stated = model.step(before.lst, predictors.channels, predictors.context)
    uncertainty = stated
    if stated is not None and before.uncertainty is not None:
        # The mean of four cells is known at least as well as one of them.
        uncertainty = xp.maximum(stated, double(before.uncertainty, xp))
    missing = double(xp.isnan(before.lst), xp)
    return Estimate(xp.where(missing, xp.full_like(fine, xp.nan), fine), uncertainty, fine, stated)


def double(values: Array, xp: ModuleType = np) -> Array:
    """Each cell twice along both axes: (..., y, x) -> (..., 2y, 2x)."""
    *outer, height, width = values.shape
    wide = xp.stack([values, values], -1).reshape(*outer, height, 2 * width)
    return xp.stack([wide, wide], -2).reshape(*outer, 2 * height, 2 * width)
