"""Training samples: a coarse LST, the predictors of one or two x2 steps, and the truth of each step.

Sources, all by way of `predictors.stack`, as in production:

- IMT patches (real MODIS): 2 -> 1 km against the real 1 km, and 4 -> 2 km.
- ASTER pairs (real MODIS and a finer sensor): 1 km -> 500 -> 250 m, from the real MODIS field and from
  ASTER itself aggregated through the point spread of MODIS.
- simulated scenes: 1 km -> 500 -> 250 m with every predictor, and 2 -> 1 km as with real MODIS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy.ndimage import gaussian_filter

from srdanet.energy import aggregate, degrade
from srdanet.evaluation.datasets import AsterPair, ImtPatch, When
from srdanet.grid import coarsen, coordinates, refine
from srdanet.interpolation import interpolate
from srdanet.predictors.overpass import Overpass
from srdanet.predictors.stack import CHANNELS, Stack
from srdanet_simulator import Simulation

Floats = NDArray[np.float32]
WHEN: tuple[When, ...] = ("day", "night")
SPREAD, ALONG = 0.35, 0.4
"""Gaussian part of MODIS's point spread, and what is added to it along the scan, in coarse cells (fitted on ASTER)."""
FIELD_SCALE = 10.0
"""Cells of 1 km over which ASTER's departure from MODIS counts as calibration, not as detail."""


@dataclass(frozen=True)
class Step:
    """One x2 step of a sample."""

    names: tuple[str, ...]
    """Channels present; the others are missing in the whole sample."""
    channels: NDArray[np.float16]
    """(len(names), 2h, 2w)."""
    context: Floats
    """(len(CONTEXT), h, w)."""
    truth: Floats
    """(2h, 2w) K, NaN = unknown."""

    def full(self) -> Floats:
        """(len(CHANNELS), 2h, 2w): all channels, NaN where missing."""
        out = np.full((len(CHANNELS), *self.truth.shape), np.nan, np.float32)
        out[[CHANNELS.index(name) for name in self.names]] = self.channels
        return out


@dataclass(frozen=True)
class Sample:
    """One coarse field and the steps that follow it."""

    source: str
    """`imt-`, `imt4-`, `simulated-` or `simulated2-` with `day` or `night`; `aster`, `aster-self`."""
    lst: Floats
    """(h, w) K, NaN = missing."""
    steps: tuple[Step, ...]

    def bicubic_error(self) -> list[float]:
        """RMSE (K) of bicubic interpolation at each step."""
        factors = [2 ** (i + 1) for i in range(len(self.steps))]
        pairs = zip(factors, self.steps, strict=True)
        return [float(np.sqrt(np.nanmean((interpolate(self.lst, f) - step.truth) ** 2))) for f, step in pairs]


def dataset(variables: Mapping[str, NDArray[np.generic]], box: GeoBox) -> xr.Dataset:
    """Arrays on a grid, as the `auxiliary` argument takes them."""
    arrays = {name: (("y", "x"), values) for name, values in variables.items()}
    return xr.Dataset(arrays, coords=coordinates(box))


def _steps(stack: Stack, truths: Mapping[int, Floats]) -> tuple[Step, ...]:
    """Read the whole grid at each factor of `truths`."""
    height, width = stack.root.shape
    out = []
    for factor, truth in truths.items():
        fields = stack.read(slice(0, height), slice(0, width), factor)
        present = [i for i, values in enumerate(fields.channels) if np.isfinite(values).any()]
        names = tuple(CHANNELS[i] for i in present)
        out.append(Step(names, fields.channels[present].astype(np.float16), fields.context, truth))
    return tuple(out)


def from_imt(patch: ImtPatch) -> Iterator[Sample]:
    """2 -> 1 km and 4 -> 2 km, day and night."""
    bands = dict(zip(("red", "nir", "swir2"), patch.reflectance, strict=True))
    auxiliary = dataset(bands | {"elevation": patch.elevation}, patch.geobox)
    for when in WHEN:
        truth = patch.lst[when]
        overpass = Overpass.of(patch.time(when), when == "day")
        for factor, source in ((2, "imt"), (4, "imt4")):
            fine = np.asarray(truth if factor == 2 else degrade(truth, 2), np.float32)
            stack = Stack(coarsen(patch.geobox, factor), [auxiliary], overpass)
            coarse = np.asarray(degrade(fine, 2), np.float32)
            yield Sample(f"{source}-{when}", coarse, _steps(stack, {2: fine}))


def from_aster(pair: AsterPair) -> Iterator[Sample]:
    """1 km -> 500 -> 250 m: from MODIS against ASTER on MODIS's level, and from ASTER's own aggregate."""
    box = refine(pair.geobox, 4)
    cover = _igbp_shares(pair.cover)
    given: dict[str, NDArray[np.generic]] = {"ndvi": pair.ndvi}
    if np.isfinite(pair.elevation).any():
        given["elevation"] = pair.elevation
    stack = Stack(pair.geobox, [dataset(given, box)], Overpass(None, True))
    at_1km = np.asarray(degrade(pair.aster, 4), np.float32)
    level = _smooth(at_1km - pair.lst, FIELD_SCALE)
    levelled = np.asarray(pair.aster - interpolate(level, 4), np.float32)
    inputs = {"aster": (pair.lst, levelled), "aster-self": (_observe(pair.aster), pair.aster)}
    for source, (coarse, fine) in inputs.items():
        truths = {2: np.asarray(degrade(fine, 2), np.float32), 4: fine}
        steps = tuple(_with_cover(step, cover, box.shape[0] // step.truth.shape[0]) for step in _steps(stack, truths))
        yield Sample(source, np.asarray(coarse, np.float32), steps)


def from_simulation(simulation: Simulation) -> Iterator[Sample]:
    """1 km -> 500 -> 250 m with the truth known, and 2 -> 1 km against what was seen, with everything given."""
    overpass = Overpass.of(simulation.time, simulation.day)
    grids: dict[int, dict[str, NDArray[np.generic]]] = {}
    for name, values in simulation.predictors.items():
        grids.setdefault(values.shape[0] // simulation.size, {})[name] = values
    box = simulation.geobox
    auxiliary = [dataset(variables, refine(box, factor)) for factor, variables in grids.items()]
    when = "day" if simulation.day else "night"
    seen = np.asarray(simulation.lst, np.float32)
    truths = {2: simulation.truth_at(500), 4: simulation.truth_at(250)}
    yield Sample(f"simulated-{when}", seen, _steps(Stack(box, auxiliary, overpass), truths))
    upper = Stack(coarsen(box, 2), auxiliary, overpass)
    yield Sample(f"simulated2-{when}", np.asarray(degrade(seen, 2), np.float32), _steps(upper, {2: seen}))


def _igbp_shares(cover: Floats) -> dict[str, Floats]:
    """The pairs' land cover fractions under this package's channel names."""
    names = ("forest", "shrub", "crop", "grass", "urban", "bare", "water")
    shares = {f"land_cover_{name}": share for name, share in zip(names, cover, strict=True)}
    known = np.where(np.isfinite(cover[0]), np.float32(0), np.float32(np.nan))
    absent = {name: known for name in CHANNELS if name.startswith("land_cover_") and name not in shares}
    return shares | absent if np.isfinite(cover).any() else {}


def _with_cover(step: Step, cover: Mapping[str, Floats], factor: int) -> Step:
    """The step with land cover fractions added."""
    if not cover:
        return step
    shares = [np.asarray(aggregate(share, factor) if factor > 1 else share, np.float16) for share in cover.values()]
    channels = np.concatenate([step.channels, np.stack(shares)])
    return Step((*step.names, *cover), channels, step.context, step.truth)


def _observe(fine: Floats) -> Floats:
    """1 km as MODIS would see a 250 m field, without noise (added anew for every batch)."""
    along = np.where(np.isnan(fine), np.float32(np.nan), _smooth(fine, (0, 4 * ALONG)))
    return np.asarray(degrade(along, 4, point_spread=SPREAD), np.float32)


def _smooth(values: Floats, sigma: float | tuple[float, float]) -> Floats:
    """Masked Gaussian mean; defined wherever a value lies within reach."""
    known = np.isfinite(values)
    weight = gaussian_filter(known.astype(np.float64), sigma)
    total = gaussian_filter(np.where(known, values, 0).astype(np.float64), sigma)
    return np.asarray(total / np.maximum(weight, 1e-9), np.float32)
