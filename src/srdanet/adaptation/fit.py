"""A network fitted to one scene by the scene itself, and the bundle that runs it in torch.

A scene teaches by patches one level up, where its own LST is the truth, and at the target step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
import xarray as xr
from odc.geo.geobox import GeoBox
from torch import Tensor, nn

from srdanet.arrays import Float32, Progress
from srdanet.energy import degrade
from srdanet.errors import ArgumentError, SceneError
from srdanet.grid import coarsen
from srdanet.network.bundle import Bundle
from srdanet.network.calibrated import Calibrated
from srdanet.network.kinds import load_network
from srdanet.network.losses import NLL_WEIGHT, charbonnier, degrade_exitance, gaussian_nll
from srdanet.network.srdanet import StepNetwork, weights_sha256
from srdanet.predictors.overpass import Overpass
from srdanet.predictors.stack import Stack, orientation_signs

SIDE = 32
"""Coarse cells along a patch, as in training."""
MOST = 24
"""Patches taken of a scene; a tile has hundreds, and memory is to be bounded."""
LEAST = 1024
"""Valid cells that must serve as truth one level up: 32 x 32 km."""
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


@dataclass(frozen=True)
class Patch:
    """What the network is given for one step, and what it should return; NaN = missing."""

    lst: Tensor
    """(1, 1, h, w) K."""
    channels: Tensor
    """(1, N, 2h, 2w)."""
    context: Tensor
    """(1, M, h, w)."""
    truth: Tensor
    """(1, 1, 2h, 2w) K: the truth one level up; the model's first result at the target step."""

    def reoriented(self, *, half: bool, mirror: bool) -> Self:
        """The same patch, rotated by 180 degrees and perhaps mirrored, as in training."""
        ways = [way for way, flips in ((-2, half), (-1, half != mirror)) if flips]
        context = self.context * torch.from_numpy(orientation_signs(half=half, mirror=mirror))
        return type(self)(*(x.flip(ways) for x in (self.lst, self.channels, context, self.truth)))


def patches(
    lst: Float32, root: GeoBox, auxiliary: Iterable[xr.Dataset], overpass: Overpass, point_spread: float, seed: int
) -> tuple[list[Patch], list[Patch]]:
    """Patches of the scene degraded by two, with the scene as the truth; and of the scene as it is, without a truth.

    Args:
        lst: (y, x) K, NaN = missing; one level up an odd last row or column is left out.
        root: Its grid.
        auxiliary: Predictors, as `predictors.stack` takes them.
        overpass: Time of the view.
        point_spread: Gaussian part of the point spread, in the coarser cells.
        seed: Which patches, where there are more than `MOST`.

    Raises:
        SceneError: when fewer than `LEAST` cells can serve as truth.
    """
    given = list(auxiliary)
    height, width = (n // 2 * 2 for n in lst.shape)
    above, target = [], []
    if min(height, width) >= 2:
        truth = lst[:height, :width]
        coarse = np.asarray(degrade(truth, 2, point_spread=point_spread), np.float32)
        above = _patches(coarse, truth, Stack(coarsen(root[:height, :width], 2), given, overpass), seed)
        unknown = np.full(tuple(2 * n for n in lst.shape), np.nan, np.float32)
        target = _patches(lst, unknown, Stack(root, given, overpass), seed)
    cells = sum(int(torch.isfinite(patch.truth).sum()) for patch in above) if target else 0
    if cells < LEAST:
        what = f"the scene has {cells} valid cells fit for adaptation; {LEAST} are needed"
        raise SceneError(what, todo="Take a larger or clearer scene, or leave adaptation off.")
    return above, target


def _patches(coarse: Float32, truth: Float32, stack: Stack, seed: int) -> list[Patch]:
    """Up to `MOST` patches of which at least half is valid, from all over the image."""
    sides = [min(SIDE, n) for n in coarse.shape]
    rows, cols = (
        # The last patch of a row is moved back into the image.
        sorted({min(start, n - side) for start in range(0, n, side)})
        for n, side in zip(coarse.shape, sides, strict=True)
    )
    spots = [(slice(r, r + sides[0]), slice(c, c + sides[1])) for r in rows for c in cols]
    usable = [spot for spot in spots if np.isfinite(coarse[spot]).mean() >= 0.5]
    chosen = sorted(np.random.default_rng(seed).permutation(len(usable))[:MOST])
    out = []
    for rows, cols in (usable[k] for k in chosen):
        fields = stack.read(rows, cols, 2)
        fine = truth[2 * rows.start : 2 * rows.stop, 2 * cols.start : 2 * cols.stop]
        out.append(Patch(*map(_batch, (coarse[rows, cols][None], fields.channels, fields.context, fine[None]))))
    return out


def _batch(values: Float32) -> Tensor:
    """(C, y, x) -> (1, C, y, x)."""
    return torch.from_numpy(np.ascontiguousarray(values[None], np.float32))


def fit(
    net: StepNetwork, above: Sequence[Patch], target: Sequence[Patch], settings: Adaptation, progress: Progress
) -> StepNetwork:
    """The network, fitted to the patches one level up and at the target step; the one given stays as it is."""
    net = deepcopy(net)
    target = [replace(patch, truth=_first_result(net, patch)) for patch in target]
    parameters = list(net.parameters())
    start = [p.detach().clone() for p in parameters]
    scale = max(loop_error(net, above), 1e-3)
    optimizer = torch.optim.Adam(parameters, lr=settings.rate)
    rng = np.random.default_rng(settings.seed)
    for i in range(settings.iterations):
        progress("adapt", i, settings.iterations)
        for group in optimizer.param_groups:
            height = settings.rate * min(1.0, (i + 1) / WARMUP)
            group["lr"] = height * 0.5 * (1 + math.cos(math.pi * i / settings.iterations))
        half, mirror = bool(rng.integers(2)), bool(rng.integers(2))
        one, two = (group[int(rng.integers(len(group)))] for group in (above, target))
        loss = _above(net, one.reoriented(half=half, mirror=mirror), scale, settings)
        loss = loss + _target(net, two.reoriented(half=half, mirror=mirror), scale, settings)
        if settings.pull:
            squares = [((p - q) ** 2).sum() for p, q in zip(parameters, start, strict=True)]
            loss = loss + settings.pull * torch.stack(squares).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    progress("adapt", settings.iterations, settings.iterations)
    return net


def loop_error(net: StepNetwork, patches: Sequence[Patch]) -> float:
    """RMSE (K) against the patches' truth."""
    return _rmse([_departure(_result(net, patch), patch.truth) for patch in patches])


def closure_error(net: StepNetwork, patches: Sequence[Patch]) -> float:
    """RMSE (K) of the degraded result against the input."""
    return _rmse([_closure(_result(net, patch), patch.lst) for patch in patches])


def _above(net: StepNetwork, patch: Patch, scale: float, settings: Adaptation) -> Tensor:
    """The closed loop."""
    fine, sigma = net(patch.lst, patch.channels, patch.context)
    error, valid = _departure(fine, patch.truth)
    return settings.loop * charbonnier(error / scale, valid) + NLL_WEIGHT * gaussian_nll(error, sigma, valid)


def _target(net: StepNetwork, patch: Patch, scale: float, settings: Adaptation) -> Tensor:
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


def _result(net: StepNetwork, patch: Patch) -> Tensor:
    """The network's LST, to be measured and not learned from."""
    with torch.no_grad():
        return net.step(patch.lst, patch.channels, patch.context)[0]


def _first_result(net: StepNetwork, patch: Patch) -> Tensor:
    """What to hold on to at the target step: the network's LST, NaN where the input is missing."""
    holes = torch.isnan(patch.lst).repeat_interleave(2, -1).repeat_interleave(2, -2)
    return _result(net, patch).masked_fill(holes, torch.nan)


def _rmse(errors: Sequence[tuple[Tensor, Tensor]]) -> float:
    squares = sum(float((error**2).sum()) for error, _ in errors)
    return math.sqrt(squares / max(1.0, sum(float(valid.sum()) for _, valid in errors)))


@dataclass(frozen=True)
class Adapted(Bundle):
    """A bundle with weights of its own; name, version and hash are those of the bundle it started from."""

    net: StepNetwork
    record: Mapping[str, Any]

    @property
    def adapted(self) -> Mapping[str, Any]:
        """Settings, patches, errors (K) before and after, hash of the weights; what JSON can hold."""
        return self.record

    def step(self, lst: Float32, channels: Float32, context: Float32) -> tuple[Float32, Float32]:
        """One x2 step, same as `Bundle.step`."""
        net = Calibrated(self.net, self.config["widen"])
        with torch.no_grad():
            fine, sigma = net(*map(_batch, (lst[None], channels, context)))
        return fine[0, 0].numpy(), sigma[0, 0].numpy()


def adapt(
    bundle: Bundle,
    lst: Float32,
    root: GeoBox,
    auxiliary: Iterable[xr.Dataset],
    overpass: Overpass,
    settings: Adaptation | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """The model, adapted to one scene by the scene itself (no finer truth is asked for).

    One level up, the scene degraded by two is the input and the scene the truth. At the target step the result must
    stay near what the model gave before and, where asked for, close on the input. Patches are chosen by the seed, so
    that the windows in which the scene is downscaled later do not show.

    Args:
        bundle: Where to start.
        lst: (y, x) K, NaN = missing.
        root: Its grid.
        auxiliary: Same as in `downscale`.
        overpass: Time of the view.
        settings: How; default: `Adaptation()`. No iterations: the bundle comes back as it is.
        progress: Called with "adapt", iterations done and iterations in all.

    Raises:
        SceneError: when the scene has too few valid cells to learn from.
    """
    settings = settings or Adaptation()
    if settings.iterations == 0:
        return bundle
    above, target = patches(lst, root, auxiliary, overpass, settings.point_spread, settings.seed)
    net = load_network(bundle)
    fitted = fit(net, above, target, settings, progress or (lambda what, done, total: None))
    times = {"before": net, "after": fitted}
    record = {
        **asdict(settings),
        "patches": len(above),
        "loop_rmse": {when: round(loop_error(each, above), 4) for when, each in times.items()},
        "closure_rmse": {when: round(closure_error(each, target), 4) for when, each in times.items()},
        "weights_sha256": weights_sha256(fitted),
    }
    return Adapted(bundle.folder, bundle.config, fitted, record)
