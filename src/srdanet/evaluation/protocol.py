"""The experiments: what goes into a method, what its result is held against, what is counted.

Every method is a `Downscaler` and is run exactly as a user would run it; bicubic goes
through the same door and stands beside it in every row.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.evaluation.datasets import BANDS, AsterPair, AsterSet, ImtPatch, ImtSet, When
from srdanet.evaluation.orleans import FACTOR, OrleansDate
from srdanet.evaluation.orleans import orleans as read_orleans
from srdanet.evaluation.scores import Row
from srdanet.evaluation.splits import Role, Splits, load_splits
from srdanet.evaluation.statistics import Interval, Totals, bootstrap
from srdanet.evaluation.tally import Tally, combine
from srdanet.grid import coarsen, coordinates, refine
from srdanet.physics import aggregate, degrade
from srdanet.rivals import Downscaler, Interpolation

Floats = NDArray[np.floating[Any]]
Both = tuple[Tally, Tally]
"""Tallies of a method and of bicubic on the same cells."""

_BICUBIC = Interpolation("bicubic")
_NO_INTERVAL = Interval(math.nan, math.nan)


def closed_loop(
    downscaler: Downscaler, patches: ImtSet, role: Role = "test", when: When = "day", splits: Splits | None = None
) -> Row:
    """The upscaling-downscaling loop: 2000 -> 1000 m against the real 1 km LST of MODIS.

    Input: `(mean T^4)^(1/4)` of 2 x 2 cells; auxiliary `red`, `nir`, `swir2` and `elevation` at
    1 km; time and day given. RMSE pooled over all cells; its interval by day.

    Args:
        downscaler: The method.
        patches: All IMT patches; `role` picks from them.
        role: Which part of the split.
        when: Day or night.
        splits: The split; default: the one shipped.
    """
    chosen = patches.take((splits or load_splits()).imt.mask(patches, role))
    days: dict[Hashable, list[Both]] = defaultdict(list)
    for patch in chosen:
        days[patch.date].append(_loop(downscaler, patch, when))
    groups = [_sum(parts) for parts in days.values()]
    model, bicubic = _sum(groups)
    return Row(
        label=f"{when}, 2000 -> 1000 m",
        measure="pooled RMSE, K",
        count=f"{len(chosen)} patches, {len(groups)} days",
        model=model.error.rmse,
        bicubic=bicubic.error.rmse,
        interval=bootstrap(groups, _rmse_share),
        model_metrics=model.metrics(),
        bicubic_metrics=bicubic.metrics(),
    )


def target(
    downscaler: Downscaler,
    pairs: AsterSet,
    role: Role = "test",
    *,
    held: int | None = None,
    splits: Splits | None = None,
) -> tuple[Row, Row]:
    """The target scale: real MODIS 1 km -> 250 m against ASTER of the same overpass, at 500 m and at 250 m.

    Input: `lst` at 1 km, `ndvi` at 250 m, `elevation` where known; a day view of unknown date.
    Standard deviation of the error over the valid cells of each pair (at 500 m: of the error's
    2 x 2 means); median over pairs; its interval by pair.

    Args:
        downscaler: The method.
        pairs: All pairs; `role` picks from them.
        role: Which part of the split.
        held: The fold held apart; default: the split file's.
        splits: The split; default: the one shipped.
    """
    chosen = pairs.take((splits or load_splits()).aster.mask(pairs, role, held))
    levels: tuple[list[Both], list[Both]] = ([], [])
    for pair in chosen:
        view = _View(pair.lst, pair.geobox, _pair_predictors(pair), None, True)
        for level, parts in zip(levels, _at_500_and_250(downscaler, view, pair.aster), strict=True):
            level.append(parts)
    return (_pairs_row("day, 500 m", levels[0]), _pairs_row("day, 250 m", levels[1]))


def orleans(downscaler: Downscaler, root: Path | str) -> tuple[Row, ...]:
    """The worked example: MODIS 1 km -> 250 m against Landsat, four dates, at 500 m and at 250 m.

    Input: `lst` at 1000 m, Landsat's `ndvi` at 250 m, date and day. About 160 cells of 1 km a
    date: an example, no statistics, so that no interval is given.

    Args:
        downscaler: The method.
        root: Folder that holds `wgast-orleans/`.
    """
    return tuple(row for day in read_orleans(root) for row in _orleans_rows(downscaler, day))


@dataclass(frozen=True)
class _View:
    """What a method is given of one image, but for the factor."""

    lst: Floats
    geobox: GeoBox
    auxiliary: xr.Dataset
    time: np.datetime64 | None
    day: bool

    def through(self, downscaler: Downscaler, factor: int) -> tuple[Floats, Floats | None]:
        """Result and claimed uncertainty (None for none), each (y * factor, x * factor) K."""
        coarse = xr.DataArray(self.lst, coordinates(self.geobox), ("y", "x"), attrs={"units": "K"})
        result = downscaler(coarse, self.auxiliary, factor=factor, time=self.time, day=self.day)
        sigma = result["lst_uncertainty"].values if "lst_uncertainty" in result else None
        return result["lst"].values, sigma

    def closure(self, result: Floats, factor: int) -> Totals:
        """How far a result, degraded, is from the input."""
        return Totals.of(degrade(result, factor), self.lst)


def _loop(downscaler: Downscaler, patch: ImtPatch, when: When) -> Both:
    truth = patch.lst[when]
    layers = {**dict(zip(BANDS, patch.reflectance, strict=True)), "elevation": patch.elevation}
    box = coarsen(patch.geobox, 2)
    view = _View(degrade(truth, 2), box, _dataset(layers, patch.geobox), patch.time(when), when == "day")
    (model, sigma), (bicubic, _) = view.through(downscaler, 2), view.through(_BICUBIC, 2)
    return (
        Tally.of(model, truth, 2, sigma, view.closure(model, 2)),
        Tally.of(bicubic, truth, 2, None, view.closure(bicubic, 2)),
    )


def _at_500_and_250(downscaler: Downscaler, view: _View, truth: Floats) -> tuple[Both, Both]:
    """Tallies of 250 m results: of their 2 x 2 means where truth is known, and as they are.

    A mean of four cells has no uncertainty of its own in the result. What the method claims
    for 500 m is asked of it at 500 m, and held against the error of what it gives there.
    """
    (model, sigma), (bicubic, _) = view.through(downscaler, FACTOR), view.through(_BICUBIC, FACTOR)
    closures = view.closure(model, FACTOR), view.closure(bicubic, FACTOR)
    known = np.isfinite(truth) & np.isfinite(model) & np.isfinite(bicubic)
    halves = [aggregate(np.where(known, image, np.nan), 2) for image in (model, bicubic, truth)]
    at_500 = [Tally.of(half, halves[2], FACTOR // 2, None, c) for half, c in zip(halves[:2], closures, strict=True)]
    if sigma is not None:
        own, claimed = view.through(downscaler, FACTOR // 2)
        counted = Tally.of(own, halves[2], FACTOR // 2, claimed)
        at_500[0] = replace(at_500[0], coverage=counted.coverage, centred=counted.centred)
    at_250 = (
        Tally.of(model, truth, FACTOR, sigma, closures[0]),
        Tally.of(bicubic, truth, FACTOR, None, closures[1]),
    )
    return (at_500[0], at_500[1]), at_250


def _orleans_rows(downscaler: Downscaler, day: OrleansDate) -> list[Row]:
    view = _View(day.lst, day.geobox, day.indices[["ndvi"]], day.date, True)
    rows = []
    for level, (model, bicubic) in zip((500, 250), _at_500_and_250(downscaler, view, day.landsat), strict=True):
        rows.append(
            Row(
                label=f"{day.date}, {level} m",
                measure="std of error, K",
                count=f"{model.error.n:.0f} cells",
                model=model.error.std,
                bicubic=bicubic.error.std,
                interval=_NO_INTERVAL,
                model_metrics=model.metrics(),
                bicubic_metrics=bicubic.metrics(),
            )
        )
    return rows


def _pair_predictors(pair: AsterPair) -> xr.Dataset:
    layers = {"ndvi": pair.ndvi}
    if np.isfinite(pair.elevation).any():
        layers["elevation"] = pair.elevation
    return _dataset(layers, refine(pair.geobox, FACTOR))


def _dataset(layers: dict[str, NDArray[np.float32]], geobox: GeoBox) -> xr.Dataset:
    return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()}, coordinates(geobox))


def _pairs_row(label: str, parts: Sequence[Both]) -> Row:
    metrics = []
    for which in (0, 1):
        own = [part[which].error for part in parts]
        values = combine(part[which] for part in parts).metrics()
        values |= {f"median {name}": _median(getattr(t, name) for t in own) for name in ("rmse", "mae", "correlation")}
        values["median |bias|"] = _median(abs(t.bias) for t in own)
        metrics.append(values)
    return Row(
        label=label,
        measure="median std of error, K",
        count=f"{len(parts)} pairs",
        model=_median(m.error.std for m, _ in parts),
        bicubic=_median(b.error.std for _, b in parts),
        interval=bootstrap(parts, _median_share),
        model_metrics=metrics[0],
        bicubic_metrics=metrics[1],
    )


def _sum(parts: Sequence[Both]) -> Both:
    return combine(p[0] for p in parts), combine(p[1] for p in parts)


def _rmse_share(groups: Sequence[Both]) -> float:
    model, bicubic = _sum(groups)
    return model.error.rmse / bicubic.error.rmse


def _median_share(parts: Sequence[Both]) -> float:
    return _median(m.error.std for m, _ in parts) / _median(b.error.std for _, b in parts)


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.median(found)) if found else math.nan
