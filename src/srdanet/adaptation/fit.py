"""The few iterations by which a network is fitted to one scene, their settings, and the errors before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from srdanet.adaptation.patches import Patch
from srdanet.arrays import Progress
from srdanet.errors import ArgumentError
from srdanet.network.losses import NLL_WEIGHT, charbonnier, degrade_exitance, gaussian_nll
from srdanet.network.srdanet import SRDANet

MOST_ITERATIONS = 500
"""Bound of the time an adaptation takes: about 0.3 s an iteration on one core."""
WARMUP = 10
RIM = 4
"""Coarse cells along a patch's edge where the first result is not held on to: it lacks what lies beyond."""


@dataclass(frozen=True)
class Adaptation:
    """How far, how fast and by what a model is adapted.

    Weights are of errors in units of the model's own error one level up, as it was before.

    Raises:
        ArgumentError: when a value is out of range.
    """

    iterations: int = 60
    """Steps of Adam, at most `MOST_ITERATIONS`; none leave the model as it is."""
    rate: float = 1e-4
    """Learning rate at its height; it rises over ten iterations and falls to nothing."""
    loop: float = 1.0
    """Weight of the closed loop one level up, where the scene itself is the truth."""
    closure: float = 0.0
    """Weight of the degraded result's departure from the input, at the target step; it costs accuracy against another
    sensor, as closure does."""
    keep: float = 1.0
    """Weight of the departure from what the model gave before, at the target step."""
    pull: float = 0.0
    """Weight of the squared departure of the parameters from where they were (L2-SP)."""
    point_spread: float = 0.3
    """Gaussian part, in coarse cells, of the point spread by which the scene is degraded one level up.

    MODIS's is 0.35 cells; a 1 km image has 0.175 of the 2 km cell in it already, and the rest is 0.3.
    """
    seed: int = 0
    """Everything random (windows, turns) follows from it."""

    def __post_init__(self) -> None:
        if not 0 <= self.iterations <= MOST_ITERATIONS:
            raise ArgumentError(f"iterations is {self.iterations}", todo=f"Give 0 to {MOST_ITERATIONS}.")
        for name in ("rate", "loop", "closure", "keep", "pull", "point_spread"):
            if not getattr(self, name) >= 0:
                raise ArgumentError(f"{name} is {getattr(self, name)}", todo="Give a number of 0 or more.")


def fit(
    net: SRDANet,
    above: Sequence[Patch],
    target: Sequence[Patch],
    settings: Adaptation,
    progress: Progress | None = None,
) -> SRDANet:
    """The network, fitted to the patches one level up and at the target step; the one given stays as it is."""
    net = deepcopy(net)
    target = [replace(patch, truth=_masked(_result(net, patch), patch.lst)) for patch in target]
    parameters = list(net.parameters())
    start = [p.detach().clone() for p in parameters]
    scale = max(loop_error(net, above), 1e-3)
    optimizer = torch.optim.Adam(parameters, lr=settings.rate)
    rng = np.random.default_rng(settings.seed)
    for i in range(settings.iterations):
        if progress is not None:
            progress("adapt", i, settings.iterations)
        for group in optimizer.param_groups:
            group["lr"] = _rate(settings, i)
        half, mirror = bool(rng.integers(2)), bool(rng.integers(2))
        one, two = (group[int(rng.integers(len(group)))] for group in (above, target))
        loss = _above(net, one.reoriented(half=half, mirror=mirror), scale, settings)
        loss = loss + _target(net, two.reoriented(half=half, mirror=mirror), scale, settings)
        if settings.pull:
            loss = loss + settings.pull * _squares([p - q for p, q in zip(parameters, start, strict=True)])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    if progress is not None:
        progress("adapt", settings.iterations, settings.iterations)
    return net


def loop_error(net: SRDANet, patches: Sequence[Patch]) -> float:
    """RMSE (K) against the patches' truth."""
    errors = [_departure(_result(net, patch), patch.truth) for patch in patches]
    return _rmse(errors)


def closure_error(net: SRDANet, patches: Sequence[Patch]) -> float:
    """RMSE (K) of the degraded result against the input."""
    return _rmse([_closure(_result(net, patch), patch.lst) for patch in patches])


def _above(net: SRDANet, patch: Patch, scale: float, settings: Adaptation) -> Tensor:
    """The closed loop."""
    fine, sigma = net(patch.lst, patch.channels, patch.context)
    error, valid = _departure(fine, patch.truth)
    return settings.loop * charbonnier(error / scale, valid) + NLL_WEIGHT * gaussian_nll(error, sigma, valid)


def _target(net: SRDANet, patch: Patch, scale: float, settings: Adaptation) -> Tensor:
    """Closure on the input, and faith to the first result and so to the structure that it has from the predictors."""
    fine, _ = net(patch.lst, patch.channels, patch.context)
    gap, whole = _closure(fine, patch.lst)
    moved, valid = _departure(fine, patch.truth)
    inner = torch.zeros_like(valid)
    inner[..., 2 * RIM : -2 * RIM, 2 * RIM : -2 * RIM] = 1
    held = charbonnier(moved / scale, valid * inner)
    return settings.closure * charbonnier(gap / scale, whole) + settings.keep * held


def _departure(fine: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Difference, 0 where the truth is missing, and where it is known."""
    known = ~torch.isnan(truth)
    return torch.where(known, fine - torch.nan_to_num(truth), torch.zeros_like(fine)), known.to(fine.dtype)


def _closure(fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
    """Difference of the degraded result and the input, 0 where that is missing, and where it is known."""
    degraded, _ = degrade_exitance(fine, torch.ones_like(fine))
    return _departure(degraded, coarse)


def _result(net: SRDANet, patch: Patch) -> Tensor:
    """The network's LST, to be measured and not learned from."""
    fine: Tensor
    with torch.no_grad():
        fine, _ = net(patch.lst, patch.channels, patch.context)
    return fine


def _masked(fine: Tensor, coarse: Tensor) -> Tensor:
    """NaN where the input is missing."""
    holes = torch.isnan(coarse).repeat_interleave(2, -1).repeat_interleave(2, -2)
    return torch.where(holes, torch.full_like(fine, torch.nan), fine)


def _rmse(errors: Sequence[tuple[Tensor, Tensor]]) -> float:
    squares = sum(float((error**2).sum()) for error, _ in errors)
    return math.sqrt(squares / max(1.0, sum(float(valid.sum()) for _, valid in errors)))


def _squares(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack([(x**2).sum() for x in tensors]).sum()


def _rate(settings: Adaptation, i: int) -> float:
    return settings.rate * min(1.0, (i + 1) / WARMUP) * 0.5 * (1 + math.cos(math.pi * i / settings.iterations))
